"""`ModelClassifier` and `ModelRegressor`: estimators around a model of one's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_random_state

import pydl
from pydl._base.random import seeded
from pydl.sklearn import sparse, threads
from pydl.sklearn.estimator import NetworkEstimator, scaled
from pydl.sklearn.network import ACTIVATIONS
from pydl.sklearn.targets import Classes, Numbers

Array = NDArray[Any]

_PREFIX = "build_params__"


def perceptron(inputs: int, outputs: int, activation: str, units: int = 100) -> pydl.Model:
    """The model where none is given: one hidden layer."""
    layers = pydl.layers
    return pydl.Sequential(
        [pydl.Input((inputs,)), layers.Dense(units, activation="relu"), layers.Dense(outputs, activation=activation)]
    )


class _ModelEstimator(NetworkEstimator, ABC):
    """A model that a function builds, as an estimator."""

    build_params: dict[str, Any] | None

    def __init__(
        self, build: Callable[..., pydl.Model] | None = None, *, build_params: dict[str, Any] | None = None,
        optimizer: Any = "adam", loss: Any = None, epochs: int = 50, batch_size: int | str = "auto",
        callbacks: Any = None, shuffle: bool = True, random_state: Any = None, warm_start: bool = False,
        verbose: Any = 0, n_jobs: int | None = None,
    ) -> None:  # fmt: skip
        self._keep(locals())

    # -- parameters of the function -------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, and with `deep` those of the build function as `build_params__<name>`."""
        found: dict[str, Any] = super().get_params(deep)
        inner = self.build_params if deep and isinstance(self.build_params, dict) else {}
        return found | {_PREFIX + k: v for k, v in inner.items()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `build_params__<name>` sets one of the build function's."""
        inner = {k.removeprefix(_PREFIX): v for k, v in params.items() if k.startswith(_PREFIX)}
        super().set_params(**{k: v for k, v in params.items() if not k.startswith(_PREFIX)})
        if inner:
            self.build_params = (self.build_params or {}) | inner
        return self

    # -- fitting --------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Self:
        """Build the model and train it.

        Parameters
        ----------
        X : array or sparse matrix (rows, features)
        y : array (rows,) or (rows, outputs)
        sample_weight : array (rows,), optional
        X_val, y_val : optional
            Validation data: their figures are in `history_` and can be monitored by callbacks as "val_loss".
        """
        return self._fit(X, y, sample_weight, self.epochs, X_val, y_val)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, epochs: int, X_val: Any = None, y_val: Any = None,
        incremental: bool = False, classes: Any = None,
    ) -> Self:  # fmt: skip
        first = not hasattr(self, "_model") or not (self.warm_start or incremental)
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        y = self._targets(y, first, incremental, classes)
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31))
        if first:
            self._model = self._built(X, seed)
            self.history_: dict[str, list[float]] = {}
        y = self._for_loss(y, self._model.compiled_losses[0])
        rows = X.shape[0]
        size = min(200, rows) if self.batch_size == "auto" else int(self.batch_size)
        weights = scaled(weights)
        data: dict[str, Any] = {"x": X, "y": y, "sample_weight": weights, "shuffle": self.shuffle}
        if issparse(X):
            order = np.random.default_rng(seed) if self.shuffle else None
            data = {"x": sparse.SparseBatches(X, y, weights, size, order), "shuffle": False}
        validation = None
        if X_val is not None or y_val is not None:
            x_val, y_val = self._checked_validation(X_val, y_val)
            y_val = self._for_loss(self._targets(y_val, False, True, None), self._model.compiled_losses[0])
            validation = sparse.SparseBatches(x_val, y_val, None, size, None) if issparse(x_val) else (x_val, y_val)
        self._model.seed = seed
        with threads.limited(self.n_jobs):
            history = self._model.fit(
                **data, batch_size=size, epochs=epochs, validation_data=validation, verbose=self.verbose,
                callbacks=[*(self.callbacks or []), _Quiet()],
            )  # fmt: skip
        for name, values in history.history.items():
            self.history_.setdefault(name, []).extend(values)
        self.n_epochs_ = len(self.history_["loss"])
        self._require_finite()
        return self

    def _built(self, X: Any, seed: int) -> pydl.Model:
        """The function's model, compiled if it did not do so itself, in the dtype of the data."""
        before = pydl.config.floatx()
        pydl.config.set_floatx(str(X.dtype))
        try:
            with seeded(seed):
                model = (self.build or perceptron)(
                    X.shape[1], self.n_outputs_, ACTIVATIONS[self.out_activation_], **(self.build_params or {})
                )
        finally:
            pydl.config.set_floatx(before)
        if not isinstance(model, pydl.Model) or not model.built:
            raise TypeError(
                f"build: expected a pydl model that begins with pydl.Input((inputs,)), got {type(model).__name__}"
            )
        if model.optimizer is None:
            given = pydl.optimizers.get(self.optimizer)
            assert given is not None
            model.compile(type(given).from_config(given.get_config()), self._loss())
        return model

    @property
    def model_(self) -> pydl.Model:
        """The trained model."""
        if not hasattr(self, "_model"):
            raise AttributeError(f"{type(self).__name__} has no model yet; call fit first")
        return self._model

    n_outputs_: int
    out_activation_: str

    @abstractmethod
    def _loss(self) -> Any:
        """The loss of a model that comes without one."""

    @abstractmethod
    def _for_loss(self, y: Array, loss: Any) -> Array:
        """Targets as the loss wants them."""

    @abstractmethod
    def _targets(self, y: Any, reset: bool, incremental: bool, classes: Any) -> Array:
        """Targets for the network; with `reset`, sets `n_outputs_` and `out_activation_`."""


class ModelClassifier(Classes, _ModelEstimator):
    """A classifier around a model that a function builds.

    Parameters
    ----------
    build : callable, optional
        `build(inputs, outputs, activation, **build_params)` returns a `pydl.Model` that takes (rows, inputs) and ends
        in `outputs` units with that activation: one sigmoid for two classes, a softmax for more, a sigmoid for each
        label of multi-label data. A module's own function can be pickled, a lambda cannot. Default: one hidden layer.
    build_params : dict, optional
        Keyword arguments of `build`. A search sets them one by one as `build_params__units`: a dict, because
        `clone` has to know every parameter by the name it has in `__init__`.
    optimizer, loss
        For a model that `build` did not compile; the loss defaults to the cross-entropy that fits.
    epochs, batch_size, callbacks, shuffle, verbose
        As for `pydl.Model.fit`; batch_size "auto": min(200, rows).
    class_weight : dict, "balanced" or None
    random_state : int, RandomState or None
        Of first weights, order of rows and dropout.
    warm_start : bool
        Whether `fit` goes on with the model there is.
    n_jobs : int, optional
        At most so many threads.

    Attributes
    ----------
    model_ : pydl.Model
    history_ : dict of str to list of float
    classes_, n_outputs_, n_epochs_, n_features_in_, feature_names_in_

    Examples
    --------
    >>> def build(inputs, outputs, activation, units=32):
    ...     hidden = pydl.layers.Dense(units, activation="gelu")
    ...     return pydl.Sequential([pydl.Input((inputs,)), hidden, pydl.layers.Dense(outputs, activation=activation)])
    >>> search = GridSearchCV(ModelClassifier(build), {"build_params__units": [32, 64]})  # doctest: +SKIP
    """

    def __init__(
        self, build: Callable[..., pydl.Model] | None = None, *, build_params: dict[str, Any] | None = None,
        optimizer: Any = "adam", loss: Any = None, epochs: int = 50, batch_size: int | str = "auto",
        callbacks: Any = None, class_weight: Any = None, shuffle: bool = True, random_state: Any = None,
        warm_start: bool = False, verbose: Any = 0, n_jobs: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            build, build_params=build_params, optimizer=optimizer, loss=loss, epochs=epochs, batch_size=batch_size,
            callbacks=callbacks, shuffle=shuffle, random_state=random_state, warm_start=warm_start, verbose=verbose,
            n_jobs=n_jobs,
        )  # fmt: skip
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One more epoch, on the model there is; the first call needs all `classes`, unless y has them."""
        return self._fit(X, y, sample_weight, 1, incremental=True, classes=classes)

    def _loss(self) -> Any:
        if self.loss is not None:
            return self.loss
        return "sparse_categorical_crossentropy" if self.out_activation_ == "softmax" else "binary_crossentropy"


class ModelRegressor(Numbers, _ModelEstimator):
    """A regressor around a model that a function builds: `build(inputs, outputs, "linear", **build_params)`.

    Parameters and attributes are those of `ModelClassifier` without classes; the loss defaults to the squared error.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch, on the model there is."""
        return self._fit(X, y, sample_weight, 1, incremental=True)

    def _loss(self) -> Any:
        return self.loss or "mse"


class _Quiet(pydl.callbacks.Callback):
    """Says that the estimator raises an error where the weights are not finite."""

    tells_nonfinite = True

"""`KerasClassifier` and `KerasRegressor`: a function that builds and compiles a model, as an estimator.

They behave as those of Keras 2 did. `pydl.sklearn.ModelClassifier` and `ModelRegressor` do more: random states, class
weights, validation sets, sparse matrices, scikit-learn's own checks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from pydl.models import Model

__all__ = ["KerasClassifier", "KerasRegressor"]

Array = NDArray[Any]


class _Wrapper(BaseEstimator):
    def __init__(self, build_fn: Callable[..., Model] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self._check(sk_params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The function, and the arguments for it and for the methods of the model."""
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> Self:
        """Set the function or any of the arguments."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self._check(params)
        self.sk_params = {**self.sk_params, **params}
        return self

    def _check(self, params: dict[str, Any]) -> None:
        """Raise ValueError for an argument that neither the function nor a method takes."""
        if self.build_fn is None:
            return
        functions: list[Any] = [self._build, Model.fit, Model.predict, Model.evaluate]
        for name in params:
            if not any(_takes(function, name) for function in functions):
                raise ValueError(f"{type(self).__name__}: neither build_fn nor fit, predict or evaluate takes {name!r}")

    @property
    def _build(self) -> Callable[..., Model]:
        if self.build_fn is None:
            raise ValueError(f"{type(self).__name__}: build_fn is None; pass a function that returns a compiled model")
        return self.build_fn

    def _arguments(self, function: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**self.sk_params, **given}.items() if _takes(function, name)}

    def _fit(self, x: Any, y: Array, given: dict[str, Any]) -> Self:
        self.model = self._build(**self._arguments(self._build, {}))
        self.model._require_compiled(type(self).__name__)
        self.n_features_in_ = np.shape(x)[-1]
        self.history = self.model.fit(x, self._for_loss(y), **self._arguments(Model.fit, given))
        return self

    def _for_loss(self, y: Array) -> Array:
        """Targets as the model's loss wants them."""
        return y

    def _predicted(self, x: Any, given: dict[str, Any]) -> Array:
        if not hasattr(self, "model"):
            raise ValueError(f"{type(self).__name__} has no model yet; call fit first")
        found: Array = self.model.predict(x, **self._arguments(Model.predict, given))
        return found

    def _evaluated(self, x: Any, y: Any, given: dict[str, Any]) -> dict[str, float]:
        arguments = self._arguments(Model.evaluate, given) | {"return_dict": True}
        found: dict[str, float] = self.model.evaluate(x, y, **{"verbose": 0, **arguments})
        return found


class KerasClassifier(ClassifierMixin, _Wrapper):
    """A classifier of a function that builds a model.

    Parameters
    ----------
    build_fn : callable
        Returns a compiled model; it is called with those of `sk_params` that it takes.
    **sk_params
        For `build_fn` or for `Model.fit`, `predict` and `evaluate`: `epochs`, `batch_size`, `verbose`, ...

    Attributes
    ----------
    model : Model
    history : History
    classes_ : ndarray
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Build a model and train it; `y`: labels of any kind, or one-hot rows. `kwargs` are for `Model.fit`."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_, y = np.unique(y, return_inverse=True)
        return self._fit(X, y.reshape(len(y), -1), kwargs)

    def _for_loss(self, y: Array) -> Array:
        from pydl import losses, utils

        loss = losses.as_loss((self.model._compile_arguments or {}).get("loss"))
        if y.shape[1] > 1:
            return y
        return utils.to_categorical(y, len(self.classes_)) if isinstance(loss, losses.CategoricalCrossentropy) else y

    def predict_proba(self, X: Any, **kwargs: Any) -> Array:
        """Probabilities `(rows, classes)`; of one sigmoid unit, those of both classes."""
        found = self._predicted(X, kwargs)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def predict(self, X: Any, **kwargs: Any) -> Array:
        """The labels of the most probable classes."""
        return self.classes_[self.predict_proba(X, **kwargs).argmax(axis=1)]

    def score(self, X: Any, y: Any, **kwargs: Any) -> float:
        """The share of rows whose class is found; `kwargs` are for `Model.predict` or name a `sample_weight`."""
        weights = kwargs.pop("sample_weight", None)
        y = np.asarray(y)
        y = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        return float(np.average(self.predict(X, **kwargs) == y, weights=weights))


class KerasRegressor(RegressorMixin, _Wrapper):
    """A regressor of a function that builds a model; parameters and attributes as of `KerasClassifier`."""

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Build a model and train it; `kwargs` are for `Model.fit`."""
        return self._fit(X, np.asarray(y), kwargs)

    def predict(self, X: Any, **kwargs: Any) -> Array:
        """The model's outputs, without an axis of size one."""
        found = self._predicted(X, kwargs)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def score(self, X: Any, y: Any, **kwargs: Any) -> float:
        """Minus the model's loss, so that more is better; as in Keras 2, this is not R2."""
        return -self._evaluated(X, y, kwargs)["loss"]


def _takes(function: Any, name: str) -> bool:
    return name in inspect.signature(function).parameters

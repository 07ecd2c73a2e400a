"""`SKLearnClassifier`, `SKLearnRegressor` and `SKLearnTransformer`: a compiled model as an estimator, as in Keras 3.

`pydl.sklearn.ModelClassifier` and `ModelRegressor` do more: random states, class weights, validation sets, sparse
matrices, scikit-learn's own checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from pydl.models import Model, clone_model

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

Array = NDArray[Any]


class _Wrapper(BaseEstimator):
    """What they share.

    Parameters
    ----------
    model : Model or callable
        A compiled model, of which each `fit` trains a copy; or a function of `X`, `y` and what `model_kwargs` says,
        that returns one.
    warm_start : bool
        Train the model itself, with the weights that it has.
    model_kwargs, fit_kwargs : dict, optional
        Arguments for that function, and for `Model.fit`.

    Attributes
    ----------
    model_ : Model
        What was trained.
    history_ : History
    n_features_in_ : int
    """

    def __init__(
        self, model: Model | Callable[..., Model], warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None, fit_kwargs: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Train a model; `kwargs`, before those of `fit_kwargs`, are for `Model.fit`.

        Raises
        ------
        TypeError, ValueError
            No model, or one that is not compiled.
        """
        X, y = check_X_y(X, y, multi_output=True, dtype="numeric")
        self.n_features_in_ = X.shape[1]
        targets = self._targets(y)
        model = self._made(X, targets)
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _made(self, x: Array, targets: Array) -> Model:
        owner = type(self).__name__
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            model = self.model(X=x, y=targets, **(self.model_kwargs or {}))
        elif self.warm_start:
            model = self.model
        else:
            model = clone_model(self.model)
            if self.model.compiled:
                model.compile_from_config(self.model.get_compile_config())
        if not isinstance(model, Model):
            raise TypeError(f"{owner}: model: expected a Model or a function that returns one, got {model!r}")
        if not model.compiled:
            raise ValueError(f'{owner}: model "{model.name}" is not compiled; call its compile(optimizer, loss) first')
        return model

    def _targets(self, y: Array) -> Array:
        """What the model learns."""
        return y

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self, "model_")
        X = check_array(X, dtype="numeric")
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} features "
                "as input"
            )
        found: Array = self.model_.predict(X, verbose=0)
        return found


class SKLearnClassifier(ClassifierMixin, _Wrapper):
    """A classifier; the model has a unit for each class and learns from one-hot targets.

    Parameters and attributes as of the others, and

    Attributes
    ----------
    classes_ : array
    """

    def _targets(self, y: Array) -> Array:
        if y.ndim > 1 and y.shape[1] > 1:
            raise ValueError(f"{type(self).__name__}: expected one class for each row, got y of shape {y.shape}")
        self.classes_, numbers = np.unique(y.ravel(), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__}: expected two classes or more in y, got {self.classes_.tolist()}")
        return np.eye(len(self.classes_))[numbers]

    def decision_function(self, X: Any) -> Array:
        """The model's outputs."""
        return self._outputs(X)

    def predict(self, X: Any) -> Array:
        """The class of the largest output."""
        found: Array = self.classes_[self._outputs(X).argmax(axis=1)]
        return found


class SKLearnRegressor(RegressorMixin, _Wrapper):
    """A regressor; parameters and attributes as of the others."""

    def predict(self, X: Any) -> Array:
        """The model's outputs, without an axis of size one."""
        found = self._outputs(X)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


class SKLearnTransformer(TransformerMixin, _Wrapper):
    """A transformer: what the model makes of the rows; parameters and attributes as of the others."""

    def transform(self, X: Any) -> Array:
        """The model's outputs."""
        return self._outputs(X)

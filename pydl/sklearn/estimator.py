"""What all estimators share: checked data, outputs of the network, pickling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

import pydl
from pydl import saving
from pydl._base.frames import as_array
from pydl.sklearn import sparse, state, threads

Array = NDArray[Any]

_PREDICTED = 1024  # rows of a prediction step


class NetworkEstimator(BaseEstimator):
    """An estimator around a pydl model, which is its `_model` once it has been fitted."""

    _model: pydl.Model
    n_jobs: int | None

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Set the arguments of `__init__`, its `locals()`, as attributes: all that `clone` lets a constructor do."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    def _checked(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Array | None]:
        """Data for training; sparse rows stay sparse, float32 stays float32."""
        X, y = validate_data(
            self,
            unmasked(X),
            unmasked(y),
            accept_sparse=["csr"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        return X, y, self._with_class_weights(y, weights)

    def _checked_validation(self, X_val: Any, y_val: Any) -> tuple[Any, Any]:
        if X_val is None or y_val is None:
            raise ValueError("fit: expected both X_val and y_val, or neither")
        found: tuple[Any, Any] = validate_data(
            self,
            unmasked(X_val),
            unmasked(y_val),
            accept_sparse=["csr"],
            multi_output=True,
            dtype=self._model.dtype,
            reset=False,
        )
        return found

    def _with_class_weights(self, y: Any, weights: Array | None) -> Array | None:
        return weights

    def _require_finite(self) -> None:
        bad = self._model.first_nonfinite()
        if bad is not None:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. The first of them are in {bad}; a smaller learning rate may help as well."
            )

    # -- predicting -----------------------------------------------------------------------------------------------

    def _outputs(self, X: Any, check: bool = True) -> Array:
        """What the network says of some rows."""
        check_is_fitted(self, "n_outputs_")
        if check:
            X = validate_data(self, unmasked(X), accept_sparse=["csr"], dtype=(np.float64, np.float32), reset=False)
        with threads.limited(self.n_jobs):
            if issparse(X):
                return sparse.predict(self._model, X, _PREDICTED)
            y: Array = self._model.predict(X, batch_size=_PREDICTED, verbose=0)
            return y

    # -- pickling and tags ----------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        found = dict(super().__getstate__())
        if "_model" in found:
            found["_custom_objects"] = state.custom_objects(found["_model"])
            found["_model"] = saving.to_bytes(found["_model"])
        return found

    def __setstate__(self, found: dict[str, Any]) -> None:
        if isinstance(found.get("_model"), bytes):
            found = dict(found)
            found["_model"] = saving.from_bytes(found["_model"], found.pop("_custom_objects", None))
        super().__setstate__(found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def unmasked(x: Any) -> Any:
    """What a mask hides as NaN, for scikit-learn's checks look at what is below it."""
    return as_array(x) if isinstance(x, np.ma.MaskedArray) else x


def scaled(weights: Array | None) -> Array | None:
    """Weights of mean 1: a batch then divides by its rows where scikit-learn divides by the sum of its weights."""
    if weights is None:
        return None
    mean = weights.mean()
    return weights / mean if mean > 0 else weights

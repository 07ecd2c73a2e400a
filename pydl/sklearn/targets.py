"""Targets of classifiers and regressors: as the network learns them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

import pydl

Array = NDArray[Any]


class Classes(ClassifierMixin):
    """Two classes as one sigmoid, more as a softmax, several labels as a sigmoid each."""

    classes_: Array
    n_outputs_: int
    out_activation_: str
    class_weight: Any
    warm_start: bool
    _multilabel: bool
    _outputs: Any

    def predict(self, X: Any) -> Array:
        """The most likely class of each row, or 0 and 1 for each label."""
        return self._chosen(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, in the order of `classes_`; for multi-label data, of each label."""
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def _chosen(self, p: Array) -> Array:
        if self._multilabel:
            return (p > 0.5).astype(int)
        codes = (p[:, 0] > 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1)
        return np.asarray(self.classes_[np.minimum(codes, len(self.classes_) - 1)])

    def _targets(self, y: Any, reset: bool, incremental: bool, classes: Any) -> Array:
        check_classification_targets(y)
        multilabel = type_of_target(y).startswith("multilabel")
        if not multilabel:
            y = column_or_1d(y, warn=True)
        if reset:
            self._multilabel = multilabel
            self.classes_ = unique_labels(y if classes is None else classes)
            many = multilabel or len(self.classes_) > 2
            self.n_outputs_ = len(self.classes_) if many else 1
            self.out_activation_ = "softmax" if many and not multilabel else "logistic"
        self._check_known(y, incremental)
        if multilabel:
            return np.asarray(y.toarray() if issparse(y) else y, np.float64)
        codes = np.searchsorted(self.classes_, y)
        return codes if self.n_outputs_ > 1 else codes[:, None].astype(np.float64)

    def _for_loss(self, y: Array, loss: pydl.losses.Loss) -> Array:
        """Numbers of classes where the loss takes these, else a one for the class and zeros for the others."""
        return y if loss.sparse or y.ndim == 2 else pydl.utils.to_categorical(y, self.n_outputs_)

    def _check_known(self, y: Any, incremental: bool) -> None:
        found = unique_labels(y)
        if self.warm_start and not incremental and not np.array_equal(found, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found}"
            )
        if len(np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}."
            )

    def _with_class_weights(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        factor: Array = compute_sample_weight(self.class_weight, y)
        return factor if weights is None else factor * weights

    def _score_rows(self, x: Any, y: Array, weights: Array | None) -> float:
        return float(accuracy_score(y, self._chosen(self._outputs(x, check=False)), sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Numbers(RegressorMixin):
    """One output for each number."""

    n_outputs_: int
    out_activation_: str
    _outputs: Any

    def predict(self, X: Any) -> Array:
        """Predictions, (rows,) or (rows, outputs) as y was."""
        return self._values(self._outputs(X))

    def _values(self, y: Array) -> Array:
        return y[:, 0] if y.shape[1] == 1 else y

    def _targets(self, y: Any, reset: bool, incremental: bool, classes: Any) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = np.asarray(y, np.float64)
        y = y.reshape(len(y), -1)
        if reset:
            self.n_outputs_ = y.shape[1]
            self.out_activation_ = "identity"
        elif y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} outputs, but {type(self).__name__} was fitted with {self.n_outputs_}")
        return y

    def _for_loss(self, y: Array, loss: pydl.losses.Loss) -> Array:
        return y

    def _score_rows(self, x: Any, y: Array, weights: Array | None) -> float:
        found = self._values(self._outputs(x, check=False))
        return float(r2_score(y, found, sample_weight=weights)) if np.isfinite(found).all() else float("nan")

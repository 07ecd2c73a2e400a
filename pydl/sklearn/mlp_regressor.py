"""`MLPRegressor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

import pydl
from pydl.sklearn.base import BaseMLP
from pydl.sklearn.targets import Numbers

Array = NDArray[Any]


_SIZES = (100,)


class HalfPoissonDeviance(pydl.losses.Poisson):
    """The Poisson loss less its value for predictions that are right."""

    def fields(self) -> dict[str, Any]:
        return {"a": 1.0}


class MLPRegressor(Numbers, BaseMLP):
    """A multilayer perceptron that predicts numbers: scikit-learn's `MLPRegressor`, trained by pydl.

    Parameters and attributes are those of `MLPClassifier`, but for `class_weight`, `classes_` and what follows. Hidden
    layers, and the activation behind them, may also come first, as in `MLPClassifier` and scikit-learn before 1.7.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, str or Loss, default "squared_error"
        "squared_error" is half the squared error, summed over the outputs; "poisson" is half the deviance of
        counts from their predicted means. Any other loss is one of pydl, by name or as an object.

    Examples
    --------
    >>> from pydl.sklearn import MLPRegressor
    >>> MLPRegressor((64, 64), early_stopping=True, random_state=0).fit(X, y).score(X_test, y_test)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = BaseMLP._parameter_constraints | {
        "loss": [str, pydl.losses.Loss]
    }

    def __init__(
        self, loss: Any = "squared_error", hidden_layer_sizes: Any = _SIZES, activation: Any = "relu", *,
        solver: str = "adam", alpha: float = 0.0001, batch_size: int | str = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: int = 10, max_fun: int = 15000, dropout: float = 0.0, batch_norm: bool = False,
        callbacks: Any = None, optimizer: Any = None, n_jobs: int | None = None,
    ) -> None:  # fmt: skip
        if isinstance(loss, int | Sequence) and not isinstance(loss, str):  # the sizes came first
            if hidden_layer_sizes is not _SIZES:
                activation = hidden_layer_sizes
            loss, hidden_layer_sizes = "squared_error", loss
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Self:
        """Train on the rows of X; y has shape (rows,) or (rows, outputs). Otherwise as `MLPClassifier.fit`."""
        return self._fit(X, y, sample_weight, incremental=False, X_val=X_val, y_val=y_val)

    @available_if(BaseMLP._can_go_on)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more iteration over some rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _targets(self, y: Any, reset: bool, incremental: bool, classes: Any) -> Array:
        y = super()._targets(y, reset, incremental, classes)
        if reset and self.loss == "poisson":
            self.out_activation_ = "exp"
        if self.loss == "poisson" and not ((y >= 0).all() and y.sum() > 0):
            raise ValueError("Some value(s) of y are out of the valid range of the loss 'poisson': >= 0, not all 0.")
        return y

    @property
    def _reported_less(self) -> float:
        """scikit-learn reports the mean over the outputs, but follows the gradient of their sum."""
        return (self.n_outputs_ - 1) / 2 if self.loss == "squared_error" and self.solver != "lbfgs" else 0.0

    def _objective(self) -> tuple[Any, float]:
        if self.loss == "squared_error":
            return "mse", self.n_outputs_ / 2
        return (HalfPoissonDeviance(), float(self.n_outputs_)) if self.loss == "poisson" else (self.loss, 1.0)

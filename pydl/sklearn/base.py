"""What the classifier and the regressor share: parameters, fitting, weights as attributes, pickling."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions

import pydl
from pydl.sklearn import lbfgs, network, sparse, threads
from pydl.sklearn.estimator import NetworkEstimator, scaled
from pydl.sklearn.progress import Progress

Array = NDArray[Any]


class BaseMLP(NetworkEstimator, ABC):
    """A multilayer perceptron as scikit-learn's estimators are, computed by pydl."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str, list, tuple, callable],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "callbacks": ["array-like", None],
        "optimizer": [str, dict, pydl.optimizers.Optimizer, None],
        "n_jobs": [Integral, None],
    }  # fmt: skip

    # -- what the two differ in -----------------------------------------------------------------------------------

    @abstractmethod
    def _targets(self, y: Any, reset: bool, incremental: bool, classes: Any) -> Array:
        """Targets for the network; with `reset`, sets `n_outputs_` and `out_activation_`."""

    @abstractmethod
    def _for_loss(self, y: Array, loss: Any) -> Array:
        """Targets as the loss wants them."""

    @abstractmethod
    def _objective(self) -> tuple[Any, float]:
        """The network's loss, and its weight that makes it scikit-learn's."""

    @abstractmethod
    def _score_rows(self, x: Any, y: Array, weights: Array | None) -> float:
        """The score of early stopping."""

    # -- fitting --------------------------------------------------------------------------------------------------

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, X_val: Any = None, y_val: Any = None,
        classes: Any = None,
    ) -> Self:  # fmt: skip
        hidden = network.hidden_sizes(self.hidden_layer_sizes)
        activations = network.hidden_activations(self.activation, len(hidden))
        first = not hasattr(self, "_model") or not (self.warm_start or incremental)
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        original, y = y, self._targets(y, first, incremental, classes)
        if self.solver == "lbfgs":
            self._require_plain()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        self._random_state = check_random_state(self.random_state)
        if first:
            self._start(X, hidden, activations)
        validation = None
        if X_val is not None or y_val is not None:
            validation = self._given_validation(X_val, y_val)
        elif self.early_stopping and self.solver != "lbfgs":
            X, y, weights, validation = self._held_out(X, y, original, weights)
        with threads.limited(self.n_jobs):
            if self.solver == "lbfgs":
                self._compile(weights, rows=X.shape[0])
                y = self._for_loss(y, self._model.compiled_losses[0])
                self.loss_, self.n_iter_ = lbfgs.fit(
                    self._model, X, y, scaled(weights), max_iter=self.max_iter, max_fun=self.max_fun, tol=self.tol,
                    verbose=bool(self.verbose),
                )  # fmt: skip
            else:
                self._fit_stochastic(X, y, weights, validation, incremental)
        self._require_finite()
        return self

    def _require_plain(self) -> None:
        """L-BFGS wants a loss that is the same each time, and has neither epochs nor steps."""
        for name in ("dropout", "batch_norm", "callbacks", "optimizer"):
            if getattr(self, name):
                raise ValueError(f"{name}={getattr(self, name)!r} needs solver='adam' or 'sgd', got 'lbfgs'")

    def _start(self, X: Any, hidden: list[int], activations: list[Any]) -> None:
        """A new network, and the account of its training."""
        self._model = network.build(
            X.shape[1], hidden, self.n_outputs_, activations, self.out_activation_, self.dropout, self.batch_norm,
            str(X.dtype),
        )  # fmt: skip
        network.initialize(self._model, self.activation, self._random_state)
        self.n_layers_ = len(hidden) + 2
        self.t_ = self.n_iter_ = 0
        self._no_improvement_count = 0
        self._new_optimizer = True
        if self.solver != "lbfgs":
            self.loss_curve_: list[float] = []
            self._judge_by(self.early_stopping)

    def _judge_by(self, score: bool) -> None:
        """Look for the best score, or the least loss, from here on."""
        self.best_loss_ = None if score else np.inf
        self.validation_scores_: list[float] | None = [] if score else None
        self.best_validation_score_ = -np.inf if score else None

    def _compile(self, weights: Array | None, rows: int | None = None) -> None:
        """Penalty, shared by a batch or by so many rows, and loss; the optimizer stays when training goes on."""
        mean = 1.0 if weights is None else float(weights.mean())
        changed = network.set_penalty(self._model, 0.5 * self.alpha / mean if mean else 0.0, rows)
        if changed or self._new_optimizer or self._model.optimizer is None:
            optimizer = self._make_optimizer() if self._new_optimizer else self._model.optimizer
            loss, share = self._objective()
            metrics = None if self._reported_less == 0 else ["mse"]
            self._model.compile(optimizer, loss, loss_weights=share, weighted_metrics=metrics)
        self._new_optimizer = False

    def _make_optimizer(self) -> Any:
        if self.optimizer is not None:
            given = pydl.optimizers.get(self.optimizer)
            assert given is not None
            return type(given).from_config(given.get_config())
        if self.solver == "sgd":
            return pydl.optimizers.SGD(
                self.learning_rate_init, momentum=self.momentum, nesterov=self.nesterovs_momentum and self.momentum > 0
            )
        return pydl.optimizers.Adam(
            self.learning_rate_init, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon
        )

    def _fit_stochastic(self, X: Any, y: Array, weights: Array | None, validation: Any, incremental: bool) -> None:
        rows = X.shape[0]
        size = min(200, rows) if self.batch_size == "auto" else self.batch_size
        if size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
            size = rows
        if not incremental:
            self._new_optimizer = True
        self.n_iter_ = 0
        self._compile(weights)
        if not hasattr(self, "loss_curve_"):  # lbfgs came first
            self.loss_curve_ = []
        if not hasattr(self, "best_loss_") or (self.best_loss_ is None) != (validation is not None):
            self._judge_by(validation is not None)
        score = None if validation is None else lambda: self._score_rows(*validation)
        progress = Progress(self, rows, score)
        model, w = self._model, scaled(weights)
        y = self._for_loss(y, model.compiled_losses[0])
        model.seed = int(self._random_state.randint(2**31))
        data: dict[str, Any] = {"x": X, "y": y, "sample_weight": w}
        if issparse(X):
            order = np.random.default_rng(model.seed) if self.shuffle else None
            data = {"x": sparse.SparseBatches(X, y, w, size, order)}
        epochs = 1 if incremental else self.max_iter
        try:
            model.fit(
                **data, batch_size=size, epochs=epochs, shuffle=self.shuffle and not issparse(X), verbose=0,
                callbacks=[progress, *(self.callbacks or [])],
            )  # fmt: skip
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            progress.on_train_end()
        if not incremental and self.n_iter_ == self.max_iter and not model.stop_training:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.", ConvergenceWarning, stacklevel=4,
            )  # fmt: skip

    def _held_out(self, X: Any, y: Array, original: Array, weights: Array | None) -> tuple[Any, Array, Any, Any]:
        """Training rows, and those that early stopping scores."""
        # As scikit-learn does: two classes alone, coded so, because others may have too few members to be split.
        stratify = y.astype(bool) if self.out_activation_ == "logistic" and self.n_outputs_ == 1 else None
        rows, held = train_test_split(
            np.arange(X.shape[0]), random_state=self._random_state, test_size=self.validation_fraction,
            stratify=stratify,
        )  # fmt: skip
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        part = (None, None) if weights is None else (weights[rows], weights[held])
        return X[rows], y[rows], part[0], (X[held], original[held], part[1])

    def _given_validation(self, X_val: Any, y_val: Any) -> tuple[Any, Array, None]:
        if self.solver == "lbfgs":
            raise ValueError("fit: X_val and y_val need solver='adam' or 'sgd'; lbfgs has no epochs to score")
        return *self._checked_validation(X_val, y_val), None

    # -- weights --------------------------------------------------------------------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """Kernels of the layers, (inputs, outputs), read-only copies; assign a list of arrays to change them."""
        return self._get(0)

    @coefs_.setter
    def coefs_(self, values: list[Array]) -> None:
        self._set(0, values)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of the layers, read-only copies; assign a list of arrays to change them."""
        return self._get(1)

    @intercepts_.setter
    def intercepts_(self, values: list[Array]) -> None:
        self._set(1, values)

    def _get(self, which: int) -> list[Array]:
        if not hasattr(self, "_model"):
            raise AttributeError(f"{type(self).__name__} has no weights yet; call fit first")
        found = [layer.get_weights()[which] for layer in network.dense_layers(self._model)]
        for array in found:
            array.flags.writeable = False
        return found

    def _set(self, which: int, values: list[Array]) -> None:
        self._get(which)
        for layer, value in zip(network.dense_layers(self._model), values, strict=True):
            weights = layer.get_weights()
            weights[which] = value
            layer.set_weights(weights)

    @property
    def _reported_less(self) -> float:
        """How many times the squared error `loss_` leaves out of what is minimised."""
        return 0.0

    @property
    def _optimizer(self) -> Any:
        return self._model.optimizer

    def _can_go_on(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return True

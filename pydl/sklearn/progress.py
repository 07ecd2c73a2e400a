"""What happens after each epoch: curves, rates, scores, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pydl


class Progress(pydl.callbacks.Callback):
    """Keeps an estimator's account of its training as scikit-learn does, and stops where that would stop.

    Parameters
    ----------
    estimator : estimator
        Its `loss_curve_`, `best_loss_`, `t_` and the like are written to.
    rows : int
        Training rows of an epoch.
    score : callable or None
        Gives the score on validation data; None: the training loss decides.
    """

    tells_nonfinite = True  # the estimator raises an error

    def __init__(self, estimator: Any, rows: int, score: Callable[[], float] | None) -> None:
        self.estimator, self.rows, self.score = estimator, rows, score
        self.best: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        e = self.estimator
        figures = logs or {}
        e.loss_ = figures["loss"] - e._reported_less * figures.get("mse", 0.0)
        e.n_iter_ += 1
        e.t_ += self.rows
        e.loss_curve_.append(e.loss_)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        gained = self._by_loss() if self.score is None else self._by_score(logs)
        e._no_improvement_count = 0 if gained else e._no_improvement_count + 1
        if e.solver == "sgd" and e.optimizer is None and e.learning_rate == "invscaling":
            self.model.optimizer.learning_rate = e.learning_rate_init / (e.t_ + 1) ** e.power_t
        if self.score is None and not np.isfinite(e.loss_):
            self.model.stop_training = True
        elif e._no_improvement_count > e.n_iter_no_change:
            self._no_gain()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Back to the weights of the best score."""
        if self.best is not None:
            self.model.set_weights(self.best)

    def _by_loss(self) -> bool:
        e = self.estimator
        gained = e.loss_ <= e.best_loss_ - e.tol
        e.best_loss_ = min(e.best_loss_, e.loss_)
        return bool(gained)

    def _by_score(self, logs: dict[str, float] | None) -> bool:
        e = self.estimator
        assert self.score is not None
        score = self.score()
        if logs is not None:
            logs["val_score"] = score  # for the callbacks that come next
        e.validation_scores_.append(score)
        if e.verbose:
            print(f"Validation score: {score:f}")
        gained = score >= e.best_validation_score_ + e.tol
        if score > e.best_validation_score_:
            e.best_validation_score_ = score
            self.best = self.model.get_weights()
        return bool(gained)

    def _no_gain(self) -> None:
        e, optimizer = self.estimator, self.model.optimizer
        what = "Training loss" if self.score is None else "Validation score"
        message = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        if e.solver == "sgd" and e.optimizer is None and e.learning_rate == "adaptive":
            if optimizer.learning_rate > 1e-6:
                optimizer.learning_rate = optimizer.learning_rate / 5.0
                e._no_improvement_count = 0
                if e.verbose:
                    print(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
                return
            message += " Learning rate too small."
        if e.verbose:
            print(f"{message} Stopping.")
        self.model.stop_training = True

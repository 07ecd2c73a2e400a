"""What the epochs of a training and the trials of a search are compared by: the loss, or a figure of held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import pydl
from pydl.pipeline.evaluation import Figures, Judge
from pydl.pipeline.fitted import Batch, score
from pydl.pipeline.options import LOSS, METRICS, RISING, TrainOptions
from pydl.pipeline.targets import AnyTarget

Batches = Callable[[], Iterable[Batch]]
History = dict[str, list[float]]


def must_suit(metric: str, target: AnyTarget) -> None:
    """Refuse the metric of another task, and figures of one target where there are several."""
    if len(target.each) > 1 and metric != LOSS:
        raise ValueError(f"--metric {metric}: of {len(target.each)} targets it is the sum of their losses that counts")
    for one in target.each:
        if metric not in METRICS[one.task]:
            choices = ", ".join(METRICS[one.task])
            raise ValueError(f'--metric {metric}: "{one.name}" is taken for a {one.task}, which has {choices}')


def key(options: TrainOptions, held_out: bool = True) -> str:
    """What the values to compare by are called in a training's history."""
    return f"val_{options.metric}" if held_out else options.metric


def rising(options: TrainOptions) -> bool:
    """Whether a larger value is better."""
    return RISING[options.metric]


def best_epoch(history: History, options: TrainOptions) -> int:
    """The epoch whose weights were kept, counted from 0."""
    values = np.array(history[key(options, key(options) in history)]) * (-1 if rising(options) else 1)
    return int(np.argmin(np.where(np.isnan(values), np.inf, values)))


def best_value(history: History, options: TrainOptions) -> float:
    """The value of that epoch."""
    return history[key(options, key(options) in history)][best_epoch(history, options)]


def stopping(
    options: TrainOptions, target: AnyTarget, train: Batches | None, validation: Batches | None, patience: int,
    start: int = 0,
) -> pydl.callbacks.EarlyStopping:  # fmt: skip
    """The callback that ends a training when it gets no better, with the weights of the best epoch.

    Parameters
    ----------
    options : TrainOptions
    target : Target or Targets
        Several have no metric but the loss.
    train, validation : callable or None
        The rows that the metric is of: those held out, or else those that are learnt from.
    patience, start : int
        As for `EarlyStopping`.
    """
    name = key(options, validation is not None)
    about: dict[str, Any] = {"patience": patience, "restore_best_weights": True, "start_from_epoch": start}
    rows = validation or train
    if options.metric == LOSS or rows is None:
        return pydl.callbacks.EarlyStopping(name, **about)
    return _ByFigure(name, options, target, rows, about)


class _ByFigure(pydl.callbacks.EarlyStopping):
    """Adds a figure of some rows to what each epoch tells, and goes by it."""

    def __init__(self, name: str, options: TrainOptions, target: Any, rows: Batches, about: dict[str, Any]) -> None:
        super().__init__(name, mode="max" if rising(options) else "min", **about)
        self.metric, self.target, self.rows = options.metric, target, rows

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs[self.monitor] = self._figure()
        super().on_epoch_end(epoch, logs)

    def _figure(self) -> float:
        judge = Judge(self.target)
        for each in score(self.model, self.target, self.rows()):
            found = each.predictions
            numbers = found.values if found.probabilities is None else found.probabilities
            if not np.isfinite(numbers).all():
                return math.nan
            judge.add(each.y, found, each.weights)
        value = figure(judge.figures(), self.metric)
        if value is None:
            raise ValueError(
                f"--metric {self.metric}: it is undefined for the {judge.rows} rows to compare epochs by; "
                "choose another, or hold out more rows with --val"
            )
        # Absolute errors are told in deviations of the target, as the training's own are, see `Target.readable`.
        return value / self.target.unit if self.metric == "mae" else value


def figure(figures: Figures, metric: str) -> float | None:
    """A metric among the figures of `Judge`; None where it is undefined."""
    if metric == "mse":
        return None if figures.get("rmse") is None else float(figures["rmse"]) ** 2
    return figures.get(metric)

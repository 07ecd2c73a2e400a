"""What the report says of one target: figures, pictures, what they rest on, where it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pydl.pipeline.contract import Outcome
from pydl.pipeline.fitted import Predictions, score
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report import (
    cells,
    dependence,
    distributions,
    figures,
    importance,
    residuals,
    slices,
    thresholds,
)  # fmt: skip
from pydl.pipeline.report.drawing import Picture
from pydl.pipeline.target import Target
from pydl.pipeline.verdict import LINEAR

_MATTER = 4  # columns whose dependence is shown


@dataclass(frozen=True)
class Section:
    """Figures and pictures of one target, as the page names them."""

    target: Target
    metrics: dict[str, Any]
    shown: dict[str, dict[str, Any]]
    intervals: dict[str, list[float]]
    linear: str
    thresholds: list[thresholds.Threshold]
    used: float
    base: float | None
    judged: int
    pictures: list[Picture]
    dependence: list[Picture]
    slices: slices.Slices | None
    rows: list[dict[str, str]]
    folds: dict[str, Any] | None


def section(
    outcome: Outcome, options: TrainOptions, history: dict[str, list[float]], of_all: dict[str, list[float]],
    metrics: dict[str, Any],
) -> Section:  # fmt: skip
    """The section of a target.

    Parameters
    ----------
    outcome : Outcome
        As `Outcome.each` gives it.
    options : TrainOptions
    history, of_all : dict of str to list of float
        What the training told of this target by epoch, and of all of them.
    metrics : dict
        Its figures, as `metrics.json` has them.
    """
    fitted, test = outcome.fitted, outcome.parts["test"]
    target = fitted.target
    shown = {"pydl": metrics["test"], **metrics["baselines"], "pydl, training rows": metrics["train"]}
    pictures = figures.learning_curves(history, options, of_all if len(options.targets) > 1 else None)
    pictures.append(distributions.of_target(target, outcome.parts))
    chosen: list[thresholds.Threshold] = []
    used = 0.5 if target.threshold is None else target.threshold
    if len(test.y):
        # Of tables in pieces, the rows that are in memory.
        predictions = Predictions.joined([each.predictions for each in score(fitted.model, target, test.batches())])
        pictures += figures.judgement(target, test.y, predictions)
        if target.task == "regression":
            pictures += _residuals(outcome, predictions, options.time)
        elif len(target.classes) == 2 and predictions.probabilities is not None:
            chosen = thresholds.table(test.y == 1, predictions.probabilities[:, 1], used)
        weights = importance.permutation(fitted, test, options.seed)
        found = slices.look(fitted, test, predictions, outcome.columns)
        rows = slices.worst_rows(target, test, predictions)
        if options.task == "image":
            loss = slices.losses(target, test.y, predictions)
            truth = target.truth(test.y)
            pictures.append(figures.some_images(test.frame, truth, predictions, options.seed))
            pictures.append(figures.worst_images(test.frame, truth, predictions, loss))
    else:
        weights, found, rows = [], None, []
    if weights:
        pictures.append(figures.importance(weights, target.task == "classification"))
    matter = [name for name, gained, _ in weights if gained > 0][:_MATTER]
    return Section(
        target, metrics, shown, metrics["intervals"].get("pydl", {}), LINEAR[target.task], chosen, used,
        float((test.y == 1).mean()) if chosen else None, len(test.y), pictures,
        dependence.pictures(dependence.look(fitted, test, matter, options.seed)), found, rows, outcome.folds,
    )  # fmt: skip


def _residuals(outcome: Outcome, predictions: Predictions, time: str | None) -> list[Picture]:
    """Errors of test rows over prediction and, where there is a column of dates, over time."""
    test = outcome.parts["test"]
    off = predictions.values - np.asarray(outcome.fitted.target.truth(test.y), np.float64)
    times = [c for c in outcome.columns if c.name == time and c.kind in cells.ORDERED]
    times += [c for c in outcome.columns if c.kind == "date"]
    over_time = residuals.over_time(off, test.frame, times[0]) if times else None
    return [residuals.over_prediction(off, predictions.values), *([over_time] if over_time else [])]

"""`report.html`: one page, complete in itself, that a person shows to a colleague."""

from __future__ import annotations

import base64
import hashlib
import shlex
from importlib import resources
from typing import Any

import jinja2
import numpy as np

from pydl.pipeline.contract import Outcome
from pydl.pipeline.fitted import Predictions, predict
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report import (
    cells,
    dependence,
    distributions,
    figures,
    importance,
    latency,
    residuals,
    slices,
    thresholds,
    wording,
)  # fmt: skip
from pydl.pipeline.report.drawing import Picture
from pydl.pipeline.run import REPORT, Run
from pydl.pipeline.stream import PARTS
from pydl.pipeline.verdict import LINEAR

_MOST = 200  # rows of a table
_MATTER = 4  # columns whose dependence is shown
_NAMES = {"f1": "F1", "roc_auc": "ROC AUC", "r2": "R2", "rmse": "RMSE", "mae": "MAE", "mape": "MAPE"}
_HEADLINES = {
    "accuracy": "accuracy", "roc_auc": "ROC AUC", "f1": "F1, mean of classes", "log_loss": "log loss", "r2": "R2",
    "rmse": "RMSE", "mae": "MAE",
}  # fmt: skip


def write_report(
    run: Run, options: TrainOptions, outcome: Outcome, history: dict[str, list[float]], metrics: dict[str, Any],
    info: dict[str, Any],
) -> None:  # fmt: skip
    """Write the report of a run: figures, pictures, what each column and each group of rows has to do with them."""
    fitted, test = outcome.fitted, outcome.parts["test"]
    target = fitted.target
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pydl.pipeline.report", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=wording.visible,
    )  # fmt: skip
    environment.filters |= {"figure": wording.figure, "brief": wording.brief, "percent": wording.percent}
    shown = {"pydl": metrics["test"], **metrics["baselines"], "pydl, training rows": metrics["train"]}
    pictures = figures.learning_curves(history, options)
    pictures.append(distributions.of_target(target, outcome.parts))
    chosen: list[thresholds.Threshold] = []
    used = 0.5 if target.threshold is None else target.threshold
    if len(test.y):
        predictions = predict(fitted.model, target, test.inputs)  # of the rows that are in memory
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
            pictures.append(figures.worst_images(test.frame, target.decode(test.y), predictions, loss))
    else:
        weights, found, rows = [], None, []
    if weights:
        pictures.append(figures.importance(weights, target.task == "classification"))
    matter = [name for name, gained, _ in weights if gained > 0][:_MATTER]
    if outcome.trials:
        pictures.append(figures.trials(outcome.trials, options))
    css = resources.files(__name__).joinpath("page.css").read_text("utf-8")
    page = environment.get_template("page.html.jinja").render(
        title=f"{options.target or 'class'} from {str(options.data).rpartition('/')[2]}", options=options,
        target=target,
        command=shlex.join(options.command()), info=info, metrics=metrics, shown=shown, headlines=_HEADLINES,
        columns=outcome.columns[:_MOST], more_columns=max(0, len(outcome.columns) - _MOST), notes=outcome.notes,
        css=css, css_hash=f"sha256-{_sha256(css)}", names=_NAMES, thresholds=chosen, used=used,
        base=float((test.y == 1).mean()) if chosen else None,
        dependence=dependence.pictures(dependence.look(fitted, test, matter, options.seed)),
        distributions=distributions.of_columns(outcome.parts["train"].frame, outcome.columns[:_MOST]),
        counted=f"{outcome.rows:,} rows", pictures=pictures, slices=found, rows=rows, epochs=len(history["loss"]),
        outcome=outcome,
        latency=latency.measure(fitted, test), parts={name: metrics[name]["rows"] for name in PARTS if name in metrics},
        most=_MOST, timed_rows=latency.ROWS, intervals=metrics["intervals"].get("pydl", {}), linear=LINEAR[target.task],
    )  # fmt: skip
    run.write(REPORT, page)


def _residuals(outcome: Outcome, predictions: Predictions, time: str | None) -> list[Picture]:
    """Errors of test rows over prediction and, where there is a column of dates, over time."""
    test = outcome.parts["test"]
    off = predictions.values - np.asarray(outcome.fitted.target.decode(test.y), np.float64)
    times = [c for c in outcome.columns if c.name == time and c.kind in cells.ORDERED]
    times += [c for c in outcome.columns if c.kind == "date"]
    over_time = residuals.over_time(off, test.frame, times[0]) if times else None
    return [residuals.over_prediction(off, predictions.values), *([over_time] if over_time else [])]


def _sha256(text: str) -> str:
    """As a Content-Security-Policy names what it allows."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

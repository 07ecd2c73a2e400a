"""`report.html`: one page, complete in itself, that a person shows to a colleague."""

from __future__ import annotations

import shlex
from typing import Any

import jinja2

from pydl.pipeline.contract import Outcome
from pydl.pipeline.fitted import predict
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report import figures, importance, latency, slices
from pydl.pipeline.run import REPORT, Run
from pydl.pipeline.stream import PARTS
from pydl.pipeline.verdict import LINEAR

_MOST = 200  # rows of a table
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
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"figure": _figure, "brief": _brief}
    shown = {"pydl": metrics["test"], **metrics["baselines"], "pydl, training rows": metrics["train"]}
    pictures = figures.learning_curves(history, options)
    if len(test.y):
        predictions = predict(fitted.model, target, test.inputs)  # of the rows that are in memory
        pictures += figures.judgement(target, test.y, predictions)
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
    if outcome.trials:
        pictures.append(figures.trials(outcome.trials, options))
    page = environment.get_template("page.html.jinja").render(
        title=f"{options.target or 'class'} from {str(options.data).rpartition('/')[2]}", options=options,
        target=target,
        command=shlex.join(options.command()), info=info, metrics=metrics, shown=shown, headlines=_HEADLINES,
        columns=outcome.columns[:_MOST], more_columns=max(0, len(outcome.columns) - _MOST), notes=outcome.notes,
        pictures=pictures, slices=found, rows=rows, epochs=len(history["loss"]), outcome=outcome,
        latency=latency.measure(fitted, test), parts={name: metrics[name]["rows"] for name in PARTS if name in metrics},
        most=_MOST, timed_rows=latency.ROWS, intervals=metrics["intervals"].get("pydl", {}), linear=LINEAR[target.task],
    )  # fmt: skip
    run.write(REPORT, page)


def _figure(value: Any) -> str:
    """A number as people read it."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1e3 else f"{value:,.0f}"
    return str(value)


def _brief(value: float | None) -> str:
    """A measured time: three digits say all there is to know."""
    return "-" if value is None else f"{value:,.3g}"

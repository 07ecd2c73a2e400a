"""`report.html`: one page, complete in itself, that a person shows to a colleague."""

from __future__ import annotations

import base64
import hashlib
import shlex
from importlib import resources
from typing import Any

import jinja2

from pydl.pipeline.contract import Outcome
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report import distributions, figures, latency, wording
from pydl.pipeline.report.section import Section, section
from pydl.pipeline.run import REPORT, Run
from pydl.pipeline.stream_parts import PARTS

_MOST = 200  # rows of a table
_NAMES = {"f1": "F1", "roc_auc": "ROC AUC", "r2": "R2", "rmse": "RMSE", "mae": "MAE", "mape": "MAPE"}
_HEADLINES = {
    "accuracy": "accuracy", "roc_auc": "ROC AUC", "f1": "F1, mean of classes", "log_loss": "log loss", "r2": "R2",
    "rmse": "RMSE", "mae": "MAE", "pinball": "pinball loss", "share_below": "share of rows below",
}  # fmt: skip


def write_report(
    run: Run, options: TrainOptions, outcome: Outcome, history: dict[str, list[float]], metrics: list[dict[str, Any]],
    info: dict[str, Any],
) -> None:  # fmt: skip
    """Write the report of a run: figures, pictures, what each column and each group of rows has to do with them.

    `metrics` are the figures of each target, which has a section.
    """
    fitted, test = outcome.fitted, outcome.parts["test"]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pydl.pipeline.report", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=wording.visible,
    )  # fmt: skip
    environment.filters |= {"figure": wording.figure, "brief": wording.brief, "percent": wording.percent}
    sections = [
        section(one, options, one.fitted.target.readable(one.history), history, found)
        for one, found in zip(outcome.each(), metrics, strict=True)
    ]
    searched = [figures.trials(outcome.trials, options)] if outcome.trials else []
    shared = []
    if len(sections) == 1:
        sections[0].pictures.extend(searched)
    else:
        shared = [*figures.learning_curves(history, options), *searched]
    css = resources.files(__name__).joinpath("page.css").read_text("utf-8")
    page = environment.get_template("page.html.jinja").render(
        title=f"{' and '.join(options.targets) or 'class'} from {str(options.data).rpartition('/')[2]}",
        options=options, sections=sections, shared=shared,
        command=shlex.join(options.command()), info=info, headlines=_HEADLINES,
        columns=outcome.columns[:_MOST], more_columns=max(0, len(outcome.columns) - _MOST), notes=outcome.notes,
        css=css, css_hash=f"sha256-{_sha256(css)}", names=_NAMES,
        distributions=distributions.of_columns(outcome.parts["train"].frame, outcome.columns[:_MOST]),
        counted=f"{outcome.rows:,} rows", epochs=len(history["loss"]), outcome=outcome,
        latency=latency.measure(fitted, test), parts=_rows(outcome, sections), most=_MOST, timed_rows=latency.ROWS,
    )  # fmt: skip
    run.write(REPORT, page)


def _rows(outcome: Outcome, sections: list[Section]) -> dict[str, int]:
    """How many rows each part has; of several targets, those that have one at least."""
    if len(sections) == 1:
        return {name: sections[0].metrics[name]["rows"] for name in PARTS if name in sections[0].metrics}
    return {name: len(outcome.parts[name].y) for name in PARTS if name in outcome.parts}


def _sha256(text: str) -> str:
    """As a Content-Security-Policy names what it allows."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

"""The end of a training run: figures of every part, and all that its folder holds."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import pydl
from pydl.pipeline import baseline, losses, stream, threshold, weights
from pydl.pipeline import run as names
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.evaluation import Judge
from pydl.pipeline.fitted import Scored, score
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.places import origin
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target
from pydl.pipeline.verdict import verdict


def conclude(run: Run, options: TrainOptions, outcome: Outcome, begin: float, watch: Watch) -> None:
    """Judge a training and write all that belongs to a run."""
    from pydl.pipeline.report import write_report  # here: it brings matplotlib, which nothing before it needs

    fitted, target = outcome.fitted, outcome.fitted.target
    history = target.readable(outcome.history)
    outcome.notes.extend(watch.told([*losses.said(options.loss), *threshold.said(target, options)]))
    batches = {name: part.batches for name, part in outcome.parts.items()} | dict(outcome.streams)
    judges = {part: Judge(target, options.seed if part == "test" else None) for part in stream.PARTS if part in batches}
    for part, judge in judges.items():
        scored = _judged(score(fitted.model, target, batches[part]()), judge)
        if part == "test":
            run.write_csv(names.PREDICTIONS, *_prediction_rows(target, scored))
        else:
            deque(scored, maxlen=0)
    figures: dict[str, Any] = {part: judge.figures() for part, judge in judges.items()}
    outcome.notes.extend(watch.told(weights.said(figures["test"], options.weights)))
    rivals = baseline.baselines(fitted.preparation, target, outcome.parts["train"], batches["test"](), options.seed)
    figures["baselines"] = {name: judge.figures() for name, judge in rivals.items()}
    found = {name: judge.intervals() for name, judge in {"pydl": judges["test"], **rivals}.items()}
    figures["intervals"] = {name: intervals for name, intervals in found.items() if intervals}
    both = {"pydl": figures["test"], **figures["baselines"]}
    outcome.notes.extend(watch.told(verdict(target.task, both, figures["intervals"])))
    if outcome.folds is not None:
        figures["cross_validation"] = outcome.folds
    if outcome.refit is not None:
        figures["of"] = outcome.refit["note"]

    run.write_json(names.METRICS, figures)
    columns = [list(range(1, 1 + len(history["loss"]))), *history.values()]
    run.write_csv(names.HISTORY, ["epoch", *history], zip(*columns, strict=True))
    ended = datetime.now(UTC)
    seconds = round(time.monotonic() - begin, 2)
    info = {
        "started": (ended - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "seconds": seconds,
        "data": {"sha256": run.json(names.DRAFT)["sha256"], "rows": outcome.rows} | origin(options.data),
        "split": outcome.split or {"rows": {name: each["rows"] for name, each in figures.items() if name in judges}},
        "settings": outcome.settings | ({} if target.threshold is None else {"threshold": target.threshold}),
        "networks": [network.told() for network in outcome.networks],
        "versions": {"pydl": pydl.__version__, "Python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "pandas", "scikit-learn", "matplotlib")},
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": pydl.config.get_num_threads(),
        "interrupted": outcome.interrupted,
        "time_budget": options.time_budget,
        "refit": outcome.refit,
        "notes": outcome.notes,
    }
    watch.say("writing the report")
    write_report(run, options, outcome, history, figures, info)
    run.write_json(names.INFO, info)  # the last: a run without it did not finish


def _judged(scored: Iterable[Scored], judge: Judge) -> Iterator[Scored]:
    """The same, each judged as it passes."""
    for each in scored:
        judge.add(each.y, each.predictions, each.weights)
        yield each


def _prediction_rows(target: Target, scored: Iterable[Scored]) -> tuple[list[str], Iterator[Any]]:
    """Header and rows of the table of predictions; `row` counts the data rows of the file from 0."""

    def rows() -> Iterator[Any]:
        for each in scored:
            found = each.predictions
            probabilities = [] if found.probabilities is None else list(found.probabilities.T)
            yield from zip(each.rows, target.decode(each.y), found.values, *probabilities, strict=True)

    return ["row", "truth", "prediction", *(f"probability {name}" for name in target.classes)], rows()

"""The end of a training run: figures of every part, and all that its folder holds."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np

import pydl
from pydl.pipeline import baseline, losses, threshold, weights
from pydl.pipeline import run as names
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.evaluation import Judge
from pydl.pipeline.fitted import Scored, columns_of, score
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.places import origin
from pydl.pipeline.run import Run
from pydl.pipeline.several import together
from pydl.pipeline.stream_parts import PARTS
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget, options_of
from pydl.pipeline.verdict import left_out, verdict


def conclude(run: Run, options: TrainOptions, outcome: Outcome, begin: float, watch: Watch) -> None:
    """Judge a training and write all that belongs to a run."""
    from pydl.pipeline.report import write_report  # here: it brings matplotlib, which nothing before it needs

    target = outcome.fitted.target
    history = target.readable(outcome.history)
    each = [_Judging(one, options, watch) for one in outcome.each()]
    run.write_csv(names.PREDICTIONS, *_side_by_side([one.test_rows() for one in each]))
    figures = [one.figures() for one in each]
    run.write_json(names.METRICS, together(target.names, figures))
    columns = [list(range(1, 1 + len(history["loss"]))), *history.values()]
    run.write_csv(names.HISTORY, ["epoch", *history], zip(*columns, strict=True))
    ended = datetime.now(UTC)
    seconds, draft = round(time.monotonic() - begin, 2), run.json(names.DRAFT)
    info = {
        "started": (ended - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "seconds": seconds,
        "data": {"sha256": draft["sha256"], "rows": outcome.rows} | origin(options.data),
        **({"test": {"sha256": draft["test"]}} if "test" in draft else {}),
        "split": outcome.split or {"rows": {part: judge.rows for part, judge in each[0].judges.items()}},
        "settings": outcome.settings | _thresholds(target),
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


class _Judging:
    """The figures of one target, and what they say; the notes go to its outcome.

    Parameters
    ----------
    outcome : Outcome
        As `Outcome.each` gives it.
    options : TrainOptions
        Of the run.
    watch : Watch
    """

    def __init__(self, outcome: Outcome, options: TrainOptions, watch: Watch) -> None:
        self.outcome, self.options, self.watch = outcome, options_of(options, outcome.fitted.target), watch
        self.named = f'"{outcome.fitted.target.name}": ' * (len(options.targets) > 1)
        self.batches = {name: part.batches for name, part in outcome.parts.items()} | dict(outcome.streams)
        self.judges = {
            part: Judge(outcome.fitted.target, options.seed if part == "test" else None)
            for part in PARTS
            if part in self.batches
        }
        self._say([*losses.said(self.options.loss), *threshold.said(outcome.fitted.target, self.options)])
        for part in self.judges:
            if part != "test":
                deque(self._judged(part), maxlen=0)

    def test_rows(self) -> tuple[list[str], Iterator[list[Any]]]:
        """Header and rows of the table of predictions, judged as they pass."""
        weighted = self.options.weights is not None
        header, rows = _prediction_rows(self.outcome.fitted.target, self._judged("test"), bool(self.named), weighted)
        files = self.outcome.files
        return ([*header, "image"], ([*line, files[line[0]]] for line in rows)) if files else (header, rows)

    def figures(self) -> dict[str, Any]:
        """All figures, once the test rows have passed."""
        outcome, fitted, options = self.outcome, self.outcome.fitted, self.options
        figures: dict[str, Any] = {part: judge.figures() for part, judge in self.judges.items()}
        self._say(weights.said(figures["test"], options.weights))
        train, test = outcome.parts["train"], self.batches["test"]()
        rivals = baseline.baselines(fitted.preparation, fitted.target, train, test, options.seed)
        rivals = {name: self._rival(model) for name, model in outcome.rivals.items()} | rivals
        figures["baselines"] = {name: judge.figures() for name, judge in rivals.items()}
        mine = self.judges["test"]
        found = {name: judge.intervals() for name, judge in {"pydl": mine, **rivals}.items()}
        figures["intervals"] = {name: intervals for name, intervals in found.items() if intervals}
        if figures["test"]["rows"] and train.y.min() < train.y.max():  # of one value nothing is learnt
            self._say(left_out(fitted.target.task, rivals))
        both = {"pydl": figures["test"], **figures["baselines"]}

        def lead(name: str, key: str) -> list[float] | None:
            return mine.lead(rivals[name], key)

        self._say(verdict(fitted.target.task, both, figures["intervals"], lead, options.task == "image"))
        if outcome.folds is not None:
            figures["cross_validation"] = outcome.folds
        if outcome.refit is not None:
            figures["of"] = outcome.refit["note"]
        return figures

    def _rival(self, model: pydl.Model) -> Judge:
        judge = Judge(self.outcome.fitted.target, self.options.seed)
        for each in score(model, self.outcome.fitted.target, self.batches["test"]()):
            judge.add(each.y, each.predictions, each.weights)
        return judge

    def _judged(self, part: str) -> Iterator[Scored]:
        """The rows of a part, each judged as it passes."""
        for each in score(self.outcome.fitted.model, self.outcome.fitted.target, self.batches[part]()):
            self.judges[part].add(each.y, each.predictions, each.weights)
            yield each

    def _say(self, notes: list[str]) -> None:
        self.outcome.notes.extend(self.watch.told([self.named + note for note in notes]))


def _thresholds(target: AnyTarget) -> dict[str, Any]:
    """What `info.json` says of the probabilities from which on the positive class is predicted."""
    found = {one.name: one.threshold for one in target.each if one.threshold is not None}
    return {"threshold": found if len(target.each) > 1 else next(iter(found.values()))} if found else {}


def _side_by_side(tables: Sequence[tuple[list[str], Iterator[list[Any]]]]) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of one table from one for each target, whose rows come in order of their number.

    Cells of a target that a row does not have are empty.
    """
    if len(tables) == 1:
        return tables[0]

    def rows() -> Iterator[list[Any]]:
        heads = [next(found, None) for _, found in tables]
        while any(head is not None for head in heads):
            row = min(head[0] for head in heads if head is not None)
            line: list[Any] = []
            for k, (header, found) in enumerate(tables):
                head = heads[k]
                here = head is not None and head[0] == row
                line += head[1:] if head is not None and here else [""] * (len(header) - 1)
                heads[k] = next(found, None) if here else head
            yield [row, *line]

    return ["row", *(name for header, _ in tables for name in header[1:])], rows()


def _prediction_rows(
    target: Target, scored: Iterable[Scored], named: bool, weighted: bool
) -> tuple[list[str], Iterator[list[Any]]]:  # fmt: skip
    """Header and rows of the table of predictions; `row` counts the data rows of the file from 0.

    Where there are several targets, columns are called by theirs.
    """

    def rows() -> Iterator[Any]:
        for each in scored:
            found = each.predictions
            probabilities = [] if found.probabilities is None else list(found.probabilities.T)
            weights = [np.ones(len(each.y)) if each.weights is None else each.weights] if weighted else []
            lines = zip(each.rows, target.truth(each.y), found.values, *probabilities, *weights, strict=True)
            yield from map(list, lines)

    weight = [f"{target.name} weight" if named else "weight"] * weighted
    if named:
        return ["row", f"{target.name} truth", *columns_of(target, True), *weight], rows()
    return ["row", "truth", "prediction", *(f"probability {name}" for name in target.classes), *weight], rows()

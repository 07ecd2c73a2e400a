"""The runs below a folder, to be compared: whole ones and, with what is wrong, those that are not.

A run with several targets is an entry for each.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydl.pipeline import run as names
from pydl.pipeline.options import RISING, TrainOptions, one_of
from pydl.pipeline.run import Run

DEPTH = 2  # levels below the folder
FIGURES = (  # those that tell most first
    "roc_auc", "r2", "accuracy", "rmse", "log_loss", "mae", "f1", "balanced_accuracy", "average_precision", "precision",
    "recall", "brier", "mape", "pinball", "share_below",
)  # fmt: skip
_RISING = RISING | {"pinball": False}
_NO_ORDER = ("share_below", "weight")  # figures of which neither more nor less is better
_FACTS = {"name": True, "data": True, "target": True, "task": True, "rows": False, "seconds": True, "started": False}
_SAID = ("data", "target", "task", "out")  # options that are shown as such, or are the run's place
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8,16}\.tmp")
_MARKS = (names.METRICS, names.INFO, names.TARGET, names.DRAFT, names.PREPARATION, names.PREPARATION_OF_IMAGES)


@dataclass(frozen=True)
class Entry:
    """A run as it is compared.

    Attributes
    ----------
    name, path : str
        Where it is, seen from the folder that was searched, and from here.
    data, target, task : str or None
    rows : int or None
        Of the data.
    seconds : float or None
    started : str or None
        Date and time.
    sha256, test_sha256 : str or None
        Of the data, and of those to judge on where these are a file of their own.
    options : dict
        All of them.
    figures : dict of str to float
        On the test rows.
    intervals : dict of str to tuple of float
        Of 95 %, for some of the figures.
    problem : str or None
        What is wrong with it.
    """

    name: str
    path: str
    data: str | None = None
    target: str | None = None
    task: str | None = None
    rows: int | None = None
    seconds: float | None = None
    started: str | None = None
    sha256: str | None = None
    test_sha256: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    problem: str | None = None


def find(folder: str) -> list[Entry]:
    """The runs in a folder and up to two levels below it, in the order of their names.

    Raises
    ------
    ValueError
        When there is no such folder, or no run in it.
    """
    place = Path(folder)
    if not place.is_dir():
        raise ValueError(f"{folder}: expected a folder with runs in it; pydl train ... --out {folder}/first makes one")
    found = [entry for path in _folders(place, DEPTH) for entry in _entries(path, place)]
    if not found:
        raise ValueError(
            f"{folder}: no run in it, nor {DEPTH} levels below; pydl train ... --out {folder}/first makes one"
        )
    return sorted(found, key=lambda entry: entry.name)


def differing(entries: Sequence[Entry]) -> list[str]:
    """The options that are not the same in all runs, those aside that say what is learnt from what."""
    known = [entry.options for entry in entries if entry.options]
    every = list(dict.fromkeys(name for options in known for name in options))
    return [
        name for name in every if name not in _SAID and any(o.get(name) != known[0].get(name) for o in known)
    ]  # fmt: skip


def figures_of(entries: Sequence[Entry]) -> list[str]:
    """The figures that some run has, those that tell most first."""
    there = dict.fromkeys(name for entry in entries for name in entry.figures)
    return [*(name for name in FIGURES if name in there), *(name for name in there if name not in FIGURES)]


def column(name: str) -> str:
    """What a figure or fact is called here, by a name that a person may give it."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return {"date": "started", "run": "name", "time": "seconds"}.get(plain, plain)


def ordered(entries: Sequence[Entry], by: str) -> list[Entry]:
    """The runs by a figure or fact, the better first, the latest for a date; those without it last.

    Raises
    ------
    ValueError
        A name that no run has; a near one is suggested.
    """
    figures = figures_of(entries)
    wanted = column(by)
    if wanted in figures and wanted in _NO_ORDER:
        raise ValueError(f"--sort {by}: neither more nor less of it is better; sort by another figure")
    if wanted not in figures and wanted not in _FACTS:
        able = [name for name in figures if name not in _NO_ORDER]
        one_of("--sort", by, [*able, "name", "data", "target", "task", "rows", "seconds", "date"])
    downwards = not (_FACTS[wanted] if wanted in _FACTS else not _RISING.get(wanted, True))

    def value(entry: Entry) -> Any:
        return getattr(entry, wanted) if wanted in _FACTS else entry.figures.get(wanted)

    with_it = [entry for entry in entries if value(entry) is not None]
    return [
        *sorted(with_it, key=value, reverse=downwards),
        *(entry for entry in entries if value(entry) is None),
    ]


def notes(entries: Sequence[Entry]) -> list[str]:
    """What makes figures of these runs hard to compare."""
    contents: dict[str, set[str]] = {}
    for entry in entries:
        for data, sha256 in ((entry.data, entry.sha256), (_text(entry.options.get("test")), entry.test_sha256)):
            if data is not None and sha256 is not None:
                contents.setdefault(data, set()).add(sha256)
    return [
        f"{data} was not the same in all of these runs: their figures are of different rows"
        for data, found in contents.items()
        if len(found) > 1
    ]


def _folders(place: Path, depth: int) -> Iterator[Path]:
    """A folder and those below it; a link that leads back ends with the depth."""
    yield place
    if not depth:
        return
    try:
        inside = sorted(os.scandir(place), key=lambda each: each.name)
    except OSError:
        return  # `_entry` says so
    for each in inside:
        if os.path.isdir(each) and (not each.name.startswith(".") or _DRAFT.fullmatch(each.name)):
            yield from _folders(place / each.name, depth - 1)


def _entries(path: Path, place: Path) -> list[Entry]:
    """What there is to say of a folder, of each target; nothing where it is no run's."""
    name = path.relative_to(place).as_posix()
    try:
        held = set(os.listdir(path))
    except OSError as error:
        return [Entry(name, str(path), problem=f"cannot be read: {error.strerror}")]
    draft = _DRAFT.fullmatch(path.name)
    if draft:
        if names.DRAFT not in held:
            return []
        name = (path.parent / draft[1]).relative_to(place).as_posix()
        problem = "is being written, or was stopped: the same pydl train goes on from there"
        return [Entry(name, str(path), problem=problem)]
    run, said = Run(path), dict[str, Any]()
    is_one = bool(held.intersection(_MARKS))
    try:
        if not is_one and names.CONFIG not in held:
            return []
        config = _table(run, names.CONFIG)
        if not isinstance(config.get("data"), str):
            if not is_one:
                return []  # many programs have a config.json
            raise ValueError(f"{names.CONFIG}: expected the options of a training run")
        said = _of_config(config)
        return [Entry(name, str(path), **said | of_one) for of_one in _of_results(run, said)]
    except (OSError, ValueError) as error:
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        what = what.removeprefix(f"{path}{os.sep}").removeprefix(f"{path}: ")
        return [Entry(name, str(path), **said, problem=what)]


def _of_config(config: dict[str, Any]) -> dict[str, Any]:
    # Of an earlier version some options are not there, of a later one some are not known here.
    options = TrainOptions(config["data"]).to_json() | config
    names_ = options["target"]
    plain = options | ({"target": ", ".join(map(str, names_))} if isinstance(names_, list) else {})
    said = {"options": options} | {name: _text(plain[name]) for name in ("data", "target", "task")}
    return said | ({"task": None} if said["task"] == "auto" else {})


def _of_results(run: Run, said: dict[str, Any]) -> list[dict[str, Any]]:
    for name in (names.MODEL, names.INFO):
        run.file(name)
    target, metrics, info = (_table(run, name) for name in (names.TARGET, names.METRICS, names.INFO))
    data, test = (found if isinstance(found := info.get(name), dict) else {} for name in ("data", "test"))
    of_run = {
        "rows": _whole(data.get("rows")),
        "sha256": _text(data.get("sha256")),
        "test_sha256": _text(test.get("sha256")),
        "seconds": _number(info.get("seconds")),
        "started": _text(info.get("started")),
        "problem": "was ended by Ctrl-C" if info.get("interrupted") is True else None,
    }
    if "targets" not in metrics:
        task = "image" if said["task"] == "image" else _text(target.get("task"))
        return [of_run | {"task": task} | _figures(metrics)]
    each, states = metrics["targets"], target.get("targets")
    if not isinstance(each, dict) or not isinstance(states, list) or not all(isinstance(s, dict) for s in states):
        raise ValueError(f"{names.METRICS}: expected figures of each target; train again")
    tasks = {state.get("name"): _text(state.get("task")) for state in states}
    return [of_run | {"target": name, "task": tasks.get(name)} | _figures(found) for name, found in each.items()]


def _figures(metrics: Any) -> dict[str, Any]:
    """The figures of one target, and their intervals."""
    test, intervals = (metrics.get("test"), metrics.get("intervals", {})) if isinstance(metrics, dict) else (None, {})
    if not isinstance(test, dict) or not isinstance(intervals, dict):
        raise ValueError(f"{names.METRICS}: expected figures of test rows; train again")
    mine = intervals.get("pydl")
    return {
        "figures": {name: x for name, v in test.items() if name != "rows" and (x := _number(v)) is not None},
        "intervals": {name: ends for name, v in mine.items() if (ends := _ends(v))} if isinstance(mine, dict) else {},
    }


def _table(run: Run, name: str) -> dict[str, Any]:
    found = run.json(name)
    if not isinstance(found, dict):
        raise ValueError(f"{name}: expected an object of JSON; train again")
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _ends(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = map(_number, value)
    return None if low is None or high is None else (low, high)

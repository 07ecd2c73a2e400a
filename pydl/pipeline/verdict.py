"""What figures say of a model beside those it has to beat, a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pydl.pipeline.intervals import Intervals

_NAMES = {"r2": "R2", "roc_auc": "ROC AUC", "accuracy": "accuracy", "pinball": "pinball loss"}
_LOWER = ("pinball",)  # is better
_FEW = 30  # rows whose figures mean little
_PERFECT = 0.99  # what the lower end of a figure hardly ever reaches
LINEAR = {"regression": "ridge regression", "classification": "logistic regression"}
_MODELS = {"linear": LINEAR, "boosting": dict.fromkeys(LINEAR, "boosting")}


def verdict(
    task: str, figures: Mapping[str, Mapping[str, Any]], intervals: Mapping[str, Intervals],
    lead: Callable[[str, str], Sequence[float] | None] = lambda name, key: None, of_images: bool = False,
) -> list[str]:  # fmt: skip
    """Sentences about the test figures of "pydl", "constant" and, where they are there, "linear" and "boosting".

    `lead(name, key)`: the ends of what another model has more of a figure than pydl, judged on the same rows.
    """
    mine, constant = figures["pydl"], figures["constant"]
    rows = mine.get("rows", 0)
    if not rows:
        return []
    said = []
    key = _headline(task, mine)
    can_tell = key is None or key in intervals.get("pydl", {})
    if rows < _FEW:
        more = "" if of_images else "; --cv 5 judges on more"
        few = "" if can_tell else ", too few to say which model is better"
        said.append(f"the figures rest on {rows} test row{'s' * (rows > 1)} and may be far off{few}{more}")
        if not can_tell:
            return said
    if _no_better(task, mine, constant, intervals.get("pydl", {})):
        others = [name for name in ("linear", "boosting") if name in figures]
        able = [name for name in others if not _no_better(task, figures[name], constant, intervals.get(name, {}))]
        end = f"but {_MODELS[able[-1]][task]} is" if able else "there may be nothing to learn here"
        said.append(f"no better than a constant, as far as these test rows tell: {end}")
    if key is None:
        return said
    low = intervals.get("pydl", {}).get(key, [0.0])[0]
    if key not in _LOWER and low >= _PERFECT and rows >= _FEW:
        said.append(
            f"{_NAMES[key]} {mine[key]:.4g}: so good that it is rare; make sure that no column, or several together, "
            "hold what is only known with the target or after it"
        )
    if _beats(figures.get("linear"), mine, key):
        ends = _ahead(lead, "linear", key)
        may_be = _overlap(intervals, "linear", key) if ends is None else ends[0] <= 0
        chance = " (which may be chance)" if may_be else ""
        said.append(f"a plain {LINEAR[task]} does better{chance}: {_against(key, 'linear', figures, intervals)}")
    boosting = figures.get("boosting")
    if boosting is None:
        return said
    if boosting.get(key) is None or (_failed(task, boosting, constant) and not _beats(boosting, mine, key)):
        said.append(f"boosting failed here, do not compare with it: {_against(key, 'boosting', figures, intervals)}")
    elif _overlap(intervals, "boosting", key):
        ends = _ahead(lead, "boosting", key)
        better = None if ends is None else "boosting" if ends[0] > 0 else "pydl" if ends[1] < 0 else None
        though = "" if better is None else f" by the intervals, though {better} does better on the same rows"
        said.append(f"not distinguishable from boosting{though}: {_against(key, 'boosting', figures, intervals)}")
    elif _beats(boosting, mine, key):
        said.append(f"boosting does better: {_against(key, 'boosting', figures, intervals)}")
    return said


def left_out(task: str, rivals: Collection[str]) -> list[str]:
    """Which models to compare with were too slow for the table."""
    missing = " and ".join(names[task] for name, names in _MODELS.items() if name not in rivals)
    return [f"not compared with {missing}: too many rows, values or classes for it to take seconds"] if missing else []


def _headline(task: str, mine: Mapping[str, Any]) -> str | None:
    """The figure to compare by: the area for two classes, which does not depend on where they are parted."""
    if "pinball" in mine:
        return "pinball"
    two = len(mine.get("per_class", ())) == 2
    keys = ["r2"] if task == "regression" else ["roc_auc", "accuracy"] if two else ["accuracy"]
    return next((key for key in keys if mine.get(key) is not None), None)


def _no_better(task: str, mine: Mapping[str, Any], constant: Mapping[str, Any], intervals: Intervals) -> bool:
    """Whether no figure is beyond doubt better than the constant's."""
    if "pinball" in mine:
        return bool(intervals.get("pinball", [0, mine["pinball"]])[1] >= constant["pinball"])
    if task == "regression":  # an R2 of 0 is the best of all constants
        return bool(intervals["r2"][0] <= 0 if "r2" in intervals else mine["rmse"] >= constant["rmse"])
    accuracy = intervals.get("accuracy", [mine["accuracy"]])[0]
    loss = intervals.get("log_loss", [0, mine["log_loss"]])[1]
    area = intervals.get("roc_auc", [mine["roc_auc"] or 0.0])[0]
    return bool(accuracy <= constant["accuracy"] and loss >= constant["log_loss"] and area <= 0.5)


def _failed(task: str, found: Mapping[str, Any], constant: Mapping[str, Any]) -> bool:
    """Whether a constant is closer to the truth in every respect.

    Where one class is rare, a model may be too sure, less often right than the constant, and yet put rows in order.
    """
    if task == "regression":
        key = "pinball" if "pinball" in found else "rmse"
        return bool(found[key] > constant[key])
    worse = found["accuracy"] < constant["accuracy"] and found["log_loss"] > constant["log_loss"]
    return bool(worse and (found.get("roc_auc") or 0.0) <= 0.5)


def _beats(other: Mapping[str, Any] | None, mine: Mapping[str, Any], key: str) -> bool:
    if other is None or other.get(key) is None:
        return False
    return bool(other[key] < mine[key] if key in _LOWER else other[key] > mine[key])


def _ahead(lead: Callable[[str, str], Sequence[float] | None], name: str, key: str) -> Sequence[float] | None:
    """The ends of how much better than pydl another model is."""
    ends = lead(name, key)
    return ends if ends is None or key not in _LOWER else [-ends[1], -ends[0]]


def _overlap(intervals: Mapping[str, Intervals], name: str, key: str) -> bool:
    one, two = (intervals.get(each, {}).get(key) for each in ("pydl", name))
    return one is not None and two is not None and one[0] <= two[1] and two[0] <= one[1]


def _against(key: str, name: str, figures: Mapping[str, Any], intervals: Mapping[str, Intervals]) -> str:
    def told(each: str) -> str:
        value, ends = figures[each].get(key), intervals.get(each, {}).get(key)
        form = ".4g" if key in _LOWER else ".3f"  # a loss has a unit
        between = "" if ends is None else f" ({ends[0]:{form}} to {ends[1]:{form}})"
        return "undefined" if value is None else f"{value:{form}}{between}"

    return f"{_NAMES[key]} {told(name)}, pydl {told('pydl')}"

"""The column to learn: what task it makes, its values as numbers for a network and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values

TASKS = ("auto", "classification", "regression")
FEW = 20  # different whole numbers that still are classes
MANY_CLASSES = 1000
Array = NDArray[Any]


class Target:
    """A target that has been looked at: make it with `Target.fit`.

    Attributes
    ----------
    name : str
        The name of its column.
    task : str
        ``classification`` or ``regression``.
    classes : list
        The classes in order, as text or as whole numbers; empty for regression.
    mean, scale : float
        What `encode` takes out of the values of a regression.
    notes : list of str
        What was noticed, a short sentence each.
    """

    def __init__(
        self,
        name: str,
        task: str,
        classes: Sequence[str] | Sequence[int] = (),
        mean: float = 0.0,
        scale: float = 1.0,
        notation: str = values.POINT,
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.task, self.classes = name, task, list(classes)
        self.mean, self.scale, self.notation, self.notes = mean, scale, notation, list(notes)
        self._codes = {str(label): code for code, label in enumerate(self.classes)}

    @classmethod
    def fit(cls, series: pd.Series, task: str = "auto") -> Target:
        """Look at a target.

        With ``auto``, text, yes and no, and up to 20 different whole numbers are classes; else it is a regression.

        Raises
        ------
        ValueError
            No values, one class only, text for a regression, far too many classes.
        """
        if task not in TASKS:
            raise ValueError(f'task must be one of {", ".join(TASKS)}, got "{task}"')
        name = str(series.name)
        labels = values.labels(series)
        keep = np.array([v is not None for v in labels], dtype=bool)
        if not keep.any():
            raise ValueError(f'target "{name}" has no values; expected at least two different ones')
        counts = pd.Series(labels[keep], dtype=object).value_counts()
        if len(counts) == 1:
            raise ValueError(f'target "{name}" is always {counts.index[0]}; expected at least two different values')
        notation, x = _as_numbers(series)
        chosen = task if task != "auto" else _guess_task(series, x, counts)
        notes = _missing_note(name, keep if x is None or chosen == "classification" else ~np.isnan(x))
        if task == "auto":
            notes.append(f'"{name}" is taken for a {chosen}; --task {_other(chosen)} would change that')
        if chosen == "regression":
            return cls._regression(series, x, notation, notes)
        return cls._classification(series, x, counts, notes)

    @classmethod
    def _regression(cls, series: pd.Series, x: Array | None, notation: str, notes: list[str]) -> Target:
        if x is None:
            shown = next(v for v in values.labels(series) if v is not None and not _is_number(v))
            raise ValueError(f'target "{series.name}" holds text such as "{shown[:40]}"; a regression needs numbers')
        x = x[~np.isnan(x)]
        if len(x) == 0 or x.min() == x.max():
            raise ValueError(f'target "{series.name}" has no two different finite numbers; a regression needs some')
        return cls(str(series.name), "regression", (), float(x.mean()), float(x.std()), notation, notes)

    @classmethod
    def _classification(cls, series: pd.Series, x: Array | None, counts: pd.Series, notes: list[str]) -> Target:
        rows, name = int(counts.sum()), str(series.name)
        if len(counts) > MANY_CLASSES or (rows >= 20 and len(counts) > 0.5 * rows):
            remedy = "is it the right column?" if x is None else "--task regression predicts numbers"
            found = f"{len(counts)} different values in {rows} rows"
            raise ValueError(f'target "{name}" has {found}, too many for classes; {remedy}')
        names: list[str] = sorted(counts.index)
        labels: list[str] | list[int] = names
        if x is not None and not pd.api.types.is_bool_dtype(series):
            labels = names = sorted(names, key=lambda v: values.number(v, values.POINT))
            if all(v.lstrip("-").isdigit() and str(int(v)) == v for v in names):
                labels = [int(v) for v in names]
        rare = [label for label, n in counts.items() if n == 1]
        if rare:
            notes = [*notes, f"{len(rare)} class{'es' * (len(rare) > 1)} with a single row, such as {rare[0]}"]
        return cls(name, "classification", labels, notes=notes)

    def scaled(self, series: pd.Series) -> Target:
        """The same target; for a regression with mean and deviation of these rows, to be those that are learnt from.

        Where they are all equal, the deviation is taken for 1.
        """
        if self.task != "regression":
            return self
        x = values.numbers(series, self.notation)
        x = x[~np.isnan(x)]
        state = self.state() | {"mean": float(x.mean()), "scale": float(x.std()) or 1.0}
        return Target(**state)

    def encode(self, series: pd.Series) -> tuple[Array, NDArray[np.bool_]]:
        """The values as a network learns them, and which rows have one.

        Returns
        -------
        y : ndarray
            One entry for each row kept: codes of classes in int32, or numbers of mean 0 and deviation 1 in float64.
        keep : ndarray of bool
            One entry for each row given: False where the target is missing.

        Raises
        ------
        ValueError
            A class that `fit` did not meet; text where numbers were.
        """
        if self.task == "regression":
            x = values.numbers(series, self.notation)
            keep = ~np.isnan(x)
            return (x[keep] - self.mean) / self.scale, keep
        labels = values.labels(series)
        keep = np.array([v is not None for v in labels], dtype=bool)
        codes = pd.Index(list(self._codes), dtype=object).get_indexer(labels[keep])
        if (codes < 0).any():
            new = labels[keep][codes < 0][0]
            known = ", ".join(list(self._codes)[:8]) + " ..." * (len(self._codes) > 8)
            raise ValueError(f'target "{self.name}": class "{new[:40]}" did not occur in training; known are {known}')
        return codes.astype(np.int32), keep

    def decode(self, y: Array) -> Array:
        """Codes as classes, or a network's numbers as values of the target."""
        if self.task == "regression":
            return np.asarray(y, np.float64) * self.scale + self.mean
        return np.array(self.classes)[np.asarray(y, np.intp)]

    def readable(self, history: dict[str, list[float]]) -> dict[str, list[float]]:
        """What a training on encoded values tells by epoch, its absolute errors in the target's unit."""
        return {
            name: [v * self.scale for v in told] if name.removeprefix("val_") == "mae" else told
            for name, told in history.items()
        }

    def state(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "name": self.name, "task": self.task, "classes": self.classes, "mean": self.mean, "scale": self.scale,
            "notation": self.notation, "notes": self.notes,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Target:
        """The target that `state` describes.

        Raises
        ------
        ValueError
            It is no such state.
        """
        try:
            target = cls(**state)
            sound = target.task in TASKS[1:] and target.notation in (values.POINT, values.COMMA)
            sound &= all(isinstance(v, str) for v in [target.name, *target.notes])
            sound &= all(isinstance(v, str | int) for v in target.classes)
            sound &= bool(np.isfinite(target.mean)) and np.isfinite(target.scale) and target.scale > 0
            sound &= (len(target.classes) >= 2) == (target.task == "classification")
        except TypeError:
            sound = False
        if not sound:
            raise ValueError("not the state of a target that pydl wrote, or damaged")
        return target


def _as_numbers(series: pd.Series) -> tuple[str, Array | None]:
    """The notation and the values of a target of numbers, NaN where missing; None for text and dates."""
    if pd.api.types.is_datetime64_any_dtype(series):
        raise ValueError(f'target "{series.name}" holds dates; expected classes or numbers')
    notation = values.POINT
    if values.is_text(series):
        words = [v for v in pd.unique(values.labels(series)) if v is not None]
        notation, others = values.number_format(words)
        if any(w.lower() not in values.MISSING_AMONG_NUMBERS for w in others) or len(others) == len(words):
            return values.POINT, None
    return notation, values.numbers(series, notation)


def _is_number(text: str) -> bool:
    return not np.isnan(values.number(text, values.POINT))


def _guess_task(series: pd.Series, x: Array | None, counts: pd.Series) -> str:
    if x is None or len(counts) == 2 or pd.api.types.is_bool_dtype(series):
        return "classification"
    present = x[~np.isnan(x)]
    whole = bool((present == np.floor(present)).all())
    few = len(counts) <= FEW and len(counts) <= max(3, len(present) / 5)
    return "classification" if whole and few else "regression"


def _other(task: str) -> str:
    return "regression" if task == "classification" else "classification"


def _missing_note(name: str, keep: NDArray[np.bool_]) -> list[str]:
    gone = int((~keep).sum())
    return [f'{gone} row{"s" * (gone > 1)} without a value of "{name}" left out'] if gone else []

"""The column to learn: what task it makes, its values as numbers for a network and back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values
from pydl.pipeline.levels import Levels

TASKS = ("auto", "classification", "regression")
FEW = 20  # different whole numbers that still are classes
MANY_CLASSES = 1000
LEFT_OUT = "left out"  # how a note about rows without a value ends
STRAY = 0.2  # of the rows: so many words among numbers still are no classes
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
        What `encode` takes out of the values of a regression, or out of their logarithms.
    words : list of str
        Values that are no numbers, among such; their rows are left out.
    log : float
        0, or the size of small values, from which on the logarithm of a value is what is learnt.
    counts : bool
        Whether the values are learnt as multiples of their mean, none of them negative.
    threshold : float or None
        The probability from which on the second of two classes is predicted; None: the likeliest class is.
    quantile : float or None
        Which quantile of a regression is predicted, where it is asked for.
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
        words: Sequence[str] = (),
        log: float = 0.0,
        counts: bool = False,
        threshold: float | None = None,
        quantile: float | None = None,
    ) -> None:
        self.name, self.task, self.classes = name, task, list(classes)
        self.mean, self.scale, self.notation, self.notes = mean, scale, notation, list(notes)
        self.words, self.log, self.counts = list(words), log, counts
        self.threshold, self.quantile = threshold, quantile
        self._levels = Levels(self.classes)

    @classmethod
    def fit(
        cls, series: pd.Series, task: str = "auto", positive: str | None = None, log: bool = False,
        of_counts: bool = False,
    ) -> Target:  # fmt: skip
        """Look at a target.

        With ``auto``, text, yes and no, and up to 20 different whole numbers are classes, where none of more than
        three is in a single row only; else it is a regression.
        Words among more than 20 different numbers are no classes: their rows are left out, where they are a fifth of
        all at most.

        Parameters
        ----------
        series : Series
        task : {"auto", "classification", "regression"}
        positive : str, optional
            Which of two classes counts as the positive one; else the second by name.
        log : bool
            Whether a regression learns the logarithm of the values, with their sign.
        of_counts : bool
            Whether a regression learns multiples of the mean, as the Poisson loss needs them.

        Raises
        ------
        ValueError
            No values, one class only, text for a regression, far too many classes; options that do not fit; negative
            values among counts.
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
            raise ValueError(
                f'target "{name}" is always {counts.index[0][:40]}; expected at least two different values'
            )
        notation, x, words = _as_numbers(series, task)
        chosen = task if task != "auto" else _guess_task(series, x, counts)
        notes = _missing_note(series, keep if x is None or chosen == "classification" else ~np.isnan(x))
        if task == "auto":
            notes.append(f'"{name}" is taken for a {chosen}; --task {_other(chosen)} would change that')
        if chosen == "regression" and notation == values.SPAN:
            notes.append(f'"{name}" holds spans of time: they are learnt, and predicted, in seconds')
        if chosen == "regression" and (makes := values.different_makes(list(counts.index))):
            notes.append(f'"{name}" holds {" beside ".join(makes)}: each is read as the number that it shows')
        if words:
            shown = ", ".join(f'"{w[:40]}"' for w in words[:5]) + " ..." * (len(words) > 5)
            notes.append(f'"{name}" holds numbers; {shown} among them count{"s" * (len(words) == 1)} as missing')
        if chosen == "regression":
            if positive is not None:
                raise ValueError(f'--positive {positive}: "{name}" has no classes; it is taken for a regression')
            found = cls._regression(series, x, notation, notes, words, log)
            return found._as_counts(found.numbers(series)) if of_counts else found
        if log:
            raise ValueError(f'--log-target: "{name}" is taken for classes; --task regression would change that')
        return cls._classification(series, x, counts, notes)._with_positive(positive)

    def _with_positive(self, label: str | None) -> Target:
        """The same classes, the positive one last."""
        if label is None:
            return self
        code = int(self._levels.codes(np.array([label], dtype=object))[0])
        if code < 0 or len(self.classes) != 2:
            known = ", ".join(map(str, self.classes[:8])) + " ..." * (len(self.classes) > 8)
            raise ValueError(f'--positive {label}: expected one of two classes; "{self.name}" has {known}')
        return Target(**(self.state() | {"classes": [self.classes[1 - code], self.classes[code]]}))

    @classmethod
    def _regression(
        cls, series: pd.Series, x: Array | None, notation: str, notes: list[str], words: list[str], log: bool
    ) -> Target:  # fmt: skip
        if x is None:
            shown = next(v for v in values.labels(series) if v is not None and not _is_number(v))
            raise ValueError(f'target "{series.name}" holds text such as "{shown[:40]}"; a regression needs numbers')
        x = x[~np.isnan(x)]
        if len(x) == 0 or x.min() == x.max():
            raise ValueError(f'target "{series.name}" has no two different finite numbers; a regression needs some')
        unit = _small(x) if log else 0.0
        return cls(str(series.name), "regression", (), *_moments(_logarithms(x, unit)), notation, notes, words, unit)

    def _as_counts(self, x: values.Floats) -> Target:
        """The same values as multiples of their mean."""
        if np.nanmin(x) < 0:
            raise ValueError(
                f'--loss poisson: "{self.name}" has negative values such as {np.nanmin(x):g}; expected counts or '
                "other amounts from 0 on"
            )
        return Target(**(self.state() | {"mean": 0.0, "scale": float(np.nanmean(x)), "counts": True}))

    @classmethod
    def _classification(cls, series: pd.Series, x: Array | None, counts: pd.Series, notes: list[str]) -> Target:
        rows, name = int(counts.sum()), str(series.name)
        if len(counts) > MANY_CLASSES or (rows >= 20 and len(counts) > 0.5 * rows):
            numeric = sum(map(_is_number, counts.index)) > 0.5 * len(counts)
            remedy = "--task regression predicts numbers" if numeric else "is it the right column?"
            words = [f'"{v[:40]}"' for v in counts.index if not _is_number(v)] if numeric else []
            remedy += f", and leaves out {', '.join(words[:5])}{' ...' * (len(words) > 5)}" if words else ""
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

    @property
    def each(self) -> tuple[Target, ...]:
        """The targets that a network has an output for: this one. See `targets.Targets` for several."""
        return (self,)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return (self.name,)

    def with_each(self, each: Sequence[Target]) -> Target:
        """The same with another target in the place of each."""
        (one,) = each
        return one

    def of(self, frame: Any) -> pd.Series:
        """What there is to learn in a table."""
        return frame[self.name]

    def apart(self, y: Array) -> list[tuple[Array, Array | None]]:
        """For each target its values, and the places of the rows that have one; None: all of them."""
        return [(y, None)]

    def strata(self, y: Array) -> tuple[Target, Array]:
        """By what rows are parted so that the parts are alike: a target, and its values."""
        return self, y

    def told(self, history: Mapping[str, list[float]], one: Target) -> dict[str, list[float]]:
        """What a training tells of one of the targets by epoch: all of it."""
        return dict(history)

    def scaled(self, series: pd.Series, weights: Array | None = None) -> Target:
        """The same target; for a regression with mean and deviation of these rows, to be those that are learnt from.

        Where they are all equal, the deviation is taken for 1. A row of weight 0 is as good as none.
        """
        if self.task != "regression":
            return self
        x = self.numbers(series)
        there = ~np.isnan(x)
        if weights is not None and weights[there].any():
            there &= weights > 0
            weights = weights[there]
        else:
            weights = None
        x = x[there]
        unit = _small(x) if self.log and x.any() else self.log
        x = _logarithms(x, unit)
        mean, scale = (0.0, float(np.average(x, weights=weights))) if self.counts else _moments(x, weights)
        return Target(**(self.state() | {"mean": mean, "scale": scale or 1.0, "log": unit}))

    def encode(self, series: pd.Series, new: dict[str, Counter[str]] | None = None) -> tuple[Array, NDArray[np.bool_]]:
        """The values as a network learns them, and which rows have one.

        Parameters
        ----------
        series : Series
        new : dict of str to Counter, optional
            Where to count classes that `fit` did not meet, by the target's name; their rows are not kept. Without it
            they are an error.

        Returns
        -------
        y : ndarray
            One entry for each row kept: codes of classes in int32, or numbers of mean 0 and deviation 1 in float64.
        keep : ndarray of bool
            One entry for each row given: False where the target is missing.

        Raises
        ------
        ValueError
            A class that `fit` did not meet.
        """
        if self.task == "regression":
            x = self.numbers(series)
            keep = ~np.isnan(x)
            return (_logarithms(x[keep], self.log) - self.mean) / self.scale, keep
        labels = values.labels(series)
        keep = np.array([v is not None for v in labels], dtype=bool)
        codes = self._levels.codes(labels[keep])
        known = codes >= 0
        if not known.all():
            unknown = labels[keep][~known]
            if new is None:
                raise self.unknown_class(unknown[0])
            new.setdefault(self.name, Counter()).update(unknown)
            keep[keep] = known
        return codes[known].astype(np.int32), keep

    def unknown_class(self, label: str) -> ValueError:
        """The error that a class is which `fit` did not meet."""
        known = ", ".join(map(str, self.classes[:8])) + " ..." * (len(self.classes) > 8)
        return ValueError(f'target "{self.name}": class "{label[:40]}" did not occur in training; known are {known}')

    def numbers(self, series: pd.Series) -> values.Floats:
        """The values of a regression in their own unit, NaN where missing or no number."""
        return values.numbers(series, self.notation, self.words, Counter())

    def decode(self, y: Array) -> Array:
        """Codes as classes, or a network's numbers as values of the target."""
        if self.task == "regression":
            return _powers(np.asarray(y, np.float64) * self.scale + self.mean, self.log)
        return np.array(self.classes)[np.asarray(y, np.intp)]

    def truth(self, y: Array) -> Array:
        """`decode` of targets that were encoded: the numbers of the file, without what the way there and back adds."""
        found = self.decode(y)
        if self.task != "regression":
            return found
        largest = 1.0 if self.log else max(abs(float(self.mean)), float(self.scale))
        return np.round(found, int(np.clip(13 - math.floor(math.log10(largest)), -300, 300))) if largest else found

    def parted_at(self, threshold: float) -> Target:
        """The same two classes, the second predicted from this probability on."""
        return Target(**(self.state() | {"threshold": threshold}))

    def chosen(self, probabilities: Array) -> NDArray[np.intp]:
        """The codes of the classes to predict, of probabilities with a column for each class."""
        if self.threshold is None:
            return np.asarray(probabilities.argmax(axis=1))
        return np.asarray(probabilities[:, 1] >= self.threshold, np.intp)

    def linear(self, y: Array) -> Array:
        """Encoded numbers on a scale whose step is `unit` of the target's."""
        return self.decode(y) - self.decode(np.zeros(1)) if self.log else y

    @property
    def unit(self) -> float:
        """The step of `linear` values."""
        return 1.0 if self.log else self.scale

    def readable(self, history: dict[str, list[float]]) -> dict[str, list[float]]:
        """What a training on encoded values tells by epoch, its absolute errors in the target's unit."""
        return {
            name: [v * self.scale for v in told] if name.removeprefix("val_") == "mae" and not self.log else told
            for name, told in history.items()
        }

    def state(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "name": self.name, "task": self.task, "classes": self.classes, "mean": self.mean, "scale": self.scale,
            "notation": self.notation, "notes": self.notes, "words": self.words, "log": self.log, "counts": self.counts,
            "threshold": self.threshold, "quantile": self.quantile,
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
            sound = target.task in TASKS[1:] and values.is_notation(target.notation)
            sound &= all(isinstance(v, str) for v in [target.name, *target.notes, *target.words])
            sound &= 0 <= target.log < np.inf and isinstance(target.counts, bool)
            sound &= all(isinstance(v, str | int) for v in target.classes)
            sound &= bool(np.isfinite(target.mean)) and np.isfinite(target.scale) and target.scale > 0
            sound &= target.threshold is None or (len(target.classes) == 2 and 0 <= target.threshold <= 1)
            sound &= target.quantile is None or 0 < target.quantile < 1
            sound &= (len(target.classes) >= 2) == (target.task == "classification")
        except TypeError:
            sound = False
        if not sound:
            raise ValueError("not the state of a target that pydl wrote, or damaged")
        return target


def _as_numbers(series: pd.Series, task: str) -> tuple[str, Array | None, list[str]]:
    """Notation and values of a target of numbers, NaN where missing, and the words among them; None for text."""
    if pd.api.types.is_datetime64_any_dtype(series):
        raise ValueError(f'target "{series.name}" holds dates; expected classes or numbers')
    if not values.is_text(series):
        return values.of_file(series), values.numbers(series, values.POINT), []
    counts = pd.Series(values.labels(series), dtype=object).value_counts()
    notation, others = values.number_format(list(counts.index), series.attrs.get("notation"))
    words = [w for w in others if w.lower() not in values.MISSING_AMONG_NUMBERS]
    if len(others) == len(counts) or (words and not _are_strays(counts, words, task)):
        return values.POINT, None, []
    return notation, values.numbers(series, notation, words), words


def _are_strays(counts: pd.Series, words: list[str], task: str) -> bool:
    """Whether words among numbers are to be left out, rather than classes as the numbers are."""
    share = counts[words].sum() / counts.sum()
    if task == "auto":
        return bool(len(counts) - len(words) > FEW and share <= STRAY)
    return bool(task == "regression" and share < 0.5)


def _moments(x: values.Floats, weights: Array | None = None) -> tuple[float, float]:
    """Mean and deviation."""
    if weights is None:
        return float(x.mean()), float(x.std())
    mean = np.average(x, weights=weights)
    return float(mean), float(np.sqrt(np.average((x - mean) ** 2, weights=weights)))


def _small(x: values.Floats) -> float:
    """The size of the small values, from which on the logarithm bends."""
    return float(np.quantile(np.abs(x[x != 0]), 0.1))


def _logarithms(x: values.Floats, unit: float) -> values.Floats:
    """With the sign of the values; as they are where there is no unit."""
    return np.sign(x) * np.log1p(np.abs(x) / unit) if unit else x


def _powers(x: values.Floats, unit: float) -> values.Floats:
    """What `_logarithms` was made from."""
    return np.sign(x) * np.expm1(np.minimum(np.abs(x), 600.0)) * unit if unit else x


def _is_number(text: str) -> bool:
    return not np.isnan(values.number(text, values.POINT))


def _guess_task(series: pd.Series, x: Array | None, counts: pd.Series) -> str:
    nominal = series.name in series.attrs.get("levels", ())
    if x is None or len(counts) == 2 or nominal or pd.api.types.is_bool_dtype(series):
        return "classification"
    present = x[~np.isnan(x)]
    whole = bool((present == np.floor(present)).all())
    few = len(counts) <= FEW and len(counts) <= max(3, len(present) / 5)
    few &= len(counts) <= 3 or counts.min() > 1  # counts trail off in single rows, which no class can be learnt from
    return "classification" if whole and few else "regression"


def _other(task: str) -> str:
    return "regression" if task == "classification" else "classification"


def _missing_note(series: pd.Series, keep: NDArray[np.bool_]) -> list[str]:
    gone = int((~keep).sum())
    infinite = pd.api.types.is_float_dtype(series) and bool(np.isinf(series.to_numpy(np.float64, na_value=0)).any())
    what = "a finite value" if infinite else "a value"
    return [f'{gone} row{"s" * (gone > 1)} without {what} of "{series.name}" {LEFT_OUT}'] if gone else []

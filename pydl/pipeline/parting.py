"""How rows are parted that come in an order or belong together: by time, by group, or as a column of the file says.

A `Parting` holds a code for each row of a table, and picks by these codes which rows to hold out. What it leaves open
(None) is left to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pydl.pipeline import values
from pydl.pipeline.target import Target

Array = NDArray[Any]
Places = tuple[Array, Array]  # of the rows to learn from, and of those held out

_DRAWS = 32  # of groups to hold out, the best of which is taken
_MOST_COUNTS = 5_000_000  # groups x classes beyond which the shares of classes are left to chance
TRAIN, VALIDATION, TEST = "train", "validation", "test"
_HINT = "hold out none to validate on with --val 0, give rows to judge on with --test, or part the rows otherwise"


class Parting:
    """Which rows to hold out, of the rows with some index.

    Parameters
    ----------
    option : str
        As errors call it.
    how : str
        What is done, in words.
    codes : ndarray of int
        One for each row of `frame`.
    frame : DataFrame
        The rows that are to be parted.
    names : sequence
        What each code stands for.
    notes : sequence of str
        What was odd.
    """

    averages = True  # whether each part of few rows may be held out in turn
    folds = 0  # of a cross-validation that the file itself asks for
    unit = ""  # what a code is

    def __init__(
        self, option: str, how: str, codes: Array, frame: pd.DataFrame, names: Sequence[Any], notes: Sequence[str] = ()
    ) -> None:
        self.option, self.how, self.names, self.notes = option, how, names, list(notes)
        self._codes = pd.Series(codes, index=frame.index)

    def of(self, index: Any) -> Array:
        """The codes of some rows."""
        return self._codes.reindex(index).to_numpy()

    def split(self, index: Any, y: Array, share: float, target: Target, seed: int) -> Places | None:
        """Rows to learn from, and a share to hold out: first those to judge on, then those to validate on."""
        raise NotImplementedError

    def in_turn(self, index: Any, y: Array, parts: int, target: Target, seed: int) -> list[Places] | None:
        """So many parts, each held out once."""
        raise NotImplementedError

    def check(self, y: Array, places: Places, target: Target) -> None:
        """Refuse rows to learn from that are all of one of several classes; those without a value (NaN) do not count.

        Raises
        ------
        ValueError
        """
        y, left = y[~np.isnan(y)], np.unique(y[places[0]])
        left = left[~np.isnan(left)]
        if target.task == "classification" and len(left) == 1 < len(np.unique(y)):
            raise ValueError(
                f"{self.option}: the {len(places[0]):,} rows to learn from are all of one class, "
                f'"{target.classes[int(left[0])]}"; hold out less (--val, --cv), or part the rows otherwise'
            )

    def few(self, index: Any, parts: int) -> int:
        """In how many parts to hold out few rows in turn, where so many are wanted."""
        return parts

    def described(self, index: Any) -> Any:
        """What is said of a part in `info.json`: how many units it has."""
        return len(np.unique(self.of(index)))

    def _require(self, index: Any, units: int, hint: str) -> None:
        found = np.unique(self.of(index))
        if len(found) < units:
            which = f' ("{values.label(self.names[found[0]])}")' if len(found) == 1 else ""
            raise ValueError(
                f"{self.option}: there are {len(index):,} rows to part, but only {len(found)} "
                f"{self.unit}{'s' * (len(found) > 1)}{which}, and each goes as a whole; {hint}"
            )


class ByTime(Parting):
    """The latest rows are held out; rows of one moment stay together."""

    averages = False  # or networks would be validated on what was before
    unit = "moment"

    def split(self, index: Any, y: Array, share: float, target: Target, seed: int) -> Places:
        self._require(index, 2, _HINT)
        codes = self.of(index)
        (cut,) = _cuts(codes, [len(codes) - max(1, round(share * len(codes)))])
        return np.flatnonzero(codes < cut), np.flatnonzero(codes >= cut)

    def in_turn(self, index: Any, y: Array, parts: int, target: Target, seed: int) -> list[Places]:
        """Forward in time: each part but the first is told from all before it."""
        self._require(index, parts + 1, f"--cv {parts} needs {parts + 1} or more")
        codes = self.of(index)
        cuts = [*_cuts(codes, [len(codes) * k / (parts + 1) for k in range(1, parts + 1)]), codes.max() + 1]
        return [(np.flatnonzero(codes < a), np.flatnonzero((codes >= a) & (codes < b))) for a, b in pairwise(cuts)]

    def described(self, index: Any) -> list[str]:
        """The first moment and the last."""
        codes = self.of(index)
        return [values.label(self.names[code]) for code in (codes.min(), codes.max())]


def _cuts(codes: Array, wanted: Sequence[float]) -> list[Any]:
    """The codes at which parts begin, such that about so many rows are before each; no part is empty."""
    units, counts = np.unique(codes, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    places: list[int] = []
    for k, rows in enumerate(wanted):
        nearest = int(np.abs(before - rows).argmin())
        places.append(int(np.clip(nearest, places[-1] + 1 if places else 1, len(units) - (len(wanted) - k))))
    return [units[place] for place in places]


class ByGroup(Parting):
    """No group is in two parts; which are held out is a matter of chance, with equal shares of classes if possible."""

    unit = "group"

    def split(self, index: Any, y: Array, share: float, target: Target, seed: int) -> Places:
        self._require(index, 2, _HINT)
        _, groups = np.unique(self.of(index), return_inverse=True)
        count = int(groups.max()) + 1
        classes = len(target.classes) if target.task == "classification" else 1
        if classes * count > _MOST_COUNTS:
            classes = 1
        kinds = y.astype(int) if classes > 1 else np.zeros(len(y), int)
        counts = np.bincount(groups * classes + kinds, minlength=count * classes).reshape(count, classes)
        chosen = _drawn(counts, share, np.random.default_rng(seed))
        held_out = np.isin(groups, chosen)
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def in_turn(self, index: Any, y: Array, parts: int, target: Target, seed: int) -> list[Places]:
        self._require(index, parts, f"--cv {parts} needs as many or more")
        groups = self.of(index)
        by_class = target.task == "classification" and np.unique(y, return_counts=True)[1].min() >= parts
        for kinds in ([y] if by_class else []) + [np.zeros(len(y), int)]:
            kind = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
            found = [(np.sort(inside), outside) for inside, outside in kind.split(groups, kinds, groups)]
            if all(len(outside) for _, outside in found):  # few groups that differ in classes can leave a part empty
                break
        return found

    def few(self, index: Any, parts: int) -> int:
        self._require(index, 2, _HINT)
        return min(parts, len(np.unique(self.of(index))))


def _drawn(counts: Array, share: float, rng: np.random.Generator) -> Array:
    """The groups to hold out: of some draws, the one nearest to the share of each class.

    `counts` are the rows of each group (a line) and class. A class that is missing on one side counts as all rows.
    """
    total = counts.sum(axis=0)
    several = total > 1
    best, least = np.zeros(0, int), np.inf
    for _ in range(_DRAWS):
        order = rng.permutation(len(counts))
        sums = counts[order].cumsum(axis=0)
        k = 1 + int(np.abs(sums[:-1].sum(axis=1) - share * total.sum()).argmin())
        held_out = sums[k - 1]
        lost = int((((held_out == 0) | (held_out == total)) & several).sum())
        away = np.abs(held_out - share * total).sum() + lost * total.sum()
        if away < least:
            best, least = order[:k], away
    return best


class ByFold(Parting):
    """Each row is held out with its fold, as the file says; those of no fold never are."""

    unit = "fold"

    @property
    def folds(self) -> int:  # type: ignore[override]
        """As many as the column names."""
        return len(self.names)

    def split(self, index: Any, y: Array, share: float, target: Target, seed: int) -> Places | None:
        """The last fold; where that is all there is, by chance."""
        codes = self.of(index)
        return _places(codes == codes.max()) if self._count(index) > 1 else None

    def few(self, index: Any, parts: int) -> int:
        return self._count(index) if self._count(index) > 1 else parts

    def in_turn(self, index: Any, y: Array, parts: int, target: Target, seed: int) -> list[Places] | None:
        codes = self.of(index)
        return [_places(codes == code) for code in np.unique(codes[codes >= 0])] if self._count(index) > 1 else None

    def _count(self, index: Any) -> int:
        codes = self.of(index)
        return len(np.unique(codes[codes >= 0]))

    def described(self, index: Any) -> list[str]:
        """The folds of the rows."""
        return [self.names[code] for code in np.unique(self.of(index)) if code >= 0]


class ByWord(Parting):
    """A column says which rows are to learn from, to validate on and to judge on."""

    unit = "part"

    @property
    def averages(self) -> bool:  # type: ignore[override]
        """Not where the file says what to validate on."""
        return VALIDATION not in self.names

    def split(self, index: Any, y: Array, share: float, target: Target, seed: int) -> Places | None:
        """Those to judge on; where none of them is left, those to validate on; where none is, by chance."""
        words = np.array(self.names)[self.of(index)]
        for part in (TEST, VALIDATION):
            if (words == part).any():
                return _places(words == part)
        return None

    def in_turn(self, index: Any, y: Array, parts: int, target: Target, seed: int) -> None:
        return None

    def described(self, index: Any) -> list[str]:
        """The words of the rows."""
        return [self.names[code] for code in np.unique(self.of(index))]


def _places(held_out: Array) -> Places:
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)

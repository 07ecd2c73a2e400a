"""Training, validation and test parts, and folds: by chance, by class, by group or in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pydl._base.args import real, whole
from pydl.data.base import Source
from pydl.data.indexed import IndexedSource

Array = NDArray[Any]


class Split(NamedTuple):
    """Three parts: row numbers, or sources."""

    train: Any
    validation: Any
    test: Any


def split_rows(
    n: int, *, test: float = 0.2, validation: float = 0.0, stratify: Any = None, groups: Any = None,
    time: Any = None, seed: int = 0,
) -> Split:  # fmt: skip
    """Row numbers of three parts that share no row.

    Parameters
    ----------
    n : int
        How many rows there are.
    test, validation : float
        Shares of all rows, of all groups where there are any; 0 leaves the part empty.
    stratify : array of n values, optional
        Each part has these values (classes) in the proportions of the whole.
    groups : array of n values, optional
        Rows of one value stay in one part: patients, users, devices.
    time : array of n values, optional
        Train on the earliest rows, validate on later ones, test on the latest. Rows of one time stay in one part.
    seed : int

    Raises
    ------
    ValueError
        Shares that leave no training row, options that exclude each other, classes too small to be split.
    """
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit, train_test_split

    owner = "split_rows"
    n = whole(owner, "n", n, at_least=1)
    shares = {
        name: real(owner, name, s, at_least=0, below=1) for name, s in (("validation", validation), ("test", test))
    }
    if sum(shares.values()) >= 1:
        raise ValueError(f"{owner}: expected validation + test below 1, got {validation} + {test}")
    labels, owners, times = (_per_row(owner, *given, n) for given in _named(stratify, groups, time))
    if sum(v is not None for v in (labels, owners, times)) > 1:
        raise ValueError(f"{owner}: expected one of stratify, groups and time; fold_rows takes stratify with groups")
    rows = np.arange(n)
    if times is not None:
        return _by_time(owner, times, shares)
    parts: dict[str, Array] = {}
    left, units = rows, n if owners is None else len(np.unique(owners))
    for name in ("test", "validation"):
        if not shares[name]:
            parts[name] = rows[:0]
            continue
        count = max(1, round(units * shares[name]))
        if owners is not None:
            drawn = GroupShuffleSplit(1, test_size=count, random_state=seed).split(left, groups=owners[left])
            kept, out = next(drawn)
        elif labels is not None:
            kept, out = next(StratifiedShuffleSplit(1, test_size=count, random_state=seed).split(left, labels[left]))
        else:
            kept, out = train_test_split(np.arange(len(left)), test_size=count, random_state=seed)
        parts[name], left = np.sort(left[out]), np.sort(left[kept])
    return Split(left, parts["validation"], parts["test"])


def _by_time(owner: str, times: Array, shares: dict[str, float]) -> Split:
    order = np.argsort(times, kind="stable")
    ends = []
    for later in (shares["validation"] + shares["test"], shares["test"]):
        end = len(order) - round(len(order) * later)
        while 0 < end < len(order) and times[order[end]] == times[order[end - 1]]:
            end -= 1
        ends.append(end)
    if not ends[0]:
        raise ValueError(f"{owner}: no row is early enough to train on; take smaller parts, or another column as time")
    return Split(order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :])


def fold_rows(
    n: int, k: int = 5, *, stratify: Any = None, groups: Any = None, time: Any = None, seed: int = 0
) -> Iterator[tuple[Array, Array]]:
    """Row numbers `(train, test)` of k folds.

    Parameters
    ----------
    n, k : int
    stratify, groups : array of n values, optional
        As in `split_rows`; both together are possible.
    time : array of n values, optional
        Each fold is tested on rows later than those it is trained on; the earliest rows are never tested on. The
        moments are shared out evenly, and rows of one moment stay in one part.
    seed : int

    Raises
    ------
    ValueError
        More folds than rows, groups, moments or rows of a class; options that exclude each other.
    """
    from sklearn import model_selection as ms

    owner = "fold_rows"
    n, k = whole(owner, "n", n, at_least=2), whole(owner, "k", k, at_least=2)
    labels, owners, times = (_per_row(owner, *given, n) for given in _named(stratify, groups, time))
    rows = np.arange(n)
    if times is not None:
        if labels is not None or owners is not None:
            raise ValueError(f"{owner}: time goes with neither stratify nor groups")
        moments, moment = np.unique(times, return_inverse=True)
        if len(moments) <= k:
            raise ValueError(f"{owner}: time: expected more than {k} different times for {k} folds, got {len(moments)}")
        order = np.argsort(moment, kind="stable")
        first = np.append(np.searchsorted(moment[order], np.arange(len(moments))), n)  # row of each moment
        return (
            (order[: first[b[0]]], order[first[b[0]] : first[b[-1] + 1]])
            for _, b in ms.TimeSeriesSplit(k).split(moments)
        )
    folder = {
        (False, False): ms.KFold,
        (True, False): ms.StratifiedKFold,
        (False, True): ms.GroupKFold,
        (True, True): ms.StratifiedGroupKFold,
    }[labels is not None, owners is not None]
    return iter(list(folder(k, shuffle=True, random_state=seed).split(rows, labels, owners)))


def split(source: IndexedSource, **how: Any) -> Split:
    """`split_rows` of a source: three sources, None for an empty part."""
    return Split(*(source.subset(rows) if len(rows) else None for rows in split_rows(source.rows, **how)))


def folds(source: IndexedSource, k: int = 5, **how: Any) -> Iterator[tuple[Source, Source]]:
    """`fold_rows` of a source: pairs of sources."""
    return ((source.subset(a), source.subset(b)) for a, b in fold_rows(source.rows, k, **how))


def _named(stratify: Any, groups: Any, time: Any) -> list[tuple[str, Any]]:
    return [("stratify", stratify), ("groups", groups), ("time", time)]


def _per_row(owner: str, name: str, values: Any, n: int) -> Array | None:
    if values is None:
        return None
    array = np.asarray(values)
    if name == "time" and (array != array).any():  # NaN and NaT differ from themselves
        raise ValueError(f"{owner}: time: expected a time for each row, got rows without one; leave these out first")
    if array.shape != (n,):
        raise ValueError(f"{owner}: {name}: expected one value for each of {n} rows, got shape {array.shape}")
    return array

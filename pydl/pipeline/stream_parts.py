"""Which part each row of a file in pieces goes to: by chance, as its group does, or as one column of all rows says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values
from pydl.pipeline.asked_parting import asked_parting, left_out, only_date
from pydl.pipeline.columns import guess
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting
from pydl.pipeline.target import Target

Array = NDArray[Any]
Which = Callable[[pd.DataFrame], Array]  # the part of each row, as its place in `PARTS`

PARTS = ("train", "validation", "test")
_ANY = Target("", "regression")  # rows are not parted by what there is to learn


def by_chance(shares: dict[str, float], seed: int, group: str | None = None) -> Which:
    """Rows by their numbers in the file, those of a group by its name: nothing else changes the part of a row."""
    return lambda frame: parts(_units(frame, group), shares, seed)


def by_place(places: Array) -> Which:
    """Rows as is said for each row of the file."""
    return lambda frame: places[frame.index.to_numpy()]


def decided(
    frames: Iterator[pd.DataFrame], options: TrainOptions, shares: dict[str, float]
) -> tuple[Array, str, list[str]]:  # fmt: skip
    """The part of each row of a file as `--split`, `--time` and `--fold` say, in words, and what was noticed.

    One column of the whole file is held in memory.

    Raises
    ------
    ValueError
        A column that cannot part rows.
    """
    held, name = list[pd.DataFrame](), None
    for frame in frames:
        if not held:
            kinds = options.kinds | left_out(options, list(map(str, frame.columns)))
            columns = guess(frame, options.targets, options.left_out, kinds)
            name = options.fold or options.time or only_date(frame, columns, options)
        held.append(frame[[] if name is None else [name]])
    table = pd.concat(held)
    by_time = options.fold is None and name is not None
    asked = options.with_(drop=(), **({"time": name, "split": None} if by_time else {}))
    parting = asked_parting(table, [], asked)
    assert parting is not None
    found, rest = np.zeros(len(table), np.uint8), np.arange(len(table))
    left = 1.0
    for part in ("test", "validation"):
        if shares[part]:
            mine = _held_out(parting, table.index[rest], shares[part] / left, options.seed)
            found[rest[mine]] = PARTS.index(part)
            rest, left = np.delete(rest, mine), left - shares[part]
    notes = list(parting.notes)
    if parting.folds:
        notes.append(f"of the {parting.folds} folds the last is judged on; without --stream each is in turn")
    return found, parting.how, notes


def _held_out(parting: Parting, index: pd.Index, share: float, seed: int) -> Array:
    places = parting.split(index, np.zeros(len(index)), share, _ANY, seed)
    if places is None:
        return np.flatnonzero(hashes(index.to_numpy(), seed) / 2.0**64 < share)
    return places[1]


def _units(frame: pd.DataFrame, group: str | None) -> Array:
    """What decides on the part of each row: its number in the file or, as a number, what its group is called."""
    units = frame.index.to_numpy().astype(np.uint64)
    if group is not None:
        labels = values.labels(frame[group])
        known = np.array([label is not None for label in labels], bool)
        units[known] = pd.util.hash_array(labels[known])
    return units


def hashes(numbers: Array, seed: int) -> Array:
    """A random 64-bit number for each row number: the finalizer of SplitMix64."""
    with np.errstate(over="ignore"):
        z = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z ^= np.uint64(seed % 2**63) * np.uint64(0xD1342543DE82EF95)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        return np.asarray(z ^ (z >> np.uint64(31)))


def parts(numbers: Array, shares: dict[str, float], seed: int) -> Array:
    """The part of each row, as its place in `PARTS`."""
    u = hashes(numbers, seed) / 2.0**64
    test, validation = shares["test"], shares["validation"]
    return np.where(u < test, 2, np.where(u < test + validation, 1, 0))

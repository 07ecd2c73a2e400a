"""What rows that a preparation meets after training hold that training did not: counted as they pass, and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.digits import percent

_NEW_WORDS, _FEW_WORDS = 0.1, 20  # a share beyond twice the usual one, and words below which a share tells nothing
_STEP = 2.0**-20  # deviations: a sum of so many whole steps is exact, in whatever order the rows come


@dataclass
class _Cells:
    """The cells of one column."""

    kind: str
    missing: int = 0
    outside: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    words: int = 0  # of texts
    unknown_words: int = 0
    example: str = ""  # one that is far outside
    sum: int | None = None  # of prepared numbers, in steps of `_STEP`

    def share_unknown(self, rows: int) -> float:
        """Of the cells; of texts, of their words."""
        return self.unknown_words / max(self.words, 1) if self.kind == "text" else self.unknown.total() / rows


class Usual(NamedTuple):
    """What is usual in a column, by the rows that taught the preparation.

    Attributes
    ----------
    missing, unknown : float
        Shares of its cells without a value, and with a level too rare to be learnt; of texts, of such words.
    middle : float
        The mean of its prepared numbers; that of a flag is the share of yes.
    """

    missing: float = 0.0
    unknown: float = 0.0
    middle: float = 0.0


class Seen:
    """An account of rows that pass through `Preparation.transform`.

    Parameters
    ----------
    strict : bool
        Whether a cell that cannot be read is an error; else it is counted, and missing.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict, self.rows = strict, 0
        self.in_file: list[str] = []  # what was noticed in reading them
        self.totals: list[str] = []  # of rows that sum up others
        self.without_target = 0  # rows that were left out, for there is nothing to judge them by
        self.new_classes: dict[str, Counter[str]] = {}  # of targets by name: their rows were left out, too
        self.columns: dict[str, _Cells] = {}
        self.usual: Mapping[str, Usual] = {}

    def begin(self, rows: int, kinds: Mapping[str, str], usual: Mapping[str, Usual]) -> None:
        """So many more rows, with columns of these kinds."""
        self.rows += rows
        self.usual = usual
        for name, kind in kinds.items():
            self.columns.setdefault(name, _Cells(kind))

    def unread(self, name: str) -> Counter[str] | None:
        """Where to count cells of a column that cannot be read; None where they are to be an error."""
        return None if self.strict else self.columns[name].unread

    def missing(self, name: str, rows: int) -> None:
        self.columns[name].missing += int(rows)

    def unknown(self, name: str, labels: NDArray[np.object_]) -> None:
        """Levels that have no code."""
        cells = self.columns[name]
        cells.missing += sum(label is None for label in labels)
        cells.unknown.update(str(label) for label in labels if label is not None)

    def words(self, name: str, texts: NDArray[np.object_], counts: NDArray[np.int64]) -> None:
        """Texts, and how many words each has: all, and unknown."""
        cells = self.columns[name]
        cells.missing += sum(text is None for text in texts)
        cells.words += int(counts[:, 0].sum())
        cells.unknown_words += int(counts[:, 1].sum())

    def outside(self, name: str, rows: int, example: str) -> None:
        """Rows whose number was brought nearer, and such a number."""
        cells = self.columns[name]
        cells.outside, cells.example = cells.outside + rows, cells.example if cells.outside else example

    def add(self, name: str, prepared: NDArray[Any]) -> None:
        """Prepared numbers: in deviations from the mean of training, of a flag 1 and 0."""
        cells = self.columns[name]
        cells.sum = (cells.sum or 0) + int(np.rint(prepared.astype(np.float64) / _STEP).astype(np.int64).sum())

    def shares(self) -> dict[str, Usual]:
        """What is usual, if these rows are."""
        rows = max(self.rows, 1)
        return {
            name: Usual(cells.missing / rows, cells.share_unknown(rows), (cells.sum or 0) * _STEP / rows)
            for name, cells in self.columns.items()
        }

    def of_new_classes(self) -> int:
        """How many values were of classes that did not occur in training."""
        return sum(found.total() for found in self.new_classes.values())

    def notes(self) -> list[str]:
        """A sentence for each thing that whoever uses the predictions should know."""
        gone = self.without_target
        notes = [*self.in_file, *self.totals]
        notes += [f"{gone:,} row{'s' * (gone > 1)} without a usable target left out"] if gone else []
        notes += [
            f'target "{name}": {found.total():,} row{"s" * (found.total() > 1)} of classes that did not occur in '
            f"training ({_shown(found)}) left out of the figures: of these, none can be told rightly"
            for name, found in self.new_classes.items()
        ]
        if self.rows:
            notes += [note for name, cells in self.columns.items() for note in self._about(name, cells)]
        return notes

    def _about(self, name: str, cells: _Cells) -> Iterator[str]:
        usual, of = self.usual.get(name, Usual()), f"of {self.rows:,} row{'s' * (self.rows > 1)}"
        unread, unknown = cells.unread.total(), cells.unknown.total()
        if unread:
            yield f'"{name}": {unread:,} {of}: {_shown(cells.unread)} is no {cells.kind} and taken as missing'
        elif cells.missing == self.rows and usual.missing < 1:
            yield f'"{name}" is empty; in training {percent(usual.missing)} of it was missing'
        elif self.rows >= 20 and cells.missing / self.rows > usual.missing + 0.2:
            yield f'"{name}": {percent(cells.missing / self.rows)} is missing; in training {percent(usual.missing)} was'
        if unknown > 2 * usual.unknown * self.rows:
            yield f'"{name}": {unknown:,} {of}: {_shown(cells.unknown)} did not occur in training, or too rarely'
        if (share := cells.share_unknown(self.rows)) > 2 * usual.unknown + _NEW_WORDS and cells.words >= _FEW_WORDS:
            yield (
                f'"{name}": {percent(share)} of {cells.words:,} words did not occur in training, or too rarely; in '
                f"training {percent(usual.unknown)}"
            )
        if cells.outside:
            plural = "lies" if cells.outside == 1 else "lie"
            yield (
                f'"{name}": {cells.outside:,} {of} {plural} far outside of what training saw, such as '
                f"{cells.example}; clipped"
            )

    def table(self) -> list[dict[str, Any]]:
        """How far each column is from what training saw.

        Returns
        -------
        list of dict
            ``column``, ``kind``; shares of its cells: ``missing`` and ``missing_in_training``, ``unknown`` (levels; of
            texts, the share of their words) and ``unknown_in_training``, ``unreadable``, ``outside`` (clipped);
            ``shift``, how far the mean, of numbers as they were clipped, is from that of the training: for numbers in
            deviations of the training, for flags in shares, else None.
        """
        rows = max(self.rows, 1)
        found: list[dict[str, Any]] = []
        for name, cells in self.columns.items():
            usual = self.usual.get(name, Usual())
            found.append({
                "column": name, "kind": cells.kind, "missing": cells.missing / rows,
                "missing_in_training": usual.missing, "unknown": cells.share_unknown(rows),
                "unknown_in_training": usual.unknown, "unreadable": cells.unread.total() / rows,
                "outside": cells.outside / rows,
                "shift": None if cells.sum is None else cells.sum * _STEP / rows - usual.middle,
            })  # fmt: skip
        return found


def _shown(values: Counter[str]) -> str:
    """The commonest few; of equals the first by name, whatever the order in which the rows came."""
    common = sorted(values, key=lambda v: (-values[v], v))
    return ", ".join(f'"{v[:40]}"' for v in common[:3]) + " ..." * (len(common) > 3)

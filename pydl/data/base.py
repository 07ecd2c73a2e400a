"""What every source is: a number of rows, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydl._base import check
from pydl._base.args import optional_whole, whole
from pydl.data.prefetch import ahead

Batch = tuple[Any, ...]  # (x,), (x, y) or (x, y, sample_weight); each an array, or a list or dict of arrays


class Source:
    """Rows to train on, read in batches; the base of all sources.

    A source of your own inherits from `IndexedSource` (rows by number) or `ChunkedSource` (rows in a stream).

    Attributes
    ----------
    rows : int or None
        How many rows there are; None where only reading them tells.
    """

    rows: int | None

    def __len__(self) -> int:
        if self.rows is None:
            raise TypeError(f"{type(self).__name__}: the number of rows is not known before they are read")
        return self.rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'unknown number of' if self.rows is None else self.rows} rows)"

    def batch_count(self, batch_size: int) -> int | None:
        """How many batches of this size there are, None where the number of rows is not known."""
        return None if self.rows is None else -(-self.rows // batch_size)

    def batches(
        self, batch_size: int = 32, *, seed: int | None = None, start: int = 0, stop: int | None = None,
        prefetch: int = 2,
    ) -> Iterator[Batch]:  # fmt: skip
        """The batches of one pass.

        Parameters
        ----------
        batch_size : int
            Rows per batch; the last one may have fewer.
        seed : int, optional
            Shuffle: an order that is a function of this number, below 2**64. None: rows as they come.
        start, stop : int
            The first batch, and the one to stop before. A pass from batch k on has the bits that the whole pass has
            there, so that an interrupted run can go on.
        prefetch : int
            How many batches to read ahead in a thread of their own; 0 reads in the calling thread.

        Yields
        ------
        tuple
            `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

        Raises
        ------
        TypeError, ValueError
            Numbers out of range; whatever reading raises.
        """
        owner = f"{type(self).__name__}.batches"
        size = check.batch_size(owner, batch_size)
        start = whole(owner, "start", start)
        stop = optional_whole(owner, "stop", stop, at_least=0)
        seed = optional_whole(owner, "seed", seed, below=2**64)
        depth = whole(owner, "prefetch", prefetch)
        batches = self._read(size, seed, start, stop)
        return ahead(batches, depth) if depth else batches

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        """`batches` in the calling thread, the arguments checked."""
        raise NotImplementedError

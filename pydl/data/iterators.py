"""Whatever can be iterated over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from pydl.data.base import Batch
from pydl.data.chunked import BUFFER, ChunkedSource, without


class IteratorSource(ChunkedSource):
    """Chunks `(x, y)` or `(x, y, sample_weight)` of any number of rows from a function or an iterable.

    They are cut into batches of the size that `fit` asks for, and shuffled inside a buffer. To start in the middle,
    chunks are made and dropped.

    Parameters
    ----------
    chunks : callable without arguments, or iterable
        Called (or iterated over) anew for each pass. An iterator serves one pass only.
    rows : int, optional
        How many rows there are, if you know: the progress bar wants it.
    buffer : int
        Rows to shuffle at a time; 1 keeps the order.

    Raises
    ------
    TypeError
        What cannot be iterated over; a chunk that is no tuple.
    ValueError
        A second pass over an iterator.
    """

    def __init__(
        self, chunks: Callable[[], Iterable[Batch]] | Iterable[Batch], *, rows: int | None = None, buffer: int = BUFFER
    ) -> None:
        super().__init__(buffer)
        if not callable(chunks) and not hasattr(chunks, "__iter__"):
            raise TypeError(
                f"IteratorSource: chunks: expected an iterable or a function that returns one, got {chunks!r:.80}"
            )
        self.rows = rows
        self._chunks, self._spent = chunks, False

    def _order(self, seed: int) -> None:
        return None

    def _stream(self, order: NDArray[Any] | None, skip: int) -> Iterator[Batch]:
        if hasattr(self._chunks, "__next__"):
            if self._spent:
                raise ValueError(
                    "IteratorSource: the iterator has been used up by the first pass; pass a function that returns a "
                    "new one, or train one epoch"
                )
            self._spent = True
        chunks = self._chunks() if callable(self._chunks) else self._chunks
        yield from without(map(_checked, chunks), skip)


def _checked(chunk: Any) -> Batch:
    if not isinstance(chunk, tuple) or not 1 <= len(chunk) <= 3:
        kind = f"tuple of {len(chunk)}" if isinstance(chunk, tuple) else type(chunk).__name__
        raise TypeError(f"IteratorSource: expected each chunk as a tuple (x, y) or (x, y, sample_weight), got a {kind}")
    return chunk

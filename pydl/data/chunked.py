"""Sources that are read in a stream, for data larger than memory: shuffled by groups, and inside a buffer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from pydl._base.args import whole
from pydl._base.random import derived, permutation
from pydl.data import nested
from pydl.data.base import Batch, Source
from pydl.data.prefetch import wanted

BUFFER = 1 << 16


class ChunkedSource(Source):
    """Rows in groups, each read from its beginning. A subclass sets `sizes` and writes `group`.

    Shuffling puts the groups into a random order, cuts that stream into buffers of `buffer` rows and shuffles each: all
    a function of the seed. What lies before a batch to start at is skipped, whole groups without reading them.

    Parameters
    ----------
    buffer : int
        Rows to shuffle at a time; up to three times as many are in memory. 1 keeps the order inside groups.

    Attributes
    ----------
    sizes : list of int
        The rows of each group.
    """

    sizes: list[int]

    def __init__(self, buffer: int = BUFFER) -> None:
        self.buffer = whole(type(self).__name__, "buffer", buffer, at_least=1)

    def group(self, number: int) -> Iterator[Batch]:
        """The rows of a group in chunks, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, of any lengths."""
        raise NotImplementedError

    def _stream(self, order: NDArray[Any] | None, skip: int) -> Iterator[Batch]:
        """The chunks of all groups in an order, without the first `skip` rows."""
        for number in range(len(self.sizes)) if order is None else order:
            if skip < self.sizes[number]:
                yield from without(self.group(int(number)), skip)
            skip = max(0, skip - self.sizes[number])

    def _order(self, seed: int) -> NDArray[Any] | None:
        return permutation(len(self.sizes), seed)

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        first = start * batch_size
        if seed is None:
            chunks = self._stream(None, first)
        else:
            window, skip = divmod(first, self.buffer)
            stream = self._stream(self._order(derived(seed, 0)), first - skip)
            chunks = without(_shuffled(cut(stream, self.buffer), seed, window), skip)
        for number, batch in enumerate(cut(chunks, batch_size), start):
            if stop is not None and number >= stop:
                break
            yield batch


def _shuffled(windows: Iterator[Batch], seed: int, first: int) -> Iterator[Batch]:
    """Each window in an order that is a function of the seed and the window's number."""
    for number, window in enumerate(windows, first):
        rows = nested.length("batches", window)
        yield nested.take(window, permutation(rows, derived(seed, number + 1)))


def without(chunks: Iterator[Batch], skip: int) -> Iterator[Batch]:
    """The chunks without the first `skip` rows."""
    for chunk in chunks:
        if not wanted():
            return
        if skip:
            rows = nested.length("batches", chunk)
            if rows <= skip:
                skip -= rows
                continue
            chunk, skip = nested.take(chunk, slice(skip, None)), 0
        yield chunk


def cut(chunks: Iterator[Batch], size: int) -> Iterator[Batch]:
    """The same rows in chunks of `size`, the last one what remains."""
    held: list[Batch] = []
    rows = 0
    for chunk in chunks:
        if not wanted():
            return
        place, length = 0, nested.length("batches", chunk)
        while rows + length - place >= size:
            end = place + size - rows
            held.append(nested.take(chunk, slice(place, end)))
            yield nested.join(held)
            held, rows, place = [], 0, end
        if place < length:
            held.append(nested.take(chunk, slice(place, None)))
            rows += length - place
    if held:
        yield nested.join(held)

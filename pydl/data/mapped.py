"""Data sets of batches on which calls are chained as programs chain those of `tf.data`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Self

import numpy as np

from pydl._base.args import whole
from pydl.data.base import Batch, Source
from pydl.data.nested import length


class Chained(Source):
    """A source that a loop goes through batch by batch, and whose batches functions may change."""

    def __iter__(self) -> Iterator[Any]:
        """The batches of one pass: a tuple of the parts, or the one part that there is."""
        raise NotImplementedError

    def map(self, function: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None) -> Mapped:
        """The batches as `function(x)`, `function(x, y)` or `function(x, y, sample_weight)` gives them.

        It is called for each batch of each pass, in the thread that reads ahead, and returns x or a tuple, of as many
        rows. `num_parallel_calls` and `deterministic` are taken because `tf.data` takes them.
        """
        if not callable(function):
            raise TypeError(f"{type(self).__name__}.map: expected a function of a batch's parts, got {function!r}")
        return Mapped(self, function)

    def prefetch(self, buffer_size: Any = None) -> Self:
        """The same data set: batches are read ahead in any case."""
        return self

    def cache(self) -> Self:
        """The same data set; what `image_dataset_from_directory` gives keeps its images in memory then."""
        return self

    def shuffle(self, buffer_size: Any = None, seed: Any = None, reshuffle_each_iteration: Any = None) -> Self:
        """The same data set in another order, in each pass unless `reshuffle_each_iteration=False`; of all its rows."""
        raise NotImplementedError

    def first(self, count: int) -> Iterator[Any]:
        """A loop over so many of the first batches."""
        return islice(self, whole(type(self).__name__, "take", count))

    def skip(self, count: int) -> Iterator[Any]:
        """A loop over the batches behind so many of the first, which are read all the same."""
        return islice(self, whole(type(self).__name__, "skip", count), None)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """A loop over the batches, which are NumPy arrays in any case."""
        return iter(self)

    def cardinality(self) -> Any:
        """How many batches there are: `len`, as a number of NumPy's."""
        return np.int64(len(self))


class Mapped(Chained):
    """What `map` returns: the batches of another data set, as a function gives them."""

    def __init__(self, of: Chained, function: Callable[..., Any]) -> None:
        self.of, self.function, self.rows = of, function, of.rows

    def __len__(self) -> int:
        return len(self.of)

    def __iter__(self) -> Iterator[Any]:
        for parts in self.of:
            yield self.function(*parts) if isinstance(parts, tuple) else self.function(parts)

    def take(self, count: int) -> Iterator[Any]:
        """A loop over so many of the first batches."""
        return self.first(count)

    def shuffle(self, buffer_size: Any = None, seed: Any = None, reshuffle_each_iteration: Any = None) -> Any:
        return Mapped(self.of.shuffle(buffer_size, seed, reshuffle_each_iteration), self.function)

    def cache(self) -> Any:
        return Mapped(self.of.cache(), self.function)

    def batch_count(self, batch_size: int) -> int | None:
        return self.of.batch_count(batch_size)

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        for batch in self.of._read(batch_size, seed, start, stop):
            made = self.function(*batch)
            if isinstance(made, list):
                raise TypeError("map: expected x or a tuple (x, y) from the function, got a list")
            made = made if isinstance(made, tuple) else (made,)
            before, after = length("map", batch), length("map", made)
            if before != after:
                raise ValueError(f"map: expected the {before} rows of the batch from the function, got {after}")
            yield made

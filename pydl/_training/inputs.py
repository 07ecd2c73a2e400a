"""What `fit`, `evaluate` and `predict` are given, opened once: arrays as `Rows`, anything else as `Batches` of them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from pydl._base import random
from pydl._base.frames import is_sparse
from pydl._training.rows import Rows


class Batches:
    """Batches that come one by one: from a source of `pydl.data`, a sequence of batches or an iterator.

    Parameters
    ----------
    x : source, sequence or iterator
    class_weight : dict, optional
    targets : bool
        Whether batches are `(x, y)` or `(x, y, sample_weight)`; else what comes behind x does not matter.
    """

    def __init__(self, model: Any, owner: str, x: Any, class_weight: Any = None, *, targets: bool = True) -> None:
        self.model, self.owner, self.x, self.class_weight, self.targets = model, owner, x, class_weight, targets

    def count(self, batch_size: int) -> int | None:
        """How many batches an epoch has, None if only the end of it will tell."""
        if _is_source(self.x):
            count: int | None = self.x.batch_count(batch_size)
            return count
        return len(self.x) if hasattr(self.x, "__len__") else None

    def rows(
        self, batch_size: int, start: int = 0, seed: int | None = None, steps: int | None = None
    ) -> Generator[Rows]:
        """The batches of an epoch: of a source or sequence in the order of a seed, if any, of an iterator as they come.

        From batch `start` on (an iterator is taken to be there already), up to batch `steps`. Only a source is asked
        for batches of `batch_size`.
        """
        with closing(_batches(self.x, batch_size, start, seed, steps)) as batches:
            for batch in batches:
                if self.targets:
                    x, y, sample_weight = split_batch(self.owner, batch)
                    yield Rows(self.model, self.owner, x, y, sample_weight, self.class_weight)
                else:
                    yield Rows(self.model, self.owner, _inputs_of(batch, self.model.inputs), targets=False)

    def begin_epoch(self, passes: int) -> None:
        """Tell who wants to know, and how many passes there were before."""
        if hasattr(self.x, "begin_pass"):
            self.x.begin_pass(passes)
        self._tell("on_epoch_begin")

    def end_epoch(self) -> None:
        """Tell who wants to know."""
        self._tell("on_epoch_end")

    def once(self, batch_size: int, steps: int | None) -> Generator[Rows]:
        """`rows`, in their own order, to judge on or to predict: such a pass begins and ends as an epoch does."""
        self._tell("on_epoch_begin")
        yield from self.rows(batch_size, steps=steps)
        self._tell("on_epoch_end")

    def _tell(self, what: str) -> None:
        if hasattr(self.x, what):
            getattr(self.x, what)()


class RepeatedBatches(Batches):
    """Batches of an iterator, copied in the first pass for those that follow: it gives none a second time."""

    _kept: list[Rows] | None = None

    def rows(
        self, batch_size: int, start: int = 0, seed: int | None = None, steps: int | None = None
    ) -> Generator[Rows]:
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for rows in super().rows(batch_size, start, seed, steps):
            kept.append(rows.copy())
            yield rows
        self._kept = kept


def open_inputs(
    model: Any, owner: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
    *, targets: bool = True,
) -> Rows | Batches:  # fmt: skip
    """What x is, is decided here and nowhere else. A model without shapes learns them from it.

    A source that holds arrays is taken for these arrays.

    Raises
    ------
    ValueError
        Targets or weights beside batches, which bring their own; data that do not fit the model.
    """
    if _is_source(x):
        if y is not None or sample_weight is not None:
            raise ValueError(f"{owner}: y and sample_weight are for arrays; {x!r} brings its own targets")
        held = getattr(x, "arrays", None)
        if held is not None:
            x, y, sample_weight = held
    if not model.built:
        first, x = _first_inputs(owner, x)
        model._build_from(owner, first)
    if not _is_batched(x):
        return Rows(model, owner, x, y, sample_weight, class_weight, targets=targets)
    if y is not None or sample_weight is not None:
        raise ValueError(f"{owner}: y and sample_weight are for arrays; batches bring their own targets")
    return Batches(model, owner, x, class_weight, targets=targets)


def open_rows(
    model: Any, owner: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
    *, targets: bool = True,
) -> Rows:  # fmt: skip
    """The same for one batch, which can only be arrays."""
    if not model.built:
        model._build_from(owner, x)
    return Rows(model, owner, x, y, sample_weight, class_weight, targets=targets)


def open_validation(model: Any, owner: str, data: Any, *, again: bool) -> Rows | Batches:
    """The same for a tuple `(x, y)` or `(x, y, sample_weight)`, or batches. `again`: there are several passes."""
    if isinstance(data, Rows):
        return data
    if isinstance(data, tuple | list):
        return Rows(model, owner, *split_batch(owner, data))
    if _is_source(data) or _is_batched(data):
        if again and _runs_out(data):
            return RepeatedBatches(model, owner, data)
        return open_inputs(model, owner, data)
    raise TypeError(f"{owner}: expected a tuple (x, y) or (x, y, sample_weight), got {type(data).__name__}")


def split_batch(owner: str, batch: Any) -> tuple[Any, Any, Any]:
    """`(x, y)` or `(x, y, sample_weight)` as three values."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        kind = f"tuple of {len(batch)}" if isinstance(batch, tuple) else type(batch).__name__
        raise ValueError(f"{owner}: expected each batch as a tuple (x, y) or (x, y, sample_weight), got a {kind}")
    return (*batch, None)[:3]


def _is_source(x: Any) -> bool:
    """Whether `x` is one of `pydl.data`: it gives batches of any size, from any place on, in the order of a seed."""
    return hasattr(x, "batches") and hasattr(x, "batch_count")


def _is_batched(x: Any) -> bool:
    """Whether `x` gives batches by itself: a source, a `PyDataset` or other sequence of batches, an iterator."""
    if _is_source(x):
        return True
    if isinstance(x, np.ndarray | list | tuple | Mapping | str) or hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return False
    if is_sparse(x):
        return False
    try:
        memoryview(x)
    except TypeError:
        pass
    else:
        return False  # array.array, memoryview, bytes
    return hasattr(x, "__next__") or hasattr(x, "__getitem__") or hasattr(x, "__iter__")


def _runs_out(x: Any) -> bool:
    """Whether `x` gives its batches once: a generator, or another iterator."""
    return not _is_source(x) and hasattr(x, "__next__") and not hasattr(x, "__getitem__")


def _batches(x: Any, batch_size: int, start: int, seed: int | None, steps: int | None) -> Generator[Any]:
    if _is_source(x):
        yield from x.batches(batch_size, seed=seed, start=start, stop=steps)
    elif hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        order = np.arange(len(x)) if seed is None else random.permutation(len(x), seed)
        yield from (x[int(i)] for i in order[start:steps])
    elif hasattr(x, "__next__"):
        yield from itertools.islice(x, None if steps is None else steps - start)
    else:
        yield from itertools.islice(x, start, steps)


def _inputs_of(batch: Any, inputs: Sequence[Any] = ()) -> Any:
    """The inputs of a batch that may bring targets and weights along, in a tuple or, as they are collated, in a list.

    A list may also be the inputs themselves, one array for each, or rows.
    """
    if isinstance(batch, tuple):
        return batch[0]
    if not isinstance(batch, list) or len(batch) not in (2, 3):
        return batch
    first = batch[0]
    if isinstance(first, list | tuple | Mapping) and len(inputs) > 1:
        return first
    if len(inputs) > 1 or not all(hasattr(part, "shape") for part in batch):
        return batch
    # whether the first array is a batch of the only input, which may be without its axis of size one, rather than a row
    whole = all(len(first.shape) in (len(t.shape), len(t.shape) - (t.shape[1:] == (1,))) for t in inputs)
    return first if whole else batch


def _first_inputs(owner: str, x: Any) -> tuple[Any, Any]:
    """Some inputs to learn shapes from, and x as it is to be read after that: an iterator gives each batch once."""
    if not _is_batched(x):
        return x, x
    if _is_source(x) and x.rows is not None:
        return _inputs_of(next(x.batches(1, prefetch=0))), x
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and len(x):
        return _inputs_of(x[0]), x
    batches = x.batches(1, prefetch=0) if _is_source(x) else iter(x)
    first = list(itertools.islice(batches, 1))
    if not first:
        raise ValueError(f"{owner}: the model has no input shape yet, and there is no batch that tells one")
    return _inputs_of(first[0]), itertools.chain(first, batches) if batches is x else x

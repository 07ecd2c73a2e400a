"""What `fit`, `evaluate` and `predict` are given, as checked arrays: whole data sets or one batch at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pydl import _check, _core
from pydl._check import Array


def _per_name(owner: str, what: str, values: Any, names: list[str]) -> list[Any]:
    """One value per name from a value, a list or a dict; None stays None for each."""
    if isinstance(values, Mapping):
        unknown = [k for k in values if k not in names]
        missing = [n for n in names if n not in values]
        if unknown or missing:
            raise ValueError(f"{owner}: {what}: expected the keys {names}, got {list(values)}")
        return [values[n] for n in names]
    if len(names) == 1:
        single = isinstance(values, list | tuple) and len(values) == 1 and hasattr(values[0], "shape")
        return [values[0]] if single else [values]
    if values is None:
        return [None] * len(names)
    if not isinstance(values, list | tuple) or len(values) != len(names):
        raise ValueError(f"{owner}: {what}: expected a list of {len(names)} arrays (or a dict) for {names}")
    return list(values)


class Rows:
    """Checked arrays of one length: inputs, then targets, then the weights of the outputs that have any.

    Attributes
    ----------
    n : int
    arrays : list of ndarray
        As the gather records of a program number them.
    weighted : tuple of bool
        Which outputs have weights.
    """

    def __init__(
        self, model: Any, owner: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        *, targets: bool = True,
    ) -> None:  # fmt: skip
        inputs, names = model.inputs, model.output_names
        given = _per_name(owner, "x", x, [t.name for t in inputs])
        xs = [_check.model_input(owner, t, a) for t, a in zip(inputs, given, strict=True)]
        named = [(f'input "{t.name}"', a) for t, a in zip(inputs, xs, strict=True)]
        self.arrays = xs
        self.weighted: tuple[bool, ...] = ()
        if targets:
            ys = self._targets(model, owner, y)
            named += [(f'the targets of "{n}"', a) for n, a in zip(names, ys, strict=True)]
        self.n = _check.same_length(owner, named)
        if targets:
            ws = self._weights(model, owner, ys, sample_weight, class_weight)
            self.arrays = [*xs, *ys, *(w for w in ws if w is not None)]
            self.weighted = tuple(w is not None for w in ws)
        self.sources = _core.Arrays(self.arrays)

    @staticmethod
    def _targets(model: Any, owner: str, y: Any) -> list[Array]:
        if y is None:
            raise ValueError(f"{owner}: y is None; expected targets for the outputs {model.output_names}")
        given = _per_name(owner, "y", y, model.output_names)
        return [
            _check.target(owner, name, loss, a, t.shape)
            for name, loss, a, t in zip(model.output_names, model.losses, given, model.outputs, strict=True)
        ]

    def _weights(self, model: Any, owner: str, ys: list[Array], sample_weight: Any, class_weight: Any) -> list[Any]:
        names = model.output_names
        given = _per_name(owner, "sample_weight", sample_weight, names)
        ws = [None if w is None else _check.weights(owner, "sample_weight", w, self.n) for w in given]
        if class_weight is None:
            return ws
        if len(names) > 1:
            raise ValueError(f"{owner}: class_weight works with one output, this model has {names}; use sample_weight")
        loss, classes = model.losses[0], int(model.outputs[0].shape[-1])
        factor = _check.class_weights(owner, class_weight, ys[0], classes, loss.sparse)
        return [factor if ws[0] is None else factor * ws[0]]

    def take(self, rows: slice) -> Rows:
        """Some of the rows, as views."""
        part = object.__new__(Rows)
        part.arrays = [a[rows] for a in self.arrays]
        part.n = len(part.arrays[0])
        part.weighted = self.weighted
        part.sources = _core.Arrays(part.arrays)
        return part


def sinks(outputs: list[Array]) -> _core.Arrays:
    """Arrays that a run may put rows into."""
    return _core.Arrays(outputs, True)


def is_batched(x: Any) -> bool:
    """Whether `x` gives batches by itself: a `PyDataset` or other sequence of batches, a generator, an iterator."""
    if isinstance(x, np.ndarray | list | tuple | Mapping | str) or hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return False
    try:
        memoryview(x)
    except TypeError:
        pass
    else:
        return False  # array.array, memoryview, bytes
    return hasattr(x, "__next__") or hasattr(x, "__getitem__") or hasattr(x, "__iter__")


def batches(
    x: Any, start: int = 0, shuffle: np.random.Generator | None = None, steps: int | None = None
) -> Iterator[Any]:
    """The batches of one epoch: a sequence by index (in random order where `shuffle`), an iterator as it comes.

    From batch `start` on (an iterator is taken to be there already), up to batch `steps`.
    """
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        order = np.arange(len(x)) if shuffle is None else shuffle.permutation(len(x))
        yield from (x[int(i)] for i in order[start:steps])
    elif hasattr(x, "__next__"):
        yield from itertools.islice(x, None if steps is None else steps - start)
    else:
        yield from itertools.islice(x, start, steps)


def batch_count(x: Any) -> int | None:
    """How many batches an epoch has, None where only the end of it will tell."""
    return len(x) if hasattr(x, "__len__") else None


def split_batch(owner: str, batch: Any) -> tuple[Any, Any, Any]:
    """`(x, y)` or `(x, y, sample_weight)` as three values."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        kind = type(batch).__name__
        raise ValueError(f"{owner}: expected each batch as a tuple (x, y) or (x, y, sample_weight), got a {kind}")
    return (*batch, None)[:3]


def inputs_of(batch: Any) -> Any:
    """The inputs of a batch that may bring targets and weights along."""
    return batch[0] if isinstance(batch, tuple) else batch


def first_inputs(owner: str, x: Any) -> Any:
    """Some inputs to learn shapes from. An iterator cannot be looked at without losing its first batch.

    Raises
    ------
    ValueError
        For iterators and empty sequences: build the model first, with an `Input`.
    """
    if not is_batched(x):
        return x
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and len(x):
        return inputs_of(x[0])
    raise ValueError(f"{owner}: the model has no input shape yet and batches come one by one; start it with pydl.Input")

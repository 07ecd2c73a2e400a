"""What `fit`, `evaluate` and `predict` are given, as checked arrays: whole data sets or one batch at a time."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from pydl._base import check, random
from pydl._base.check import Array
from pydl._engine.graph import bound_shapes, is_open
from pydl._engine.program import Arrays


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
    weighted : tuple of int
        For each output, how many weights a sample has: none, one, or one for each step.
    """

    def __init__(
        self, model: Any, owner: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        *, targets: bool = True,
    ) -> None:  # fmt: skip
        inputs, names = model.inputs, model.output_names
        given = _per_name(owner, "x", x, [t.name for t in inputs])
        xs = [check.model_input(owner, *each) for each in zip(inputs, given, model.input_codes, strict=True)]
        named = [(f'input "{t.name}"', a) for t, a in zip(inputs, xs, strict=True)]
        self.arrays = xs
        self.shapes: tuple[Any, ...] | None = None  # of the inputs, if data decide sizes of theirs
        outputs: list[Any] = [t.shape for t in model.outputs]
        if is_open(inputs):
            self.shapes = tuple((None, *x.shape[1:]) for x in xs)
            outputs = bound_shapes(inputs, model.outputs, model.calls, self.shapes)
        self.outputs = outputs  # shapes, of which none is open but that of the batch
        self.weighted: tuple[int, ...] = ()
        if targets:
            ys = self._targets(model, owner, y, outputs)
            named += [(f'the targets of "{n}"', a) for n, a in zip(names, ys, strict=True)]
        self.n = check.same_length(owner, named)
        if targets:
            ws = self._weights(model, owner, ys, sample_weight, class_weight, outputs)
            self.arrays = [*xs, *ys, *(w for w in ws if w is not None)]
            self.weighted = tuple(0 if w is None else w.size // len(w) for w in ws)
        self.sources = Arrays(self.arrays)

    @staticmethod
    def _targets(model: Any, owner: str, y: Any, outputs: list[Any]) -> list[Array]:
        if y is None:
            raise ValueError(f"{owner}: y is None; expected targets for the outputs {model.output_names}")
        given = _per_name(owner, "y", y, model.output_names)
        return [
            check.target(owner, *each) for each in zip(model.output_names, model.losses, given, outputs, strict=True)
        ]

    def _weights(
        self, model: Any, owner: str, ys: list[Array], sample_weight: Any, class_weight: Any, outputs: list[Any]
    ) -> list[Any]:
        names = model.output_names
        given = _per_name(owner, "sample_weight", sample_weight, names)
        steps = [s[1] if len(s) > 2 else None for s in outputs]
        ws = [
            None if w is None else check.weights(owner, "sample_weight", w, self.n, t)
            for w, t in zip(given, steps, strict=True)
        ]
        if class_weight is None:
            return ws
        if len(names) > 1:
            raise ValueError(f"{owner}: class_weight works with one output, this model has {names}; use sample_weight")
        loss, classes = model.losses[0], int(model.outputs[0].shape[-1])
        factor = check.class_weights(owner, class_weight, ys[0], classes, loss.sparse)
        return [factor if ws[0] is None else (factor * ws[0].T).T]

    def take(self, rows: slice) -> Rows:
        """Some of the rows, as views."""
        part = object.__new__(Rows)
        part.arrays = [a[rows] for a in self.arrays]
        part.n = len(part.arrays[0])
        part.weighted = self.weighted
        part.shapes, part.outputs = self.shapes, self.outputs
        part.sources = Arrays(part.arrays)
        return part


def sinks(outputs: list[Array]) -> Arrays:
    """Arrays that a run may put rows into."""
    return Arrays(outputs, True)


def is_source(x: Any) -> bool:
    """Whether `x` is one of `pydl.data`: it gives batches of any size, from any place on, in the order of a seed."""
    return hasattr(x, "batches") and hasattr(x, "batch_count")


def unpacked(owner: str, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """What a source of arrays holds, as if it had been passed as arrays; anything else as it is.

    Raises
    ------
    ValueError
        Targets or weights beside a source, which brings its own.
    """
    if not is_source(x):
        return x, y, sample_weight
    if y is not None or sample_weight is not None:
        raise ValueError(f"{owner}: y and sample_weight are for arrays; {x!r} brings its own targets")
    held = getattr(x, "arrays", None)
    return (x, None, None) if held is None else tuple(held)


def is_batched(x: Any) -> bool:
    """Whether `x` gives batches by itself: a source, a `PyDataset` or other sequence of batches, an iterator."""
    if is_source(x):
        return True
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
    x: Any, batch_size: int, start: int = 0, seed: int | None = None, steps: int | None = None
) -> Generator[Any]:
    """The batches of one epoch: of a source or sequence in the order of a seed, if any, of an iterator as they come.

    From batch `start` on (an iterator is taken to be there already), up to batch `steps`. Only a source is asked for
    batches of `batch_size`.
    """
    if is_source(x):
        yield from x.batches(batch_size, seed=seed, start=start, stop=steps)
    elif hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        order = np.arange(len(x)) if seed is None else random.permutation(len(x), seed)
        yield from (x[int(i)] for i in order[start:steps])
    elif hasattr(x, "__next__"):
        yield from itertools.islice(x, None if steps is None else steps - start)
    else:
        yield from itertools.islice(x, start, steps)


def batch_count(x: Any, batch_size: int) -> int | None:
    """How many batches an epoch has, None if only the end of it will tell."""
    if is_source(x):
        count: int | None = x.batch_count(batch_size)
        return count
    return len(x) if hasattr(x, "__len__") else None


def split_batch(owner: str, batch: Any) -> tuple[Any, Any, Any]:
    """`(x, y)` or `(x, y, sample_weight)` as three values."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        kind = f"tuple of {len(batch)}" if isinstance(batch, tuple) else type(batch).__name__
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
    if is_source(x) and x.rows is not None:
        return inputs_of(next(x.batches(1, prefetch=0)))
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and len(x):
        return inputs_of(x[0])
    raise ValueError(f"{owner}: the model has no input shape yet and batches come one by one; start it with pydl.Input")

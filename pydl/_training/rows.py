"""Arrays that `fit`, `evaluate` and `predict` are given, checked: rows to gather batches from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base import check
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

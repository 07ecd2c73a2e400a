"""Arrays that `fit`, `evaluate` and `predict` are given, checked: rows to gather batches from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydl._base import check
from pydl._base.check import Array
from pydl._base.frames import is_sparse
from pydl._engine.graph import is_open, judged_shape
from pydl._engine.objective import Label
from pydl._engine.program import Arrays

#: What may hold more than is asked for.
_INPUTS = ("x", "inputs")


def per_name(
    owner: str, what: str, values: Any, names: list[str], needed: list[bool] | None = None,
    keys: list[str] | None = None, *, partial: bool = False,
) -> list[Any]:  # fmt: skip
    """One value per name from a value, a list or a dict; None stays None for each.

    Parameters
    ----------
    needed : list of bool, optional
        For each name, whether there must be a value; those that need none may be left out. Default: all.
    keys : list of str, optional
        Other names for the same.
    partial : bool
        Whether a dict may leave out others too.
    """
    needed = [True] * len(names) if needed is None else needed
    if isinstance(values, Mapping) and not is_sparse(values):  # as SciPy's dok_matrix is
        labels = names if keys is None or (set(keys) - set(values) and not set(names) - set(values)) else keys
        unknown = [k for k in values if k not in labels]
        missing = [n for n, must in zip(labels, needed, strict=True) if must and n not in values and not partial]
        if unknown and not missing and what in _INPUTS:  # as a table has them
            warnings.warn(f"{owner}: {what}: {unknown} are no inputs of the model, and are left out", stacklevel=2)
        elif unknown or missing:
            raise ValueError(f"{owner}: {what}: expected the keys {labels}, got {list(values)}")
        return [values.get(n) for n in labels]
    wanted = [i for i, must in enumerate(needed) if must]
    listed = isinstance(values, list | tuple)
    if len(wanted) == 1 and not (listed and len(names) > 1 and len(values) == len(names)):
        single = listed and len(values) == 1 and hasattr(values[0], "shape")
        spread = {wanted[0]: values[0] if single else values}
    elif values is None:
        spread = {}
    elif listed and len(values) == len(names):
        spread = dict(enumerate(values))
    elif listed and len(values) == len(wanted):
        spread = dict(zip(wanted, values, strict=True))
    else:
        raise ValueError(f"{owner}: {what}: expected a list of {len(names)} arrays (or a dict) for {names}")
    return [spread.get(i) for i in range(len(names))]


class Rows:
    """Checked arrays of one length: inputs, then the targets and then the weights of the outputs that have any.

    Attributes
    ----------
    n : int
    arrays : list of ndarray
        As the gather records of a program number them.
    labels : tuple of Label
        What there is for each output, if there are targets.
    """

    def __init__(
        self, model: Any, owner: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        *, targets: bool = True,
    ) -> None:  # fmt: skip
        names = model.output_names
        given = per_name(owner, "x", x, [t.name for t in model.inputs], keys=model.input_keys)
        if model.sizes_of_data:
            model.open_sizes([_shape(owner, t, array) for t, array in zip(model.inputs, given, strict=True)])
        graph = model.computed
        if model.host is not None:
            given = model.host.run(given, partial(check.host_input, owner))
        inputs = graph.inputs
        if model.is_prepared:  # whole numbers and text stay such
            xs = given
        else:
            xs = [check.model_input(owner, *each) for each in zip(inputs, given, model.input_codes, strict=True)]
        named = [(f'input "{t.name}"', a) for t, a in zip(inputs, xs, strict=True)]
        self.arrays = xs
        self.shapes: tuple[Any, ...] | None = None  # of the inputs, if data decide sizes of theirs
        outputs: list[Any] = [t.shape for t in model.outputs]
        if is_open(inputs) or model.sizes_of_data:  # which may be opened while these rows are in use
            self.shapes = tuple((None, *x.shape[1:]) for x in xs)
            outputs = graph.shapes(self.shapes)
        self.outputs = outputs  # shapes, of which none is open but that of the batch
        self.labels: tuple[Label, ...] = ()
        if targets:
            judged = [judged_shape(shape) for shape in outputs]
            found = self._targets(model, owner, y, judged)
            named += [(f'the targets of "{n}"', t[0]) for n, t in zip(names, found, strict=True) if t is not None]
        self.n = check.same_length(owner, named)
        if targets:
            ys = [None if t is None else t[0] for t in found]
            ws = self._weights(model, owner, ys, sample_weight, class_weight, judged)
            self.arrays = [*xs, *(a for a in [*ys, *ws] if a is not None)]
            self.labels = tuple(
                Label(0 if w is None else w.size // len(w), None if t is None else t[1])
                for w, t in zip(ws, found, strict=True)
            )
        self.sources = _gathered(self.arrays)

    def count(self, batch_size: int) -> int:
        """How many batches they are."""
        return -(-self.n // batch_size)

    @staticmethod
    def _targets(model: Any, owner: str, y: Any, outputs: list[Any]) -> list[Any]:
        """For each output, what `check.target` says of its targets; None where it needs none."""
        names, expected = model.output_names, model.expected_targets
        needed = [e is not None for e in expected]
        if not any(needed):  # the loss is what layers add
            return [None] * len(names)
        if y is None:
            wanted = [name for name, must in zip(names, needed, strict=True) if must]
            raise ValueError(f"{owner}: y is None; expected targets for the outputs {wanted}")
        given = per_name(owner, "y", y, names, needed)
        return [
            None if e is None else check.target(owner, name, e, values, shape)
            for name, e, values, shape in zip(names, expected, given, outputs, strict=True)
        ]

    def _weights(
        self, model: Any, owner: str, ys: list[Any], sample_weight: Any, class_weight: Any, outputs: list[Any]
    ) -> list[Any]:
        names = model.output_names
        if sample_weight is None and class_weight is None:
            return [None] * len(names)
        if hasattr(sample_weight, "shape"):
            given = [sample_weight] * len(names)
        else:
            needed = [y is not None for y in ys]
            given = per_name(owner, "sample_weight", sample_weight, names, needed, partial=True)
        ws: list[Any] = [
            None if w is None or y is None else check.weights(owner, "sample_weight", w, self.n, shape[1:-1])
            for w, y, shape in zip(given, ys, outputs, strict=True)
        ]
        for i, table in _tables(model, owner, class_weight).items():
            classes = int(outputs[i][-1])
            factor = check.class_weights(owner, table, ys[i], classes, model.compiled_losses[i].sparse)
            ws[i] = factor if ws[i] is None else (factor * ws[i].T).T
        return ws

    def take(self, rows: slice) -> Rows:
        """Some of the rows, as views."""
        return self._with([a[rows] for a in self.arrays])

    def copy(self) -> Rows:
        """The same rows in memory of their own."""
        return self._with([a.copy() for a in self.arrays])

    def _with(self, arrays: list[Array]) -> Rows:
        part = object.__new__(Rows)
        part.arrays = arrays
        part.n = len(part.arrays[0])
        part.labels = self.labels
        part.shapes, part.outputs = self.shapes, self.outputs
        part.sources = _gathered(part.arrays)
        return part


def _tables(model: Any, owner: str, class_weight: Any) -> dict[int, Any]:
    """The weights of classes, by number of the output they are for."""
    if class_weight is None:
        return {}
    names = model.output_names
    judged = {names[i]: i for i, loss in enumerate(model.compiled_losses) if loss is not None}
    if isinstance(class_weight, Mapping) and class_weight and all(k in judged for k in class_weight):
        return {judged[name]: table for name, table in class_weight.items()}
    if len(judged) > 1:
        raise ValueError(
            f"{owner}: class_weight: expected a dict of such dicts by output, as {list(judged)} all have losses; or "
            "use sample_weight"
        )
    return dict.fromkeys(judged.values(), class_weight)


def _shape(owner: str, tensor: Any, array: Any) -> tuple[int, ...]:
    return array.shape if hasattr(array, "shape") else check.numeric(owner, f'input "{tensor.name}"', array).shape


def _gathered(arrays: list[Array]) -> Arrays:
    """What batches are gathered from: nothing, where there is text, which is the output of models that compute none."""
    return Arrays([] if any(a.dtype.kind == "U" for a in arrays) else arrays)


def sinks(outputs: list[Array]) -> Arrays:
    """Arrays that a run may put rows into."""
    return Arrays(outputs, True)

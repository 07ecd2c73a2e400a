"""Operation: a function of `pydl.ops` in a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl import config
from pydl._base.naming import unique_name
from pydl._base.registry import unknown_name
from pydl._engine.graph import Shape, SymbolicTensor, of_any_batch, open_batch
from pydl._engine.kinds import kind_of
from pydl._engine.operators import Operators
from pydl._engine.shapes import shape_by_trial
from pydl._engine.tape import Expression, Op, summed_to
from pydl._engine.variable import Variable
from pydl.layers.base import Layer

Array = np.ndarray

#: Functions that make codes of codes.
_OF_CODES = ("clip", "floor_divide", "mod", "remainder", "take")

#: What stands for a tensor among the operands.
_TENSOR: dict[str, Any] = {"tensor": True}


class Operation(Layer):
    """`y = op(x1, x2, ..., **arguments)`, a function of `pydl.ops`, in NumPy with its gradient.

    Made by calling such a function on symbolic tensors. The batch stays the first axis of whatever comes out; one
    number for the whole batch comes out as often as there are samples: something to add to the loss.

    Parameters
    ----------
    op : str
        The function's name.
    operands : list
        What the function takes as tensors, in order: `{"tensor": True}` for each of the inputs; numbers, nested lists
        and weights stand for themselves.
    arguments : dict
        Its other arguments.
    on_host : bool
        Whether inputs are text, or codes of which others are made: it is computed when data are opened.

    Raises
    ------
    ValueError
        No such function; operands that do not fit; a result without the batch as its first axis.
    """

    def __init__(self, op: str, operands: Sequence[Any], arguments: Mapping[str, Any] | None = None,
                 on_host: bool = False, **kwargs: Any) -> None:  # fmt: skip
        import pydl.ops  # noqa: F401 - makes the functions known

        if op not in Op.known:
            unknown_name("operation", op, Op.known)
        super().__init__(**{**kwargs, "name": kwargs.get("name") or unique_name(op.strip("_"))})
        self.op, self.on_host = op, on_host
        self.function = Op.known[op]
        kept = Mapping | Variable | Expression
        self.operands = [v if isinstance(v, kept) else self._constant(v) for v in operands]
        self.arguments = {name: _decoded(value) for name, value in (arguments or {}).items()}
        found = [
            v.weights() if isinstance(v, Expression) else [v]
            for v in self.operands
            if isinstance(v, Variable | Expression)
        ]
        self.one_for_all = False
        self._own = list({id(v): v for weights in found for v in weights}.values())

    def get_config(self) -> dict[str, Any]:
        if self._own:
            raise NotImplementedError(
                f'layer "{self.name}": pydl.ops.{self.op} of a weight is no layer that a file can hold; compute it in '
                "the call of a layer that owns the weight"
            )
        operands = [v if _is_tensor(v) else np.asarray(v).tolist() for v in self.operands]
        arguments = {name: _coded(value) for name, value in self.arguments.items()}
        base = {"name": self.name, "trainable": self.trainable}
        if self.on_host:
            base["on_host"] = True
        else:
            base["dtype"] = self.dtype
        return {"op": self.op, "operands": operands, "arguments": arguments, **base}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        given = input_shape if isinstance(input_shape, list) else [input_shape]
        batch, shapes = given[0][0], [open_batch(s) for s in given]

        def on_zeros(xs: list[Any]) -> list[Any]:
            y = self._once(*xs)
            if self.on_host:
                self.dtype = {"U": "string", "i": "int64"}.get(y.dtype.kind, config.floatx())
            return [y]

        kind = ("int64" if self.op in _OF_CODES else "U1") if self.on_host else self.dtype
        once = shape_by_trial(f"pydl.ops.{self.op}", shapes, kind, on_zeros, whole=True)[0]
        self.one_for_all = once == ()
        return (batch,) if self.one_for_all else (batch, *once[1:])

    def kinds_of(self, tensors: Sequence[Any]) -> Sequence[str | None]:
        given = iter(tensors)
        operands = [next(given) if _is_tensor(v) else v for v in self.operands]
        return [None if self.on_host else kind_of(self.op, operands, self.arguments)]

    def _constant(self, value: Any) -> Any:
        """A number, or an array of the layer's dtype, of bools or of whole numbers."""
        array = np.asarray(value)
        if array.dtype.kind not in ("biufU" if self.on_host else "biuf"):
            raise TypeError(f"pydl.ops.{self.op}: expected tensors and numbers, got {value!r}")
        if array.ndim == 0:
            return array.item()
        return array.astype(self.dtype) if array.dtype.kind == "f" else array

    def preprocess(self, x: Any) -> Any:
        """The value for arrays of text."""
        xs = [np.asarray(a) for a in (x if isinstance(x, list) else [x])]
        y = self._once(*(a.astype(np.int64) if a.dtype.kind == "f" else a for a in xs))
        return y if y.dtype.kind == "U" else y.astype(self.dtype)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [None] * inputs if self.on_host else super().code_limits(limit, inputs)

    def _filled(self, x: Sequence[Any]) -> list[Any]:
        """The operands, with the inputs in their places."""
        inputs = iter(x)
        filled = [next(inputs) if _is_tensor(v) else v for v in self.operands]
        return [v.compute() if isinstance(v, Expression) else v for v in filled]

    @property
    def has_backward(self) -> bool:
        """Of weights, a tape knows better."""
        return not self._own

    def call(self, *inputs: Any) -> Any:
        y = self._once(*inputs)
        return Op.known["broadcast_to"](y, inputs[0].shape[:1]) if self.one_for_all else y

    def _once(self, *inputs: Any) -> Any:
        operands = self._filled(inputs)
        with np.errstate(all="ignore"):  # infinities and NaN come out where they belong
            return self.function(*(operands if self.function.tensors else [operands]), **self.arguments)

    def backward(self, *args: Any) -> list[Array]:
        *x, y, dy = args
        if self.one_for_all:
            y, dy = y[0], dy.sum()
        values = self._filled(x)
        with np.errstate(all="ignore"):
            slopes = self.function.pull(dy, y, values, self.arguments)
        found = []
        for operand, value, slope in zip(self.operands, values, slopes, strict=True):
            if _is_tensor(operand):
                shape = np.shape(value)
                found.append(np.zeros(shape, dy.dtype) if slope is None else summed_to(np.asarray(slope), shape))
        return found


def _is_tensor(operand: Any) -> bool:
    return isinstance(operand, Mapping)


def _coded(value: Any) -> Any:
    """An argument as JSON: indices have slices and dots, dtypes are classes."""
    if isinstance(value, slice):
        return {"slice": [_coded(v) for v in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, tuple | list):
        return {"tuple" if isinstance(value, tuple) else "list": [_coded(v) for v in value]}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    return value


def _decoded(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "slice" in value:
        return slice(*(_decoded(v) for v in value["slice"]))
    if "tuple" in value:
        return tuple(_decoded(v) for v in value["tuple"])
    return [_decoded(v) for v in value["list"]] if "list" in value else Ellipsis


def computed_in(tensors: Sequence[SymbolicTensor]) -> str:
    """What a function of some tensors is computed in: the floats among them, for whole numbers `floatx`."""
    return next((t.dtype for t in tensors if t.dtype.startswith("float")), config.floatx())


def _form(op: Op, tensors: Sequence[Any], others: dict[str, Any]) -> Any:
    symbolic = [t for t in tensors if isinstance(t, SymbolicTensor)]
    if op.name == "reshape" and isinstance(tensors[0], SymbolicTensor):
        others = {**others, "newshape": _of_any_batch(others["newshape"], tensors[0].shape[0])}
    operands = [
        _TENSOR if isinstance(t, SymbolicTensor) else of_any_batch(t, symbolic[0]) if isinstance(t, np.ndarray) else t
        for t in tensors
    ]
    of_codes = op.name in _OF_CODES and all(t.dtype.startswith(("int", "uint")) for t in symbolic)
    on_host = of_codes or any(t.dtype == "string" for t in symbolic)
    kind: dict[str, Any] = {"on_host": True} if on_host else {"dtype": computed_in(symbolic)}
    layer = Operation(op.name, operands, {name: _coded(v) for name, v in others.items()}, **kind)
    return layer(symbolic if len(symbolic) > 1 else symbolic[0])


def _of_any_batch(newshape: Any, batch: int | None) -> Any:
    """A shape that begins with the size of the batch, where an `Input` says one, for batches of any size."""
    if batch is None or isinstance(newshape, int) or not newshape or newshape[0] != batch:
        return newshape
    return (None, *newshape[1:])


SymbolicTensor.forms[""] = _form


def _operate(name: str, *args: Any, **others: Any) -> Any:
    """What an operator, or a function of NumPy that was given something else than arrays, stands for."""
    from pydl import ops  # many, and most programs use none

    if name not in ops.__all__:
        raise TypeError(f"pydl.ops has no {name}: it cannot be computed of what is symbolic or to be differentiated")
    return getattr(ops, name)(*args, **others)


Operators.operate = staticmethod(_operate)

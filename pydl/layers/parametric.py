"""Parametric: a function of `pydl.ops` of a tensor and a weight."""

from __future__ import annotations

from typing import Any

from pydl import initializers
from pydl._base.args import whole
from pydl._base.registry import unknown_name
from pydl._engine.tape import Op
from pydl._engine.variable import Variable
from pydl.layers.base import Layer


class Parametric(Layer):
    """`y = op(x, weight)`, a function of `pydl.ops` of two, of which one is a weight that is trained. In NumPy.

    Parameters
    ----------
    op : str
        The function's name, such as "add".
    shape : tuple of int
        Of the weight, which repeats to the input as arrays do; its first axis is the batch where it has the input's
        rank, and is then of size one.
    reflected : bool
        Whether the weight stands on the left.
    initializer
        See `pydl.initializers`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        No function of that name that takes two tensors; a weight that does not fit the input.

    Examples
    --------
    >>> pydl.layers.Parametric("multiply", (2,), initializer="ones")(np.array([[3.0, 4.0]]))
    array([[3., 4.]], dtype=float32)
    """

    def __init__(
        self, op: str, shape: Any, reflected: bool = False, initializer: Any = "zeros", **kwargs: Any
    ) -> None:  # fmt: skip
        import pydl.ops  # noqa: F401 - makes the functions known

        super().__init__(**kwargs)
        if op not in Op.known or Op.known[op].tensors != 2:
            unknown_name("operation of two tensors", op, [name for name, f in Op.known.items() if f.tensors == 2])
        self.op = op
        self.shape = tuple(whole("Parametric", "shape", d, at_least=1) for d in shape)
        self.reflected = bool(reflected)
        self.initializer = initializers.get(initializer)
        self.weight: Variable

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(self.shape, self.initializer, name="weight")

    def call(self, x: Any) -> Any:
        sides = (self.weight, x) if self.reflected else (x, self.weight)
        return Op.known[self.op](*sides)

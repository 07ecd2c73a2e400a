"""The base class of layers: names, weights, symbolic calls, and the NumPy escape hatch."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pydl import config, constraints, initializers, regularizers
from pydl._base import check
from pydl._base.registry import Configurable, snake_case
from pydl._engine.builder import Builder, Tensor
from pydl._engine.graph import Call, Shape, SymbolicTensor, is_symbolic
from pydl._engine.variable import Variable

_names: Counter[str] = Counter()


def unique_name(stem: str) -> str:
    """`dense`, `dense_1`, ...: Keras's automatic names."""
    n = _names[stem]
    _names[stem] += 1
    return f"{stem}_{n}" if n else stem


def reset_names() -> None:
    """Start automatic names anew (`pydl.utils.clear_session`)."""
    _names.clear()


class Layer(Configurable):
    """A function with weights.

    A layer of the library emits kernel records (`emit_forward`, `emit_backward`). A layer of your own overrides `call`
    and `backward` in NumPy instead: slower, as it takes the GIL, but it takes part in every model like any other.

    Parameters
    ----------
    name : str, optional
        Default: the class name in snake case, numbered.
    trainable : bool
        False freezes the layer's weights; takes effect with the next `compile`, `fit` or `train_on_batch`.
    dtype : str, optional
        "float32" or "float64"; default `pydl.config.floatx()`. All layers of a model must agree.

    Examples
    --------
    >>> class Scale(pydl.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
    ...     def call(self, x):
    ...         return x * self.factor.numpy()
    ...     def backward(self, x, y, dy):
    ...         self.factor.gradient[...] = (dy * x).sum(axis=0)
    ...         return dy * self.factor.numpy()
    """

    def __init__(self, *, name: str | None = None, trainable: bool = True, dtype: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(f"{type(self).__name__}: expected a name without '/', got {name!r}")
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = config.standardize_dtype(dtype)
        self.trainable = trainable
        self.built = False
        self.input_shape: Any = None
        self._variables: list[Variable] = []

    # -- weights --------------------------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: Sequence[int],
        initializer: Any = "glorot_uniform",
        *,
        name: str,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        panels: bool = False,
    ) -> Variable:
        """Make a weight of this layer; call it from `build`."""
        if any(v.name == name for v in self._variables):
            raise ValueError(f'layer "{self.name}": it already has a weight named {name!r}; choose another name')
        variable = Variable(
            shape, self.dtype, name, trainable=trainable, panels=panels,
            regularizer=regularizers.get(regularizer), constraint=constraints.get(constraint),
        )  # fmt: skip
        variable.path = f"{self.name}/{name}"
        make = initializers.get(initializer)
        if make is None:
            raise ValueError(f'layer "{self.name}", weight {name!r}: expected an initializer, got None; use "zeros"')
        variable.assign(make(variable.shape, dtype=self.dtype))
        self._variables.append(variable)
        return variable

    @property
    def weights(self) -> list[Variable]:
        """All variables, trainable or not, in order of creation."""
        return list(self._variables)

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables an optimizer may change: none while the layer is frozen."""
        return [v for v in self._variables if v.trainable] if self.trainable else []

    trainable_variables = trainable_weights
    variables = weights

    def get_weights(self) -> list[NDArray[Any]]:
        """Copies of all weights."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set all weights from arrays in the order of `get_weights`."""
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(f'"{self.name}": expected {len(variables)} weight arrays, got {len(weights)}')
        arrays = []
        for v, w in zip(variables, weights, strict=True):
            a = check.numeric("set_weights", f'variable "{v.path}"', w)
            arrays.append(a)
            if a.shape != v.shape:
                raise ValueError(f'variable "{v.path}": expected an array of shape {v.shape}, got {a.shape}')
        for v, a in zip(variables, arrays, strict=True):
            v.assign(a)

    def count_params(self) -> int:
        """Number of weights' elements."""
        return sum(v.size for v in self.weights)

    # -- calling --------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; `input_shape` (a list of them where there are several inputs) has None for the batch."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Shape of the output, None for the batch. Default: that of the (first) input."""
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return tuple(first)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        """For each of the inputs, None, or the number of codes where all values must be codes: whole numbers below it.

        `limit` is that of the output; layers that move values about, and change none, pass it on.
        """
        if limit is not None:
            raise ValueError(
                f'layer "{self.name}": an Embedding takes its output for codes, which only an Input can bring, through '
                "Flatten, Reshape and Concatenate at most"
            )
        return [None] * inputs

    def _build_once(self, input_shape: Any) -> None:
        if not self.built:
            self.build(input_shape)
            self.input_shape = input_shape
            self.built = True

    def __call__(self, inputs: Any, *, training: bool = False) -> Any:
        """Connect the layer to symbolic tensors, or apply it to arrays."""
        if is_symbolic(inputs):
            tensors: list[SymbolicTensor] = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
            shapes = [t.shape for t in tensors]
            shape = shapes if isinstance(inputs, list | tuple) else shapes[0]
            for t in tensors:
                if t.dtype != self.dtype:
                    raise ValueError(
                        f'layer "{self.name}" computes in {self.dtype}, its input "{t.name}" in {t.dtype}; give both '
                        f"the same dtype (pydl.config.set_floatx sets the default)"
                    )
            self._build_once(shape)
            return Call(self, tensors, tuple(self.compute_output_shape(shape)), self.dtype).output
        from pydl._training.eager import apply_layer  # a layer on arrays is a model of one layer

        return apply_layer(self, inputs, training)

    # -- the NumPy escape hatch -----------------------------------------------------------------------------------

    def call(self, *inputs: NDArray[Any]) -> NDArray[Any]:
        """The forward pass in NumPy; may take `training=` as a keyword."""
        raise NotImplementedError(f"{type(self).__name__}: override call(x) and backward(x, y, dy) in NumPy")

    def backward(self, *args: NDArray[Any]) -> Any:
        """`backward(x, y, dy)`: the gradient(s) of the input(s); write weights' gradients to `weight.gradient[...]`."""
        raise NotImplementedError(
            f'layer "{self.name}": its model cannot be trained: override {type(self).__name__}.backward(x, y, dy)'
        )

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        """Emit the records of the forward pass."""
        b.use(*x)
        shapes = [(None, *t.shape[1:]) for t in x]
        shape = self.compute_output_shape(shapes if isinstance(self.input_shape, list) else shapes[0])
        y = b.tensor((b.batch, *(int(d or 0) for d in shape[1:])), *x, trainable=bool(self.trainable_weights))
        keywords = {"training": b.training} if "training" in inspect.signature(self.call).parameters else {}
        arrays, out = [t.array() for t in x], y.array()

        def run() -> None:
            value = np.asarray(self.call(*arrays, **keywords))
            if value.shape != out.shape:
                raise ValueError(f'layer "{self.name}": call returned shape {value.shape}, expected {out.shape}')
            out[...] = value

        b.emit_python(f"{type(self).__name__}.call", run, [t.buffer for t in x], [y.buffer])
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        """Emit the records of the backward pass."""
        dy = b.gradient(y)
        assert dy is not None
        arrays = [t.array() for t in x]
        out, dout = y.array(), np.asarray(dy).reshape(y.shape)
        wanted = [(i, t, b.buffer(t.shape)) for i, t in enumerate(x) if t.value.needs_grad]
        trained = self.trainable_weights
        again = [v for v in trained if b.contributes(v)]

        def run() -> None:
            before = [np.array(v.gradient_buffer()) for v in again]
            result = self.backward(*arrays, out, dout)
            grads = list(result) if isinstance(result, list | tuple) else [result]
            for i, t, buffer in wanted:
                grad = np.asarray(grads[i] if i < len(grads) else None)
                if grad.shape != t.shape:
                    raise ValueError(
                        f'layer "{self.name}": backward returned shape {grad.shape} for input {i}, expected {t.shape}'
                    )
                np.asarray(buffer).reshape(t.shape)[...] = grad
            for v, old in zip(again, before, strict=True):
                np.asarray(v.gradient_buffer())[...] += old

        writes = [buffer for *_, buffer in wanted] + [v.gradient_buffer() for v in trained]
        b.emit_python(f"{type(self).__name__}.backward", run, [*(t.buffer for t in x), y.buffer, dy], writes)
        for _, t, buffer in wanted:
            b.hand_over(t, buffer)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return super().get_config()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

"""What layers over pictures have in common: shapes, single pictures, numbers drawn for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pydl._base import check
from pydl._base.args import optional_whole, real
from pydl._engine.builder import Builder
from pydl._engine.graph import Call, Shape, SymbolicTensor, is_symbolic
from pydl._engine.layout import array_of
from pydl._engine.tape import is_traced
from pydl._engine.tensor import Tensor
from pydl._engine.tracing import Graph
from pydl.layers.annotated import Annotated
from pydl.layers.reshaping import Permute

Array = np.ndarray
Range = tuple[float, float]


class ImageLayer(Annotated):
    """A layer over pictures, `(batch, height, width, channels)`; called on an array, also over one, without the batch.

    With `data_format="channels_first"`, over `(batch, channels, height, width)`: pictures are turned before and after.

    Attributes
    ----------
    height, width : int or None
        Of what comes out; None: as what comes in.
    """

    height: int | None = None
    width: int | None = None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 4 or self._channels(input_shape) is None:
            form = "height, width, channels" if self.data_format == "channels_last" else "channels, height, width"
            raise ValueError(
                f"{self._owner}: expected input (batch, {form}) with a known number of channels, got "
                f"{tuple(input_shape)}"
            )
        if self.data_format == "channels_first":
            return (*input_shape[:2], self.height or input_shape[2], self.width or input_shape[3])
        return (input_shape[0], self.height or input_shape[1], self.width or input_shape[2], input_shape[3])

    def _channels(self, shape: Shape) -> int | None:
        return shape[-1] if self.data_format == "channels_last" else shape[-3]

    def _find_graph(self, input_shape: Any, dtypes: Sequence[str]) -> None:
        """With channels in front: the layer for channels behind, between two permutations."""
        if self.data_format == "channels_first":
            x = SymbolicTensor(tuple(input_shape), self.dtype, self.name)
            behind = Permute((2, 3, 1), dtype=self.dtype).connect(x)
            changed = self._copy(data_format="channels_last").connect(behind.outputs[0])
            front = Permute((3, 1, 2), dtype=self.dtype).connect(changed.outputs[0])
            self._graph = Graph([x], front.outputs, [behind, changed, front])

    def connect(self, inputs: Any, training: bool | None = None) -> Call:
        if self.built:  # attributes may have changed since
            self._find_graph(self.input_shape, ())
        return super().connect(inputs, training)

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        return self.emit_pictures(b, x[0]) if self._graph is None else super().emit_forward(b, *x)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if self._graph is None:
            self.emit_pictures_slope(b, x[0], y)
        else:
            super().emit_backward(b, *x, y=y)

    def emit_pictures(self, b: Builder, t: Tensor) -> Tensor:
        """Emit the forward pass for pictures with their channels behind."""
        raise NotImplementedError

    def emit_pictures_slope(self, b: Builder, t: Tensor, y: Tensor) -> None:
        """Emit the backward pass."""
        raise NotImplementedError

    def _applied(self, inputs: Any, training: Any, tape: Any = None) -> Any:
        x = inputs if is_traced(inputs) else check.numeric(f'layer "{self.name}"', "inputs", inputs)
        if x.ndim not in (3, 4):
            raise ValueError(
                f"{self._owner}: Expected the input image to be rank 3 or 4: (height, width, channels) or a batch of "
                f"such, got shape {x.shape}"
            )
        y = super()._applied(x if x.ndim == 4 else x[None], training, tape)
        return y if x.ndim == 4 else y[0]


class Box(NamedTuple):
    """A part of a picture, or, where it reaches beyond, what a picture is put into."""

    top: int
    left: int
    height: int
    width: int


def emit_copy(b: Builder, shape: tuple[int, ...], x: Any, y: Any, box: Box, **fields: Any) -> None:
    """y = the box of x, of this shape; `fill` beyond it."""
    b.emit(
        "image_copy", x=x, y=y, top=box.top, left=box.left, OH=box.height, OW=box.width, **image_sizes(shape), **fields
    )  # fmt: skip


def image_sizes(shape: tuple[int, ...]) -> dict[str, int]:
    """The sizes of a batch of pictures, as records name them."""
    return dict(zip("BHWC", shape, strict=True))


class RandomImageLayer(ImageLayer):
    """A layer that draws numbers for each picture.

    They are a function of a seed, the step and the picture's place in the batch, so they depend on no thread count and
    are drawn again, not stored, for the backward pass. The seed is the model's, or the layer's own, `seed`. Called on
    an array, the layer draws anew each time.
    """

    only_in_training = True

    def __init__(self, seed: int | None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.seed = optional_whole(type(self).__name__, "seed", seed, below=2**62)

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """Connect the layer to a symbolic tensor, or apply it to an array, as in training unless `training=False`."""
        if training is None and not is_symbolic(inputs):
            training = True
        return super().__call__(inputs, *others, training=training)

    def emit_pictures(self, b: Builder, t: Tensor) -> Tensor:
        if not b.training:
            return t
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        self._emit(b, t, t.buffer, y.buffer, self._draw(b, y))
        return y

    def emit_pictures_slope(self, b: Builder, t: Tensor, y: Tensor) -> None:
        if y is not t:
            dy, draw = b.gradient(y), b.notes[id(y.value)]
            b.add_input_gradient(t, lambda dx, _: self._emit_slope(b, t, dy, dx, draw))

    def _draw(self, b: Builder, y: Tensor) -> dict[str, int]:
        """The fields of a new draw, which is noted for the backward pass of y."""
        draw = b.notes[id(y.value)] = b.draw(self.seed)
        return draw

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        """y = what becomes of x, of the shape of t."""
        raise NotImplementedError

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, dx: Any, draw: dict[str, int]) -> None:
        """dx = the gradient of `_emit`."""
        raise ValueError(
            f"{self._owner}: it gives its input no gradient, which layers with weights before it want; put it first, "
            "or freeze them"
        )


def spread(owner: str, name: str, factor: Any, *, at_most: float = 1.0, **least: float) -> Range:
    """The range that a factor stands for: a number f for [-|f|, |f|], two for from one to the other."""
    if isinstance(factor, list | tuple):
        if len(factor) != 2:
            raise ValueError(f"{owner}: {name} must be a number or two of them, got {factor!r}")
        low, high = sorted(real(owner, name, f, at_most=at_most, **least) for f in factor)
        return low, high
    size = abs(real(owner, name, factor, at_most=at_most, **least))
    return -size, size


def given(factor: Any) -> Any:
    """A factor as configurations have it."""
    return [float(f) for f in factor] if isinstance(factor, list | tuple) else float(factor)


class NumPyImageLayer(RandomImageLayer):
    """A layer that changes pictures in NumPy, with `numbers` in [0, 1] drawn for each; its input gets no gradient."""

    def normals(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The shape of the standard normal numbers that `change` gets for pictures of a shape, the batch in front."""
        return None

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        """What becomes of pictures x; u: `(numbers, batch, 1, 1, 1)`. `normals`, if there are any, follow."""
        raise NotImplementedError

    def emit_pictures(self, b: Builder, t: Tensor) -> Tensor:
        with b.behaving(b.training or not self.only_in_training or None):
            return super().emit_pictures(b, t)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        n = t.batch * self.numbers
        u = b.buffer((n,))
        if n:  # 0 made brighter by what is drawn
            sizes = {"B": n, "O": 1, "C": 1, "lo": 0.0, "hi": 1.0, "low": 0.0, "high": 1.0}
            b.emit("image_brightness", x=b.zeros((n,)), y=u, **sizes, **draw)
        reads = [x, u]
        wanted = self.normals(t.shape)
        if wanted is not None:
            reads.append(b.buffer(wanted))
            other = {**draw, "stream": draw["stream"] + 2**31}  # another draw with the same seed
            sizes = {"B": t.batch, "O": math.prod(wanted[1:])}
            b.emit("gaussian", x=b.zeros(wanted), y=reads[-1], factor=0, std=1.0, **sizes, **other)

        def run() -> None:
            drawn = array_of(u).reshape(t.batch, self.numbers).T[..., None, None, None]
            more = [array_of(z).reshape(wanted) for z in reads[2:]]
            array_of(y).reshape(t.shape)[...] = self.change(array_of(x).reshape(t.shape), drawn, *more)

        b.emit_python(type(self).__name__, run, reads, [y])


class UndrawnImageLayer(NumPyImageLayer):
    """A layer that changes pictures in NumPy and draws nothing: it has no seed."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(None, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        del config["seed"]  # nothing is drawn
        return config


def up_to(owner: str, name: str, factor: Any, *, at_least: float = 0.0) -> Range:
    """The range that a factor stands for: a number f in [0, 1] for [0, f], two in [at_least, 1] for what is between."""
    if isinstance(factor, list | tuple):
        return between(owner, name, factor, at_least, 1.0)
    return 0.0, real(owner, name, factor, at_least=0, at_most=1)


def between(owner: str, name: str, factor: Any, least: float, most: float) -> Range:
    """Two numbers, the smaller one first; as in Keras, a part of what is between them has to lie within the limits."""
    if len(factor) != 2:
        raise ValueError(f"{owner}: {name} must be a number or two of them, got {factor!r}")
    low, high = sorted(real(owner, name, f) for f in factor)
    if low > most or high < least:
        raise ValueError(
            f"{owner}: The `{name}` argument should be a number (or a list of two numbers) in the range [{least:g}, "
            f"{most:g}], got {factor!r}"
        )
    return low, high


def values_of(owner: str, value_range: Any) -> Range:
    """`value_range`, the smaller one first."""
    if not isinstance(value_range, list | tuple) or len(value_range) != 2 or value_range[0] == value_range[1]:
        raise ValueError(
            f"{owner}: The `value_range` argument should be a list of two numbers that differ, got {value_range!r}"
        )
    low, high = sorted(real(owner, "value_range", v) for v in value_range)
    return low, high


def within(u: Array, limits: Range) -> Array:
    """Numbers in [0, 1) as numbers within limits."""
    return limits[0] + u * (limits[1] - limits[0])

"""Layers that make pictures of another size: Resizing, CenterCrop, RandomCrop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of, optional_whole, real, whole
from pydl._base.interpolation import weights
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.images import Box, ImageLayer, RandomImageLayer, emit_copy
from pydl.layers.interpolating import INTERPOLATIONS, emit_resize


class _Resized(ImageLayer):
    """A layer that takes a box of each picture and makes it a picture of a given size."""

    moves_pixels = True

    interpolation = "bilinear"
    antialias = False
    fill_value = 0.0

    height: int
    width: int

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = whole(type(self).__name__, "height", height, at_least=1)
        self.width = whole(type(self).__name__, "width", width, at_least=1)

    def _box(self, height: int, width: int) -> Box:
        """What of a picture of this size becomes the output."""
        raise NotImplementedError

    def moved(self, points: np.ndarray, transformation: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
        box = self._box(*size)
        scale = np.array([self.width / box.width, self.height / box.height])
        return np.asarray((points - [box.left, box.top]) * scale)

    def emit_pictures(self, b: Builder, t: Tensor) -> Tensor:
        box = self._box(*t.shape[1:3])
        if t.shape[1:3] == (self.height, self.width) == box[2:] and box[:2] == (0, 0):
            return t
        b.note_reader(t)
        y = b.tensor((b.batch, self.height, self.width, t.shape[-1]), t)
        self._emit_box(b, t.shape, t.buffer, y.buffer, box)
        return y

    def emit_pictures_slope(self, b: Builder, t: Tensor, y: Tensor) -> None:
        if y is t:
            return
        dy = b.gradient(y)
        box = self._box(*t.shape[1:3])
        b.add_input_gradient(t, lambda dx, _: self._emit_box_slope(b, t.shape, dy, dx, box))

    def _emit_box(self, b: Builder, shape: tuple[int, ...], x: Any, y: Any, box: Box) -> None:
        if box[2:] == (self.height, self.width):
            emit_copy(b, shape, x, y, box, fill=self.fill_value)
            return
        if not _lies_within(box, shape):
            padded = (shape[0], box.height, box.width, shape[-1])
            whole_box = b.buffer(padded)
            emit_copy(b, shape, x, whole_box, box, fill=self.fill_value)
            shape, x, box = padded, whole_box, Box(0, 0, box.height, box.width)
        self._emit_resize(b, shape, x, y, box, (self.height, self.width), turned=False)

    def _emit_box_slope(self, b: Builder, shape: tuple[int, ...], dy: Any, dx: Any, box: Box) -> None:
        """dx = the gradient of `_emit_box`."""
        size: tuple[int, ...] = (shape[0], self.height, self.width, shape[-1])
        inside = _lies_within(box, shape)
        if box[2:] != (self.height, self.width):
            part = shape if inside else (shape[0], box.height, box.width, shape[-1])
            target = dx if inside else b.buffer(part)
            of = box if inside else Box(0, 0, box.height, box.width)
            self._emit_resize(b, size, dy, target, of, part[1:3], turned=True)
            dy, size = target, part
        if dy is not dx:
            emit_copy(b, size, dy, dx, Box(box.top, box.left, *shape[1:3]), back=1)

    def _emit_resize(
        self, b: Builder, shape: tuple[int, ...], x: Any, y: Any, box: Box, size: tuple[int, ...], *, turned: bool
    ) -> None:  # fmt: skip
        """y = x, of this shape, in another size; `turned`: the gradient of what makes of the box of y what x is."""
        axes = zip(size if turned else shape[1:3], (self.height, self.width), box[:2], box[2:], strict=True)
        matrices = []
        for whole_axis, out, first, part in axes:
            dense = np.zeros((out, whole_axis))
            dense[:, first : first + part] = weights(part, out, self.interpolation, self.antialias)
            matrices.append(dense.T if turned else dense)
        emit_resize(b, shape, x, y, matrices)


def _lies_within(box: Box, shape: tuple[int, ...]) -> bool:
    return box.top >= 0 and box.left >= 0 and box.height <= shape[1] and box.width <= shape[2]


def _aspect(height: int, width: int, wanted: tuple[int, int]) -> tuple[int, int]:
    """The sizes that a picture of this size would have with the other one's aspect: with its width, with its height."""
    return int(width * wanted[0] / wanted[1]), int(height * wanted[1] / wanted[0])


def largest_box(height: int, width: int, wanted: tuple[int, int]) -> Box:
    """The largest box in the middle that has the aspect of the size that is wanted."""
    tall, wide = _aspect(height, width, wanted)
    h, w = max(min(height, tall), 1), max(min(width, wide), 1)
    return Box((height - h) // 2, (width - w) // 2, h, w)


class Resizing(_Resized):
    """Pictures in another size: `(batch, height, width, channels)`. In training and outside alike.

    `y[i, j]` is interpolated at `((i + 0.5) * H / height - 0.5, (j + 0.5) * W / width - 0.5)` of the picture, whose
    pixels stand at whole numbers. The output is of the layer's dtype, of whole numbers too (in Keras, of theirs).

    Parameters
    ----------
    height, width : int
        Of the output.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
    crop_to_aspect_ratio : bool
        Take the largest part in the middle that has the aspect of the output, instead of distorting.
    pad_to_aspect_ratio : bool
        Put the picture in the middle of the smallest one of that aspect, which is `fill_value` around it.
    fill_mode : {"constant"}
    fill_value : float
    antialias : bool
        Where pictures become smaller, average over all pixels that a new one covers.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Both ways to keep the aspect at once; input that is not of rank 4 (called on an array, 3 or 4).
    """

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear", crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0,
        antialias: bool = False, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(height, width, data_format=data_format, **kwargs)
        self.interpolation = one_of("Resizing", "interpolation", interpolation, INTERPOLATIONS)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError("Resizing: expected crop_to_aspect_ratio or pad_to_aspect_ratio, not both")
        self.fill_mode = one_of("Resizing", "fill_mode", fill_mode, ("constant",))
        self.fill_value = real("Resizing", "fill_value", fill_value)
        self.antialias = bool(antialias)

    def _box(self, height: int, width: int) -> Box:
        wanted = (self.height, self.width)
        if self.crop_to_aspect_ratio:
            return largest_box(height, width, wanted)
        if self.pad_to_aspect_ratio:
            tall, wide = _aspect(height, width, wanted)
            above, before = max(tall - height, 0) // 2, max(wide - width, 0) // 2
            before = 0 if above else before  # rounding may ask for both
            return Box(-above, -before, height + 2 * above, width + 2 * before)
        return Box(0, 0, height, width)


class CenterCrop(_Resized):
    """The middle of each picture: `(batch, height, width, channels)`. In training and outside alike.

    A picture that is smaller, along one axis or both, is resized instead (bilinear): its largest part in the middle
    that has the aspect of the output.

    Parameters
    ----------
    height, width : int
        Of the output.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)

    def _box(self, height: int, width: int) -> Box:
        if height < self.height or width < self.width:
            return largest_box(height, width, (self.height, self.width))
        return Box((height - self.height) // 2, (width - self.width) // 2, self.height, self.width)


class RandomCrop(RandomImageLayer, CenterCrop):
    """In training, a part of each picture, at the same place in all of a batch; else its middle, as `CenterCrop`.

    Pictures are `(batch, height, width, channels)`. The place is drawn if pictures are larger along both axes; else it
    is in the middle, and pictures that are smaller are resized, as by `CenterCrop`. (Outside of training, Keras changes
    nothing, whatever shape that is.) Called on an array, `layer(x)`, it draws as in training unless `training=False`,
    and takes one picture without the batch as well.

    Parameters
    ----------
    height, width : int
        Of the output.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    only_in_training = False
    numbers = 2

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        CenterCrop.__init__(self, height, width, data_format, **kwargs)
        self.seed = optional_whole("RandomCrop", "seed", seed, below=2**62)

    def drawn(self, u: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
        if not self._larger(size):
            return {}
        places = self._places(size)
        return {"h_start": int(u[0].flat[0] * places["tops"]), "w_start": int(u[1].flat[0] * places["lefts"])}

    def moved(self, points: np.ndarray, transformation: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
        if "h_start" not in transformation:
            return super().moved(points, transformation, size)
        return np.asarray(points - [transformation["w_start"], transformation["h_start"]])

    def emit_pictures(self, b: Builder, t: Tensor) -> Tensor:
        if not (b.training and self._larger(t.shape[1:3])):
            return CenterCrop.emit_pictures(self, b, t)
        b.note_reader(t)
        y = b.tensor((b.batch, self.height, self.width, t.shape[-1]), t)
        box = Box(0, 0, self.height, self.width)
        emit_copy(b, t.shape, t.buffer, y.buffer, box, **self._places(t.shape[1:3]), **self._draw(b, y))
        return y

    def emit_pictures_slope(self, b: Builder, t: Tensor, y: Tensor) -> None:
        if not (b.training and self._larger(t.shape[1:3])):
            CenterCrop.emit_pictures_slope(self, b, t, y)
            return
        dy, fields = b.gradient(y), {**self._places(t.shape[1:3]), **b.notes[id(y.value)], "back": 1}
        box = Box(0, 0, *t.shape[1:3])
        b.add_input_gradient(t, lambda dx, _: emit_copy(b, y.shape, dy, dx, box, **fields))

    def _larger(self, size: Sequence[int]) -> bool:
        """Whether there are places to draw one of."""
        return size[0] > self.height and size[1] > self.width

    def _places(self, size: Sequence[int]) -> dict[str, int]:
        """How many there are, along each axis."""
        return {"tops": size[0] - self.height + 1, "lefts": size[1] - self.width + 1}

"""Layers that mix each picture of a batch with another one by chance in training, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._base.boxes import filled
from pydl.layers.annotated import in_training
from pydl.layers.images import NumPyImageLayer, up_to, within

Array = np.ndarray


class _Mixing(NumPyImageLayer):
    """A layer that mixes each picture with the one at its place in another order of the batch.

    What it draws is named "permutation_order" and "mix_weight", the share of itself that each picture keeps.
    """

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Labels, one-hot `(batch, classes)`, mixed as the pictures are."""
        if not in_training(transformation, training):
            return labels
        y, shape = np.asarray(labels), transformation["input_shape"]
        if y.ndim < 2 or len(shape) != 4 or len(y) != shape[0]:
            raise ValueError(
                f'{self._owner}: expected "labels" that are one-hot, (batch, classes), and "images" (batch, height, '
                f"width, channels), got {y.shape} and {tuple(shape)}"
            )
        share = transformation["mix_weight"].reshape(-1, *[1] * (y.ndim - 1))
        return (share * y + (1 - share) * y[transformation["permutation_order"]]).astype(self.dtype)


class MixUp(_Mixing):
    """In training, each picture becomes the mean of itself and another one of the batch; else nothing changes.

    `y = w x + (1 - w) x'`, w drawn for each picture from Beta(alpha, alpha), x' the picture at its place in another
    order of the batch, which is drawn as well (H. Zhang et al.: mixup, 2018). Pictures are `(batch, height, width,
    channels)`. Called on an array, `layer(x)`, it works as in training unless `training=False`; called on a dict of
    arrays, `{"images": x, "labels": one_hot}`, it mixes labels as it does pictures. In a model it sees pictures alone.
    In NumPy; gives no gradient to its input.

    Parameters
    ----------
    alpha : float
        Above 0. Small: nearly the one or the other; 1: any share is as likely.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 2

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.alpha = real("MixUp", "alpha", alpha, above=0)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        return {"permutation_order": _order(u[0]), "mix_weight": _beta(u[1], self.alpha).astype(self.dtype)}

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        drawn = self.drawn(u, x.shape[1:3])
        share = drawn["mix_weight"]
        return share * x + (1 - share) * x[drawn["permutation_order"]]

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Masks of numbers, one-hot for each pixel, say, mixed as the pictures are.

        Raises
        ------
        ValueError
            Masks of classes, which are whole numbers: there is none between two.
        """
        masks = np.asarray(segmentation_masks)
        if not in_training(transformation, training):
            return segmentation_masks
        self._match("masks", masks.shape, transformation)
        if masks.dtype.kind != "f":
            raise ValueError(
                f"{self._owner}: masks of {masks.dtype} name classes, of which there is none between two; give masks "
                "of floats, one-hot for each pixel"
            )
        share = transformation["mix_weight"].reshape(-1, *[1] * (masks.ndim - 1))
        return share * masks + (1 - share) * masks[transformation["permutation_order"]]

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of both pictures, one's own first."""
        if not in_training(transformation, training):
            return bounding_boxes
        order = np.asarray(transformation["permutation_order"])
        found = filled(self._owner, bounding_boxes)
        return {name: np.concatenate([value, value[order]], axis=min(value.ndim - 1, 1))
                for name, value in found.items()}  # fmt: skip


class CutMix(_Mixing):
    """In training, a box of each picture is that of another one of the batch; else nothing changes.

    The sides of the box are sqrt(1 - w) of those of the picture, w drawn for each picture from Beta(a, a), and a from
    `factor` for the batch; the other picture is the one at its place in another order, which is drawn as well (S. Yun
    et al.: CutMix, 2019). Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it works as
    in training unless `training=False`; called on a dict of arrays, `{"images": x, "labels": one_hot}`, it mixes labels
    by the area of the box. In a model it sees pictures alone. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of a; f stands for (0, f).
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 5

    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("CutMix", "factor", factor)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        alpha = float(within(u[1].flat[0], self.factor)) + 1e-6
        side = np.sqrt(1 - _beta(u[2], alpha))
        inside: Any = True
        for axis, start in ((1, u[3]), (2, u[4])):
            n = size[axis - 1]
            first = start * (1 - side) * n
            place = np.arange(n).reshape([-1 if k == axis else 1 for k in range(4)])
            inside = inside & (place >= first) & (place < first + side * n)
        return {"permutation_order": _order(u[0]), "mix_weight": 1 - side**2, "batch_masks": inside}

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if not len(x):
            return x
        drawn = self.drawn(u, x.shape[1:3])
        return np.where(drawn["batch_masks"], x[drawn["permutation_order"]], x)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Masks, the box in them that of another one, as in the pictures."""
        if not in_training(transformation, training):
            return segmentation_masks
        masks, order = np.asarray(segmentation_masks), transformation["permutation_order"]
        self._match("masks", masks.shape, transformation)
        inside = transformation["batch_masks"]
        if self.data_format == "channels_first":
            inside = np.moveaxis(inside, -1, 1)
        inside = inside if masks.ndim == 4 else inside.reshape(masks.shape)
        return np.where(inside, masks[order], masks)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """An error in training: a box of another picture covers things, or parts of them."""
        if in_training(transformation, training):
            raise ValueError(f"{self._owner}: boxes cannot follow what it does to pixels; choose other layers")
        return bounding_boxes


def _order(u: Array) -> Array:
    """An order of the batch, each as likely."""
    return np.argsort(u.reshape(-1), kind="stable")


def _beta(u: Array, alpha: float) -> Array:
    """Numbers distributed as Beta(alpha, alpha), of numbers u distributed evenly over [0, 1).

    Below 1/2, x is `s ** (1 / alpha)` of an s whose density, unlike that of x, has no pole at 0: its integral is taken
    by trapezoids and inverted between their corners. Above, it is the same from the other side.
    """
    s = np.linspace(0, 0.5**alpha, 4097)
    density = (1 - s ** (1 / alpha)) ** (alpha - 1)
    share = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    u = u.astype(np.float64)
    below = np.interp(np.minimum(u, 1 - u), share / (2 * share[-1]), s) ** (1 / alpha)
    return np.where(u < 0.5, below, 1 - below)

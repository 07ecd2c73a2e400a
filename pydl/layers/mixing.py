"""Layers that mix each picture of a batch with another one by chance in training, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._engine.graph import is_symbolic
from pydl.layers.images import NumPyImageLayer, up_to, within

Array = np.ndarray


class _Mixing(NumPyImageLayer):
    """A layer that mixes each picture with the one at its place in another order of the batch.

    Called on a dict of arrays, "images" and "labels", it mixes both alike.
    """

    _mixed: tuple[Array, Array]  # of the last call: the order, and the share of itself that each keeps

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """As that of other layers; a dict of arrays, "images" and "labels" (batch, classes), gives such a dict."""
        if not isinstance(inputs, Mapping):
            return super().__call__(inputs, *others, training=training)
        images, labels = inputs.get("images"), np.asarray(inputs.get("labels"))
        if images is None or is_symbolic(images) or labels.ndim < 2 or len(labels) != len(images):
            raise ValueError(
                f'{self._owner}: expected arrays "images" and "labels", one-hot (batch, classes), got '
                f"{ {name: np.shape(value) for name, value in inputs.items()} }"
            )
        y = super().__call__(images, *others, training=training)
        if training is not False:
            order, share = self._mixed
            share = share.reshape(-1, *[1] * (labels.ndim - 1))
            labels = (share * labels + (1 - share) * labels[order]).astype(y.dtype)
        return {**inputs, "images": y, "labels": labels}


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
    data_format : {"channels_last"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    numbers = 2

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.alpha = real("MixUp", "alpha", alpha, above=0)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        order, share = _order(u[0]), _beta(u[1], self.alpha).astype(x.dtype)
        self._mixed = order, share
        return share * x + (1 - share) * x[order]


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
    data_format : {"channels_last"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    numbers = 5

    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("CutMix", "factor", factor)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if not len(x):
            return x
        order, alpha = _order(u[0]), float(within(u[1].flat[0], self.factor)) + 1e-6
        side = np.sqrt(1 - _beta(u[2], alpha))
        inside: Any = True
        for axis, start in ((1, u[3]), (2, u[4])):
            size = x.shape[axis]
            first = start * (1 - side) * size
            place = np.arange(size).reshape([-1 if k == axis else 1 for k in range(4)])
            inside = inside & (place >= first) & (place < first + side * size)
        self._mixed = order, 1 - side**2
        return np.where(inside, x[order], x)


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

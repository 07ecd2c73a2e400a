"""Pictures whose pixels come from other places: turned, tilted, stirred, scaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of, real
from pydl._base.interpolation import weights_at
from pydl._base.random import generator, next_seed
from pydl._base.sampling import FILLS, INTERPOLATIONS, filtered, grid, perspective, read, read_slope
from pydl._base.tapers import bell
from pydl._engine.tape import differentiable, is_followed
from pydl.ops.channels import as_given, channels_behind, pictures
from pydl.ops.elementwise import cast
from pydl.ops.products import tensordot
from pydl.ops.shapes import expand_dims, moveaxis, shape, squeeze

Array = np.ndarray


def _places(shape: tuple[int, ...], transform: Any) -> tuple[Array, Array]:
    """Row and column that each pixel of pictures comes from."""
    a0, a1, a2, b0, b1, b2, c0, c1 = np.asarray(transform, np.float64).reshape(-1, 8).T[..., None, None]
    i, j = np.arange(shape[1], dtype=np.float64)[:, None], np.arange(shape[2], dtype=np.float64)
    depth = c0 * j + c1 * i + 1
    return (b0 * j + b1 * i + b2) / depth, (a0 * j + a1 * i + a2) / depth


def _slope(dy: Array, y: Array, x: Array, transform: Any, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    return read_slope(dy, x, *_places(x.shape, transform), fill_mode, interpolation)


@differentiable(_slope)
def _affine(x: Any, transform: Any, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    return _read(x, *_places(x.shape, transform), fill_mode, fill_value, interpolation)


def _read(x: Array, rows: Array, columns: Array, *how: Any) -> Array:
    """`read` of pictures of any dtype; whole numbers are rounded, and stay such."""
    floats = x if x.dtype.kind == "f" else x.astype(np.float32)
    y = read(floats, rows, columns, *how)
    return y if floats is x else np.asarray(as_given(np.round(y), x))


def _checked(owner: str, interpolation: str, fill_mode: str, fill_value: Any) -> tuple[str, str, float]:
    return (
        str(one_of(owner, "interpolation", interpolation, INTERPOLATIONS)),
        str(one_of(owner, "fill_mode", fill_mode, FILLS)), real(owner, "fill_value", fill_value),
    )  # fmt: skip


@channels_behind
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: Any = None,
) -> Any:
    """Pictures read at other places: pixel (x, y) at `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)`.

    Parameters
    ----------
    images : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    transform : array_like, shape (8,) or (batch, 8)
        a0, a1, a2, b0, b1, b2, c0, c1, with `k = c0 x + c1 y + 1`. It gets no gradient.
    interpolation : {"bilinear", "nearest"}
    fill_mode : {"constant", "nearest", "wrap", "reflect"}
        What is beyond the edge: `fill_value`; the last pixel; the picture repeated; mirrored, `d c b a | a b c d`.
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    """
    t = np.asarray(transform, np.float64)
    if t.shape[-1:] != (8,) or t.ndim > 2:
        raise ValueError(f"affine_transform: expected a transform of 8 numbers, (8,) or (batch, 8), got {t.shape}")
    how = _checked("affine_transform", interpolation, fill_mode, fill_value)
    alone = len(pictures("affine_transform", images)) == 3
    y = _affine(expand_dims(images, 0) if alone else images, t.tolist(), *how)
    return squeeze(y, 0) if alone else y


@channels_behind
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: Any = None,
) -> Any:
    """Pictures in the perspective that takes four points to four others; `fill_value` around.

    Parameters
    ----------
    images : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    start_points, end_points : array_like, shape (batch, 4, 2) or (4, 2)
        Column and row of points, before and after.
    interpolation : {"bilinear", "nearest"}
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    """
    start, end = (np.asarray(p, np.float64) for p in (start_points, end_points))
    if start.shape[-2:] != (4, 2) or end.shape[-2:] != (4, 2):
        raise ValueError(f"perspective_transform: expected points (batch, 4, 2), got {start.shape} and {end.shape}")
    back = perspective(*np.broadcast_arrays(start.reshape(-1, 4, 2), end.reshape(-1, 4, 2)))
    return affine_transform(images, back, interpolation, "constant", fill_value)


@channels_behind
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: Any = None,
) -> Any:
    """Pictures whose pixels come from places near by: moved by `alpha` times smoothed noise of deviation `sigma`.

    Parameters
    ----------
    images : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    alpha, sigma : float
        The smoothing kernel has the deviation `sigma`, too.
    interpolation, fill_mode, fill_value
        See `affine_transform`.
    seed : int or SeedGenerator, optional
    data_format : {"channels_last", "channels_first"}, optional
    """
    owner = "elastic_transform"
    if is_followed(images):
        raise ValueError(f"{owner}: it is for arrays; in models, put the layer RandomElasticTransform")
    x = np.asarray(images)
    if len(pictures(owner, x)) == 3:
        return elastic_transform(x[None], alpha, sigma, interpolation, fill_mode, fill_value, seed)[0]
    interpolation, fill_mode, fill = _checked(owner, interpolation, fill_mode, fill_value)
    drawn = seed.next() if hasattr(seed, "next") else next_seed() if seed is None else int(seed)
    kernel = bell(int(6 * sigma) | 1, real(owner, "sigma", sigma, above=0))
    noise = generator(drawn).normal(size=(*x.shape[:3], 2)) * sigma
    down, across = np.moveaxis(filtered(filtered(noise, kernel[:, None]), kernel[None]) * alpha, -1, 0)
    rows, columns = grid(x)
    return _read(x, rows + down, columns + across, fill_mode, fill, interpolation)


_METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"), "lanczos3": "lanczos3", "lanczos5": "lanczos5",
}  # fmt: skip


def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Arrays in another size along some axes: what was at x is at `x * scale + translation`; zeros around.

    Parameters
    ----------
    images : array or tensor
    output_shape : sequence of int
        Of all axes.
    scale, translation : array_like
        A number for each of `spatial_dims`. Centres of pixels are at halves.
    spatial_dims : sequence of int
    method : {"linear", "cubic", "lanczos3", "lanczos5"}
    antialias : bool
        Where it becomes smaller, average over all that an element covers.
    """
    owner = "scale_and_translate"
    kernel = _METHODS[one_of(owner, "method", method, tuple(_METHODS))]
    factors, moves = (np.asarray(v, np.float64).reshape(-1) for v in (scale, translation))
    if not len(factors) == len(moves) == len(spatial_dims):
        raise ValueError(
            f"{owner}: expected a scale and a translation for each of the axes {tuple(spatial_dims)}, got "
            f"{factors.tolist()} and {moves.tolist()}"
        )
    sizes, whole = shape(images), str(images.dtype).startswith(("int", "uint"))
    y = cast(images, "float32") if whole else images
    for axis, factor, move in zip(spatial_dims, factors, moves, strict=True):
        size, out = int(sizes[axis] or 0), int(output_shape[axis])
        at = (np.arange(out) + 0.5 - move) / factor
        matrix = weights_at(size, at, 1 / abs(factor), kernel, antialias)
        matrix[(at < -1e-6 * size) | (at > size * (1 + 1e-6))] = 0
        y = moveaxis(tensordot(y, matrix.T.astype(str(y.dtype)), axes=[[axis % len(sizes)], [0]]), -1, axis)
    return as_given(np.round(y), images) if whole and isinstance(y, np.ndarray) else y

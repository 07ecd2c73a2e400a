"""Signals: frames along the last axis, Fourier transforms as pairs of real and imaginary parts, spectra of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._base.tapers import taper
from pydl._engine.tape import differentiable
from pydl.ops.elementwise import divide, multiply
from pydl.ops.shapes import get_item, ndim, pad, shape, stack, take

Array = np.ndarray
Pair = tuple[Any, Any]


def _kind(x: Any) -> Any:
    """The dtype of real numbers that an array or a tensor has or becomes."""
    kind = getattr(x, "dtype", np.float32)
    real = kind.kind == "f" if isinstance(kind, np.dtype) else str(kind).startswith("float")
    return kind if real else np.float32


def _complex(z: Array) -> Array:
    return z[..., 0] + 1j * z[..., 1]


def _parts(z: Array, kind: Any) -> Array:
    """Real and imaginary parts along a last axis of two."""
    return np.stack([z.real, z.imag], axis=-1).astype(kind)


def _fitted(x: Array, n: int) -> Array:
    """The first n along the last axis, zeros behind where there are fewer."""
    if x.shape[-1] >= n:
        return x[..., :n]
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])


def _rfft_slope(dy: Array, y: Array, x: Array, fft_length: int | None = None) -> Array:
    n = fft_length or x.shape[-1]
    return _fitted(np.fft.ifft(_complex(dy), n, axis=-1).real * n, x.shape[-1]).astype(dy.dtype)


@differentiable(_rfft_slope)
def _rfft(x: Any, fft_length: int | None = None) -> Any:
    return _parts(np.fft.rfft(x, fft_length, axis=-1), _kind(x))


def _irfft_slope(dy: Array, y: Array, z: Array, fft_length: int | None = None) -> Array:
    n = dy.shape[-1]
    found = np.fft.rfft(dy, axis=-1) * (2 / n)
    found[..., 0] /= 2  # there is no other frequency that stands for the same
    if n % 2 == 0:
        found[..., -1] /= 2
    return _parts(_fitted(found, z.shape[-2]), dy.dtype)


@differentiable(_irfft_slope)
def _irfft(z: Any, fft_length: int | None = None) -> Any:
    return np.fft.irfft(_complex(z), fft_length, axis=-1).astype(_kind(z))


def _dft_slope(dy: Array, y: Array, z: Array, axes: int = 1, inverse: bool = False) -> Array:
    size = float(np.prod(z.shape[-1 - axes : -1]))
    along = tuple(range(-axes, 0))
    back = np.fft.fftn(_complex(dy), axes=along) / size if inverse else np.fft.ifftn(_complex(dy), axes=along) * size
    return _parts(back, dy.dtype)


@differentiable(_dft_slope)
def _dft(z: Any, axes: int = 1, inverse: bool = False) -> Any:
    """The transform over the last axes of a complex array, of which the parts are a last axis of two."""
    transform = np.fft.ifftn if inverse else np.fft.fftn
    return _parts(transform(_complex(z), axes=tuple(range(-axes, 0))), _kind(z))


def _overlap_slope(dy: Array, y: Array, frames: Array, stride: int = 1) -> Array:
    return np.take(dy, _places(frames.shape[-2], frames.shape[-1], stride), axis=-1)


@differentiable(_overlap_slope)
def _overlap(frames: Any, stride: int = 1) -> Any:
    """The signal that is the sum of frames, each `stride` samples behind the one before."""
    count, length = frames.shape[-2:]
    y = np.zeros((*frames.shape[:-2], (count - 1) * stride + length), frames.dtype)
    for i in range(count):
        y[..., i * stride : i * stride + length] += frames[..., i, :]
    return y


def _places(count: int, length: int, stride: int) -> Array:
    return np.arange(count)[:, None] * stride + np.arange(length)


def _pair(owner: str, x: Any) -> Any:
    if not isinstance(x, tuple | list) or len(x) != 2 or tuple(shape(x[0])) != tuple(shape(x[1])):
        raise ValueError(f"pydl.ops.{owner}: expected a tuple of two arrays of one shape, real and imaginary part")
    return stack(list(x), axis=-1)


def _split(z: Any) -> Pair:
    return get_item(z, (..., 0)), get_item(z, (..., 1))


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Frames of a signal: `(..., time)` to `(..., frames, sequence_length)`, `sequence_stride` samples apart.

    As many as fit, `(time - sequence_length) // sequence_stride + 1`.

    Raises
    ------
    ValueError
        Sizes below 1; a signal that is shorter than a frame, or of unknown length.
    """
    length = whole("extract_sequences", "sequence_length", sequence_length, at_least=1)
    stride = whole("extract_sequences", "sequence_stride", sequence_stride, at_least=1)
    time = shape(x)[-1]
    if time is None or time < length:
        raise ValueError(f"pydl.ops.extract_sequences: expected a signal of {length} samples at least, got {time}")
    return take(x, _places((time - length) // stride + 1, length, stride), axis=-1)


def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """Real and imaginary part of the frequencies 0 to n // 2 of a real signal along the last axis, of n samples.

    `fft_length`: n; the signal is cut, or zeros are put behind it. Default: all of it.
    """
    return _split(_rfft(x, fft_length))


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The real signal of `rfft`'s two parts; `fft_length` samples, by default twice the frequencies but one."""
    return _irfft(_pair("irfft", x), fft_length)


def fft(x: Any) -> Pair:
    """Real and imaginary part of the Fourier transform along the last axis of a pair of such parts."""
    return _split(_dft(_pair("fft", x)))


def fft2(x: Any) -> Pair:
    """`fft` along the last two axes."""
    return _split(_dft(_pair("fft2", x), 2))


def ifft2(x: Any) -> Pair:
    """The pair of which `fft2` gives x."""
    return _split(_dft(_pair("ifft2", x), 2, True))


def _weights(owner: str, window: Any, length: int, fft_length: int) -> Array:
    """The taper, in the middle of as many samples as are transformed."""
    if fft_length < length:
        raise ValueError(
            f"pydl.ops.{owner}: `fft_length` must equal or larger than `sequence_length`, got {fft_length} and {length}"
        )
    if window is None:
        return np.ones(fft_length)
    left = (fft_length - length) // 2
    return np.pad(taper(f"pydl.ops.{owner}", window, length), (left, fft_length - length - left))


def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Pair:
    """Real and imaginary part of the spectra of a signal's frames, each `(..., frames, fft_length // 2 + 1)`.

    Parameters
    ----------
    x : array (..., time)
    sequence_length : int
        Of the window.
    sequence_stride : int
        How far frames are apart.
    fft_length : int
        Samples of a frame; the window stands in their middle.
    window : str, array (sequence_length,) or None
        What frames are multiplied by: "hann", "hamming", ...; None: 1 for all of them.
    center : bool
        Whether frame i has sample `i * sequence_stride` in its middle, the signal being mirrored at its ends, rather
        than as its first.
    """
    weights = _weights("stft", window, sequence_length, fft_length)
    if center:
        half = fft_length // 2
        x = pad(x, [(0, 0)] * (ndim(x) - 1) + [(half, half)], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(multiply(frames, weights.astype(_kind(x))), fft_length)


def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The signal whose `stft`, with the same arguments, comes nearest to x, a pair of real and imaginary part.

    `length`: how many samples of it; by default all that the frames reach, but half a frame at both ends if `center`.
    """
    weights = _weights("istft", window, sequence_length, fft_length)
    frames = irfft(x, fft_length)
    kind = _kind(frames)
    count = shape(frames)[-2]
    norm = _overlap(np.tile(weights**2, (int(count or 0), 1)), sequence_stride)
    y = divide(
        _overlap(multiply(frames, weights.astype(kind)), sequence_stride), np.where(norm > 1e-10, norm, 1).astype(kind)
    )
    start = fft_length // 2 if center else 0
    reach = norm.shape[-1]
    end = start + length if length is not None else reach - start
    return get_item(y, (..., slice(start, end)))

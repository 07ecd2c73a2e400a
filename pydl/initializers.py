"""Initial values of weights. Names, defaults and distributions are those of Keras 3.

Random initializers draw in float64 and round once, so a float32 model starts from the rounded values of its float64
twin. Without a `seed`, one is taken from the library's stream (`pydl.utils.set_random_seed`) when the initializer is
made; one instance gives the same values on every call for the same shape, as in Keras.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from pydl._base.args import one_of, real, shape_of, whole
from pydl._base.random import generator, next_seed
from pydl._base.registry import Configurable, FromFunction, Registry, serialize
from pydl._base.tapers import taper
from pydl.config import standardize_dtype

__all__ = [
    "Constant", "FunctionInitializer", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer",
    "RandomInitializer", "RandomNormal", "RandomUniform", "STFT", "STFTInitializer", "TruncatedNormal",
    "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal",
    "random_uniform", "serialize", "stft", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip

_WHOLE = {np.dtype(code).name for code in "?bBhHiIqQ"}
# Standard deviation of a standard normal variable cut at +-2: sqrt(1 - 4 pdf(2) / (2 cdf(2) - 1)).
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Configurable):
    """Base class: subclasses implement `values(shape)` in float64."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        """Initial values of an array of `shape`, in float64."""
        raise NotImplementedError(f"{type(self).__name__} must implement values(shape) or __call__(shape, dtype)")

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        """Initial values.

        Parameters
        ----------
        shape : tuple of int
        dtype : {"float32", "float64"}, default `pydl.config.floatx()`
            What draws nothing takes whole numbers and bool as well.

        Returns
        -------
        ndarray of `shape` and `dtype`, C-contiguous.

        Raises
        ------
        TypeError, ValueError
            A shape that is none, or one the initializer cannot fill.
        """
        shape = shape_of(type(self).__name__, shape)
        name = dtype if dtype is None or isinstance(dtype, str) else np.dtype(dtype).name
        if name not in _WHOLE or isinstance(self, RandomInitializer):
            name = standardize_dtype(dtype)
        return np.ascontiguousarray(self.values(shape), dtype=name).reshape(shape)


class Zeros(Initializer):
    """All zeros."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


class Ones(Initializer):
    """All ones."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts to the shape.

    Parameters
    ----------
    value : float or array_like, default 0.0
    """

    def __init__(self, value: Any = 0.0) -> None:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"Constant: value must be a number or an array of numbers, got {value!r}")
        self.value = array.tolist() if array.ndim == 0 else array

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return np.broadcast_to(np.asarray(self.value, dtype=np.float64), shape)
        except ValueError:
            of_value = np.shape(self.value)
            raise ValueError(f"Constant: Expected `shape` to be {of_value}, that of the value, got {shape}") from None


class Identity(Initializer):
    """The identity matrix times `gain`, for two-dimensional shapes.

    Parameters
    ----------
    gain : float, default 1.0
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = real("Identity", "gain", gain)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of two dimensions, got {shape}")
        return self.gain * np.eye(*shape)


class RandomInitializer(Initializer):
    """Base class of those that draw.

    Parameters
    ----------
    seed : int or pydl.random.SeedGenerator, optional
        0 <= seed < 2**64, with which every call for a shape gives the same; with a generator each gives something else.
    """

    def __init__(self, seed: Any = None) -> None:
        self.seed = None if seed is None else _seed(type(self).__name__, seed)
        self._seed = next_seed() if self.seed is None else self.seed

    def _generator(self) -> np.random.Generator:
        return generator(self._seed.next() if hasattr(self._seed, "next") else self._seed)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The initializer that `get_config` described; a generator of seeds starts anew."""
        seed = config.get("seed")
        if isinstance(seed, Mapping):
            from pydl.random import SeedGenerator

            config = {**config, "seed": SeedGenerator.from_config(seed["config"])}
        return cls(**config)


def _seed(owner: str, seed: Any) -> Any:
    return seed if hasattr(seed, "next") else whole(owner, "seed", seed, below=2**64)


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
    seed : int, optional
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = real(type(self).__name__, "mean", mean)
        self.stddev = real(type(self).__name__, "stddev", stddev, at_least=0)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._generator().normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal distribution whose draws beyond two standard deviations of the mean are drawn again.

    `stddev` is that of the distribution before the cut; after it, it is 0.8796 times as large.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
    seed : int, optional
    """

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * _truncated_standard_normal(self._generator(), shape)


class RandomUniform(RandomInitializer):
    """Uniform distribution on [minval, maxval).

    Parameters
    ----------
    minval : float, default -0.05
    maxval : float, default 0.05
    seed : int, optional
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = real("RandomUniform", "minval", minval)
        self.maxval = real("RandomUniform", "maxval", maxval, at_least=self.minval)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._generator().uniform(self.minval, self.maxval, shape)


class VarianceScaling(RandomInitializer):
    """Zero mean and variance `scale / n`, n being the fan of the shape (see `compute_fans`).

    `input_axes` and `output_axes`, of this and of its subclasses, are as for `compute_fans`.

    Parameters
    ----------
    scale : float, default 1.0
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}, default "truncated_normal"
    seed : int, optional

    References
    ----------
    Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998, "Efficient BackProp".
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        owner = type(self).__name__
        self.input_axes = _axes(owner, "input_axes", input_axes)
        self.output_axes = _axes(owner, "output_axes", output_axes)
        self.scale = real(owner, "scale", scale, above=0)
        self.mode = one_of(owner, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        choices = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = one_of(owner, "distribution", distribution, choices)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "truncated_normal":
            return stddev / _TRUNCATED_STDDEV * _truncated_standard_normal(self._generator(), shape)
        if self.distribution == "untruncated_normal":
            return self._generator().normal(0.0, stddev, shape)
        limit = math.sqrt(3.0) * stddev
        return self._generator().uniform(-limit, limit, shape)


class GlorotUniform(VarianceScaling):
    """Uniform on +-sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out). Glorot and Bengio 2010."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform on +-sqrt(6 / fan_in). He et al. 2015."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / fan_in. He et al. 2015."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform on +-sqrt(3 / fan_in). LeCun et al. 1998."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / fan_in. LeCun et al. 1998."""

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns (or rows, where it is wider than high) times `gain`.

    More than two dimensions are taken as the matrix (shape[0] * ... * shape[-2], shape[-1]). Costs a QR factorization.

    Parameters
    ----------
    gain : float, default 1.0
    seed : int, optional

    References
    ----------
    Saxe, McClelland, Ganguli 2014.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = real("Orthogonal", "gain", gain)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of two dimensions or more, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = self._generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        # The factorization is unique, and q uniform, only with a fixed sign of r's diagonal.
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q.T if rows < columns else q).reshape(shape)


class STFT(Initializer):
    """Kernels of the Fourier transform of frames: `(samples, 1, frequencies)`, from 0 to the highest there is.

    `w[t] cos(2 pi t f / n)` or `-w[t] sin(2 pi t f / n)`, n being `2 (frequencies - 1)` and w the window, divided by
    what `scaling` says. What `STFTSpectrogram` begins with.

    Parameters
    ----------
    side : {"real", "imag"}
    window : str, array or None
        "hann", "hamming", ...; the weights; None for ones.
    scaling : {"density", "spectrum", None}
        By the root of the sum of the window's squares, by the sum of its weights, or by 1.
    periodic : bool
        Whether the window is one period of a function rather than symmetric.
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        self.side = one_of("STFT", "side", side, ("real", "imag"))
        self.window = window.tolist() if isinstance(window, np.ndarray) else window
        self.scaling = one_of("STFT", "scaling", scaling, ("density", "spectrum", None))
        self.periodic = bool(periodic)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 3:
            raise ValueError(f"STFT: expected a shape (samples, 1, frequencies), got {shape}")
        samples, _, frequencies = shape
        weights = taper("STFT", self.window, samples, self.periodic)
        size = {"density": np.sqrt((weights**2).sum()), "spectrum": np.abs(weights).sum(), None: 1.0}[self.scaling]
        if self.window is None:
            size = 1.0
        turns = np.arange(samples)[:, None] * np.arange(frequencies) % (2 * (frequencies - 1) or 1)
        angles = turns * (np.pi / max(frequencies - 1, 1))
        wave = np.cos(angles) if self.side == "real" else -np.sin(angles)
        return np.broadcast_to((wave * (weights / size)[:, None])[:, None], shape)


class FunctionInitializer(FromFunction, Initializer):
    """What a user's own ``function(shape, dtype=None)`` returns; what `get` makes of a function.

    Raises
    ------
    ValueError
        When called: the function returns another shape.
    """

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        shape, dtype = shape_of("FunctionInitializer", shape), standardize_dtype(dtype)
        values = np.asarray(self.function(shape, dtype=dtype))
        if values.shape != shape:
            raise ValueError(f"initializer {self.function!r}: expected values of shape {shape}, got {values.shape}")
        return np.ascontiguousarray(values, dtype=dtype)


IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
constant, ones, zeros = Constant, Ones, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling
STFTInitializer = stft = STFT


def compute_fans(
    shape: tuple[int, ...], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of `shape`: its last two axes are inputs and outputs, others a receptive field.

    Where both `input_axes` and `output_axes` are given, they are the products of the sizes of those.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _axes(owner: str, name: str, axes: Sequence[int] | None) -> list[int] | None:
    return None if axes is None else [whole(owner, name, axis, at_least=-32) for axis in axes]


def _truncated_standard_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    x = generator.standard_normal(shape)
    flat = x.reshape(-1)
    outside = np.flatnonzero(np.abs(flat) > 2)
    while outside.size:
        flat[outside] = generator.standard_normal(outside.size)
        outside = outside[np.abs(flat[outside]) > 2]
    return x


_registry = Registry(
    "initializer",
    Initializer,
    [Zeros, Ones, Constant, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
     GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, STFT],
    {"zero": "Zeros", "one": "Ones", "normal": "RandomNormal", "uniform": "RandomUniform",
     "OrthogonalInitializer": "Orthogonal", "orthogonal_initializer": "Orthogonal", "IdentityInitializer": "Identity",
     "identity_initializer": "Identity", "STFTInitializer": "STFT"},
    of_function=FunctionInitializer,
)  # fmt: skip


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Initializer | None:
    """An initializer from its name ("he_normal"), class, instance, array, function or config; None stays None.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    if isinstance(identifier, np.ndarray | np.generic):
        return Constant(identifier)
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize

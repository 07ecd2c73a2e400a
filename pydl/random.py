"""Random arrays, with the names of `keras.random`: NumPy's generator over the counter-based Philox.

Each function takes a `seed`: an int, with which it always gives the same, or a `SeedGenerator`, with which each call
gives something else, in the same order in each program. Without one, the seed comes from the stream that
`pydl.utils.set_random_seed` starts. The numbers are not Keras's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import config
from pydl._base import random
from pydl._base.args import real, whole
from pydl._base.registry import Configurable
from pydl._engine.tape import Traced

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle",
    "truncated_normal", "uniform",
]  # fmt: skip

Array = np.ndarray


class SeedGenerator(Configurable):
    """A stream of seeds.

    Parameters
    ----------
    seed : int, optional
        Default: one of the stream that `pydl.utils.set_random_seed` starts.
    name : str, optional
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = random.next_seed() if seed is None else whole("SeedGenerator", "seed", seed, below=2**64)
        self.name = name or "seed_generator"
        self.drawn = 0

    def next(self, ordered: bool = True) -> int:
        """The next seed; `ordered` is taken because Keras takes it."""
        self.drawn += 1
        return random.derived(self.seed, self.drawn)


Seed = int | SeedGenerator | None


def _generator(owner: str, seed: Seed) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        return random.generator(seed.next())
    return random.generator(random.next_seed() if seed is None else whole(owner, "seed", seed, below=2**64))


def _float(dtype: Any) -> Any:
    return np.dtype(config.floatx() if dtype is None else dtype)


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> Array:
    """Normal numbers; dtype `pydl.config.floatx()`."""
    return (mean + stddev * _generator("normal", seed).standard_normal(shape)).astype(_float(dtype))


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Array:
    """Normal numbers, those drawn anew that are more than two standard deviations from the mean."""
    generator = _generator("truncated_normal", seed)
    drawn = generator.standard_normal(shape)
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = generator.standard_normal(int(far.sum()))
    return (mean + stddev * drawn).astype(_float(dtype))


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Array:
    """Numbers in [minval, maxval); of an integer dtype, whole ones."""
    kind = _float(dtype)
    if kind.kind in "iu":
        return randint(shape, int(minval), int(maxval), kind, seed)
    drawn = _generator("uniform", seed).random(shape, np.float32 if kind == np.float32 else np.float64)
    values: Array = (minval + (maxval - minval) * drawn).astype(kind)
    return np.minimum(values, np.nextafter(kind.type(maxval), kind.type(minval)))  # rounding may reach the upper bound


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> Array:
    """Whole numbers in [minval, maxval)."""
    return _generator("randint", seed).integers(int(minval), int(maxval), shape).astype(dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Array:
    """For each row of logits `(rows, classes)`, so many classes drawn with the probabilities softmax(logits)."""
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2:
        raise ValueError(f"categorical: expected logits of shape (rows, classes), got {logits.shape}")
    uniform = _generator("categorical", seed).random((len(logits), num_samples, 1))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    below = uniform * shares[:, None, -1:] >= shares[:, None, :]
    return below.sum(axis=-1).astype(dtype)


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Array:
    """The slices of x along an axis, in an order that is drawn."""
    return _generator("shuffle", seed).permutation(np.asarray(x), axis)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int] | None = None, seed: Seed = None) -> Any:
    """x with a share `rate` of its values set to 0 and the others divided by 1 - rate."""
    rate = real("dropout", "rate", rate, at_least=0, below=1)
    generator = _generator("dropout", seed)
    if isinstance(inputs, Traced):  # of which gradients are taken
        kept = generator.random(inputs.shape if noise_shape is None else noise_shape) >= rate
        return inputs * (kept / (1 - rate)).astype(inputs.dtype)
    x = np.asarray(inputs)
    kept = generator.random(x.shape if noise_shape is None else noise_shape) >= rate
    return np.where(kept, x / (1 - rate), 0).astype(x.dtype if x.dtype.kind == "f" else config.floatx())


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> Array:
    """Numbers of the gamma distribution with shape `alpha` and scale 1."""
    return _generator("gamma", seed).gamma(np.asarray(alpha), 1.0, shape).astype(_float(dtype))


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> Array:
    """Numbers of the beta distribution."""
    return _generator("beta", seed).beta(np.asarray(alpha), np.asarray(beta), shape).astype(_float(dtype))


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> Array:
    """How many of `counts` trials succeed, each with its probability."""
    counts = np.asarray(counts).astype(np.int64)
    return _generator("binomial", seed).binomial(counts, np.asarray(probabilities), shape).astype(_float(dtype))

"""Activation functions. Names, signatures and defaults are those of Keras 3.

Each works on arrays of any shape in float32 or float64 (other numbers are taken as `pydl.config.floatx()`) through the
same kernel that layers use. `get` gives layers the description they emit that kernel from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from inspect import isfunction
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._base.arrays import float_array, sizes
from pydl._base.registry import custom_object, custom_object_scope, function_name, unknown_name
from pydl._engine.facts import activations, reads_input, rowwise, run_op
from pydl._engine.operators import Operators
from pydl._engine.tape import differentiable, gradient_of, is_followed

__all__ = [
    "Activation", "celu", "deserialize", "elu", "erf", "exponential", "gelu", "get", "glu", "hard_shrink",
    "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax",
    "mish", "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


class Activation:
    """A function by the name of its kernel, with its parameter.

    Attributes
    ----------
    name : str
    alpha : float
        The function's parameter, such as the slope of "leaky_relu" below zero; 0 if it has none.
    """

    __slots__ = ("alpha", "name")

    @property
    def __name__(self) -> str:
        """The name, as a function has it."""
        return self.name

    def __init__(self, name: str, alpha: float = 0.0) -> None:
        self.name, self.alpha = name, alpha

    def __eq__(self, other: object) -> bool:
        """Whether `other` computes the same: another activation, or a function that `get` makes one of."""
        if isfunction(other):
            return self == get(other)
        return isinstance(other, Activation) and (self.name, self.alpha) == (other.name, other.alpha)

    def __hash__(self) -> int:
        plain = self.alpha == _parameters().get(self.name)
        return hash(globals().get(self.name, self.name) if plain else (self.name, self.alpha))

    def __repr__(self) -> str:
        return f"Activation(name={self.name!r}, alpha={self.alpha!r})"

    @property
    def kernel(self) -> str | None:
        """Name in the table of kernels (`act_<kernel>_fwd`, `act_<kernel>_bwd`); None for "linear"."""
        return None if self.name == "linear" else self.name

    #: What computes it, for those that are functions of a user's.
    function: Callable[[Any], Any] | None = None

    def as_config(self) -> str | dict[str, Any]:
        """What `serialize` makes of it."""
        return serialize(self)

    def __call__(self, x: Any) -> np.ndarray:
        """The function of `x`, of the shape of `x`; row-wise ones run along the last axis."""
        return _apply(self, x)


class FunctionActivation(Activation):
    """A function of your own, element by element or along rows, written with `pydl.ops`, which gives its gradient."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function: Callable[[Any], Any] = function

    def __eq__(self, other: object) -> bool:
        return self.function == (other.function if isinstance(other, Activation) else other)

    def __hash__(self) -> int:
        return hash(self.function)

    @property
    def kernel(self) -> None:
        return None

    def __call__(self, x: Any) -> Any:
        return self.function(x)

    def slope(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """The gradient of the input, from that of the output."""
        return gradient_of(self.function, x, dy)


def _apply(activation: Activation, x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    if is_followed(x):
        return activate(x, activation.name, activation.alpha, axis)
    x = float_array(activation.name, "x", x)
    if activation.kernel is None:
        return x
    if isinstance(axis, tuple):
        rows, back = _as_one(x, axis)
        return back(_apply(activation, rows))
    if axis != -1:
        x = np.asarray(np.moveaxis(x, axis, -1), order="C")
    warn_of_one_unit(activation, x.shape[-1] if x.ndim else 1)
    y = np.empty_like(x)
    run_op(f"act_{activation.kernel}_fwd", x.dtype.name, x=x, y=y, alpha=activation.alpha, **sizes(x))
    return y if axis == -1 else np.moveaxis(y, -1, axis)


def _computed_with(owner: str, x: Any) -> Any:
    """What operators take: an array of floats, or what stands for one."""
    return x if is_followed(x) else float_array(owner, "x", x)


def _choose(condition: Any, x1: Any, x2: Any) -> Any:
    if is_followed(x2):
        return Operators.operate("where", condition, x1, x2)
    return np.where(condition, x1, x2).astype(x2.dtype)


def _as_one(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """An array with these axes as one, the last, and what makes of one of its shape an array as before."""
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    rows = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    return rows, lambda y: np.moveaxis(y.reshape(moved.shape), last, axes)


def _slope(dy: np.ndarray, y: np.ndarray, x: np.ndarray, name: str, alpha: float, axis: Any = -1) -> np.ndarray:
    """By the kernel of the backward pass."""
    if isinstance(axis, tuple):
        rows, back = _as_one(x, axis)
        return back(_slope(_as_one(dy, axis)[0], _as_one(y, axis)[0], rows, name, alpha))
    activation = Activation(name, alpha)
    if activation.kernel is None:
        return dy
    saved = x if reads_input(activation) else y
    s, d = (np.array(np.moveaxis(a, axis, -1) if a.ndim else a, y.dtype, order="C") for a in (saved, dy))
    run_op(f"act_{activation.kernel}_bwd", y.dtype.name, s=s, dy=d, dx=d, alpha=alpha, **sizes(d))
    return np.moveaxis(d, -1, axis) if d.ndim else d


@differentiable(_slope)
def activate(x: Any, name: str, alpha: float, axis: int = -1) -> Any:
    """The activation of this name and parameter, along an axis if it normalizes."""
    return _apply(Activation(name, alpha), x, axis)


def warn_of_one_unit(activation: Activation, units: int | None, owner: str = "") -> None:
    """Warn of an activation that normalizes over a single unit, where a constant comes out."""
    if units == 1 and rowwise(activation):
        constant = "1" if activation.name == "softmax" else "0"
        warnings.warn(
            f"{owner}{activation.name} over an axis of size one is {constant} for whatever input, so that nothing can "
            'be learnt; for a probability use "sigmoid", for classes one unit each',
            stacklevel=3,
        )


def linear(x: Any) -> np.ndarray:
    """x."""
    return _apply(Activation("linear"), x)


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> np.ndarray:
    """max(x, 0); in general x where x > threshold, else negative_slope * (x - threshold), at most max_value.

    Parameters
    ----------
    x : array_like
    negative_slope : float, default 0.0
    max_value : float, optional
    threshold : float, default 0.0
    """
    if threshold == 0:
        y = _apply(Activation("leaky_relu", negative_slope) if negative_slope else Activation("relu"), x)
    else:
        x = _computed_with("relu", x)
        y = _choose(x <= threshold, negative_slope * (x - threshold), x)
    return y if max_value is None else np.minimum(y, max_value)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> np.ndarray:
    """x where x > 0, else negative_slope * x."""
    return _apply(Activation("leaky_relu", negative_slope), x)


def elu(x: Any, alpha: float = 1.0) -> np.ndarray:
    """x where x > 0, else alpha * (exp(x) - 1). Clevert, Unterthiner, Hochreiter 2016."""
    return _apply(Activation("elu", alpha), x)


def selu(x: Any) -> np.ndarray:
    """1.05070098 * elu(x, alpha=1.67326324). Klambauer et al. 2017."""
    return _apply(Activation("selu"), x)


def gelu(x: Any, approximate: bool = False) -> np.ndarray:
    """x * P(X <= x), X standard normal; `approximate` takes the tanh form. Hendrycks and Gimpel 2016."""
    return _apply(Activation("gelu_tanh" if approximate else "gelu"), x)


def sigmoid(x: Any) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return _apply(Activation("sigmoid"), x)


def tanh(x: Any) -> np.ndarray:
    """tanh(x)."""
    return _apply(Activation("tanh"), x)


def softplus(x: Any) -> np.ndarray:
    """log(1 + exp(x))."""
    return _apply(Activation("softplus"), x)


def exponential(x: Any) -> np.ndarray:
    """exp(x); infinite where that is larger than any number of the dtype."""
    return _apply(Activation("exponential"), x)


def erf(x: Any) -> np.ndarray:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _apply(Activation("erf"), x)


def softsign(x: Any) -> np.ndarray:
    """x / (1 + |x|)."""
    return _apply(Activation("softsign"), x)


def silu(x: Any) -> np.ndarray:
    """x * sigmoid(x), also called swish. Ramachandran, Zoph, Le 2017."""
    return _apply(Activation("silu"), x)


swish = silu


def mish(x: Any) -> np.ndarray:
    """x * tanh(softplus(x)). Misra 2019."""
    return _apply(Activation("mish"), x)


def hard_sigmoid(x: Any) -> np.ndarray:
    """clip(x / 6 + 1/2, 0, 1)."""
    return _apply(Activation("hard_sigmoid"), x)


def squareplus(x: Any, b: float = 4) -> np.ndarray:
    """(x + sqrt(x^2 + b)) / 2: as smooth as softplus, without exponentials; relu for b = 0. Barron 2021."""
    return _apply(Activation("squareplus", b), x)


def relu6(x: Any) -> np.ndarray:
    """min(max(x, 0), 6)."""
    return _apply(Activation("relu6", 6.0), x)


def celu(x: Any, alpha: float = 1.0) -> np.ndarray:
    """x where x > 0, else alpha * (exp(x / alpha) - 1): elu with a slope of 1 at 0. Barron 2017."""
    return _apply(Activation("celu", alpha), x)


def hard_tanh(x: Any) -> np.ndarray:
    """clip(x, -1, 1)."""
    return _apply(Activation("hard_tanh"), x)


def hard_silu(x: Any) -> np.ndarray:
    """x * hard_sigmoid(x), also called hard_swish. Howard et al. 2019."""
    return _apply(Activation("hard_silu"), x)


hard_swish = hard_silu


def hard_shrink(x: Any, threshold: float = 0.5) -> np.ndarray:
    """x where |x| > threshold, else 0."""
    return _apply(Activation("hard_shrink", threshold), x)


def soft_shrink(x: Any, threshold: float = 0.5) -> np.ndarray:
    """sign(x) * max(|x| - threshold, 0)."""
    return _apply(Activation("soft_shrink", threshold), x)


def tanh_shrink(x: Any) -> np.ndarray:
    """x - tanh(x)."""
    return _apply(Activation("tanh_shrink"), x)


def threshold(x: Any, threshold: float, default_value: float) -> np.ndarray:
    """x where x > threshold, else default_value."""
    x = _computed_with("threshold", x)
    return _choose(x <= threshold, default_value, x)


def log_sigmoid(x: Any) -> np.ndarray:
    """log(sigmoid(x))."""
    return _apply(Activation("log_sigmoid"), x)


def sparse_plus(x: Any) -> np.ndarray:
    """0 where x <= -1, (x + 1)^2 / 4 up to 1, x beyond."""
    return _apply(Activation("sparse_plus"), x)


def sparse_sigmoid(x: Any) -> np.ndarray:
    """clip((x + 1) / 2, 0, 1)."""
    return _apply(Activation("sparse_sigmoid"), x)


def sparsemax(x: Any, axis: int = -1) -> np.ndarray:
    """The nearest probabilities to x along `axis`: max(x - t, 0), summing to 1. Martins and Astudillo 2016."""
    return _apply(Activation("sparsemax"), x, axis)


def glu(x: Any, axis: int = -1) -> np.ndarray:
    """a * sigmoid(b), a and b the halves of x along `axis`, whose size must be even. Dauphin et al. 2017."""
    x = _computed_with("glu", x)
    n = x.shape[axis] if x.ndim else None
    if n is None or n % 2:
        raise ValueError(f"glu: expected an even size along axis {axis}, got shape {x.shape}")
    before = (slice(None),) * (axis % x.ndim)
    return x[(*before, slice(n // 2))] * sigmoid(x[(*before, slice(n // 2, n))])


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """exp(x) / sum(exp(x)) along `axis`, or several."""
    return _apply(Activation("softmax"), x, axis)


def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """x - log(sum(exp(x))) along `axis`, or several."""
    return _apply(Activation("log_softmax"), x, axis)


@cache
def _parameters() -> dict[str, float]:
    """Names of the activations, and the parameter of each where none is given."""
    return {"linear": 0.0, **activations()}


def get(identifier: Any) -> Activation:
    """What a layer needs of an activation, from its name, one of this module's functions, a config or an `Activation`.

    None is "linear"; a layer such as `LeakyReLU(0.1)` stands for what it computes. A function of your own has to be
    written with `pydl.ops` and operators, which give its gradient.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    if isinstance(identifier, Activation):
        return identifier
    if identifier is None:
        return Activation("linear")
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    of_layer = getattr(identifier, "as_activation", None)
    if isinstance(of_layer, Activation):
        return of_layer
    name = getattr(identifier, "__name__", None)
    if name in _parameters() and globals().get(name) is identifier:
        identifier = name
    if callable(identifier) and not isinstance(identifier, type):
        return FunctionActivation(identifier)
    if not isinstance(identifier, str):
        raise TypeError(f"activation: expected a name or a function, got {identifier!r}")
    own = custom_object(identifier)
    if callable(own):
        return FunctionActivation(own)
    name = _ALIASES.get(identifier, identifier)
    if name not in _parameters():
        unknown_name("activation", identifier, [*_parameters(), *_ALIASES])
    return Activation(name, _parameters()[name])


def serialize(activation: Any) -> str | dict[str, Any]:
    """The activation's name, or with a parameter of its own `{"class_name": name, "config": {"alpha": alpha}}`."""
    activation = get(activation)
    if activation.function is not None:
        return function_name("activation", activation.function)
    if activation.alpha == _parameters()[activation.name]:
        return activation.name
    return {"class_name": activation.name, "config": {"alpha": activation.alpha}}


def deserialize(config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Activation:
    """The activation that `serialize` described, or a function of `custom_objects`, by its name.

    Raises ValueError for a config that is none.
    """
    if isinstance(config, str):
        with custom_object_scope(custom_objects):
            return get(config)
    name, arguments = config.get("class_name"), config.get("config")
    if not isinstance(name, str) or not isinstance(arguments, Mapping) or set(arguments) - {"alpha"}:
        raise ValueError(
            f'activation config: expected {{"class_name": str, "config": {{"alpha": float}}}}, got {config!r}'
        )
    default = get(name)
    return Activation(default.name, real(name, "alpha", arguments.get("alpha", default.alpha)))

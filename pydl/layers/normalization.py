"""BatchNormalization and LayerNormalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import constraints, initializers, regularizers
from pydl._base.args import axis_of, real, whole
from pydl._engine.builder import Builder
from pydl._engine.layout import array_of
from pydl._engine.tensor import Tensor, Value
from pydl._engine.variable import Variable
from pydl.layers import renormalizing
from pydl.layers.base import Layer


class _Normalization(Layer):
    """`y = gamma * (x - mean) / sqrt(var + epsilon) + beta` with weights along some axes, as a rule the last one."""

    supports_masking = True

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.axis = [axis_of(owner, a) for a in axis] if isinstance(axis, list | tuple) else axis_of(owner, axis)
        self.epsilon = real(type(self).__name__, "epsilon", epsilon, above=0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Any) -> None:
        if isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected one input (batch, ..., features), got {input_shape}'
            )
        shape = self._sizes(input_shape)
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name="gamma",
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, name="beta",
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip

    def _axes(self, rank: int) -> list[int]:
        """The axes that the weights lie along, from the front, in order; none of them is the batch."""
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted({a % rank for a in given if -rank <= a < rank})
        if not axes or len(axes) < len(given) or axes[0] == 0:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected an axis of the {rank} of the input, or several, other '
                f"than the first, got {self.axis}"
            )
        return axes

    def _sizes(self, shape: Any) -> tuple[int, ...]:
        """The shape of the weights for an input of this one."""
        sizes = tuple(shape[a] for a in self._axes(len(shape)))
        if None in sizes:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected a known number of features along axis {self.axis}, got '
                f"input {tuple(shape)}"
            )
        return sizes

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.built and self._sizes(input_shape) != self._sizes(self.input_shape):
            sizes = self._sizes(self.input_shape)
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected {" x ".join(map(str, sizes))} features along axis '
                f"{self.axis}, got input {tuple(input_shape)}"
            )
        return tuple(input_shape)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        axes, last = self._places(t)
        if axes == last:
            return self._forward(b, t)
        moved = b.tensor(np.moveaxis(np.broadcast_to(0, t.shape), axes, last).shape, t)
        _move(b, t.shape, t.buffer, axes, last, moved.buffer, moved.shape)
        moved.mask = self._moved_mask(b, t, moved.shape)
        normal = self._forward(b, moved)
        y = b.tensor(t.shape, t, trainable=b.trains(*self.weights))
        _move(b, moved.shape, normal.buffer, last, axes, y.buffer, y.shape)
        b.notes[id(y.value)] = moved, normal
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy = x[0], b.gradient(y)
        axes, last = self._places(t)
        if axes == last:
            self._backward(b, t, y, dy)
            return
        moved, normal = b.notes[id(y.value)]
        slope = b.buffer(normal.shape)
        _move(b, y.shape, dy, axes, last, slope, normal.shape)
        self._backward(b, moved, normal, slope)
        b.add_input_gradient(t, lambda dx, _: _move(b, moved.shape, moved.value.grad, last, axes, dx, t.shape))

    def _places(self, t: Tensor) -> tuple[list[int], list[int]]:
        """The axes of the weights, and as many of the last ones."""
        rank = len(t.shape)
        axes = self._axes(rank)
        return axes, list(range(rank - len(axes), rank))

    def _moved_mask(self, b: Builder, t: Tensor, shape: tuple[int, ...]) -> Tensor | None:
        """A number for each element of t, whose axes were moved to this shape, where masks matter."""
        return None

    def _forward(self, b: Builder, t: Tensor) -> Tensor:
        """The records, where the axes are the last ones."""
        raise NotImplementedError

    def _backward(self, b: Builder, t: Tensor, y: Tensor, dy: Any) -> None:
        """The records, where the axes are the last ones."""
        raise NotImplementedError

    def _fields(self) -> dict[str, Any]:
        """gamma and beta as the kernels take them."""
        return {"gamma": self.gamma and self.gamma.buffer, "beta": self.beta and self.beta.buffer}

    def _train(self, b: Builder, emit: Any) -> None:
        """Put the record of dgamma and dbeta off to the tail; `emit(add, dgamma=, dbeta=)`."""
        if not (trained := [v for v in self.weights if b.trains(v)]):
            return
        b.note_weight_gradient(*trained)
        weights = (("dgamma", self.gamma), ("dbeta", self.beta))
        grads = {name: b.weight_gradient(v) for name, v in weights if v is not None}
        b.defer_to_tail(lambda: emit(max(map(b.adds, trained)), **grads))


class BatchNormalization(_Normalization):
    """Normalizes each feature over the batch.

    In training with the batch's mean and (biased) variance, which also move the running ones,
    `moving = momentum * moving + (1 - momentum) * batch`; otherwise, when frozen, and where it was called with
    `training=False`, with the running ones.
    Masked steps count in neither, but are normalized as well, as in Keras: `mean = sum(m * x) / n` and
    `var = sum(m * (x - mean)^2) / n` with the mask m of 0 and 1 and `n = sum(m) + 1e-7`.
    Source: Ioffe and Szegedy, ICML 2015.

    Parameters
    ----------
    axis : int
        That of the features, any but the first; where it is not the last one, data are transposed in NumPy before and
        after, which takes the GIL, as do statistics of masked steps then.
    momentum : float
        In [0, 1].
    epsilon : float
    center, scale : bool
        Learn beta (added), gamma (multiplied).
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
    renorm : bool
        In training, `y = gamma (r x^ + d) + beta` with x^ normalized by the batch, `r = deviation / running deviation`
        and `d = (mean - running mean) / running deviation`, so that both phases do the same. In NumPy. Ioffe 2017.
    renorm_clipping : dict, optional
        Bounds "rmin" and "rmax" of r, "dmax" of the size of d.
    renorm_momentum : float
        Of the running figures that r and d are of, which are others than those for prediction.
    **kwargs
        `name`, `trainable`, `dtype`; `synchronized`, which has to be False.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("synchronized", False):
            raise ValueError("BatchNormalization: synchronized=True is not supported: leave it out")
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        self.axis = whole("BatchNormalization", "axis", axis, at_least=-32)
        self.momentum = real("BatchNormalization", "momentum", momentum, at_least=0, at_most=1)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = bool(renorm)
        self.renorm_clipping = renormalizing.checked(renorm_clipping)
        self.renorm_momentum = real("BatchNormalization", "renorm_momentum", renorm_momentum, at_least=0, at_most=1)
        self.moving_mean: Variable
        self.moving_variance: Variable
        self.moving_stddev: Variable
        self.renorm_mean: Variable
        self.renorm_stddev: Variable

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        shape = self._sizes(input_shape)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, name="moving_mean", trainable=False)
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, name="moving_variance", trainable=False
        )
        if self.renorm:
            names = ("moving_stddev", "renorm_mean", "renorm_stddev")
            self.moving_stddev, self.renorm_mean, self.renorm_stddev = (
                self.add_weight(shape, "zeros", name=name, trainable=False) for name in names
            )
            self.renorm_mean.assign(self.moving_mean.numpy())
            for v in (self.moving_stddev, self.renorm_stddev):
                v.assign(np.sqrt(self.moving_variance.numpy()))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if not self.renorm:
            del config["renorm"], config["renorm_clipping"], config["renorm_momentum"]
        return config

    def _moved_mask(self, b: Builder, t: Tensor, shape: tuple[int, ...]) -> Tensor | None:
        if t.mask is None or not (b.training and self.trainable):
            return None
        each = b.buffer(t.shape)
        y, steps = Tensor(Value(b.buffer(shape), False), shape), t.mask

        def spread() -> None:
            array_of(each).reshape(t.shape)[...] = steps.array().reshape(*t.shape[:-1], 1)

        b.emit_python("mask of each element", spread, [steps.buffer], [each])
        _move(b, t.shape, each, *self._places(t), y.buffer, shape)
        return y

    def _in_numpy(self, t: Tensor) -> bool:
        """Whether no kernel knows the statistics: renormalized, or of a mask with a number for each element."""
        return self.renorm or (t.mask is not None and t.mask.shape == t.shape)

    def _forward(self, b: Builder, t: Tensor) -> Tensor:
        if self._in_numpy(t) and b.training and self.trainable:
            return renormalizing.emit_forward(self, b, t)
        y = b.tensor(t.shape, t, trainable=b.trains(*self.weights))
        common = {
            "x": t.buffer, "y": y.buffer, "eps": self.epsilon, **self._fields(),
            "mean": self.moving_mean.buffer, "var": self.moving_variance.buffer,
        }  # fmt: skip
        n = t.shape[-1]
        if not b.training or not self.trainable:
            b.emit("bn_infer", O=n, **t.by_last(), **common)
        else:
            statistics = {name: b.buffer((n,)) for name in ("bmean", "bmean_low", "brstd")}
            b.notes[id(y.value)] = statistics
            common |= {"mask": _mask(t), "momentum": self.momentum, **statistics}
            if _by_samples(t):
                parts = b.buffer((t.batch, 2 * n + 1), "float64")
                b.emit("bn_parts", x=t.buffer, mask=_mask(t), parts=parts, O=n, **t.by_last())
                b.emit("bn_apply", parts=parts, O=n, **t.by_last(), **common)
            else:
                b.emit("bn_fwd", n=n, B=t.rows_of_last, **common)
        return y

    def _backward(self, b: Builder, t: Tensor, y: Tensor, dy: Any) -> None:
        of_batch = id(y.value) in b.notes
        if of_batch and self._in_numpy(t):
            renormalizing.emit_backward(self, b, t, y, dy)
            return
        statistics = b.notes[id(y.value)] if of_batch else self._moving(b)
        gamma, mask = self.gamma and self.gamma.buffer, _mask(t) if of_batch else None
        if _by_samples(t):
            common = {"x": t.buffer, "dy": dy, "O": t.shape[-1], **t.by_last(), **statistics}
            common["parts"] = parts = b.buffer((t.batch, 2 * t.shape[-1]), "float64")
            if of_batch:
                b.emit("bn_slopes", **common)
                b.add_input_gradient(t, lambda dx, _: b.emit("bn_dx", dx=dx, gamma=gamma, mask=mask, **common))
            elif b.trains(*self.weights):
                b.emit("bn_slopes", **common)
            self._train(b, lambda add, **grads: _sum_slopes(b, parts, add, **grads))
        else:
            common = {
                "x": t.buffer, "dy": dy, "gamma": gamma, "mask": mask, "n": t.shape[-1], "B": t.rows_of_last,
                **statistics,
            }  # fmt: skip
            if of_batch:
                b.add_input_gradient(t, lambda dx, _: b.emit("bn_bwd", dx=dx, **common))
            self._train(b, lambda add, **grads: b.emit("bn_bwd", add=add, **grads, **common))
        if not of_batch:  # y is linear in x: the forward kernel, without the constants
            zero = b.zeros((t.shape[-1],))
            fields = {**self._fields(), "beta": None, "mean": zero, "var": self.moving_variance.buffer}
            b.add_input_gradient(
                t,
                lambda dx, _: b.emit("bn_infer", x=dy, y=dx, O=t.shape[-1], eps=self.epsilon, **t.by_last(), **fields),
            )

    def _moving(self, b: Builder) -> dict[str, Any]:
        """The running mean and 1 / sqrt(variance + epsilon), for the gradients of gamma and beta if they are wanted."""
        n = self.moving_mean.size
        rstd, zero = b.buffer((n,)), b.zeros((n,))
        if b.trains(*self.weights):  # what becomes of 1 where the mean is 0
            one = b.zeros((n,))
            array_of(one)[...] = 1
            b.emit("bn_infer", x=one, y=rstd, mean=zero, var=self.moving_variance.buffer, B=1, O=n, eps=self.epsilon)
        return {"bmean": self.moving_mean.buffer, "bmean_low": zero, "brstd": rstd}


def _move(b: Builder, shape: Any, x: Any, source: Sequence[int], target: Sequence[int], y: Any, moved: Any) -> None:
    """Copy x, of this shape, to y with some axes at other places."""

    def copy() -> None:
        array_of(y).reshape(moved)[...] = np.moveaxis(array_of(x).reshape(shape), source, target)

    b.emit_python("moveaxis", copy, [x], [y])


def _by_samples(t: Tensor) -> bool:
    """Whether threads share out the samples, of which each has several rows, and not the columns."""
    return t.rows_of_last > t.batch


def _sum_slopes(b: Builder, parts: Any, add: int, **grads: Any) -> None:
    """dbeta and dgamma from the sums of each sample."""
    samples, columns = parts.shape
    n = columns // 2
    for name, at in (("dbeta", 0), ("dgamma", n)):
        if name in grads:
            b.emit("sum_wide", parts=parts, y=grads[name], n=n, S=samples, ld=columns, xo=at, add=add)


def _mask(t: Tensor) -> Any:
    """1 for each row of the last axis that counts, 0 for the others; None if all do."""
    return t.mask and t.mask.buffer


class LayerNormalization(_Normalization):
    """Normalizes each row over its last axis, in training and otherwise alike. Source: Ba, Kiros, Hinton 2016.

    Parameters
    ----------
    axis : int or list of int
        Those to normalize over, together; gamma and beta have their sizes. Where they are not the last ones, data are
        transposed in NumPy before and after, which takes the GIL.
    epsilon : float
    center, scale : bool
        Learn beta (added), gamma (multiplied).
    beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
    """

    def _rows(self, t: Tensor) -> dict[str, int]:
        """The sizes of a record: rows, how many of them make a sample, elements of each."""
        n = math.prod(self._sizes(self.input_shape))
        return {"B": t.batch * t.columns // n, "L": t.columns // n, "O": n}

    def _forward(self, b: Builder, t: Tensor) -> Tensor:
        y = b.tensor(t.shape, t, trainable=b.trains(*self.weights))
        sizes = self._rows(t)
        statistics = {name: b.buffer((sizes["B"],)) for name in ("mean", "mean_low", "rstd")}
        b.notes[id(y.value)] = statistics
        b.emit("ln_fwd", x=t.buffer, y=y.buffer, eps=self.epsilon, **statistics, **sizes, **self._fields())
        return y

    def _backward(self, b: Builder, t: Tensor, y: Tensor, dy: Any) -> None:
        common = {"x": t.buffer, "dy": dy, **b.notes[id(y.value)]}
        sizes = self._rows(t)
        fields = {**common, **sizes, "gamma": self.gamma and self.gamma.buffer}
        b.add_input_gradient(t, lambda dx, _: b.emit("ln_bwd", dx=dx, **fields))
        sizes = {"n": sizes["O"], "B": sizes["B"]}
        self._train(b, lambda add, **grads: b.emit("ln_grad", add=add, **sizes, **grads, **common))

"""Batch normalization in NumPy: what it does in training with `renorm=True`, or with a mask of each element."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np

from pydl._engine.builder import Builder
from pydl._engine.layout import array_of
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable

Array = np.ndarray


class Renormalized(Protocol):
    """What is needed of the layer."""

    epsilon: float
    momentum: float
    renorm: bool
    renorm_momentum: float
    renorm_clipping: dict[str, float]
    gamma: Variable | None
    beta: Variable | None
    moving_mean: Variable
    moving_variance: Variable
    moving_stddev: Variable
    renorm_mean: Variable
    renorm_stddev: Variable

    @property
    def trainable_weights(self) -> list[Variable]: ...


def checked(clipping: Any) -> dict[str, float]:
    """What bounds r and d: a dict of "rmax", "rmin" and "dmax", each optional."""
    found = dict(clipping or {})
    wanted = {"rmax", "rmin", "dmax"}
    if unknown := sorted(set(found) - wanted):
        raise ValueError(
            f"BatchNormalization: renorm_clipping: Received invalid keys {unknown}; it takes {sorted(wanted)}"
        )
    if found.get("rmax") is not None and found.get("rmin") is not None and found["rmax"] < found["rmin"]:
        raise ValueError(f"BatchNormalization: renorm_clipping: rmax should be at least rmin, got {found}")
    if (found.get("dmax") or 0) < 0:
        raise ValueError(f"BatchNormalization: renorm_clipping: dmax should be non-negative, got {found}")
    return found


def emit_forward(layer: Renormalized, b: Builder, t: Tensor) -> Tensor:
    """`y = gamma (r (x - mean) / deviation + d) + beta`, along the last axis; running figures move.

    Unless the layer renormalizes, r is 1 and d is 0.
    """
    y = b.tensor(t.shape, t, trainable=b.trains(layer.gamma, layer.beta))
    last: dict[str, Array] = {}  # of the run before the backward pass
    b.notes[id(y.value)] = last
    own = [layer.moving_mean, layer.moving_variance]
    own += [layer.moving_stddev, layer.renorm_mean, layer.renorm_stddev] if layer.renorm else []

    def run() -> None:
        x = t.array().reshape(-1, t.shape[-1])
        m = np.ones((len(x), 1), x.dtype) if t.mask is None else t.mask.array().reshape(len(x), -1)
        count = len(x) if t.mask is None else m.sum(axis=0) + 1e-7
        mean = (m * x).sum(axis=0) / count
        variance = (m * (x - mean) ** 2).sum(axis=0) / count
        deviation = np.sqrt(variance + layer.epsilon)
        r, d = _correction(layer, mean, deviation) if layer.renorm else (np.ones(1), np.zeros(1))
        normal = (x - mean) / deviation
        last.update(normal=normal, deviation=deviation, r=r, d=d, m=m, count=np.asarray(count))
        out = normal * r + d
        out = out if layer.gamma is None else out * layer.gamma.numpy()
        y.array()[...] = (out if layer.beta is None else out + layer.beta.numpy()).reshape(t.shape)
        _move(layer.moving_mean, mean, layer.momentum)
        if not layer.renorm:
            _move(layer.moving_variance, variance, layer.momentum)
            return
        _move(layer.renorm_mean, mean, layer.renorm_momentum)
        _move(layer.renorm_stddev, deviation, layer.renorm_momentum)
        _move(layer.moving_stddev, deviation, layer.momentum)
        layer.moving_variance.assign(np.maximum(layer.moving_stddev.numpy() ** 2 - layer.epsilon, 0))

    reads = [t.buffer, *(v.buffer for v in (layer.gamma, layer.beta) if v is not None)]
    reads += [] if t.mask is None else [t.mask.buffer]
    b.emit_python("batch normalization", run, reads, [y.buffer, *(v.buffer for v in own)])
    return y


def _correction(layer: Renormalized, mean: Array, deviation: Array) -> tuple[Array, Array]:
    """r and d."""
    before = np.maximum(layer.renorm_stddev.numpy(), np.sqrt(layer.epsilon))
    clip = layer.renorm_clipping
    r = np.clip(deviation / before, clip.get("rmin"), clip.get("rmax"))
    most = clip.get("dmax")
    d = np.clip((mean - layer.renorm_mean.numpy()) / before, None if most is None else -most, most)
    return r, d


def emit_backward(layer: Renormalized, b: Builder, t: Tensor, y: Tensor, dy: Any) -> None:
    """The gradients; r and d count as constants."""
    last, dx = b.notes[id(y.value)], b.buffer(t.shape)
    trained = [v for v in (layer.gamma, layer.beta) if v is not None and b.trains(v)]
    b.note_weight_gradient(*trained)
    again = {id(v): b.adds(v) for v in trained}

    def run() -> None:
        slope, normal = array_of(dy).reshape(-1, t.shape[-1]), last["normal"]
        found = {id(layer.gamma): slope * (normal * last["r"] + last["d"]), id(layer.beta): slope}
        with ExitStack() as stack:
            for v in trained:
                before = v.gradient.copy() if again[id(v)] else 0
                stack.enter_context(v.writable_gradient())
                v.gradient[...] = before + found[id(v)].sum(axis=0)
        g = slope * last["r"] if layer.gamma is None else slope * last["r"] * layer.gamma.numpy()
        share = last["m"] / last["count"]
        spread = share * (g.sum(axis=0) + normal * (g * normal).sum(axis=0))
        array_of(dx).reshape(g.shape)[...] = (g - spread) / last["deviation"]

    b.emit_python(
        "batch normalization, backward", run, [t.buffer, y.buffer, dy], [dx, *(b.weight_gradient(v) for v in trained)]
    )
    b.give_input_gradient(t, dx)


def _move(v: Variable, value: Array, momentum: float) -> None:
    v.assign(v.numpy() * momentum + value * (1 - momentum))

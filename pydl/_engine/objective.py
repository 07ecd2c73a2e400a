"""What a plan does with a model's outputs: losses, metrics, and the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from pydl import _core
from pydl._engine.builder import Builder, Tensor
from pydl._engine.protocols import LossOp, MetricOp, OptimizerOp
from pydl._engine.variable import Variable

_GROUP = 64  # elements per part of a norm, as in kernel.h


def emit_loss(b: Builder, loss: LossOp, y: Tensor, t: Tensor, w: _core.Buffer | None, weight: float) -> int:
    """Emit a loss and its gradient; returns the accumulator of the sum of its rows' values times their weights.

    Divided by the samples it was collected over, that sum is the mean of the batches' losses weighted by their size.
    """
    rows, columns = y.rows_of_last, y.shape[-1]
    group = rows // y.batch
    values = b.buffer((rows,))
    scale = loss.scale(rows)
    pending, y.value.pending = y.value.pending, None

    def emit(dy: _core.Buffer | None) -> None:
        if loss.op is None:
            _emit_custom_loss(b, loss, y, t, w, values, dy, scale * weight)
            return
        op = loss.op if pending is None else loss.fused[pending.name]
        p = None if pending is None else y.buffer
        b.emit(op, y=y.buffer, t=t.buffer, w=w, loss=values, dy=dy, p=p, B=rows, O=columns, group=group,
               scale=scale * weight, **loss.fields())  # fmt: skip

    if y.value.needs_grad:
        b.use(y)
        if pending is not None:
            y.value.grad = b.buffer(y.shape)
            y.value.grad_is_pre = True
            emit(y.value.grad)
        else:
            b.contribute(y, lambda dy, _: emit(dy))
    else:
        emit(None)
    slot = b.slot(2)
    factor = scale * b.batch
    b.later(lambda: b.emit("sum", x=values, n=rows, group=group, slot=slot, factor=factor))
    return slot


def _emit_custom_loss(
    b: Builder, loss: LossOp, y: Tensor, t: Tensor, w: _core.Buffer | None, values: _core.Buffer,
    dy: _core.Buffer | None, scale: float,
) -> None:  # fmt: skip
    """The record of a loss written in NumPy."""
    y_true, y_pred = t.array(), y.array()
    out = np.asarray(values).reshape(y_pred.shape[:-1])
    weights = None if w is None else np.asarray(w).reshape(-1, *[1] * (out.ndim - 1))
    grad = None if dy is None else np.asarray(dy).reshape(y_pred.shape)

    def run() -> None:
        result = np.asarray(loss.call(y_true, y_pred))
        if result.shape != out.shape:
            raise ValueError(f'loss "{loss.name}": call returned shape {result.shape}, expected {out.shape}')
        out[...] = result if weights is None else result * weights
        if grad is None:
            return
        slope = np.asarray(loss.gradient(y_true, y_pred))
        if slope.shape != grad.shape:
            raise ValueError(f'loss "{loss.name}": gradient returned shape {slope.shape}, expected {grad.shape}')
        factor = scale if weights is None else scale * weights[..., None]
        grad[...] = slope * factor

    reads = [y.buffer, t.buffer] + ([] if w is None else [w])
    b.emit_python(f"{type(loss).__name__}", run, reads, [values] + ([] if dy is None else [dy]))


def emit_metric(b: Builder, metric: MetricOp, y: Tensor, t: Tensor, w: _core.Buffer | None) -> int | None:
    """Emit a metric; returns the accumulators of its total and count, None where it keeps them itself (in NumPy)."""
    if metric.op is None:
        y_true, y_pred = t.array(), y.array()
        weights = None if w is None else np.asarray(w)
        reads = [y.buffer, t.buffer] + ([] if w is None else [w])
        b.later(
            lambda: b.emit_python(
                type(metric).__name__, lambda: metric.update_state(y_true, y_pred, sample_weight=weights), reads, []
            )
        )
        return None
    rows, columns = y.rows_of_last, y.shape[-1]
    group = rows // y.batch
    values = b.buffer((rows,))
    slot = b.slot(2)
    b.emit(metric.op, y=y.buffer, t=t.buffer, w=w, B=rows, O=columns, group=group, **{metric.output: values},
           **metric.fields())  # fmt: skip
    b.later(lambda: b.emit("sum", x=values, w=w, n=rows, group=group, slot=slot, factor=1.0))
    return slot


def emit_penalties(b: Builder, variables: Sequence[Variable]) -> int | None:
    """Emit the sum of the regularizers' penalties times the batch size; returns its accumulator, None without any."""
    penalised = [v for v in variables if v.regularizer is not None]
    if not penalised:
        return None
    slot = b.slot(1)
    for parts in [_emit_norm_parts(b, v.buffer, *_factors(v, b.batch)) for v in penalised]:
        b.later(partial(b.emit, "sum_parts", parts=parts, n=parts.size, slot=slot, factor=float(b.batch)))
    return slot


def _factors(v: Variable, batch: int) -> tuple[float, float]:
    """l1 and l2 of a weight's penalty."""
    return (0.0, 0.0) if v.regularizer is None else v.regularizer.factors(batch)


def emit_penalty_gradients(b: Builder) -> None:
    """Emit the regularizers' part of the gradients."""
    for v in b.trained.values():
        l1, l2 = _factors(v, b.batch)
        if l1 or l2:
            b.emit("penalty_grad", w=v.buffer, g=v.gradient_buffer(), n=v.buffer.size, l1=l1, l2=l2)


def _emit_norm_parts(b: Builder, x: _core.Buffer, l1: float, l2: float) -> _core.Buffer:
    """Emit l1 sum|x| + l2 sum(x^2), in parts that are yet to be summed."""
    parts = b.buffer((-(-x.size // _GROUP),), "float64")
    b.emit("norm_parts", x=x, parts=parts, n=x.size, l1=l1, l2=l2)
    return parts


def _unseen(optimizer: OptimizerOp) -> bool:
    """Whether gradients are the optimizer's kernel's alone: not clipped, not shown to Python."""
    limits = (optimizer.clipvalue, optimizer.clipnorm, optimizer.global_clipnorm)
    return optimizer.op is not None and all(limit is None for limit in limits)


def step_of(optimizer: OptimizerOp, batch: int) -> Callable[[Variable], dict[str, Any]] | None:
    """The fields of an optimizer's step on a weight, for records that take it with the gradient, if any may."""
    if not _unseen(optimizer):
        return None
    return lambda v: {"opt": optimizer.op, **_step_fields(optimizer, v, batch)}


def _step_fields(optimizer: OptimizerOp, v: Variable, batch: int) -> dict[str, Any]:
    """Without the gradient; where that is the kernel's alone, it adds the penalty's gradient by itself."""
    slots = {f"s{i}": s.buffer for i, s in optimizer.slot_variables(v).items()}
    l1, l2 = _factors(v, batch) if _unseen(optimizer) else (0.0, 0.0)
    return {"w": v.buffer, "n": v.buffer.size, "decay": int(optimizer.decays(v)), "l1": l1, "l2": l2,
            **slots, **optimizer.fields()}  # fmt: skip


def emit_optimizer(b: Builder, optimizer: OptimizerOp) -> None:
    """Emit clipping, the optimizer's step and the constraints, for every weight that has a gradient."""
    if not _unseen(optimizer):
        emit_penalty_gradients(b)
        _emit_clipping(b, optimizer, list(b.trained.values()))
    for v in b.trained.values():
        if optimizer.op is None:
            _emit_custom_step(b, optimizer, v, optimizer.slot_variables(v))
        elif id(v) not in b.stepped:
            b.emit(optimizer.op, g=v.gradient_buffer(), **_step_fields(optimizer, v, b.batch))
        if v.constraint is not None:
            _emit_constraint(b, v)


def _emit_clipping(b: Builder, optimizer: OptimizerOp, variables: Sequence[Variable]) -> None:
    grads = [v.gradient_buffer() for v in variables]
    if optimizer.clipvalue is not None:
        for g in grads:
            b.emit("grad_clip", g=g, n=g.size, limit=optimizer.clipvalue)
        return
    limit = optimizer.clipnorm or optimizer.global_clipnorm
    if limit is None:
        return
    if optimizer.global_clipnorm is not None:
        norms = [_emit_norm(b, grads)] * len(grads)
    else:
        norms = [_emit_norm(b, [g]) for g in grads]
    for g, norm in zip(grads, norms, strict=True):
        b.emit("grad_clip", g=g, norm2=norm, n=g.size, limit=limit)


def _emit_norm(b: Builder, grads: Sequence[_core.Buffer]) -> _core.Buffer:
    """Emit the squared norm of gradients as one vector."""
    norm = b.buffer((1,), "float64")
    parts = [_emit_norm_parts(b, g, 0.0, 1.0) for g in grads]
    for i, p in enumerate(parts):
        b.emit("sum_parts", parts=p, total=norm, n=p.size, add=int(i > 0))
    return norm


def _emit_custom_step(b: Builder, optimizer: OptimizerOp, v: Variable, slots: dict[int, Variable]) -> None:
    """The record of an optimizer written in NumPy; it sees arrays as the user does."""
    b.single_steps = True
    arrays = {s.name: s for s in slots.values()}

    def run() -> None:
        t = optimizer.iterations + 1
        rate = float(optimizer.rates(t - 1)[0])
        w, named = v.numpy(), {name: s.numpy() for name, s in arrays.items()}
        if optimizer.decays(v):
            w -= rate * (optimizer.weight_decay or 0.0) * w
        optimizer.update(w, v.gradient, named, rate, t)
        v.assign(w)
        for name, s in arrays.items():
            s.assign(named[name])

    b.emit_python(type(optimizer).__name__, run, [v.gradient_buffer()], [v.buffer, *(s.buffer for s in slots.values())])


def _emit_constraint(b: Builder, v: Variable) -> None:
    constraint = v.constraint
    assert constraint is not None

    def run() -> None:
        v.assign(constraint(v.numpy()))

    b.emit_python(type(constraint).__name__, run, [v.buffer], [v.buffer])

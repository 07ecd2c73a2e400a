"""The phases of a step behind the backward pass: what stands between gradients and the update, and the update itself.

    gather, forward, objective, backward, gradients | penalties, accumulation, exchange, clipping | update

Each transform between gradients and update sees whole gradients. If there is none, the optimizer's kernel adds the
penalties' gradients by itself, and weights beyond the caches take their step with their gradient (`passes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from pydl import _core
from pydl._engine.builder import Builder
from pydl._engine.layout import array_of
from pydl._engine.lent import lending
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable

if TYPE_CHECKING:
    from pydl._engine.protocols import OptimizerOp


class Transform(Protocol):
    """Something that changes gradients before the update. It may keep arrays of its own per weight."""

    def emit(self, b: Builder, variables: Sequence[Variable]) -> None:
        """Emit records that change `b.weight_gradient(v)` of these weights in place."""


# -- penalties ------------------------------------------------------------------------------------------------------


def emit_penalties(b: Builder, penalised: Sequence[Variable]) -> int | None:
    """Emit the sum of the regularizers' penalties, of weights and of outputs, times the batch size; returns its
    accumulator, None without any."""
    if not penalised and not b.activities and not b.added:
        return None
    slot = b.accumulator(1)
    for parts in [*b.added, *(_emit_activity(b, y, r) for y, r in b.activities)]:
        b.defer_to_tail(partial(b.emit, "sum_parts", parts=parts, n=parts.size, slot=slot, factor=1.0))
    for parts in [_emit_penalty(b, v) for v in penalised]:
        b.defer_to_tail(partial(b.emit, "sum_parts", parts=parts, n=parts.size, slot=slot, factor=float(b.batch)))
    return slot


def _emit_penalty(b: Builder, v: Variable) -> _core.Buffer:
    """Emit a weight's penalty, in parts that are yet to be summed."""
    if not _in_python(v):
        return _emit_norm_parts(b, v.buffer, v.buffer.size, *factors(v, b.batch))
    parts = b.buffer((1,), "float64")

    def run() -> None:
        array_of(parts)[0] = float(v.regularizer(v.numpy()))

    b.emit_python(type(v.regularizer).__name__, run, [v.buffer], [parts])
    return parts


def _in_python(v: Variable) -> bool:
    return v.regularizer is not None and v.regularizer.in_python


def _emit_activity(b: Builder, y: Tensor, regularizer: Any) -> _core.Buffer:
    """Emit the penalty of an output, in parts that are yet to be summed."""
    if not regularizer.in_python:
        return _emit_norm_parts(b, y.buffer, y.buffer.size, *regularizer.factors(b.batch))
    value = b.buffer((1,), "float64")

    def run() -> None:
        array_of(value)[0] = lending(regularizer, regularizer, y.array())

    b.emit_python("penalty", run, [y.buffer], [value])
    return value


def factors(v: Variable, batch: int) -> tuple[float, float]:
    """l1 and l2 of a weight's penalty."""
    return (0.0, 0.0) if v.regularizer is None else v.regularizer.factors(batch)


class Penalties:
    """Adds the gradients of the regularizers' penalties."""

    def emit(self, b: Builder, variables: Sequence[Variable]) -> None:
        for v in variables:
            l1, l2 = factors(v, b.batch)
            if _in_python(v):
                self._emit_python(b, v)
            elif l1 or l2:
                b.emit("penalty_grad", w=v.buffer, g=b.weight_gradient(v), n=v.buffer.size, l1=l1, l2=l2)

    @staticmethod
    def _emit_python(b: Builder, v: Variable) -> None:
        g = b.weight_gradient(v)

        def run() -> None:
            with v.writable_gradient():
                v.gradient[...] += v.regularizer.gradient(v.numpy())

        b.emit_python(f"{type(v.regularizer).__name__} gradient", run, [v.buffer, g], [g])


def _emit_norm_parts(b: Builder, x: Any, n: int, l1: float, l2: float) -> _core.Buffer:
    """Emit l1 sum|x| + l2 sum(x^2), in parts that are yet to be summed."""
    reach = _core.facts("norm_parts", b.dtype, n=n)["reach"]["parts"]
    parts = b.buffer((reach // 8,), "float64")
    b.emit("norm_parts", x=x, parts=parts, n=n, l1=l1, l2=l2)
    return parts


# -- clipping -------------------------------------------------------------------------------------------------------


class ClipValue:
    """Clamps each element of the gradients."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def emit(self, b: Builder, variables: Sequence[Variable]) -> None:
        for v in variables:
            b.emit("grad_clip", g=b.weight_gradient(v), n=v.buffer.size, limit=self.limit)


class ClipNorm:
    """Scales each gradient, or, `together`, all of them by one factor, to a length of at most `limit`."""

    def __init__(self, limit: float, together: bool) -> None:
        self.limit, self.together = limit, together

    def emit(self, b: Builder, variables: Sequence[Variable]) -> None:
        if self.together:
            norms = [self._norm(b, variables)] * len(variables)
        else:
            norms = [self._norm(b, [v]) for v in variables]
        for v, norm in zip(variables, norms, strict=True):
            b.emit("grad_clip", g=b.weight_gradient(v), norm2=norm, n=v.buffer.size, limit=self.limit)

    @staticmethod
    def _norm(b: Builder, variables: Sequence[Variable]) -> _core.Buffer:
        """Emit the squared norm of gradients as one vector."""
        norm = b.buffer((1,), "float64")
        parts = [_emit_norm_parts(b, b.weight_gradient(v), v.buffer.size, 0.0, 1.0) for v in variables]
        for i, p in enumerate(parts):
            b.emit("sum_parts", parts=p, total=norm, n=p.size, add=int(i > 0))
        return norm


def clipping(optimizer: OptimizerOp) -> list[Transform]:
    """The clipping that an optimizer asks for, if any."""
    if optimizer.clipvalue is not None:
        return [ClipValue(optimizer.clipvalue)]
    limit = optimizer.clipnorm or optimizer.global_clipnorm
    return [] if limit is None else [ClipNorm(limit, optimizer.global_clipnorm is not None)]


# -- the update -----------------------------------------------------------------------------------------------------


class Accumulate:
    """Adds the gradients of batches up; in the step that updates, each becomes the mean of them all."""

    def __init__(self, optimizer: OptimizerOp, steps: int) -> None:
        self.optimizer, self.steps = optimizer, steps

    def emit(self, b: Builder, variables: Sequence[Variable]) -> None:
        for v in variables:
            total = self.optimizer.companion(v, "gradient_accumulator").buffer
            b.emit("grad_accumulate", g=b.weight_gradient(v), total=total, n=v.buffer.size, steps=self.steps)


def emit_update(b: Builder, optimizer: OptimizerOp, transforms: Sequence[Transform], *, penalised: bool = True) -> None:
    """Emit what is between gradients and the update, the optimizer's step, moving averages and constraints.

    `transforms` come behind accumulation and before clipping: an exchange with other processes, for instance. Not
    `penalised`: gradients hold what regularizers add already.
    """
    variables = list(b.trained.values())
    steps = optimizer.gradient_accumulation_steps
    accumulation: list[Transform] = [Accumulate(optimizer, steps)] if steps else []
    between: list[Transform] = [*transforms, *clipping(optimizer)]
    absorbed = penalised and not (accumulation or between or optimizer.in_python or any(map(_in_python, variables)))
    for transform in [] if absorbed else [*([Penalties()] if penalised else ()), *accumulation]:
        transform.emit(b, variables)
    with b.only("update" if steps else "always"):
        for transform in between:
            transform.emit(b, variables)
        if optimizer.together:
            _emit_step_together(b, optimizer, variables)
        else:
            for v in variables:
                _emit_step(b, optimizer, v, absorbed)
    for v in [] if optimizer.together else variables:
        if optimizer.use_ema:
            _emit_average(b, optimizer, v)
        if v.constraint is not None:
            _emit_constraint(b, v)


def _emit_step(b: Builder, optimizer: OptimizerOp, v: Variable, absorbed: bool) -> None:
    """`absorbed`: the kernel adds the penalty's gradient by itself."""
    if optimizer.in_python:
        _emit_custom_step(b, optimizer, v)
        return
    assert optimizer.op is not None
    slots = {f"s{i}": s.buffer for i, s in optimizer.slot_variables(v).items()}
    l1, l2 = factors(v, b.batch) if absorbed else (0.0, 0.0)
    b.emit(optimizer.op, g=b.weight_gradient(v), w=v.buffer, n=v.buffer.size, decay=int(optimizer.decays(v)),
           l1=l1, l2=l2, **slots, **optimizer.fields())  # fmt: skip


def _emit_average(b: Builder, optimizer: OptimizerOp, v: Variable) -> None:
    average = optimizer.companion(v, "average").buffer
    b.emit("opt_average", w=v.buffer, average=average, n=v.buffer.size, momentum=optimizer.ema_momentum,
           steps=optimizer.gradient_accumulation_steps or 1,
           frequency=optimizer.ema_overwrite_frequency or 0)  # fmt: skip


def _emit_custom_step(b: Builder, optimizer: OptimizerOp, v: Variable) -> None:
    """The record of an optimizer written in NumPy; it sees arrays as the user does."""
    b.single_steps = True

    def run() -> None:
        optimizer._apply_weight_decay([v])
        optimizer.update_step(v.gradient, v, float(optimizer.learning_rate))

    written = [v.buffer, *(s.buffer for s in optimizer.kept_for(v))]
    b.emit_python(type(optimizer).__name__, run, [b.weight_gradient(v)], written)


def _emit_step_together(b: Builder, optimizer: OptimizerOp, variables: Sequence[Variable]) -> None:
    """The record of an optimizer made of others, whose plans, with averages and constraints, it runs."""
    b.single_steps = True
    written = [v.buffer for v in [*variables, *optimizer.state_variables]]
    reads = [b.weight_gradient(v) for v in variables]
    b.emit_python(type(optimizer).__name__, lambda: optimizer.step_together(variables), reads, [*reads, *written])


def _emit_constraint(b: Builder, v: Variable) -> None:
    constraint = v.constraint
    assert constraint is not None

    def run() -> None:
        v.assign(constraint(v.numpy()))

    b.emit_python(type(constraint).__name__, run, [v.buffer], [v.buffer])

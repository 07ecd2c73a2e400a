"""What a plan does with a model's outputs: losses and metrics, and which of them there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pydl import _core
from pydl._base.errors import of_memory
from pydl._base.reductions import of_what_counts
from pydl._engine.builder import Builder
from pydl._engine.graph import is_open
from pydl._engine.layout import array_of
from pydl._engine.lent import lending
from pydl._engine.masks import RowWeights
from pydl._engine.shapes import on_trial
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl._engine.walk import Walk

if TYPE_CHECKING:
    from pydl._engine.protocols import Graph, Judged, LossOp, MetricOp, TargetsOp


class Label(NamedTuple):
    """What data bring for an output.

    Attributes
    ----------
    weights : int
        How many weights a sample has: none, one, or one for each step.
    shape : tuple of int, optional
        Of a sample's target, where it is not the one that the predictions imply.
    """

    weights: int = 0
    shape: tuple[int, ...] | None = None


class Objective(NamedTuple):
    """What is asked of a graph's outputs.

    Attributes
    ----------
    losses : list
        Of each output, None where it has none.
    loss_weights : list of float
        Of each output.
    targets : list
        What each output's targets are expected to be; None where there are none.
    metrics : list of CompiledMetric
        Each with the number of its output.
    penalised : list of Variable
        Weights whose regularizers add to the loss.
    """

    losses: Sequence[LossOp | None]
    loss_weights: Sequence[float]
    targets: Sequence[TargetsOp | None]
    metrics: Sequence[Judged]
    penalised: Sequence[Variable]

    def claims(self, graph: Graph) -> dict[int, LossOp]:
        """Outputs whose activation their loss may absorb: those that nothing else reads."""
        reads: Counter[int] = Counter(id(t) for c in graph.calls for t in c.inputs)
        reads.update(id(t) for t in graph.outputs)
        pairs = zip(graph.outputs, self.losses, strict=True)
        return {id(t): loss for t, loss in pairs if loss is not None and reads[id(t)] == 1}


class Accumulators:
    """Which of a program's sums belong to which figure of its objective.

    Attributes
    ----------
    losses : list of int or None
        Of each output, None where it has no loss.
    metrics : list of int or None
        None for those that keep their own state.
    penalty : int or None
    """

    def __init__(self) -> None:
        self.losses: list[int | None] = []
        self.metrics: list[int | None] = []
        self.penalty: int | None = None


def emit_objective(b: Builder, objective: Objective, graph: Graph, walk: Walk, labels: Sequence[Label]) -> Accumulators:
    """Gather targets and weights, which follow the inputs among the sources; emit losses and metrics."""
    k = len(graph.inputs)
    targets: dict[int, Tensor] = {}
    weights: list[_core.Buffer | None] = []
    outputs = [_judged(walk[t]) for t in graph.outputs]
    for i, (y, expected, label) in enumerate(zip(outputs, objective.targets, labels, strict=True)):
        if expected is None:
            continue
        implied = y.shape[:-1] if expected.sparse else y.shape
        targets[i] = b.constant_tensor(implied if label.shape is None else (b.batch, *label.shape))
        emit_gather(b, targets[i].buffer, k)
        k += 1
    for label in labels:
        weights.append(b.buffer((b.batch * label.weights,)) if label.weights else None)
        if label.weights:
            emit_gather(b, weights[-1], k)
            k += 1
    accumulators = Accumulators()
    for i, (y, loss) in enumerate(zip(outputs, objective.losses, strict=True)):
        slot = None
        if loss is not None:
            slot = emit_loss(b, loss, y, targets[i], weights[i], objective.loss_weights[i])
        accumulators.losses.append(slot)
    for m in objective.metrics:
        w = weights[m.output] if m.weighted else None
        y, t = outputs[m.output], targets[m.output]
        accumulators.metrics.append(emit_metric(b, m.metric, y, t, w, average=is_open(graph.inputs)))
    return accumulators


def _judged(y: Tensor) -> Tensor:
    """An output as losses and metrics see it."""
    return y if len(y.shape) > 1 else Tensor(y.value, (y.batch, 1), y.mask)


def emit_gather(b: Builder, buffer: Any, k: int) -> None:
    """Fetch the batch's rows of source k."""
    b.emit("gather", y=buffer, B=b.batch, O=buffer.size // b.batch, k=k)


def emit_loss(b: Builder, loss: LossOp, y: Tensor, t: Tensor, w: _core.Buffer | None, weight: float) -> int:
    """Emit a loss and its gradient; returns the accumulator of the sum of its rows' values times their weights.

    Divided by the samples it was collected over, that sum is the mean of the batches' losses weighted by their size.
    """
    shape = y.shape[:-1] if loss.op is not None else loss.values_shape(y.shape)
    rows = math.prod(shape)
    values = b.buffer((rows,))
    scale = loss.scale(rows)
    counts = None
    if loss.op is not None and loss.ignore_class is not None:
        counts = b.buffer((rows,))
        b.emit("mask_steps", x=t.buffer, m=counts, O=1, value=loss.ignore_class, **y.by_last())
    weights = RowWeights(b, y, w, average=False, normalize=loss.normalization, counts=counts)
    pending, y.value.pending = y.value.pending, None

    def emit(dy: _core.Buffer | None) -> None:
        if loss.op is None:
            _emit_custom_loss(b, loss, y, t, weights.fields["w"], values, shape, dy, scale * weight)
            return
        op = loss.op if pending is None else loss.fused[pending.name]
        p = None if pending is None else y.buffer
        b.emit(op, y=y.buffer, t=t.buffer, loss=values, dy=dy, p=p, O=y.shape[-1], **y.by_last(),
               scale=scale * weight, **weights.fields, **loss.fields())  # fmt: skip

    if y.value.needs_grad:
        b.note_reader(y)
        if pending is not None:
            y.value.grad = b.buffer(y.shape)
            y.value.grad_is_pre = True
            emit(y.value.grad)
        else:
            b.add_input_gradient(y, lambda dy, _: emit(dy))
    else:
        emit(None)
    slot = b.accumulator(2)
    factor = scale * b.batch
    b.defer_to_tail(lambda: b.emit("sum", x=values, n=rows, L=1, slot=slot, factor=factor))
    return slot


def _emit_custom_loss(
    b: Builder, loss: LossOp, y: Tensor, t: Tensor, w: _core.Buffer | None, values: _core.Buffer,
    shape: tuple[int, ...], dy: _core.Buffer | None, scale: float,
) -> None:  # fmt: skip
    """The record of a loss written in NumPy, whose values have this shape."""
    trained = _weights_in(b, loss, y, t)
    b.note_weight_gradient(*trained)
    again = {id(v): b.adds(v) for v in trained}

    def run() -> None:
        y_true, y_pred = t.array(), y.array()
        out = array_of(values).reshape(shape)
        grad = None if dy is None else array_of(dy).reshape(y_pred.shape)
        followed = None if grad is None and not trained else loss.followed(y_true, y_pred)
        result = loss.values(y_true, y_pred) if followed is None else followed.values
        weights = None if w is None else _value_weights(loss, array_of(w), shape)
        counted = loss.counted(y_true, result)
        if counted is not None:
            counted = of_what_counts(counted, loss.reduction).astype(out.dtype)
            weights = counted if weights is None else weights * counted
        out[...] = result if weights is None else result * weights
        factors = scale if weights is None else scale * weights
        if followed is not None:
            slope = followed.pull(factors)
        elif grad is not None:
            slope = np.asarray(loss.pullback(y_true, y_pred, factors))
        if grad is not None:
            if slope.shape != grad.shape:
                raise ValueError(f'loss "{loss.name}": gradient returned shape {slope.shape}, expected {grad.shape}')
            grad[...] = slope
        for v in trained:
            found = None if followed is None else followed.by_weight(v)
            with v.writable_gradient():
                v.gradient[...] = (v.gradient if again[id(v)] else 0) + (0 if found is None else found)

    reads = [y.buffer, t.buffer] + ([] if w is None else [w])
    written = [values, *([] if dy is None else [dy]), *(b.weight_gradient(v) for v in trained)]
    b.emit_python(f"{type(loss).__name__}", run, reads, written)


def _weights_in(b: Builder, loss: LossOp, y: Tensor, t: Tensor) -> list[Variable]:
    """The weights being trained that the formula of a loss has: seen by a trial on zeros."""
    if not b.gradients:
        return []
    try:
        with on_trial.bound(True), np.errstate(all="ignore"):
            followed = loss.followed(np.zeros(t.shape, b.dtype), np.zeros(y.shape, b.dtype))
    except Exception as error:  # of values that these are not; the step itself tells of others
        if of_memory(error):
            raise
        return []
    found = {} if followed is None else {id(v): v for v in followed.variables if b.trains(v)}
    return list(found.values())


def _value_weights(loss: LossOp, w: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of samples or steps, one for each value; a single value counts once for each of them."""
    if shape == ():
        return np.asarray(w.mean() if loss.normalization else w.sum(), w.dtype)
    size = math.prod(shape)
    if size % w.size:
        raise ValueError(f'loss "{loss.name}": {w.size} weights do not fit its values, of shape {shape}')
    return np.repeat(w, size // w.size).reshape(shape)


def emit_metric(
    b: Builder, metric: MetricOp, y: Tensor, t: Tensor, w: _core.Buffer | None, *, average: bool
) -> int | None:
    """Emit a metric; returns the accumulators of its total and count, None if it keeps them itself (in NumPy).

    `average`: whether the mean is over samples, which may have other numbers of steps in other batches; those in NumPy
    see to it themselves.
    """
    weights = RowWeights(b, y, w, average=average and metric.op is not None, normalize=0)
    if metric.op is None:
        given = weights.fields["w"]
        of_positions = () if given is None else _first_axes(y.shape[:-1], given.size)

        def run() -> None:
            undo = partial(metric.restore_state, metric.saved_state()) if metric.in_code else None
            if given is None:  # a metric of one's own need not take weights
                lending(metric.update_state, metric, t.array(), y.array(), undo=undo)
                return
            update = partial(metric.update_state, sample_weight=array_of(given).reshape(of_positions))
            lending(update, metric, t.array(), y.array(), undo=undo)

        reads = [y.buffer, t.buffer] + ([] if given is None else [given])
        b.defer_to_tail(lambda: b.emit_python(type(metric).__name__, run, reads, []))
        return None
    rows, per_sample = y.rows_of_last, y.rows_of_last // y.batch
    values = b.buffer((rows,))
    slot = b.accumulator(2)
    if metric.counts_nan:
        _emit_by_element(b, metric, y, t, weights.fields, values)
    else:
        b.emit(metric.op, y=y.buffer, t=t.buffer, O=y.shape[-1], **y.by_last(), **{metric.output: values},
               **weights.fields, **metric.fields())  # fmt: skip
    b.defer_to_tail(lambda: b.emit("sum", x=values, n=rows, L=per_sample, slot=slot, factor=1.0, **weights.fields))
    return slot


def _first_axes(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The first axes, of which so many numbers have one for each place."""
    return next(shape[:k] for k in range(1, len(shape) + 1) if math.prod(shape[:k]) == size)


def _emit_by_element(
    b: Builder, metric: MetricOp, y: Tensor, t: Tensor, weights: dict[str, Any], values: _core.Buffer
) -> None:
    """A metric's values of rows, by way of those of their elements: 0 where the prediction does not equal itself."""
    assert metric.op is not None
    n = y.shape[-1]
    rows = y.by_last()
    each = values if n == 1 else b.buffer((rows["B"] * n,))
    sizes = {"B": rows["B"] * n, "L": rows["L"] * n, "O": 1}
    weights = {"w": weights["w"], "per": weights.get("per", rows["L"]) * n}
    b.emit(metric.op, y=y.buffer, t=t.buffer, m=each, **sizes, **weights, **metric.fields())
    b.emit("metric_accuracy", y=y.buffer, t=y.buffer, w=each, m=each, per=1, **sizes)
    if n > 1:
        b.emit("mean_steps_fwd", x=each, y=values, B=sizes["B"], L=n, O=1)

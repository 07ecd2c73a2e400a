"""Builders collect the records of one step: buffers, gradients on their way back, the order of things.

Layers, losses and metrics *emit* records into a `Builder`, once per batch size; `_core.Plan` runs them many times.

A training step is laid out so that threads seldom wait for each other. Gathering, the forward pass, the losses and the
chain of input gradients all split the batch by samples; then, in the *tail*, come sums over the batch: weight
gradients, loss and metric totals; then what depends on them: penalties, clipping, the optimizer. There is a barrier
before the tail and at the end of the step, and otherwise only before records that read what another thread wrote:
`barriers.c` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pydl import _core
from pydl._core import Buffer as Buffer  # for layers, which do not import _core
from pydl._engine.debug import CheckedPlan
from pydl._engine.facts import reads_input, rowwise
from pydl._engine.layout import array_of
from pydl._engine.lent import lending
from pydl._engine.record import Record
from pydl._engine.tensor import Tensor, Value, WeightGradient
from pydl._engine.tuning import TAIL_FROM
from pydl._engine.variable import Variable


class Builder:
    """Collects the records of one plan.

    Parameters
    ----------
    dtype : str
        What the plan computes in.
    batch : int
        Samples of a batch.
    training : bool
        Whether layers behave as in training.
    gradients : bool
        Whether there will be a backward pass.
    threads : int
        Threads it will run on at most (scratch memory is per thread).
    apart : bool
        Whether every buffer keeps what was written last, to be looked at.
    trained : iterable of Variable
        The weights that may change.
    """

    def __init__(
        self, dtype: str, batch: int, *, training: bool, gradients: bool, threads: int, apart: bool = False,
        trained: Iterable[Variable] = (),
    ) -> None:  # fmt: skip
        self.plan = (CheckedPlan if _core.debug() else _core.Plan)(dtype, threads, apart)
        self.records: list[Record] = []
        self.dtype = dtype
        self.batch = batch
        self.training = training
        self.gradients = gradients
        self.threads = threads
        self.accumulators = 0
        self.streams = 0
        self.own_seeds = False  # a layer draws by a seed of its own
        self.single_steps = False  # a record needs the optimizer's step counter to be true: no chunks
        self.claim: Any = None  # the loss that may take the next output's activation on
        self.trained: dict[int, Variable] = {}
        self._written: set[int] = set()  # weights whose gradients records write that are emitted
        self.trainable = frozenset(map(id, trained))  # all weights that may change
        self.activities: list[tuple[Tensor, Any]] = []  # outputs with the regularizers of their layers
        self.added: list[Buffer] = []  # what layers add to the loss times the batch size, one number each
        self.notes: dict[Any, Any] = {}  # id of an output's value -> what its layer's backward pass wants to know
        self._when = "always"
        self._first = 0  # records at the start
        self._overwritten: set[int] = set()  # buffers that code of a layer's writes
        self._nbytes = 0
        self._tail: list[Callable[[], None]] = []
        self._gradients: dict[int, WeightGradient] = {}

    # -- memory and records ---------------------------------------------------------------------------------------

    def buffer(self, shape: Sequence[int], dtype: str | None = None) -> Buffer:
        """Memory of the plan, with anything in it, from the record that writes it to the last that reads it."""
        buffer = self.plan.buffer(shape, dtype)
        self._nbytes += buffer.nbytes
        return buffer

    def zeros(self, shape: Sequence[int]) -> Buffer:
        """Memory that is zero and not shared, for a constant."""
        return Buffer(shape, self.dtype)

    def tensor(self, shape: Sequence[int], *parents: Tensor, trainable: bool = False) -> Tensor:
        """A new tensor that depends on `parents` and, if `trainable`, on weights being trained."""
        needs_grad = self.gradients and (trainable or any(p.value.needs_grad for p in parents))
        return Tensor(Value(self.buffer(shape), needs_grad), tuple(shape))

    def constant_tensor(self, shape: Sequence[int]) -> Tensor:
        """A new tensor that wants no gradient: a mask, targets."""
        return Tensor(Value(self.buffer(shape), False), tuple(shape))

    def trains(self, *variables: Variable | None) -> bool:
        """Whether one of some weights may change."""
        return any(id(v) in self.trainable for v in variables)

    def emit(self, op: str, **fields: Any) -> None:
        """Append a record."""
        self.records.append(Record(op, fields, self._when))

    def emit_first(self, op: str, **fields: Any) -> None:
        """Put a record that needs nothing but weights at the start of the step, behind others of that kind; at the end,
        where code of a layer's writes one of the weights before."""
        if any(id(value) in self._overwritten for value in fields.values()):
            self.emit(op, **fields)
            return
        self.records.insert(self._first, Record(op, fields, self._when))
        self._first += 1

    def emit_python(self, name: str, function: Callable[[], None], reads: Sequence[Any], writes: Sequence[Any]) -> None:
        """Append a record that calls `function()`, which reads and writes NumPy views of buffers.

        It has to ask for the views each time it runs (`Tensor.array`): a plan's memory may have moved.
        """
        self._overwritten.update(map(id, writes))
        self.records.append(Record(name, {}, self._when, function, reads, writes))

    @contextmanager
    def only(self, when: str) -> Iterator[None]:
        """Within the `with` block, records are emitted for some of the steps only, see `Record.when`."""
        before, self._when = self._when, when
        yield
        self._when = before

    @contextmanager
    def behaving(self, training: bool | None) -> Iterator[None]:
        """Within the `with` block, layers behave as in training or as otherwise; None changes nothing."""
        before = self.training
        self.training = before if training is None else training
        yield
        self.training = before

    def finish(self) -> _core.Plan:
        """The plan of the records."""
        for record in self.records:
            record.lower(self.plan)
        return self.plan

    def defer_to_tail(self, emit: Callable[[], None]) -> None:
        """Put records off to the tail of the step."""
        self._tail.append(emit)

    def emit_tail(self) -> None:
        """Emit what was put off."""
        tail, self._tail = self._tail, []
        for emit in tail:
            emit()

    def release(self) -> None:
        """Emit what was put off already now if buffers are large: what it reads can then be given up before the end."""
        if self._nbytes >= TAIL_FROM:
            self.emit_tail()

    def accumulator(self, n: int = 1) -> int:
        """The first of n new accumulators."""
        self.accumulators += n
        return self.accumulators - n

    def draw(self, seed: int | None = None) -> dict[str, int]:
        """The fields of a record that draws random numbers: by a seed of its own, or by the number of its stream."""
        self.streams += 1
        if seed is None:
            return {"stream": self.streams - 1}
        self.own_seeds = True
        return {"stream": 0, "seed": seed + 1}

    # -- activations ----------------------------------------------------------------------------------------------

    def absorbed(self, act: Any) -> bool:
        """Whether the loss takes this activation of a model's output on, so that the layer leaves it out."""
        return self.claim is not None and act.name in self.claim.fused

    def activate(self, x: Tensor, act: Any) -> Tensor:
        """The activation of a tensor, as a tensor of its own."""
        self.note_reader(x)
        y = self.tensor(x.shape, x)
        if self.absorbed(act):
            n = x.columns
            self.emit("copy", x=x.buffer, y=y.buffer, B=x.batch, O=n, ldx=n, ldy=n)
            y.value.pending = act
            return y
        if act.function is not None:
            self.emit_python(act.name, lambda: _apply(act, x, y), [x.buffer], [y.buffer])
            self.note_activation(y, act, x.buffer)
            return y
        self.emit(f"act_{act.kernel}_fwd", x=x.buffer, y=y.buffer, alpha=act.alpha, **_rows(x, act))
        self.note_activation(y, act, x.buffer)
        return y

    def activate_by_function(self, y: Tensor, act: Any) -> Tensor:
        """y, whose record has applied any activation but a function, which is applied here; what was noted for the
        backward pass of y is known of the result."""
        if act.function is None:
            return y
        result = self.activate(y, act)
        if id(y.value) in self.notes:
            self.notes[id(result.value)] = self.notes[id(y.value)]
        return result

    def note_activation(self, y: Tensor, act: Any, z: Buffer | None) -> None:
        """Note that y = act(z), for the backward pass."""
        y.value.act = act
        y.value.act_columns = y.shape[-1]
        y.value.saved = z if act.function is not None or reads_input(act) else y.buffer

    def note_picked(self, y: Tensor, x: Tensor) -> None:
        """Note that each element of y is one of x: of act(z) where x is that, so that act'(z) is known from y."""
        act = x.value.act
        if act is not None and act.kernel is not None and not rowwise(act) and not reads_input(act):
            y.value.picked = x.value

    # -- gradients of tensors -------------------------------------------------------------------------------------

    def note_reader(self, *tensors: Tensor) -> None:
        """Note that a record reads these tensors and will send gradients back."""
        for t in tensors:
            t.value.readers += 1

    def gradient(self, y: Tensor) -> Buffer | None:
        """The gradient with respect to the input of y's activation (to y, if it has none); None if none came."""
        v = y.value
        v.take_derivative_on()
        if v.grad is not None and v.act is not None and not v.grad_is_pre:
            if v.act.function is not None:
                self.emit_python(f"{v.act.name}, backward", lambda: _pull(y), [v.saved, v.grad], [v.grad])
            else:
                kernel = f"act_{v.act.kernel}_bwd"
                self.emit(kernel, s=v.saved, dy=v.grad, dx=v.grad, alpha=v.act.alpha, **_rows(y, v.act))
            v.grad_is_pre = True
        return v.grad

    def add_input_gradient(self, x: Tensor, emit: Callable[[Buffer, int], None], *, adds: bool = False) -> None:
        """Send a gradient to x: `emit(buffer, add)` writes it, or, if it `adds` and add is 1, adds to it."""
        v = x.value
        if not v.needs_grad:
            return
        if v.grad is None:
            v.grad = self.buffer(x.shape)
            emit(v.grad, 0)
        elif adds:
            emit(v.grad, 1)
        else:
            other = self.buffer(x.shape)
            emit(other, 0)
            self.emit("add", x1=v.grad, x2=other, y=v.grad, B=x.batch, O=x.columns)

    def give_input_gradient(self, x: Tensor, grad: Buffer) -> None:
        """Send x a gradient whose buffer nobody else will read: the buffer itself if x has none yet."""
        if x.value.needs_grad and x.value.grad is None:
            x.value.grad = grad
            return
        self.add_input_gradient(x, lambda buffer, add: self.copy_gradient(x, grad, buffer, add), adds=True)

    def copy_gradient(self, x: Tensor, grad: Buffer, buffer: Buffer, add: int) -> None:
        """Copy (or add) a gradient of x's shape."""
        n = x.columns
        self.emit("copy", x=grad, y=buffer, B=x.batch, O=n, ldx=n, ldy=n, add=add)

    def penalise(self, y: Tensor, regularizer: Any) -> None:
        """Note that a regularizer's penalty of an output, divided by the rows of the batch, adds to the loss."""
        self.note_reader(y)
        self.activities.append((y, regularizer))

    def add_penalty_gradient(self, y: Tensor, regularizer: Any) -> None:
        """Send an output the gradient of its penalty."""
        v = y.value
        if not v.needs_grad:
            return
        l1, l2 = (factor / self.batch for factor in regularizer.factors(self.batch))
        if v.grad is None:
            v.grad = self.buffer(y.shape)
            self.emit("affine", x=y.buffer, y=v.grad, a=0.0, c=0.0, B=y.batch, O=y.columns)
        if regularizer.in_python:
            self.emit_python("penalty, backward", lambda: _add_slope(regularizer, y), [y.buffer, v.grad], [v.grad])
        else:
            self.emit("penalty_grad", w=y.buffer, g=v.grad, n=v.grad.size, l1=l1, l2=l2)

    # -- gradients of weights -------------------------------------------------------------------------------------

    def weight_gradient(self, variable: Variable) -> WeightGradient:
        """What stands for the gradient of a weight in records."""
        return self._gradients.setdefault(id(variable), WeightGradient(variable))

    def note_weight_gradient(self, *variables: Variable) -> None:
        """Note that a record, be it one that is put off, gives weights their gradients."""
        self.trained |= {id(v): v for v in variables}

    def adds(self, variable: Variable) -> int:
        """Whether the record that is emitted now writes (0) the gradient of a weight, or adds to what others wrote (1).

        It is known no earlier: what is emitted behind the tail's records that were noted before it runs behind them.
        """
        add = int(id(variable) in self._written)
        self._written.add(id(variable))
        return add

    def add_weight_gradient(self, variable: Variable, emit: Callable[[WeightGradient, int], None]) -> None:
        """Put off the record that writes (add 0) or adds to (1) the gradient of a weight."""
        self.note_weight_gradient(variable)
        self.defer_to_tail(lambda: emit(self.weight_gradient(variable), self.adds(variable)))


def _apply(act: Any, x: Tensor, y: Tensor) -> None:
    """Run an activation that is a function."""
    value = np.asarray(lending(act, act, x.array()))
    if value.shape != y.shape:
        raise ValueError(f"activation {act.name}: expected a result of shape {y.shape}, got {value.shape}")
    y.array()[...] = value


def _add_slope(regularizer: Any, y: Tensor) -> None:
    """Add the gradient of a penalty of an output, divided by the rows of the batch."""
    grad = y.value.grad
    assert grad is not None
    array_of(grad).reshape(y.shape)[...] += lending(regularizer.gradient, regularizer, y.array()) / y.batch


def _pull(y: Tensor) -> None:
    """Turn the gradient of the output of such an activation into that of its input."""
    v = y.value
    assert v.grad is not None
    assert v.saved is not None
    dy = array_of(v.grad).reshape(y.shape)
    dy[...] = v.act.slope(array_of(v.saved).reshape(y.shape), dy)


def _rows(t: Tensor, act: Any) -> dict[str, int]:
    """The sizes of an activation's record."""
    return {**t.by_last(), "O": t.shape[-1]} if rowwise(act) else {"B": t.batch, "O": t.columns}

"""From a graph of layers to a plan of kernel records: buffers, gradients, fusions, order.

Layers, losses and metrics *emit* records into a `Builder`, once per batch size; `_core.Plan` runs them many times.

A training step is laid out so that threads seldom wait for each other. Gathering, the forward pass, the losses and the
chain of input gradients all split the batch by rows; then, in the *tail*, come sums over the batch: weight gradients,
loss and metric totals; then what depends on them: penalties, clipping, the optimizer. There is a barrier before the
tail and one at the end of the step, others only if a record reads what another thread wrote (`_core.Plan` finds out).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl import _core
from pydl._core import Buffer as Buffer  # for layers, which do not import _core
from pydl._engine.debug import CheckedPlan
from pydl._engine.graph import Call, SymbolicTensor
from pydl._engine.variable import Variable

# As in gemm.h: what the kernels pack at a time, and the widest panel, in elements.
_BATCH_BLOCK, _ROW_BLOCK, _K_BLOCK, _PANEL = 256, 128, 512, 32

_BEYOND_CACHES = 8 << 20  # bytes of weights that no core's own cache holds


def run_op(op: str, dtype: str, **fields: Any) -> None:
    """Run one kernel on arrays in the calling thread, with the best instruction set."""
    _core.call(op, dtype=dtype, **fields)


def rowwise(act: Any) -> bool:
    """Whether an activation normalizes over the last axis."""
    return act.kernel in ("softmax", "log_softmax")


def reads_input(act: Any) -> bool:
    """Whether the backward kernel of an activation reads its input, not its output."""
    return _core.describe(f"act_{act.kernel}_bwd")["reads"] == "x"


class Value:
    """A buffer of a plan and what is known of its gradient. Reshaped tensors share one.

    Attributes
    ----------
    buffer : Buffer
        `(B, ...)`.
    needs_grad : bool
        Whether anything upstream can be trained.
    uses : int
        Records of the forward pass that will send a gradient back.
    act, saved : activation or None, Buffer
        The activation whose output this is, and what its backward kernel reads.
    pending : activation or None
        An activation left to the loss: the buffer holds logits until the loss record has run.
    grad : Buffer or None
        The gradient: of the loss with respect to the value, or, `grad_is_pre`, to the input of `act`.
    """

    def __init__(self, buffer: Buffer, needs_grad: bool) -> None:
        self.buffer = buffer
        self.needs_grad = needs_grad
        self.uses = 0
        self.act: Any = None
        self.act_columns = 0
        self.saved: Buffer | None = None
        self.pending: Any = None
        self.grad: Buffer | None = None
        self.grad_is_pre = False


class Tensor:
    """A value seen with a shape `(B, ...)`."""

    def __init__(self, value: Value, shape: tuple[int, ...]) -> None:
        self.value = value
        self.shape = shape

    @property
    def buffer(self) -> Buffer:
        return self.value.buffer

    @property
    def batch(self) -> int:
        return self.shape[0]

    @property
    def columns(self) -> int:
        """Elements per row of the batch."""
        return math.prod(self.shape[1:])

    @property
    def rows_of_last(self) -> int:
        """Rows when only the last axis counts as columns (Dense, normalization, class axes)."""
        return math.prod(self.shape[:-1])

    def array(self) -> NDArray[Any]:
        """A view of the buffer."""
        return np.asarray(self.buffer).reshape(self.shape)


class Builder:
    """Collects the records of one plan.

    Parameters
    ----------
    dtype : str
        What the plan computes in.
    batch : int
        Rows of a batch.
    training : bool
        Whether layers behave as in training and gradients are wanted.
    threads : int
        Threads it will run on at most (scratch memory is per thread).
    blocks : list of Buffer
        Memory of plans that never run at the same time as this one, which uses and extends it.
    """

    def __init__(self, dtype: str, batch: int, *, training: bool, threads: int, blocks: list[Buffer]) -> None:
        self.plan = CheckedPlan(dtype) if _core.debug() else _core.Plan(dtype)
        self.dtype = dtype
        self.batch = batch
        self.training = training
        self.threads = threads
        self.work = 0.0  # in multiply-adds, to choose the number of threads
        self.slots = 0
        self.streams = 0
        self.blocks = blocks
        self.unused = [] if _core.debug() else list(blocks)  # canaries stand behind buffers that are not shared
        self.memory: list[Buffer] = []
        self.single_steps = False  # a record needs the optimizer's step counter to be true: no chunks
        self.claim: Any = None  # the loss that may absorb the next output's activation
        self.trained: dict[int, Variable] = {}
        self.step_of: Callable[[Variable], dict[str, Any]] | None = None  # an optimizer's, that may come with gradients
        self.stepped: set[int] = set()  # ids of weights whose step does
        self.notes: dict[int, Any] = {}  # id of an output's value -> what its layer's backward pass wants to know
        self._tail: list[Callable[[], None]] = []
        self._parts: Counter[int] = Counter()  # records that write a weight's gradient, by its id

    # -- memory and records ---------------------------------------------------------------------------------------

    def buffer(self, shape: Sequence[int], dtype: str | None = None) -> Buffer:
        """Memory of the plan, with anything in it: the smallest unused block that it fits into, or a new one."""
        dtype = dtype or self.dtype
        nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        block = min((b for b in self.unused if b.nbytes >= nbytes), key=lambda b: b.nbytes, default=None)
        if block is None:
            buffer = block = Buffer(shape, dtype)
            self.blocks.append(block)
        else:
            buffer = Buffer(shape, dtype, base=block)
            self.unused.remove(block)
        self.memory.append(block)
        return buffer

    def zeros(self, shape: Sequence[int]) -> Buffer:
        """Memory that is zero and not shared, for a constant."""
        return Buffer(shape, self.dtype)

    def tensor(self, shape: Sequence[int], *parents: Tensor, trainable: bool = False) -> Tensor:
        """A new tensor that depends on `parents` and, where `trainable`, on weights being trained."""
        needs_grad = self.training and (trainable or any(p.value.needs_grad for p in parents))
        return Tensor(Value(self.buffer(shape), needs_grad), tuple(shape))

    def emit(self, op: str, **fields: Any) -> None:
        """Append a record."""
        self.plan.emit(op, **fields)
        sizes = (fields.get(name, 1) for name in ("B", "L", "I", "O"))
        self.work += math.prod(sizes) if "B" in fields else fields.get("n", 0)

    def emit_python(
        self, name: str, function: Callable[[], None], reads: Sequence[Buffer], writes: Sequence[Buffer]
    ) -> None:
        """Append a record that calls `function()`, which reads and writes NumPy views of buffers."""
        self.plan.emit_python(name, function, reads, writes)

    def later(self, emit: Callable[[], None]) -> None:
        """Put records off to the tail of the step."""
        self._tail.append(emit)

    def flush(self) -> None:
        """Emit what was put off."""
        tail, self._tail = self._tail, []
        for emit in tail:
            emit()

    def slot(self, n: int = 1) -> int:
        """The first of n new accumulators."""
        self.slots += n
        return self.slots - n

    def stream(self) -> int:
        """The number of a new random stream, by order of emission."""
        self.streams += 1
        return self.streams - 1

    # -- activations ----------------------------------------------------------------------------------------------

    def claimed(self, act: Any) -> bool:
        """Whether the loss absorbs this activation of a model's output, so that the layer leaves it out."""
        return self.claim is not None and act.name in self.claim.fused

    def activate(self, x: Tensor, act: Any) -> Tensor:
        """The activation of a tensor, as a tensor of its own."""
        self.use(x)
        y = self.tensor(x.shape, x)
        rows, columns = (x.rows_of_last, x.shape[-1]) if rowwise(act) else (x.batch, x.columns)
        if self.claimed(act):
            self.emit("copy", x=x.buffer, y=y.buffer, B=rows, O=columns, ldx=columns, ldy=columns)
            y.value.pending = act
            return y
        self.emit(f"act_{act.kernel}_fwd", x=x.buffer, y=y.buffer, B=rows, O=columns, alpha=act.alpha)
        self._activated(y, act, x.buffer)
        return y

    def _activated(self, y: Tensor, act: Any, z: Buffer | None) -> None:
        """Note that y = act(z), for the backward pass."""
        y.value.act = act
        y.value.act_columns = y.shape[-1]
        y.value.saved = z if reads_input(act) else y.buffer

    # -- gradients ------------------------------------------------------------------------------------------------

    def use(self, *tensors: Tensor) -> None:
        """Note that a record reads these tensors and will send gradients back."""
        for t in tensors:
            t.value.uses += 1

    def gradient(self, y: Tensor) -> Buffer | None:
        """The gradient with respect to the input of y's activation (to y, where it has none); None where none came."""
        v = y.value
        if v.grad is not None and v.act is not None and not v.grad_is_pre:
            rows, columns = (y.rows_of_last, y.shape[-1]) if rowwise(v.act) else (y.batch, y.columns)
            self.emit(f"act_{v.act.kernel}_bwd", s=v.saved, dy=v.grad, dx=v.grad, B=rows, O=columns, alpha=v.act.alpha)
            v.grad_is_pre = True
        return v.grad

    def contribute(self, x: Tensor, emit: Callable[[Buffer, int], None], *, adds: bool = False) -> None:
        """Send a gradient to x: `emit(buffer, add)` writes it, or, where it `adds` and add is 1, adds to it."""
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

    def hand_over(self, x: Tensor, grad: Buffer) -> None:
        """Send x a gradient whose buffer nobody else will read: the buffer itself where x has none yet."""
        if x.value.needs_grad and x.value.grad is None:
            x.value.grad = grad
            return
        self.contribute(x, lambda buffer, add: self.copy_gradient(x, grad, buffer, add), adds=True)

    def copy_gradient(self, x: Tensor, grad: Buffer, buffer: Buffer, add: int) -> None:
        """Copy (or add) a gradient of x's shape."""
        n = x.columns
        self.emit("copy", x=grad, y=buffer, B=x.batch, O=n, ldx=n, ldy=n, add=add)

    def derivative(self, x: Tensor) -> dict[str, Any]:
        """Fields that let the only record that sends x a gradient apply the derivative of x's activation as well."""
        v = x.value
        if v.act is None or v.uses != 1 or v.grad is not None or (rowwise(v.act) and x.shape[-1] != v.act_columns):
            return {}
        v.grad_is_pre = True
        return {"act": f"act_{v.act.kernel}_bwd", "s": v.saved, "alpha": v.act.alpha}

    def contributes(self, variable: Variable) -> int:
        """Note a record that writes the gradient of a weight, or (1) adds to what another one wrote."""
        add = int(id(variable) in self.trained)
        self.trained[id(variable)] = variable
        self._parts[id(variable)] += 1
        return add

    def train(
        self,
        variable: Variable,
        emit: Callable[[Buffer, int], None],
        with_step: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Put off the record that writes (add 0) or adds to (1) the gradient of a weight, or, where no other does and
        nobody wants to see it, `with_step`, which takes the optimizer's step with these fields as well."""
        add = self.contributes(variable)

        def emit_last() -> None:
            if with_step and self.step_of and self._parts[id(variable)] == 1:
                self.stepped.add(id(variable))
                with_step(self.step_of(variable))
            else:
                emit(variable.gradient_buffer(), add)

        self.later(emit_last)

    def scratch(self, elements: int) -> dict[str, Any]:
        """Fields for scratch memory of so many elements per thread."""
        stride = -(-elements // 64) * 64
        return {"pack": self.buffer((self.threads, stride)), "pack_stride": stride}

    # -- Dense: the three products --------------------------------------------------------------------------------

    def dense_forward(self, x: Tensor, kernel: Variable, bias: Variable | None, act: Any, trainable: bool) -> Tensor:
        """y = act(x w + b) over the last axis of x, the activation in the product's store."""
        self.use(x)
        units = kernel.shape[1]
        y = self.tensor((*x.shape[:-1], units), x, trainable=trainable)
        b = None if bias is None else bias.buffer
        z = None
        if act.kernel is not None and self.claimed(act):
            y.value.pending, act = act, None
        elif act.kernel is not None and self.training and reads_input(act):
            z = self.buffer(y.shape)
        fused = {"act": f"act_{act.kernel}_fwd", "alpha": act.alpha} if act and act.kernel else {}
        op = "gemm_fwd_panels" if trainable and self._by_panels(x, kernel, act) else "gemm_fwd"
        self.emit(op, x=x.buffer, w=kernel.buffer, b=b, y=y.buffer, z=z, B=x.rows_of_last, I=x.shape[-1],
                  O=units, **fused)  # fmt: skip
        if fused:
            self._activated(y, act, z)
        return y

    def _by_panels(self, x: Tensor, kernel: Variable, act: Any) -> bool:
        """Whether threads had rather share out the panels of a kernel that is being trained than the rows of x.

        The optimizer leaves each thread the panels that it updated, and the others would have to fetch them; by panels
        they fetch rows instead, which they need for the gradient of the kernel anyway, and each other's columns of y.
        Not worth it where rows are many or panels cannot be shared out evenly, nor where x wants a gradient: for that,
        all threads fetch the whole kernel. (Measured with two: 2 to 20 % of a step, up to 85 % where fetching is slow.)
        A kernel beyond the caches comes from memory: by panels, once for all threads. (3 to 9 % of a step.)
        """
        panels, threads = np.asarray(kernel.buffer).shape[0], self.threads
        even = 4 * threads * -(-panels // threads) <= 5 * panels
        near = 4 * x.rows_of_last <= x.shape[-1] and not x.value.needs_grad
        far = kernel.buffer.nbytes >= _BEYOND_CACHES
        return self.training and threads > 1 and even and (near or far) and not (act and rowwise(act))

    def dense_backward(self, x: Tensor, y: Tensor, kernel: Variable, bias: Variable | None, trainable: bool) -> None:
        """The gradients of `dense_forward`."""
        dz = self.gradient(y)
        if dz is None:
            return
        rows, inputs, units = x.rows_of_last, x.shape[-1], kernel.shape[1]
        padded = math.prod(np.asarray(kernel.buffer).shape) // inputs
        if x.value.needs_grad:
            fused = self.derivative(x)
            packed = min(-(-rows // _PANEL) * _PANEL, _ROW_BLOCK) * min(padded, _K_BLOCK)
            scratch = self.scratch(packed)
            self.contribute(
                x,
                lambda dx, add: self.emit("gemm_dx", dy=dz, w=kernel.buffer, dx=dx, B=rows, I=inputs, O=units, add=add,
                                          **fused, **scratch),
                adds=True,
            )  # fmt: skip
        if trainable and kernel.trainable:
            product = {"x": x.buffer, "dy": dz, "n": kernel.buffer.size, "B": rows, "I": inputs, "O": units,
                       **self.scratch(min(rows, _BATCH_BLOCK) * _PANEL)}  # fmt: skip
            at_once = rows <= _BATCH_BLOCK and kernel.buffer.nbytes >= _BEYOND_CACHES
            self.train(
                kernel,
                lambda dw, add: self.emit("gemm_dw", dw=dw, add=add, **product),
                (lambda step: self.emit("gemm_step", **product | step)) if at_once else None,
            )
        if trainable and bias is not None and bias.trainable:
            self.train(bias, lambda db, add: self.emit("colsum", x=dz, y=db, n=units, B=rows, add=add))


# -- walking the graph --------------------------------------------------------------------------------------------


class Walk:
    """The forward and backward pass over a graph's calls, as records of a builder."""

    def __init__(self, builder: Builder, inputs: Sequence[SymbolicTensor], calls: Sequence[Call]) -> None:
        self.builder = builder
        self.calls = calls
        self.tensors: dict[int, Tensor] = {}
        for t in inputs:
            self.tensors[id(t)] = builder.tensor((builder.batch, *(int(d or 0) for d in t.shape[1:])))

    def forward(self, claims: dict[int, Any] | None = None) -> None:
        """Emit the forward pass. `claims`: id of an output used once -> the loss that may absorb its activation."""
        for call in self.calls:
            xs = [self.tensors[id(t)] for t in call.inputs]
            self.builder.claim = (claims or {}).get(id(call.output))
            y = call.layer.emit_forward(self.builder, *xs)
            self.tensors[id(call.output)] = y
        self.builder.claim = None

    def backward(self) -> None:
        """Emit the backward pass, from the gradients that the losses sent to the outputs."""
        for call in reversed(self.calls):
            y = self.tensors[id(call.output)]
            if y.value.needs_grad and y.value.grad is not None:
                call.layer.emit_backward(self.builder, *(self.tensors[id(t)] for t in call.inputs), y=y)

    def __getitem__(self, t: SymbolicTensor) -> Tensor:
        return self.tensors[id(t)]


ALONE = 1 << 20  # multiply-adds of a step or product by itself, about 40 us, that repay waking a second thread

# Multiply-adds of a step among many: from how many on a second thread pays for the waiting (measured: 0 to 30 % less
# time), and how many each further thread should have.
_FOR_TWO, _FOR_EACH = 1 << 18, 1 << 19


def choose_threads(work: float, limit: int) -> int:
    """Threads for steps of so many multiply-adds each, many on end."""
    worth = max(2, int(work / _FOR_EACH)) if work >= _FOR_TWO else 1
    return max(1, min(limit, worth))

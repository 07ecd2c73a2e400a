"""Programs: plans of a whole model for training, evaluation, prediction or gradients at one batch size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from pydl import _core, config
from pydl._core import Arrays as Arrays  # for what has the arrays, which does not import _core
from pydl._engine.builder import ALONE, Builder, Tensor, Walk, choose_threads
from pydl._engine.graph import SymbolicTensor
from pydl._engine.objective import (
    emit_loss,
    emit_metric,
    emit_optimizer,
    emit_penalties,
    emit_penalty_gradients,
    step_of,
)
from pydl._engine.pace import Pace
from pydl._engine.protocols import Graph, Layer, LossOp

_NARROW = 4  # outputs at most: gemm_dw then wants rows an equal way apart
_KEPT = 1 << 20  # bytes of buffers that the predictor may keep for a number of rows
_BRIEF = 1 << 18  # multiply-adds, about 10 us: so long may other threads of Python wait

# what gather records read: from dtypes of arrays to numbers of pd_src_dtype
_SOURCES = {np.dtype(name): number for name, number in _core.source_dtypes().items()}
_SOURCES[np.dtype(bool)] = _SOURCES[np.dtype(np.uint8)]


class Program:
    """A plan and where it keeps its sums.

    Attributes
    ----------
    plan : _core.Plan
    batch, threads : int
    single_steps : bool
        Whether a chunk may hold one step only.
    sums : float64 array
        The accumulators.
    loss_slots, penalty_slot, metric_slots
        Places in `sums`; a metric without one keeps its own state.
    trained : list of Variable
        The weights that have gradients.
    work : float
        Multiply-adds of a step.
    pace : Pace
        How many steps to run on end, and on how many threads.
    """

    def __init__(
        self,
        model: Graph,
        kind: str,
        batch: int,
        weighted: tuple[bool, ...] = (),
        blocks: list[_core.Buffer] | None = None,
    ) -> None:
        training = kind in ("train", "gradients")
        threads = config.get_num_threads()
        b = Builder(model.dtype, batch, training=training, threads=threads, blocks=[] if blocks is None else blocks)
        walk = Walk(b, model.inputs, model.calls)
        self.batch = batch
        self.loss_slots: list[int] = []
        self.metric_slots: list[int | None] = []
        self.penalty_slot: int | None = None
        for k, t in enumerate(model.inputs):
            _gather(b, walk[t], k)
        if kind == "predict":
            walk.forward()
            for k, t in enumerate(model.outputs):
                y = walk[t]
                b.emit("put", x=y.buffer, B=y.batch, O=y.columns, k=k)
        else:
            walk.forward(_claims(model))
            self._judge(model, b, walk, weighted)
            if training:
                walk.backward()
            self.penalty_slot = emit_penalties(b, model.trainable_weights)
            if kind == "train" and not _core.debug():  # which looks at gradients
                b.step_of = step_of(model.optimizer, batch)
            b.flush()
            if kind == "gradients":
                emit_penalty_gradients(b)
            if kind == "train":
                emit_optimizer(b, model.optimizer)
        self.plan = b.plan
        if not _core.debug():  # which looks at the rows in the buffer
            _read_in_place(b.plan)
        self.memory = b.memory
        self.single_steps = b.single_steps
        self.trained = list(b.trained.values())
        self.inputs = [walk[t] for t in model.inputs]
        self.work = b.work
        self.threads = choose_threads(b.work, threads)
        self.pace = Pace(self.threads)
        self.sums = np.zeros(max(b.slots, 1))

    def _judge(self, model: Graph, b: Builder, walk: Walk, weighted: tuple[bool, ...]) -> None:
        """Targets, weights, losses, metrics."""
        k = len(model.inputs)
        targets = []
        for t, loss in zip(model.outputs, model.losses, strict=True):
            shape = walk[t].shape[:-1] if loss.sparse else walk[t].shape
            target = b.tensor(shape)
            _gather(b, target, k)
            targets.append(target)
            k += 1
        weights: list[_core.Buffer | None] = []
        for has in weighted:
            weights.append(b.buffer((b.batch,)) if has else None)
            if has:
                b.emit("gather", y=weights[-1], B=b.batch, O=1, k=k)
                k += 1
        for i, loss in enumerate(model.losses):
            y, share = walk[model.outputs[i]], model.loss_weights[i]
            self.loss_slots.append(emit_loss(b, loss, y, targets[i], weights[i], share))
        for m in model.compiled_metrics:
            w = weights[m.output] if m.weighted else None
            self.metric_slots.append(emit_metric(b, m.metric, walk[model.outputs[m.output]], targets[m.output], w))

    @property
    def nbytes(self) -> int:
        """Memory of the plan's buffers, shared or not."""
        return sum(m.nbytes for m in self.memory)


def _gather(b: Builder, t: Tensor, k: int) -> None:
    b.emit("gather", y=t.buffer, B=t.batch, O=t.columns, k=k)


def _read_in_place(plan: _core.Plan) -> None:
    """Let products read an input's rows where they lie, if nothing else wants the buffer they are gathered into."""
    for i, gather in enumerate(plan.details):
        if gather["op"] != "gather":
            continue
        target = gather["fields"]["y"]
        readers = [j for j, r in enumerate(plan.details) if any(b is target for b in r["reads"])]
        if readers and all(_multiplies(plan.details[j], gather["fields"]) for j in readers):
            for j in (i, *readers):
                plan.amend(j, in_place=1, k=gather["fields"]["k"])


def _multiplies(record: dict[str, Any], gather: dict[str, Any]) -> bool:
    """Whether a record multiplies what was gathered, row by row, and does as well from the source."""
    op, f = record["op"], record["fields"]
    if op not in ("gemm_fwd", "gemm_fwd_panels", "gemm_dw", "gemm_step") or (op == "gemm_dw" and f["O"] <= _NARROW):
        return False
    return f["x"] is gather["y"] and (f["B"], f["I"]) == (gather["B"], gather["O"])


def _claims(model: Graph) -> dict[int, LossOp]:
    """Outputs whose activation their loss may absorb: those that nothing else reads."""
    reads: Counter[int] = Counter(id(t) for c in model.calls for t in c.inputs)
    reads.update(id(t) for t in model.outputs)
    pairs: list[tuple[SymbolicTensor, LossOp]] = list(zip(model.outputs, model.losses, strict=True))
    return {id(t): loss for t, loss in pairs if reads[id(t)] == 1}


def _trainable(layer: Graph | Layer) -> Iterator[bool]:
    """Whether a layer, those inside it, and their weights are to be trained."""
    yield layer.trainable
    yield from (v.trainable for v in layer.weights)
    for inner in getattr(layer, "layers", ()):
        yield from _trainable(inner)


class Workspace:
    """Programs that share memory, so that only one of them runs at a time.

    Attributes
    ----------
    programs : dict
        By kind, batch size and whatever else they depend on; the most recently used last.
    blocks : list of Buffer
        The memory: what the largest of them needs, more or less.
    home : list of Workspace
        Where it waits while none of them runs.
    """

    LIMIT = 16  # programs kept: batch sizes come and go

    def __init__(self, home: list[Workspace]) -> None:
        self.programs: dict[tuple[Any, ...], Program] = {}
        self.blocks: list[_core.Buffer] = []
        self.home = home

    def program(self, key: tuple[Any, ...], model: Graph, kind: str, batch: int, weighted: tuple[bool, ...]) -> Program:
        """The program of this key, made where there is none."""
        found = self.programs.pop(key, None) or Program(model, kind, batch, weighted, self.blocks)
        self.programs[key] = found
        if len(self.programs) > self.LIMIT:
            del self.programs[next(iter(self.programs))]
            used = {id(b) for p in self.programs.values() for b in p.memory}
            self.blocks[:] = [b for b in self.blocks if id(b) in used]
        return found


class ProgramCache:
    """The workspaces of a model: one for each run at a time.

    Attributes
    ----------
    predictor : _core.Predictor
        Has programs for prediction of its own: those that `adopt` gave it.
    """

    LIMIT = Workspace.LIMIT

    def __init__(self) -> None:
        self._free: list[Workspace] = []
        self.predictor = _core.Predictor(np.ndarray, _SOURCES, self.LIMIT, config.get_num_threads)

    def clear(self) -> None:
        """Forget all, those in use too: the graph, the optimizer or a loss has changed."""
        self._free = []
        self.predictor.clear()

    def key(self, model: Graph, kind: str, batch: int, weighted: tuple[bool, ...]) -> tuple[Any, ...]:
        """All that a program depends on."""
        frozen = () if kind == "predict" else tuple(_trainable(model))
        return kind, batch, weighted, config.get_num_threads(), _core.isa(), frozen

    def take(self, model: Graph, kind: str, batch: int, weighted: tuple[bool, ...] = ()) -> tuple[Workspace, Program]:
        """A program that nobody else runs, and the workspace to give back."""
        key, free = self.key(model, kind, batch, weighted), self._free
        workspace = next((w for w in tuple(free) if key in w.programs), None)
        try:
            free.remove(workspace)  # type: ignore[arg-type]
        except ValueError:  # there was none, or another thread was faster
            try:
                workspace = free.pop()
            except IndexError:
                workspace = Workspace(free)
        assert workspace is not None
        return workspace, workspace.program(key, model, kind, batch, weighted)

    def give(self, workspace: Workspace) -> None:
        """Give a workspace back."""
        workspace.home.append(workspace)

    def adopt(self, model: Graph, batch: int) -> None:
        """Give the predictor a program for so many rows, if it can do with it: one array in, one out, little memory."""
        if batch in self.predictor or len(model.inputs) != 1 or len(model.outputs) != 1 or _core.debug():
            return
        if model.input_codes != [None]:  # codes are to be checked, call by call
            return
        workspace, program = self.take(model, "predict", batch)
        self.give(workspace)
        if program.nbytes > _KEPT:
            return
        program = Program(model, "predict", batch)  # with memory of its own
        output = np.empty((batch, *(int(d or 0) for d in model.outputs[0].shape[1:])), model.dtype)
        pace = program.pace if program.work >= ALONE else None
        self.predictor.add(program.plan, program.inputs[0].array(), output, program.work <= _BRIEF, pace)

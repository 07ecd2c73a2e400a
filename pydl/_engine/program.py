"""Programs: plans of a whole graph for training, evaluation, prediction or gradients at one batch size."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pydl import _core, config
from pydl._core import Arrays as Arrays  # for the training floor, which does not import _core
from pydl._engine import passes
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.objective import Accumulators, Label, Objective, emit_gather, emit_objective
from pydl._engine.pace import Pace
from pydl._engine.phases import Penalties, Transform, emit_penalties, emit_update
from pydl._engine.team import choose_threads
from pydl._engine.variable import Variable
from pydl._engine.walk import Walk

if TYPE_CHECKING:
    from pydl._engine.protocols import Graph, OptimizerOp


class Program:
    """A plan and where it keeps its sums.

    Parameters
    ----------
    graph : Graph
        inputs, calls, outputs and dtype of a model.
    kind : {"predict", "forward", "test", "train", "gradients"}
        "forward" is the prediction of layers that behave as in training.
    batch : int
    objective : Objective, optional
        For "test", "train" and "gradients".
    labels : sequence of Label
        What data bring for each output, for the same kinds.
    optimizer : Optimizer, optional
        For "train".
    transforms : sequence of Transform
        What else stands between gradients and update.
    shapes : sequence of tuple, optional
        Of the inputs, if data decide sizes of theirs.
    apart : bool
        Whether every buffer of the plan keeps what was written last, to be looked at.

    Attributes
    ----------
    plan : _core.Plan
    kind : str
    batch, threads : int
    random : bool
        Whether layers draw random numbers.
    own_seeds : bool
        Whether some of them do so by seeds of their own.
    single_steps : bool
        Whether a chunk may hold one step only.
    sums : float64 array
        Where the figures are summed up.
    accumulators : Accumulators
        Places in `sums`.
    inputs, outputs : list of Tensor
    trained : list of Variable
        The weights that have gradients.
    pace : Pace
        How many steps to run on end, and on how many threads.
    """

    def __init__(
        self, graph: Graph, kind: str, batch: int, objective: Objective | None = None, labels: Sequence[Label] = (),
        optimizer: OptimizerOp | None = None, transforms: Sequence[Transform] = (),
        shapes: Sequence[Shape] | None = None, apart: bool = False, trained: Collection[Variable] = (),
    ) -> None:  # fmt: skip
        training = kind in ("train", "gradients")  # which includes a backward pass
        threads = config.get_num_threads()
        behaviour = training or kind == "forward"
        if graph.dtype not in ("float32", "float64"):
            raise ValueError(
                f"the model's outputs are of {graph.dtype}, and it computes floats: pydl.ops.cast(output, 'float32')"
            )
        b = Builder(
            graph.dtype, batch, training=behaviour, gradients=training, threads=threads, apart=apart, trained=trained
        )
        sizes = [t.shape for t in graph.inputs] if shapes is None else shapes
        if any(None in s[1:] for s in sizes):
            raise ValueError(f"sizes of inputs {list(sizes)} are open, and no data say them")
        inputs = [b.constant_tensor((batch, *(int(d or 0) for d in s[1:]))) for s in sizes]
        walk = Walk(b, graph.calls, {id(t): x for t, x in zip(graph.inputs, inputs, strict=True)})
        self.kind = kind
        self.batch = batch
        self.accumulators = Accumulators()
        for k, (x, codes) in enumerate(zip(inputs, graph.code_limits(), strict=True)):
            x.value.codes = codes
            emit_gather(b, x.buffer, k)
        walk.forward({} if objective is None else objective.claims(graph))
        if objective is None:
            for k, t in enumerate(graph.outputs):
                b.emit("put", x=walk[t].buffer, B=batch, O=walk[t].columns, k=k)
        else:
            self.accumulators = emit_objective(b, objective, graph, walk, labels)
            if training:
                walk.backward()
            self.accumulators.penalty = emit_penalties(b, objective.penalised)
            b.emit_tail()
        if kind == "gradients":
            Penalties().emit(b, list(b.trained.values()))
        elif kind == "train":
            assert optimizer is not None
            emit_update(b, optimizer, transforms)
        if not _core.debug():  # which looks at gradients, and at the rows in the buffer
            passes.take_steps_with_gradients(b.records)
            passes.fuse_activations(b.records)
            passes.read_rows_in_place(b.records, b.dtype)
        self.plan = b.finish()
        self.random = b.streams > 0
        self.own_seeds = b.own_seeds
        self.single_steps = b.single_steps
        self.trained = list(b.trained.values())
        self.inputs = inputs
        self.outputs = [walk[t] for t in graph.outputs]
        self.work = self.plan.work
        self.threads = choose_threads(self.work, threads)
        self.pace = Pace(self.threads)
        self.sums = np.zeros(max(b.accumulators, 1))

    @property
    def nbytes(self) -> int:
        """Memory that the plan's buffers need."""
        return self.plan.nbytes

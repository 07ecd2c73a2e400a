"""Runs the programs of a model: the same way for fit, evaluate, predict, gradients, traces and single batches."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import is_
from threading import Lock, local
from typing import Any

import numpy as np

from pydl._base import random
from pydl._engine.cache import ProgramCache
from pydl._engine.graph import is_open
from pydl._engine.objective import Label, Objective
from pydl._engine.phases import Transform
from pydl._engine.program import Program
from pydl._training.rows import Rows

Array = np.ndarray


class Runner:
    """What a model runs with.

    Attributes
    ----------
    programs : ProgramCache
    draws : int
        Steps outside training that drew random numbers.
    seed : int or None
        Of the model's random streams; drawn when training starts, unless it was set.
    transforms : tuple of Transform
        What else stands between gradients and update: an exchange between processes, for instance.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.programs = ProgramCache()
        self.seed: int | None = None
        self.draws = 0
        self.transforms: tuple[Transform, ...] = ()
        self.twin: tuple[list[Any], Any] | None = None  # the model with masks as outputs, see `eager.py`
        self._prepared: tuple[Any, list[Any]] | None = None  # optimizer and weights of the last training
        self._training = Lock()
        self._passes = local()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: neither programs nor locks."""
        return {name: getattr(self, name) for name in ("model", "seed", "transforms")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Runner.__init__(self, state["model"])
        self.seed, self.transforms = state["seed"], state["transforms"]

    # -- programs -------------------------------------------------------------------------------------------------

    @contextmanager
    def program(self, kind: str, data: Rows, batch: int | None = None) -> Iterator[Program]:
        """A program for batches of some rows (all of them by default), which nobody else runs meanwhile."""
        with self.program_for(kind, data.n if batch is None else batch, data.labels, data.shapes) as program:
            yield program

    @contextmanager
    def program_for(
        self, kind: str, batch: int, labels: tuple[Label, ...] | None = None, shapes: tuple[Any, ...] | None = None
    ) -> Iterator[Program]:
        """The same, by sizes. `labels`: default plain targets. `shapes`: of inputs, if data decide sizes of theirs."""
        workspace, program = self.programs.acquire(*self._recipe(kind, batch, labels, shapes))
        try:
            yield program
        finally:
            self.programs.release(workspace)

    def predictor(self, data: Rows) -> Any:
        """The predictor, with a program for such data if one will do: codes are to be checked at each call."""
        model = self.model
        one = len(model.inputs) == len(model.outputs) == 1 and model.output_keys is None
        plain = model.host is None and model.inputs[0].dtype == model.dtype and model.outputs[0].kind is None
        if one and plain and model.input_codes == [None] and not model.outputs[0].masked:
            shapes = data.shapes if is_open(model.inputs) else None
            self.programs.adopt(data.arrays[0], *self._recipe("predict", data.n, (), shapes))
        return self.programs.predictor

    def make(
        self, kind: str, batch: int, labels: tuple[Label, ...] | None = None, shapes: tuple[Any, ...] | None = None
    ) -> Program:
        """A new program; see `program_for`."""
        model = self.model
        if kind in ("predict", "forward"):
            return Program(model.computed, kind, batch, shapes=shapes)
        trained = model.trainable_weights
        penalised = [v for v in trained if v.regularizer is not None]
        objective = Objective(
            model.compiled_losses, model.loss_weights, model.expected_targets, model.compiled_metrics, penalised
        )
        labels = (Label(),) * len(model.outputs) if labels is None else labels
        traced = kind == "trace"  # training, record by record
        kind = "train" if traced else kind
        return Program(
            model.computed, kind, batch, objective, labels, model.optimizer, self.transforms, shapes, traced, trained
        )

    def _recipe(
        self, kind: str, batch: int, labels: tuple[Label, ...] | None, shapes: Any
    ) -> tuple[tuple[Any, ...], Callable[[], Program]]:
        """All that a program depends on, and how to make it."""
        if kind in ("predict", "forward"):
            labels = None
        elif labels is None:
            labels = (Label(),) * len(self.model.outputs)
        frozen = () if kind == "predict" else _trainable(self.model)
        return (kind, batch, labels, shapes, frozen), partial(self.make, kind, batch, labels, shapes)

    # -- running --------------------------------------------------------------------------------------------------

    @contextmanager
    def training(self, method: str) -> Iterator[None]:
        """Within the `with` block, nobody else trains the model."""
        if not self._training.acquire(blocking=False):
            raise RuntimeError(f'{method}: model "{self.model.name}" is being trained already; one fit at a time')
        try:
            if self.model.built:
                self.prepare_training()
            yield
        finally:
            self._training.release()

    def prepare_training(self) -> None:
        """Make sure of a seed, of the weights' names and of the optimizer's slots."""
        self.drawn_seed()
        optimizer, trained = self.model.optimizer, self.model.as_made(trainable=True)
        optimizer.serve(self.model)
        if self._prepared is None or self._prepared[0] is not optimizer or not _same(self._prepared[1], trained):
            self.model.name_variables()
            self._tell_of_frozen(trained)
            self._prepared = optimizer, trained
        optimizer.prepare(trained)

    def _tell_of_frozen(self, trained: list[Any]) -> None:
        """Warn where freezing, which counts at once, makes of a model something else than what was compiled."""
        model = self.model
        if not trained and any(v.made_trainable for v in model.weights):
            warnings.warn(
                f'model "{model.name}": all its layers are frozen, so nothing is trained; freezing counts at once, '
                "also behind compile: set trainable = True again before training it",
                stacklevel=5,
            )
        compiled = {id(v) for v in model.compiled_trainable}
        freed = [v.path for v in trained if id(v) not in compiled]
        if freed:
            model.compiled_trainable = trained
            warnings.warn(
                f'model "{model.name}": {", ".join(freed[:4])}{" ..." if freed[4:] else ""} were frozen when it was '
                "compiled and are trained now, as freezing counts at once; compile it again if that is meant",
                stacklevel=5,
            )

    def drawn_seed(self) -> int:
        """The seed, drawn now unless there is one."""
        if self.seed is None:
            self.seed = random.next_seed()
        return self.seed

    def run(self, program: Program, data: Rows, steps: int = 1, *, paced: bool = True, **where: Any) -> None:
        """Run steps of a program; the optimizer's counter moves with those that train.

        `paced`: on as many threads as the program's pace says, which is told how long they took. `where`: as for
        `Plan.run`: rows, row0, sums, sinks; seed and count, where the pass chooses them.
        """
        arguments = self.arguments(program, steps) | where
        if program.random and "seed" not in arguments:  # layers that draw outside training do so anew each time
            arguments |= self.next_draws(program, steps)
        if program.kind == "train":
            arguments["progress"] = self.model.optimizer.counter
        threads = program.pace.threads() if paced else program.threads
        begin = time.perf_counter()
        program.plan.run(steps, program.batch, sources=data.sources, nth=threads, **arguments)
        if paced:
            program.pace.took(threads, steps, time.perf_counter() - begin)

    def next_draws(self, program: Program, steps: int) -> dict[str, int]:
        """Seed and count of steps that draw outside training: layers with a seed of their own draw by the count."""
        count = self.draws if program.own_seeds else 0
        self.draws += steps
        return {"seed": random.next_seed(), "count": count}

    def arguments(self, program: Program, steps: int) -> dict[str, Any]:
        """What changes from step to step of training: random numbers, the optimizer's coefficients."""
        if program.kind not in ("train", "gradients"):
            return {}
        optimizer = self.model.optimizer
        done = optimizer.batches
        arguments: dict[str, Any] = {"seed": self.drawn_seed(), "count": done}
        if program.kind == "train":
            arguments |= {
                "coefs": optimizer.coefficients_of(done, steps),
                "every": optimizer.gradient_accumulation_steps or 0,
            }
        return arguments

    # -- figures --------------------------------------------------------------------------------------------------

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Within the `with` block, metrics collect the figures of a pass; one that it interrupts gets its own back."""
        metrics = [c.metric for c in self.judges]
        outer = getattr(self._passes, "open", False)
        kept = []
        if outer:
            import copy  # a pass within a pass is rare

            kept = [copy.deepcopy(vars(metric)) for metric in metrics]
        self._passes.open = True
        self.reset_metrics()
        try:
            yield
        finally:
            self._passes.open = outer
            for metric, state in zip(metrics, kept, strict=False):
                vars(metric).clear()
                vars(metric).update(state)

    @property
    def judges(self) -> list[Any]:
        """Metrics of `compile`, then those that code of layers updates."""
        return self.model.compiled_metrics + self.model.layer_metrics

    def reset_metrics(self) -> None:
        """Begin the figures anew."""
        for c in self.judges:
            c.metric.reset_state()

    def figures(self, sums: Array, n: float, program: Program | None = None) -> dict[str, float]:
        """Loss and metrics from accumulated sums over n samples."""
        model = self.model

        def mean(slot: int) -> float:
            return float(sums[slot] / n)

        logs: dict[str, float] = {"loss": 0.0}
        if program is not None and n:
            places = program.accumulators
            parts = [None if s is None else mean(s) for s in places.losses]
            penalty = 0.0 if places.penalty is None else mean(places.penalty)
            weighted = [p * w for p, w in zip(parts, model.loss_weights, strict=True) if p is not None]
            logs["loss"] = sum(weighted) + penalty
            if len(weighted) > 1:
                pairs = zip(model.output_names, parts, strict=True)
                logs |= {f"{name}_loss": p for name, p in pairs if p is not None}
            for c, slot in zip(model.compiled_metrics, places.metrics, strict=True):
                if slot is not None:
                    c.metric.restore_state(sums[slot : slot + 2])
        elif len(judged := [i for i, loss in enumerate(model.compiled_losses) if loss is not None]) > 1:
            logs |= {f"{model.output_names[i]}_loss": 0.0 for i in judged}
        with np.errstate(divide="ignore", invalid="ignore"):  # of a metric of one's own, before any rows
            for c in self.judges:
                logs |= {name: figure for name, figure in c.figures().items() if name != "loss"}
        return logs


def _same(a: list[Any], b: list[Any]) -> bool:
    """Whether two lists hold the same objects."""
    return len(a) == len(b) and all(map(is_, a, b))


def _trainable(model: Any) -> tuple[bool, ...]:
    """Whether a model, the layers inside it, and their weights are to be trained."""
    flags, pending = [], [model]
    for layer in pending:
        flags.append(layer.trainable)
        flags += [v.trainable for v in layer._variables]
        pending += layer._held_layers()
    return tuple(flags)

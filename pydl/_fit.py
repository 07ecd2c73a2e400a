"""The training loop: epochs, chunks of steps, validation, callbacks."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from pydl import _data, _random
from pydl._args import real, whole
from pydl._fit_state import FitState
from pydl._programs import Program
from pydl.callbacks import CallbackList, History
from pydl.training import _Pace


def run_fit(
    model: Any, x: Any, y: Any, *, batch_size: int, epochs: int, verbose: Any, callbacks: Any, validation_split: float,
    validation_data: Any, shuffle: bool, class_weight: Any, sample_weight: Any, initial_epoch: int,
    steps_per_epoch: int | None, validation_steps: int | None, validation_batch_size: int | None, validation_freq: int,
) -> History:  # fmt: skip
    """`Model.fit` on a compiled and built model; its docstring says what the arguments mean."""
    epochs = whole("fit", "epochs", epochs)
    initial_epoch = whole("fit", "initial_epoch", initial_epoch)
    validation_freq = whole("fit", "validation_freq", validation_freq, at_least=1)
    share = real("fit", "validation_split", validation_split, at_least=0, below=1)
    if steps_per_epoch is not None:
        steps_per_epoch = whole("fit", "steps_per_epoch", steps_per_epoch, at_least=1)
    model._start_training()
    source: _Source
    if _data.is_batched(x):
        if y is not None or sample_weight is not None or share:
            raise ValueError(
                "fit: y, sample_weight and validation_split are for arrays; batches bring their own targets"
            )
        source = _BatchSource(model, x, shuffle, class_weight, steps_per_epoch)
    else:
        data = _data.Rows(model, "fit", x, y, sample_weight, class_weight)
        if share and validation_data is None:
            plain = data if class_weight is None else _data.Rows(model, "fit", x, y, sample_weight)
            kept = _kept(data.n, share)
            data, validation_data = data.take(slice(0, kept)), plain.take(slice(kept, None))
        source = _RowSource(model, data, batch_size, shuffle, steps_per_epoch)
    validate = _validation(model, validation_data, validation_batch_size or batch_size, validation_steps)
    listed = CallbackList(
        callbacks, add_history=True, add_progbar=verbose != 0, model=model, epochs=epochs, steps=source.steps,
        verbose=verbose,
    )  # fmt: skip

    model.stop_training = False
    model.fit_state = FitState(epoch=initial_epoch, seed=model._seed)
    listed.on_train_begin()
    model._seed = model.fit_state.seed  # a callback may have restored another run's
    logs: dict[str, float] = {}
    while model.fit_state.epoch < epochs and not model.stop_training:
        epoch = model.fit_state.epoch
        listed.on_epoch_begin(epoch)
        logs = _run_epoch(model, source, listed)
        if validate is not None and (epoch + 1) % validation_freq == 0:
            logs |= {f"val_{name}": value for name, value in validate(listed).items()}
        listed.on_epoch_end(epoch, logs)
        state = model.fit_state
        state.epoch, state.step, state.totals = epoch + 1, 0, {}
    listed.on_train_end(logs)
    history = listed.history
    assert history is not None
    return history


def _kept(n: int, share: float) -> int:
    """How many of n rows to train on; the last ones are for validation."""
    kept = int(n * (1 - share))
    if kept in (0, n):
        raise ValueError(f"fit: validation_split {share} of {n} rows leaves one part empty")
    return kept


def _validation(model: Any, data: Any, batch_size: int, steps: int | None) -> Callable[[CallbackList], Any] | None:
    if data is None:
        return None
    if isinstance(data, _data.Rows):
        rows = data
    elif isinstance(data, tuple | list):
        rows = _data.Rows(model, "fit, validation_data", *_data.split_batch("fit, validation_data", data))
    elif _data.is_batched(data):
        return lambda listed: model._evaluate("fit, validation_data", data, None, None, batch_size, steps, listed)
    else:
        raise TypeError(
            f"fit: validation_data: expected a tuple (x, y) or (x, y, sample_weight), got {type(data).__name__}"
        )

    def validate(listed: CallbackList) -> Any:
        listed.on_test_begin()
        logs = model._evaluate_rows(rows, batch_size, steps, listed)
        listed.on_test_end(logs)
        return logs

    return validate


class _Source:
    """Where the steps of an epoch come from.

    Attributes
    ----------
    steps : int or None
        Batches per epoch, where that is known.
    """

    steps: int | None

    def chunks(
        self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]
    ) -> Iterator[tuple[Program, int, Callable[[Any], None]]]:
        """Programs to run from batch `step` on: how many rows each will use, and what runs it, adding to sums.

        `single`: one batch at a time. `limit(step)`: the batch to stop at, None where there is no need.
        """
        raise NotImplementedError


class _RowSource(_Source):
    """Arrays: rows in a new order each epoch, as many steps at a time as fit into a chunk."""

    def __init__(
        self, model: Any, data: _data.Rows, batch_size: int, shuffle: bool, steps_per_epoch: int | None
    ) -> None:
        self.model, self.data, self.shuffle = model, data, shuffle
        self.batch_size = min(batch_size, data.n)
        whole_epoch = -(-data.n // self.batch_size)
        self.steps: int = whole_epoch if steps_per_epoch is None else min(whole_epoch, steps_per_epoch)
        self.pace = _Pace()

    def chunks(
        self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]
    ) -> Iterator[tuple[Program, int, Callable[[Any], None]]]:
        model, data, size = self.model, self.data, self.batch_size
        order = _order(model, epoch).permutation(data.n) if self.shuffle else None
        while step < self.steps:
            first = step * size
            batch = min(size, data.n - first)
            with model._program("train", batch, data.weighted) as program:
                stop = min(self.steps, data.n // size) if batch == size else step + 1
                count = 1 if single or program.single_steps else min(self.pace.steps, stop - step)
                stop_at = limit(step)
                if stop_at is not None:
                    count = min(count, stop_at - step)
                rows = None if order is None else order[first : first + count * batch]

                yield program, count * batch, partial(self._run, program, count, rows, first)
            step += count

    def _run(self, program: Program, count: int, rows: Any, first: int, sums: Any) -> None:
        begin = time.perf_counter()
        self.model._step(program, self.data, count, rows=rows, row0=first, sums=sums)
        self.pace.took(count, time.perf_counter() - begin)


class _BatchSource(_Source):
    """Batches that come one by one."""

    def __init__(self, model: Any, x: Any, shuffle: bool, class_weight: Any, steps_per_epoch: int | None) -> None:
        self.model, self.x, self.shuffle, self.class_weight = model, x, shuffle, class_weight
        known = _data.batch_count(x)
        self.steps = known if steps_per_epoch is None else steps_per_epoch
        self.iterator: Iterator[Any] | None = None

    def chunks(
        self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]
    ) -> Iterator[tuple[Program, int, Callable[[Any], None]]]:
        if step == self.steps:  # resumed at the very end of the epoch
            return
        model, i = self.model, step - 1
        order = _order(model, epoch) if self.shuffle else None
        if hasattr(self.x, "on_epoch_begin"):
            self.x.on_epoch_begin()
        for i, batch in enumerate(_data.batches(self.x, step, order), start=step):
            data = _data.Rows(model, "fit", *_data.split_batch("fit", batch), self.class_weight)
            with model._program("train", data.n, data.weighted) as program:
                yield program, data.n, partial(_run_batch, model, program, data)
            if i + 1 == self.steps:
                break
        else:
            if self.steps is not None and step <= i:
                warnings.warn(
                    f"fit: the data ran out after {i + 1} of {self.steps} batches; training ends", stacklevel=2
                )
                model.stop_training = True
        if hasattr(self.x, "on_epoch_end"):
            self.x.on_epoch_end()


def _run_batch(model: Any, program: Program, data: _data.Rows, sums: Any) -> None:
    model._step(program, data, 1, sums=sums)


def _order(model: Any, epoch: int) -> np.random.Generator:
    """The generator of an epoch's order, a function of the model's seed and the epoch."""
    return _random.generator((model._seed << 64) + epoch)


def _run_epoch(model: Any, source: _Source, callbacks: CallbackList) -> dict[str, float]:
    """The steps of one epoch from where `fit_state` stands; returns loss and metrics over all of them."""
    state, per_batch = model.fit_state, callbacks.per_batch
    model._reset_metrics()
    logs: dict[str, float] = {}
    sums: Any = None
    seen = 0.0
    for program, rows, run in source.chunks(state.epoch, state.step, per_batch, callbacks.next_stop):
        if sums is None:
            sums = np.zeros_like(program.sums)
            seen = _restore(state, sums)
        if per_batch:
            callbacks.on_train_batch_begin(state.step)
        run(sums)
        steps = rows // program.batch
        seen += rows
        state.step += steps
        state.draws = model.optimizer.iterations
        state.totals = {"rows": (seen, 0.0), **{f"sum {i}": (float(s), 0.0) for i, s in enumerate(sums)}}
        logs = model._figures(sums, seen, program)
        state.totals |= {f"log {name}": (value, 0.0) for name, value in logs.items()}
        if per_batch:
            callbacks.on_train_batch_end(state.step - 1, logs)
        callbacks.on_chunk_end(state.step, logs)
        if model.stop_training:
            break
    if sums is None and not state.step:
        raise ValueError("fit: the data ran out: expected at least one batch per epoch, got none")
    if sums is None:  # resumed at the very end of the epoch
        logs = {k.removeprefix("log "): value for k, (value, _) in state.totals.items() if k.startswith("log ")}
    return logs


def _restore(state: FitState, sums: Any) -> float:
    """Take over the sums of an epoch that a resumed run had begun; returns the rows they stand for."""
    if not state.totals:
        return 0.0
    for i in range(len(sums)):
        sums[i] = state.totals[f"sum {i}"][0]
    return state.totals["rows"][0]

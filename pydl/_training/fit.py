"""The training loop: epochs, chunks of steps, validation, callbacks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from pydl._base import random
from pydl._base.args import optional_whole, real, whole
from pydl._training.inputs import Batches, open_inputs, open_validation
from pydl._training.passes import Chunk, evaluate, row_chunks
from pydl._training.rows import Rows
from pydl._training.state import FitState
from pydl.callbacks import CallbackList, History

_ROUNDING = 1e-9  # of a share and of what is computed with it, generously


def run_fit(
    model: Any, x: Any, y: Any, *, batch_size: int, epochs: int, verbose: Any, callbacks: Any, validation_split: float,
    validation_data: Any, shuffle: bool, class_weight: Any, sample_weight: Any, initial_epoch: int,
    steps_per_epoch: int | None, validation_steps: int | None, validation_batch_size: int | None, validation_freq: Any,
) -> History:  # fmt: skip
    """`Model.fit` on a compiled and built model; its docstring says what the arguments mean."""
    epochs = whole("fit", "epochs", epochs)
    initial_epoch = whole("fit", "initial_epoch", initial_epoch)
    validated = _validated(validation_freq)
    share = real("fit", "validation_split", validation_split, at_least=0, below=1)
    steps_per_epoch = optional_whole("fit", "steps_per_epoch", steps_per_epoch, at_least=1)
    validation_steps = optional_whole("fit", "validation_steps", validation_steps, at_least=1)
    validation_batch_size = optional_whole("fit", "validation_batch_size", validation_batch_size, at_least=1)
    if not isinstance(shuffle, bool | int):
        raise TypeError(f"fit: shuffle: expected True or False, got {shuffle!r}")
    built = model.built
    data = open_inputs(model, "fit", x, y, sample_weight, class_weight)
    if not built:  # but by its data, just now
        model._require_loss("fit")
        model._runner.prepare_training()
    source: _Source
    if isinstance(data, Batches):
        if share:
            raise ValueError("fit: validation_split is for arrays; batches bring their own targets")
        source = _BatchSource(model, data, batch_size, shuffle, steps_per_epoch)
    else:
        if share and validation_data is None:
            plain = data if class_weight is None else open_inputs(model, "fit", x, y, sample_weight)
            assert isinstance(plain, Rows)
            kept = _kept(data.n, share)
            data, validation_data = data.take(slice(0, kept)), plain.take(slice(kept, None))
        source = _RowSource(model, data, batch_size, shuffle, steps_per_epoch)
    again = sum(map(validated, range(initial_epoch, epochs))) > 1
    validate = _validation(model, validation_data, validation_batch_size or batch_size, validation_steps, again)
    listed = CallbackList(
        callbacks, add_history=True, add_progbar=verbose != 0, model=model, epochs=epochs, steps=source.steps,
        verbose=verbose, validation_freq=None if validate is None else validation_freq,
    )  # fmt: skip

    model.stop_training = False
    earlier = source.passes_before(initial_epoch, model.optimizer.batches)
    model.fit_state = FitState(epoch=initial_epoch, earlier=earlier, seed=model.seed)
    listed.on_train_begin()
    model._runner.seed = model.fit_state.seed  # a callback may have restored another run's
    logs: dict[str, float] = {}
    told = any(callback.tells_nonfinite for callback in listed)
    try:
        while model.fit_state.epoch < epochs and not model.stop_training:
            epoch = model.fit_state.epoch
            listed.on_epoch_begin(epoch)
            found = _run_epoch(model, source, listed)
            if found is None:
                if epoch == initial_epoch:
                    raise ValueError("fit: the data ran out: expected at least one batch per epoch, got none")
                warnings.warn(f"fit: the data ran out after {epoch} of {epochs} epochs; training ends", stacklevel=3)
                break
            logs = found
            if validate is not None and validated(epoch):
                logs |= {f"val_{name}": value for name, value in validate(listed).items()}
            listed.on_epoch_end(epoch, logs)
            told = told or _tell_nonfinite(model, data, epoch, logs)
            state = model.fit_state
            state.epoch, state.step, state.totals = epoch + 1, 0, {}
    finally:
        if epochs > 0 and model.optimizer.use_ema:
            model.optimizer.finalize_variable_values(model.trainable_weights)
    listed.on_train_end(logs)
    history = listed.history
    assert history is not None
    return history


def _validated(frequency: Any) -> Callable[[int], bool]:
    """Whether validation follows an epoch, which count from 0: each so many of them, or those listed, from 1."""
    if isinstance(frequency, list | tuple | set | frozenset):
        listed = {whole("fit", "validation_freq", n, at_least=1) for n in frequency}
        return lambda epoch: epoch + 1 in listed
    every = whole("fit", "validation_freq", frequency, at_least=1)
    return lambda epoch: (epoch + 1) % every == 0


def _tell_nonfinite(model: Any, data: Rows | Batches, epoch: int, logs: dict[str, float]) -> bool:
    """Warn of a loss that is not finite, with the likely cause; returns whether it did."""
    name = next((name for name in ("loss", "val_loss") if not math.isfinite(logs.get(name, 0.0))), None)
    if name is None:
        return False
    rows = _nonfinite_rows(model, data) if isinstance(data, Rows) else None
    weight = model.first_nonfinite()
    if rows is not None:
        cause = f"{rows}; drop or impute such rows"
    elif weight is not None:
        cause = f'the weight "{weight}" is no longer finite; try a lower learning rate, or look for NaN in the data'
    else:
        cause = "look for NaN or infinity in the data" + (" for validation" if name == "val_loss" else "")
    warnings.warn(f"fit: the {name} of epoch {epoch + 1} is {logs[name]}: {cause}", stacklevel=4)
    return True


def _nonfinite_rows(model: Any, data: Rows) -> str | None:
    """The first input that holds NaN or infinity, and where."""
    for t, array in zip(model.computed.inputs, data.arrays, strict=False):
        finite = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if not finite.all():
            return f'input "{t.name}" holds NaN or infinity, first in row {int(np.argmin(finite))}'
    return None


def _kept(n: int, share: float) -> int:
    """How many of n rows to train on; the last ones are for validation.

    Keras rounds n * (1 - share) down; what misses a whole number by an error of binary fractions alone, is one here:
    of ten rows, a share of 0.8 leaves two, though 1 - 0.8 is a little less than 0.2.
    """
    exact = n * (1 - share)
    nearest = round(exact)
    kept = nearest if abs(exact - nearest) <= _ROUNDING * n else int(exact)
    if kept in (0, n):
        raise ValueError(f"fit: validation_split {share} of {n} rows leaves one part empty")
    return kept


def _validation(
    model: Any, data: Any, batch_size: int, steps: int | None, again: bool
) -> Callable[[CallbackList], Any] | None:
    if data is None:
        return None
    opened = open_validation(model, "fit, validation_data", data, again=again)
    return lambda listed: evaluate(model, opened, batch_size, steps, listed)


class _Source:
    """Where the steps of an epoch come from.

    Attributes
    ----------
    steps : int or None
        Batches per epoch, if that is known.
    lap : int
        Batches of a pass over all the data, 1 if that is not known.
    """

    steps: int | None
    lap: int

    def passes_before(self, epoch: int, iterations: int) -> int:
        """Passes that so many steps of an optimizer stand for, beyond those up to an epoch."""
        return max(0, -(-iterations // self.lap) - epoch * (self.steps or 1) // self.lap)

    def chunks(self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]) -> Generator[Chunk]:
        """What to run from batch `step` of an epoch on; `single` and `limit` as for `row_chunks`."""
        raise NotImplementedError


class _RowSource(_Source):
    """Arrays: rows in a new order each time round, as many steps at a time as fit into a chunk.

    An epoch of `steps_per_epoch` goes on where the last one stopped.
    """

    def __init__(self, model: Any, data: Rows, batch_size: int, shuffle: bool, steps_per_epoch: int | None) -> None:
        self.model, self.data, self.batch_size, self.shuffle = model, data, batch_size, shuffle
        self.lap = -(-data.n // min(batch_size, data.n))
        self.steps: int = steps_per_epoch or self.lap

    def chunks(self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]) -> Generator[Chunk]:
        while step < self.steps:
            lap, place = divmod(epoch * self.steps + step, self.lap)
            end = min(self.lap, place + self.steps - step)
            order = random.permutation(self.data.n, _seed(self.model, lap)) if self.shuffle else None
            yield from row_chunks(
                self.model, "train", self.data, self.batch_size, steps=end, start=place, single=single, order=order,
                limit=partial(_shifted, limit, step - place),
            )  # fmt: skip
            step += end - place


def _shifted(limit: Callable[[int], int | None], by: int, step: int) -> int | None:
    """`limit` for steps that are counted from another one."""
    stop = limit(step + by)
    return None if stop is None else stop - by


class _BatchSource(_Source):
    """Batches that come one by one.

    Where it is known how many there are, an epoch of `steps_per_epoch` goes on where the last one stopped.
    """

    def __init__(self, model: Any, data: Batches, batch_size: int, shuffle: bool, steps_per_epoch: int | None) -> None:
        self.model, self.data, self.batch_size, self.shuffle = model, data, batch_size, shuffle
        self.count = data.count(batch_size)
        self.steps = self.count if steps_per_epoch is None else steps_per_epoch
        self.lap = self.count or self.steps or 1

    def chunks(self, epoch: int, step: int, single: bool, limit: Callable[[int], int | None]) -> Generator[Chunk]:
        runner = self.model._runner
        while self.steps is None or step < self.steps:
            lap, place, end = epoch, step, self.steps
            if self.count and self.steps is not None:
                lap, place = divmod(epoch * self.steps + step, self.count)
                end = min(self.count, place + self.steps - step)
            seed, begin = _seed(self.model, lap) if self.shuffle else None, step
            self.data.begin_epoch(self.model.fit_state.earlier + lap)
            with closing(self.data.rows(self.batch_size, place, seed, end)) as batches:
                for step, rows in enumerate(batches, start=begin + 1):
                    with runner.program("train", rows) as program:
                        yield Chunk(program, step - 1, 1, rows.n, partial(runner.run, program, rows))
            if not self.count or end == self.count:
                self.data.end_epoch()
            if end is None or step - begin < end - place:
                if begin < step and self.steps is not None:
                    told = f"fit: data ran out after {step} of {self.steps} batches; training ends"
                    warnings.warn(told, stacklevel=2)
                    self.model.stop_training = True
                return


def _seed(model: Any, lap: int) -> int:
    """The seed of a pass's order, a function of the model's seed and of how many passes there were before."""
    return random.derived(model.seed, model.fit_state.earlier + lap + 1)


def _run_epoch(model: Any, source: _Source, callbacks: CallbackList) -> dict[str, float] | None:
    """The steps of one epoch from where `fit_state` stands; returns loss and metrics over all of them, None of none."""
    state, per_batch = model.fit_state, callbacks.per_batch
    logs: dict[str, float] = {}
    sums: Any = None
    seen = 0.0
    with (
        model._runner.collecting(),
        closing(source.chunks(state.epoch, state.step, per_batch, callbacks.next_stop)) as chunks,
    ):
        for chunk in chunks:
            if sums is None:
                sums = np.zeros_like(chunk.program.sums)
                seen = _restore(model, state, sums)
            if per_batch:
                callbacks.on_train_batch_begin(state.step)
            chunk.run(sums=sums)
            seen += chunk.rows
            state.step += chunk.steps
            state.draws = model.optimizer.batches
            state.totals = {"rows": (seen, 0.0), **{f"sum {i}": (float(s), 0.0) for i, s in enumerate(sums)}}
            logs = model._runner.figures(sums, seen, chunk.program)
            judges = model._runner.judges
            state.totals |= {f"metric {i}": c.metric.saved_state() for i, c in enumerate(judges)}
            state.totals |= {f"log {name}": (value, 0.0) for name, value in logs.items()}
            if per_batch:
                callbacks.on_train_batch_end(state.step - 1, logs)
            callbacks.on_chunk_end(state.step, logs)
            if model.stop_training:
                break
    if sums is None and not state.step:
        return None
    if sums is None:  # resumed at the very end of the epoch
        logs = {k.removeprefix("log "): value for k, (value, _) in state.totals.items() if k.startswith("log ")}
    return logs


def _restore(model: Any, state: FitState, sums: Any) -> float:
    """Take over the sums of an epoch that a resumed run had begun; returns the rows they stand for."""
    if not state.totals:
        return 0.0
    for i in range(len(sums)):
        sums[i] = state.totals[f"sum {i}"][0]
    for i, c in enumerate(model._runner.judges):
        saved = state.totals.get(f"metric {i}")
        c.metric.restore_state(state.totals[f"metric {c.name}"] if saved is None else saved)  # older files have names
    return state.totals["rows"][0]

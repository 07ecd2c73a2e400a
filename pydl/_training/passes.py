"""Passes over data: chunks of steps that take about 50 ms each, and what evaluation and prediction make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pydl._base import check
from pydl._engine.kinds import cast
from pydl._engine.program import Program
from pydl._training.inputs import Batches, open_rows
from pydl._training.rows import Rows, per_name, sinks
from pydl.callbacks import CallbackList

Array = np.ndarray


class Chunk(NamedTuple):
    """Some steps on end, ready to run.

    Attributes
    ----------
    program : Program
    first : int
        The batch it begins with, counted within the pass.
    steps, rows : int
        How many batches, and how many rows in all.
    run : callable
        Takes `sums` or `sinks`, as `Plan.run` does.
    """

    program: Program
    first: int
    steps: int
    rows: int
    run: Callable[..., None]


def row_chunks(
    model: Any,
    kind: str,
    data: Rows,
    batch_size: int,
    *,
    steps: int | None = None,
    start: int = 0,
    single: bool = False,
    order: Array | None = None,
    limit: Callable[[int], int | None] | None = None,
) -> Iterator[Chunk]:
    """The batches of some rows, as many at a time as fit into a chunk.

    Parameters
    ----------
    kind : {"train", "test", "predict", "forward"}
    steps : int, optional
        At most so many batches.
    start : int
        The batch to begin with.
    single : bool
        One batch at a time.
    order : int64 array, optional
        The order of the rows.
    limit : callable, optional
        From a batch, the one to stop at for a callback's sake, or None.
    """
    runner = model._runner
    draws: dict[str, int] | None = None
    size = min(batch_size, data.n)
    all_of_them = -(-data.n // size)
    end = all_of_them if steps is None else min(all_of_them, steps)
    step = start
    while step < end:
        first = step * size
        batch = min(size, data.n - first)
        with runner.program(kind, data, batch) as program:
            whole = min(end, data.n // size) if batch == size else step + 1
            count = 1 if single or program.single_steps else min(program.pace.steps(), whole - step)
            stop = limit(step) if limit is not None else None
            if stop is not None:
                count = min(count, stop - step)
            rows = None if order is None else order[first : first + count * batch]

            run = partial(runner.run, program, data, count, rows=rows, row0=first)
            if program.random and kind != "train":  # the same numbers however the pass is cut into chunks
                draws = runner.next_draws(program, end) if draws is None else draws
                run = partial(run, seed=draws["seed"], count=draws["count"] + step)
            yield Chunk(program, step, count, count * batch, run)
        step += count


def evaluate(
    model: Any, data: Rows | Batches, batch_size: int, steps: int | None, callbacks: CallbackList
) -> dict[str, float]:
    """Loss and metrics on rows or batches."""
    callbacks.on_test_begin()
    run = _evaluate_rows if isinstance(data, Rows) else _evaluate_batches
    with model._runner.collecting():
        logs = run(model, data, batch_size, steps, callbacks)
    callbacks.on_test_end(logs)
    return logs


def _evaluate_rows(
    model: Any, data: Any, batch_size: int, steps: int | None, callbacks: CallbackList
) -> dict[str, float]:
    per_batch = callbacks.per_test_batch
    logs: dict[str, float] = {}
    sums, seen = None, 0
    for chunk in row_chunks(model, "test", data, batch_size, steps=steps, single=per_batch):
        sums = np.zeros_like(chunk.program.sums) if sums is None else sums
        if per_batch:
            callbacks.on_test_batch_begin(chunk.first)
        chunk.run(sums=sums)
        seen += chunk.rows
        logs = model._runner.figures(sums, seen, chunk.program)
        if per_batch:
            callbacks.on_test_batch_end(chunk.first, logs)
    return logs


def _evaluate_batches(
    model: Any, data: Any, batch_size: int, steps: int | None, callbacks: CallbackList
) -> dict[str, float]:
    runner, logs, sums, seen = model._runner, {}, None, 0
    with closing(data.once(batch_size, steps)) as batches:
        for i, rows in enumerate(batches):
            with runner.program("test", rows) as program:
                sums = np.zeros_like(program.sums) if sums is None else sums
                callbacks.on_test_batch_begin(i)
                runner.run(program, rows, paced=False, sums=sums)
                seen += rows.n
                logs = runner.figures(sums, seen, program)
                callbacks.on_test_batch_end(i, logs)
    if sums is None:
        raise ValueError(f"{data.owner}: expected at least one batch, got none")
    return logs


def predict(
    model: Any, data: Rows | Batches, batch_size: int, steps: int | None, callbacks: CallbackList
) -> list[Array]:
    """Outputs for rows or batches, one array per output."""
    callbacks.on_predict_begin()
    if isinstance(data, Rows):
        outputs = predict_rows(model, data, batch_size, steps, callbacks)
    else:
        with closing(data.once(batch_size, steps)) as batches:
            parts = [predict_rows(model, rows, batch_size, None, callbacks, before=i) for i, rows in enumerate(batches)]
        if not parts:
            raise ValueError("predict: expected at least one batch, got none")
        outputs = [_joined(column) for column in zip(*parts, strict=True)]
    callbacks.on_predict_end()
    return outputs


def _joined(parts: Sequence[Array]) -> Array:
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"predict: batches gave rows of differing shapes, {sorted(shapes)}, which one array cannot hold; predict "
            "batches of one length at a time"
        )
    return np.concatenate(parts)


def predict_rows(
    model: Any, data: Rows, batch_size: int, steps: int | None = None, callbacks: CallbackList | None = None,
    kind: str = "predict", before: int = 0,
) -> list[Array]:  # fmt: skip
    """Outputs for rows; `kind`: "predict", or "forward" for layers that behave as in training.

    Callbacks count batches from `before`.
    """
    n = data.n if steps is None else min(data.n, steps * batch_size)
    per_batch = callbacks is not None and callbacks.per_predict_batch

    def begin(batch: int) -> None:
        if callbacks is not None and per_batch:
            callbacks.on_predict_batch_begin(before + batch)

    def end(batch: int) -> None:
        if callbacks is not None and per_batch:
            found = [y[batch * batch_size : (batch + 1) * batch_size] for y in outputs]
            logs: dict[str, Any] = {"outputs": found[0] if len(found) == 1 else found}
            callbacks.on_predict_batch_end(before + batch, logs)

    if model.is_prepared:
        known = {id(t): x for t, x in zip(model.computed.inputs, data.arrays, strict=True)}
        outputs = [known[id(t)][:n] for t in model.outputs]
        for batch in range(-(-n // batch_size)):
            begin(batch)
            end(batch)
        return outputs
    outputs = [np.empty((n, *shape[1:]), model.dtype) for shape in data.outputs]
    written = sinks(outputs)
    for chunk in row_chunks(model, kind, data, batch_size, steps=steps, single=per_batch):
        begin(chunk.first)
        chunk.run(sinks=written)
        end(chunk.first)
    return [cast(y, t.kind) for t, y in zip(model.outputs, outputs, strict=True)]


def predict_at_once(model: Any, owner: str, x: Any, out: Any, *, training: bool = False) -> Any:
    """Outputs for rows in one step, new arrays or `out`; the next call of the kind finds the predictor ready.

    `training`: of layers that behave as in training.
    """
    data = open_rows(model, owner, x, targets=False)
    y = None if training or model.is_prepared else model._runner.predictor(data).run(data.arrays[0], out)
    if y is not None:
        return y
    keys = model.output_keys
    if keys is not None and isinstance(out, Mapping):
        listed: Any = per_name(owner, "out", out, keys)
    else:
        listed = out
    into = None if out is None else check.outputs(owner, model.outputs, listed, data.n)
    outputs = predict_rows(model, data, data.n, kind="forward" if training else "predict")
    if into is not None:
        for target, values in zip(into, outputs, strict=True):
            target[...] = values
        return out
    return model.packed(outputs)

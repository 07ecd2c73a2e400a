"""`model.export("m.plan.safetensors")`: a model's plans as a file that the C library runs (`pydl.h`).

A safetensors file (docs/adr/0023): weights in the layout that kernels read, each with zeros behind it up to a whole
cache line; a self-test; and, as the last tensor, ``plan``, a flat description that C reads without a parser: 64-bit
little-endian words, doubles, and strings with their length before them and zeros, one at least, up to a whole word
behind them.

    version  dtype  strings  tensors  inputs  outputs  programs  training  self-test | length "pydlplan"

What stands before ``|`` has `length` bytes. Lists have their length before them; a string is named by its number.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pydl import config
from pydl._base import safetensors
from pydl._base.args import whole
from pydl._engine import facts
from pydl._engine.graph import is_open, judged_shape
from pydl._engine.objective import Label, Objective
from pydl._engine.portable import Form, Kernel, Number, Place, Real, Stored, Tensors, forms, snapshot
from pydl._engine.program import Program
from pydl._engine.tracing import leaves
from pydl.layers.weighted import each_once
from pydl.models import configs
from pydl.optimizers import Adam
from pydl.optimizers.base import Optimizer

if TYPE_CHECKING:
    from pydl.models.model import Model

FORMAT, VERSION, MAGIC = "pydl.plan", 1, b"pydlplan"
PREDICT, TRAIN, TRAIN_WEIGHTED = range(3)
NUMBER, REAL, KERNEL, TENSOR, BUFFER = range(5)
STEADY, ADAM = range(2)  # how an optimizer's coefficients go on from step to step
LARGEST = 4096  # rows of a batch
ALIGN = 64
#: Families of kernels without a line in rules.def, which plan files may not name.
UNCHECKED = {"average", "image_affine", "image_tone", "metric"}
TEST_ROWS = 3


class Source(NamedTuple):
    """What a program gathers rows from: numbers of a row, and below what they must be whole ones (0: any will do)."""

    columns: int
    codes: int


class Part(NamedTuple):
    """A program in all its forms."""

    kind: int
    sources: list[Source]
    sinks: list[int]
    sums: int
    losses: list[tuple[int, float]]  # where sums of losses are, and their weights
    penalty: int  # -1: none
    forms: list[Form]


def write(model: Model, path: Path, *, training: bool = False, max_batch: int = 256) -> None:
    """Write a model's plans.

    Parameters
    ----------
    model : Model
    path : Path
    training : bool, default False
        Also what trains it, with the optimizer's state: the model must be compiled, the learning rate a number.
    max_batch : int, default 256
        Rows of the largest batch that it is trained on, at most 4096: writing takes longer for more.

    Raises
    ------
    ValueError
        A layer, loss or optimizer that computes in Python, which is named; inputs of sizes that data decide.
    """
    _check(model)
    max_batch = whole("export", "max_batch", max_batch, at_least=1, below=LARGEST + 1)
    with config.limit_threads(1):
        known = each_once([*model.weights, *model.as_made()])
        tensors = Tensors([*known, *(_slots(model) if training else ())])
        parts = [_predicting(model, tensors)]
        if training:
            parts += [_training(model, tensors, weighted, max_batch) for weighted in (False, True)]
        stored = tensors.stored()
        test, inputs, outputs = _self_test(model)
    state = _state(model) if training else []
    stored += [*test, *state]
    order = safetensors.in_order({s.name: s.values for s in stored})
    named = {s.name: s.values for s in stored}
    words = _Words()
    words.whole(VERSION, ("float32", "float64").index(model.dtype))
    body = _Words(words.strings)
    places, start = [], 0
    for name in order:
        places.append((body.string(name), start, named[name].nbytes))
        start += named[name].nbytes
    numbers = {name: i for i, name in enumerate(order)}
    body.list(places)
    body.list([(body.string(t.name), n or 0, *_listed(t.shape[1:]))
               for t, n in zip(model.inputs, model.input_codes, strict=True)])  # fmt: skip
    body.list([(body.string(n), *_listed(t.shape[1:])) for n, t in zip(model.output_names, model.outputs, strict=True)])
    renumber = [numbers[name] for name in tensors.names]
    body.whole(len(parts))
    for part in parts:
        _describe(body, part, renumber)
    _describe_training(body, model, numbers) if training else body.whole(0)
    body.whole(TEST_ROWS)
    body.list([(numbers[name],) for name in inputs])
    body.list([(numbers[name],) for name in outputs])
    words.write_strings()
    text = words.bytes + body.bytes
    text += len(text).to_bytes(8, "little") + MAGIC
    metadata = {"format": FORMAT, "version": str(VERSION), "model": json.dumps(configs.entry(model))}
    safetensors.write(path, named | {"plan": np.frombuffer(text, np.uint8)}, metadata, align=ALIGN)


def _listed(shape: Sequence[Any]) -> tuple[int, ...]:
    return (len(shape), *(int(d) for d in shape))


def _check(model: Model) -> None:
    if model.host is not None:
        layer = model.host.calls[0].layer
        raise ValueError(
            f'export: layer "{layer.name}" ({type(layer).__name__}) prepares data in Python, which a plan file '
            "cannot do; export a model that begins behind it"
        )
    if is_open(model.inputs):
        t = next(t for t in model.inputs if None in t.shape[1:])
        raise ValueError(
            f'export: input "{t.name}" {t.shape}: expected sizes that are known but for the batch; make the model with '
            "sizes in place of None"
        )


# -- programs -------------------------------------------------------------------------------------------------------


def _forms(
    model: Model, make: Callable[[int], Program], tensors: Tensors, largest: int, factors: Sequence[float] = (1.0,)
) -> tuple[list[Form], Program]:
    """The forms of a program, and the program for one row."""

    def emit(batch: int) -> Any:
        return snapshot(make(batch).plan, batch, tensors)

    smallest = make(1)
    try:
        found = forms(emit, largest, factors)
    except ValueError as error:
        raise (error if str(error).startswith("export") else _calls_python(model, str(error))) from None
    for entry in found[0].entries:
        if facts.of(entry.op)["family"] in UNCHECKED:
            raise ValueError(
                f'export: record "{entry.op}" is not run from files, as nothing says how to check it there '
                "(src/_lib/rules.def); export without training=True, or without the layer that it comes from"
            )
    return found, smallest


def _calls_python(model: Model, record: str) -> ValueError:
    """The error for a record that calls Python, with the layer that it comes from where its name tells."""
    pending, found = [*model._layers], ""
    for layer in pending:
        pending += layer._held_layers()
        names = (type(layer).__name__, getattr(getattr(layer, "activation", None), "__name__", None))
        if record.split(".")[0].split(",")[0] in names:
            found = f'layer "{layer.name}" ({type(layer).__name__}) computes'
            break
    return ValueError(
        f'export: {found or "the model computes"} in Python (record "{record}"), which a plan file cannot hold; use '
        "what pydl has kernels for, or export a model without it"
    )


def _gathered(program: Program) -> dict[int, int]:
    """How many numbers a row of each source has."""
    return {r["fields"]["k"]: r["fields"]["O"] for r in program.plan.details if r["op"] == "gather"}


def _predicting(model: Model, tensors: Tensors) -> Part:
    found, program = _forms(model, partial(model._runner.make, "predict"), tensors, LARGEST)
    columns = _gathered(program)
    sources = [Source(columns[k], n or 0) for k, n in enumerate(model.input_codes)]
    return Part(PREDICT, sources, [t.columns for t in program.outputs], 0, [], -1, found)


def _training(model: Model, tensors: Tensors, weighted: bool, largest: int) -> Part:
    labels = (Label(weights=int(weighted)),) * len(model.outputs)
    trained = model.trainable_weights
    penalised = [v for v in trained if v.regularizer is not None]
    objective = Objective(model.compiled_losses, model.loss_weights, model.expected_targets, (), penalised)

    def make(batch: int) -> Program:
        return Program(model.computed, "train", batch, objective, labels, model.optimizer, trained=trained)

    found, program = _forms(model, make, tensors, largest, [1.0, *map(float, model.loss_weights)])
    columns = _gathered(program)
    codes: list[int] = [n or 0 for n in model.input_codes]
    for t, expected in zip(model.outputs, model.expected_targets, strict=True):
        if expected is not None:
            codes.append(int(judged_shape(t.shape)[-1] or 0) if expected.sparse else 0)
    codes += [0] * (len(columns) - len(codes))
    places = program.accumulators
    losses = [(slot, float(w)) for slot, w in zip(places.losses, model.loss_weights, strict=True) if slot is not None]
    penalty = -1 if places.penalty is None else places.penalty
    sources = [Source(columns[k], n) for k, n in enumerate(codes)]
    return Part(TRAIN_WEIGHTED if weighted else TRAIN, sources, [], len(program.sums), losses, penalty, found)


# -- training -------------------------------------------------------------------------------------------------------


def _slots(model: Model) -> list[Any]:
    """The variables of the optimizer, whose steps C can take."""
    model._require_compiled("export")
    optimizer = model.optimizer
    if optimizer.schedule is not None:
        raise ValueError(
            "export: training in C takes a learning rate that is a number; set model.optimizer.learning_rate"
        )
    if optimizer.use_ema:
        raise ValueError("export: moving averages of weights (use_ema) are not trained in C; compile without them")
    if _progress(optimizer) is None:
        raise ValueError(f"export: {type(optimizer).__name__} is not trained in C; compile with Adam, AdamW or SGD")
    if any(getattr(loss, "ignore_class", None) is not None for loss in model.compiled_losses):
        raise ValueError("export: losses with ignore_class are not trained in C; compile without it")
    model._runner.prepare_training()
    return list(optimizer.state_variables)


def _progress(optimizer: Any) -> int | None:
    """How its coefficients follow from the number of a step; None if only Python knows."""
    of_class = type(optimizer).coefficients
    return {Optimizer.coefficients: STEADY, Adam.coefficients: ADAM}.get(of_class)


def _state(model: Model) -> list[Stored]:
    """What changes while C trains, beside the weights and slots."""

    def line(dtype: str, value: float) -> np.ndarray:
        return np.array([value] + [0] * 7, dtype)

    optimizer = model.optimizer
    return [
        Stored("training/batches", line("int64", optimizer.batches)),
        Stored("training/learning_rate", line("float64", float(optimizer.learning_rate))),
    ]


def _describe_training(w: _Words, model: Model, numbers: dict[str, int]) -> None:
    optimizer = model.optimizer
    progress = _progress(optimizer)
    assert progress is not None
    w.whole(1, progress, optimizer.gradient_accumulation_steps or 1, model._runner.drawn_seed())
    w.whole(numbers["training/batches"], numbers["training/learning_rate"])
    w.real(optimizer.weight_decay or 0.0)
    w.real(*((optimizer.beta_1, optimizer.beta_2) if progress == ADAM else (0.0, 0.0)))


# -- the self-test --------------------------------------------------------------------------------------------------


def _self_test(model: Model) -> tuple[list[Stored], list[str], list[str]]:
    """Inputs and what the model makes of them; their names in the file."""
    rng = np.random.default_rng(0)
    x = []
    for t, n in zip(model.inputs, model.input_codes, strict=True):
        shape = (TEST_ROWS, *(int(d or 0) for d in t.shape[1:]))
        x.append(rng.normal(size=shape) if n is None else rng.integers(0, n, shape))
    y = model.predict_on_batch(x if len(x) > 1 else x[0])
    outputs = leaves(y)

    def stored(kind: str, arrays: Iterable[Any]) -> list[Stored]:
        return [Stored(f"selftest/{kind}/{i}", _filled(np.asarray(a, model.dtype))) for i, a in enumerate(arrays)]

    inputs, expected = stored("input", x), stored("output", outputs)
    return [*inputs, *expected], [s.name for s in inputs], [s.name for s in expected]


def _filled(values: np.ndarray) -> np.ndarray:
    """Flat, with zeros up to a whole cache line."""
    line = ALIGN // values.itemsize
    return np.pad(values.reshape(-1), (0, -values.size % line))


# -- the description ------------------------------------------------------------------------------------------------


class _Words:
    """Bytes of the description."""

    def __init__(self, strings: dict[str, int] | None = None) -> None:
        self.bytes = bytearray()
        self.strings: dict[str, int] = {} if strings is None else strings

    def whole(self, *values: int) -> None:
        for value in values:
            self.bytes += int(value).to_bytes(8, "little", signed=value < 0)

    def real(self, *values: float) -> None:
        self.bytes += struct.pack(f"<{len(values)}d", *values)

    def list(self, rows: Iterable[tuple[int, ...]]) -> None:
        rows = list(rows)
        self.whole(len(rows))
        for row in rows:
            self.whole(*row)

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def write_strings(self) -> None:
        self.whole(len(self.strings))
        for text in self.strings:
            data = text.encode()
            self.whole(len(data))
            self.bytes += data + bytes(8 - len(data) % 8)


def _describe(w: _Words, part: Part, tensors: Sequence[int]) -> None:
    """A program; `tensors`: from numbers in records to those in the file."""
    w.whole(part.kind, part.sums, part.penalty)
    w.list(part.sources)
    w.list((columns,) for columns in part.sinks)
    w.whole(len(part.losses))
    for slot, weight in part.losses:
        w.whole(slot)
        w.real(weight)
    w.whole(len(part.forms))
    for form in part.forms:
        w.whole(form.least, form.most)
        w.list(form.buffers)
        w.whole(len(form.entries))
        for entry in form.entries:
            w.whole(w.string(entry.op), int(entry.when == "update"), len(entry.fields))
            for name, value in entry.fields.items():
                w.whole(w.string(name))
                _describe_field(w, value, tensors)


def _describe_field(w: _Words, value: Any, tensors: Sequence[int]) -> None:
    if isinstance(value, Number):
        w.whole(NUMBER, *value)
    elif isinstance(value, Real):
        w.whole(REAL, value.form, value.per)
        w.real(value.value)
    elif isinstance(value, Kernel):
        w.whole(KERNEL, w.string(value.op))
    else:
        assert isinstance(value, Place)
        number = tensors[value.number] if value.in_tensor else value.number
        w.whole(TENSOR if value.in_tensor else BUFFER, number, *value.offset)

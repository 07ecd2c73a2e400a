"""What is served: a model, whose inputs are arrays, or a run on a table, whose inputs are columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from pydl.serving.protocol import Answer, Request
from pydl.serving.quick import Quick
from pydl.serving.tensors import BYTES, CODES, DTYPES, Array, Spec, Tensor, bad, datatype_of

MODEL = "model.safetensors"
_OF_RUNS = ("config.json", MODEL, "target.json", "preparation.skops", "preparation.json")
AT_ONCE = 200e-6  # seconds of a model that are spent in the event loop rather than in a thread, which costs about 50
_STEP = 256  # rows that are predicted at a time
_MANY = 64  # rows by which the time of a row is measured
_SHOWN_LEVELS = 1000


class Served:
    """A model that is ready to answer.

    Attributes
    ----------
    inputs, outputs : list of Spec
    rows_at_once : int
        Up to how many rows take so little time that the event loop can wait for them, by the clock.
    quick : Quick or None
        A quicker way for the commonest requests.
    """

    quick: Quick | None = None

    def __init__(self, inputs: list[Spec], outputs: list[Spec]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self._places = {spec.name: i for i, spec in enumerate(inputs)}
        self.rows_at_once = 0

    def infer(self, request: Request, gaps: bool) -> Answer:
        """The answer to a request.

        Parameters
        ----------
        request : Request
        gaps : bool
            Whether null among numbers is NaN.

        Raises
        ------
        Refused
            400, for inputs that are not the model's.
        """
        raise NotImplementedError

    def form(self) -> list[dict[str, Any]]:
        """For each input what a person has to know to fill it in."""
        raise NotImplementedError

    def try_out(self, infer: Callable[[int], Any]) -> None:
        """Check that a prediction can be made, and measure how long it takes."""
        alone = _best(infer, 1)
        if alone < AT_ONCE:
            each = max((_best(infer, _MANY) - alone) / (_MANY - 1), 1e-9)
            self.rows_at_once = 1 + int((AT_ONCE - alone) / each)

    def in_order(self, tensors: list[Tensor]) -> list[Tensor]:
        """The inputs of a request in the order of the model's, of as many rows."""
        wanted = self.inputs
        if len(tensors) == len(wanted) == 1 and tensors[0].name == wanted[0].name:
            return tensors
        found: list[Any] = [None] * len(wanted)
        for tensor in tensors:
            place = self._places.get(tensor.name)
            if place is None:
                raise bad(f'input "{tensor.name:.100}": this model has {_listed(wanted)}')
            if found[place] is not None:
                raise bad(f'input "{tensor.name:.100}" is there twice')
            if tensor.shape[0] != tensors[0].shape[0]:
                raise bad(f'input "{tensor.name:.100}": expected as many rows as in "{tensors[0].name:.100}"')
            found[place] = tensor
        lacking = [spec for spec, tensor in zip(wanted, found, strict=True) if tensor is None]
        if lacking:
            raise bad(f"inputs: {_listed(lacking)} missing; a cell without a value is null")
        return found


def _listed(specs: list[Spec]) -> str:
    return ", ".join(f'"{s.name}"' for s in specs[:20]) + " ..." * (len(specs) > 20)


def _best(infer: Callable[[int], Any], rows: int) -> float:
    """The shortest of a few times: the others were spent on something else as well."""
    infer(rows)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        infer(rows)
        times.append(time.perf_counter() - start)
    return min(times)


class ServedModel(Served):
    """A model by itself: its inputs are arrays."""

    def __init__(self, model: pydl.Model) -> None:
        super().__init__(
            [_spec(t.name, t) for t in model.inputs],
            [_spec(n, t) for n, t in zip(model.output_keys or model.output_names, model.outputs, strict=True)],
        )
        self._model = model
        self._dtypes = [DTYPES[spec.datatype] for spec in self.inputs]
        sizes = [spec.shape[1:] for spec in self.inputs]
        if all(d >= 0 for shape in sizes for d in shape):
            self.try_out(lambda rows: self._predict([
                np.full((rows, *shape), "" if dtype.kind == "O" else 0, dtype)
                for shape, dtype in zip(sizes, self._dtypes, strict=True)
            ], rows))  # fmt: skip
            given, output = self.inputs[0], self.outputs[0]
            if len(self.inputs) == len(self.outputs) == 1 and given.datatype in CODES and not model.output_keys:
                self.quick = Quick(model, given, output, min(self.rows_at_once, _STEP))

    def infer(self, request: Request, gaps: bool) -> Answer:
        tensors = self.in_order(request.inputs)
        arrays = list(map(self._array, tensors, self.inputs, self._dtypes, repeat(gaps)))
        rows = len(arrays[0])
        try:
            return Answer(list(zip(self.outputs, self._predict(arrays, rows), strict=True)), rows)
        except (ValueError, TypeError) as error:
            raise bad(str(error)) from None

    def form(self) -> list[dict[str, Any]]:
        return [spec.state() | {"kind": "tensor"} for spec in self.inputs]

    def _array(self, tensor: Tensor, spec: Spec, dtype: Any, gaps: bool) -> Array:
        given, wanted = tensor.shape[1:], spec.shape[1:]
        if given != wanted and not (
            len(given) == len(wanted) and all(w in (-1, d) for d, w in zip(given, wanted, strict=True))
        ):
            raise bad(f'input "{spec.name}": expected shape {list(spec.shape)}, got {list(tensor.shape)}')
        return tensor.array(dtype, gaps)

    def _predict(self, arrays: list[Array], rows: int) -> list[Array]:
        x: Any = arrays[0] if len(arrays) == 1 else arrays
        found = self._model(x) if rows <= _STEP else self._model.predict(x, batch_size=_STEP, verbose=0)
        if isinstance(found, np.ndarray):
            return [found]
        if isinstance(found, Mapping):
            return list(found.values())
        return list(found)


def _spec(name: str, tensor: Any) -> Spec:
    return Spec(name, datatype_of(tensor.dtype), tuple(-1 if d is None else int(d) for d in tensor.shape))


class ServedRun(Served):
    """A run: its outputs are called as the columns that `pydl predict` writes, a prediction and probabilities."""

    def __init__(self, fitted: Any, inputs: list[Spec]) -> None:
        from pydl.pipeline.fitted import columns_of

        outputs = []
        for target in fitted.target.each:
            first, *rest = columns_of(target, len(fitted.target.each) > 1)
            kind = np.asarray(target.decode(np.zeros(1))).dtype
            outputs += [Spec(first, BYTES if kind.kind in "UO" else datatype_of(kind), (-1, 1))]
            outputs += [Spec(name, "FP64", (-1, 1)) for name in rest]
        super().__init__(inputs, outputs)
        self._fitted = fitted

    def _answer(self, data: Any, rows: int, seen: Any = None) -> Answer:
        try:
            found = self._fitted.predictions(data, seen)
        except (ValueError, TypeError) as error:
            raise bad(str(error)) from None
        columns = [c.astype(object) if c.dtype.kind == "U" else c for each in found for c in each.columns()]
        outputs = [(spec, c.reshape(rows, 1)) for spec, c in zip(self.outputs, columns, strict=True)]
        return Answer(outputs, rows, None if seen is None else seen.notes())


class ServedTable(ServedRun):
    """A run on a table: an input for each column, with its cells as they stand in a table.

    The parameter `notes` of a request asks what was noticed in its rows; cells that cannot be read then count as
    missing, and are an error else.
    """

    def __init__(self, fitted: Any) -> None:
        from pydl.pipeline.values import POINT

        self._columns = [c for c in fitted.preparation.columns if c.used]
        plain = [c.format == POINT or (c.kind == "number" and not c.format) for c in self._columns]
        inputs = [Spec(c.name, "FP64" if n else BYTES, (-1, 1)) for c, n in zip(self._columns, plain, strict=True)]
        super().__init__(fitted, inputs)
        self._names = [c.name for c in self._columns]
        row = dict.fromkeys(self._names)
        self.try_out(lambda rows: self._fitted.predictions([row] * rows))

    def infer(self, request: Request, gaps: bool) -> Answer:
        from pydl.pipeline.seen import Seen

        tensors = self.in_order(request.inputs)
        rows = tensors[0].shape[0]
        for tensor in tensors:
            if tensor.shape not in ((rows,), (rows, 1)):
                raise bad(f'input "{tensor.name}": expected shape [{rows}, 1], got {list(tensor.shape)}')
        if not rows:
            raise bad("expected at least one row")
        columns = [tensor.cells() for tensor in tensors]
        data = [dict(zip(self._names, cells, strict=True)) for cells in zip(*columns, strict=True)]
        return self._answer(data, rows, Seen() if request.parameters.get("notes") is True else None)

    def form(self) -> list[dict[str, Any]]:
        found = []
        for spec, c in zip(self.inputs, self._columns, strict=True):
            least, most, levels = self._fitted.preparation.known(c.name)
            known = {"kind": c.kind, "least": least, "most": most, "levels": levels[:_SHOWN_LEVELS]}
            found.append(spec.state() | known | {"about": c.treatment})
        return found


class ServedImages(ServedRun):
    """A run on images: its input is their bytes, in the size that it was trained on."""

    def __init__(self, fitted: Any) -> None:
        shape = fitted.preparation.shape
        super().__init__(fitted, [Spec("image", "UINT8", (-1, *shape))])
        self.try_out(lambda rows: self._fitted.predictions(np.zeros((rows, *shape), np.uint8)))

    def infer(self, request: Request, gaps: bool) -> Answer:
        (tensor,), (spec,) = self.in_order(request.inputs), self.inputs
        if tensor.shape[1:] != spec.shape[1:] or not tensor.shape[0]:
            raise bad(f'input "image": expected shape {list(spec.shape)}, got {list(tensor.shape)}')
        return self._answer(tensor.array(np.dtype(np.uint8), False), tensor.shape[0])

    def form(self) -> list[dict[str, Any]]:
        return [spec.state() | {"kind": "tensor"} for spec in self.inputs]


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, rather than one with a model in it."""
    return (folder / "config.json").is_file() and (folder / "target.json").is_file()


def files_of(path: Path) -> list[Path]:
    """The files that say what is served from a path: a run, a folder with a model in it, or a model's file."""
    if not path.is_dir():
        return [path]
    return [path / name for name in _OF_RUNS] if is_run(path) else [path / MODEL]


def load(path: Path) -> Served:
    """What is served from a path.

    Raises
    ------
    ValueError, OSError
        Nothing that can be read, or that predicts.
    """
    if not (path.is_dir() and is_run(path)):
        return ServedModel(pydl.models.load_model(path / MODEL if path.is_dir() else path, compile=False))
    from pydl.pipeline.run import Run

    run = Run.open(str(path))
    fitted = run.fitted()
    return ServedImages(fitted) if run.options().task == "image" else ServedTable(fitted)

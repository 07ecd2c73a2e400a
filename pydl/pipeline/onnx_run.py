"""A run as an ONNX file that takes the columns of a table and gives labels and probabilities."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from pydl._onnx.graph import Graph, Value
from pydl._onnx.walking import walk
from pydl._onnx.writing import IR, Port, write
from pydl.pipeline import values
from pydl.pipeline.columns import Column
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.preparation import FEATURES, MISSING_LEVEL, Preparation
from pydl.pipeline.target import Target

OPSET = 19  # the first that compares texts


def export_prepared(fitted: Fitted, path: Path, opset: int = OPSET) -> None:
    """Write a run with what it does to a table before its network.

    The file has an input `[batch, 1]` for each column that is used: of doubles, NaN where missing, for a number; of
    texts for a category or a yes and no. Texts have to be as `pydl predict` would read them, without blanks around;
    what is empty, or one of the words for what is missing, is that. For each target there is an output
    "<target> predicted", and for classes "<target> probabilities", in the order of the file's `class_names`.

    Raises
    ------
    ValueError
        A column that ONNX cannot read, which is named: dates, free texts, numbers in a notation of their own; images;
        an opset below 19.
    """
    preparation = fitted.preparation
    if not isinstance(preparation, Preparation):
        raise ValueError("--with-preparation: images are prepared outside of the file; export without it")
    if not OPSET <= opset <= max(IR):
        raise ValueError(f"--opset: expected {OPSET} to {max(IR)}, as texts are compared, got {opset}")
    fitted.model.name_variables()
    columns = [c for c in preparation.columns if c.used]
    g = Graph(opset, "float32")
    g.reserve([*(c.name for c in columns), *(port for one in fitted.target.each for port in _names(one))])
    g.layer = "preparation"
    arrays = _Columns(g, preparation, fitted.reading.missing).arrays()
    found = walk(g, fitted.model.inputs, fitted.model.outputs, fitted.model.calls,
                 [arrays[t.name] for t in fitted.model.inputs])  # fmt: skip
    inputs = [Port(c.name, "float64" if _is_number(c) else "string", ["batch", 1]) for c in columns]
    outputs = [
        each for one, y in zip(fitted.target.each, found, strict=True) for each in _predicted(g, one, g.last(y))
    ]  # fmt: skip
    classes = {one.name: one.classes for one in fitted.target.each}
    about = {
        "pydl.columns": {c.name: "number" if _is_number(c) else "text" for c in columns},
        "class_names": classes if len(classes) > 1 else fitted.target.each[0].classes,
    }
    write(g, path, fitted.model.name, inputs, outputs, {name: json.dumps(value) for name, value in about.items()})


def _is_number(c: Column) -> bool:
    """Whether a column comes in as numbers; so does one of yes and no that may be counts."""
    return c.kind == "number" or (c.kind == "flag" and c.format == values.POINT)


class _Columns:
    """What `Preparation.transform` does, step by step, in double."""

    def __init__(self, g: Graph, preparation: Preparation, missing: Collection[str]) -> None:
        self.g, self.preparation = g, preparation
        self.words = {w.lower() for w in missing}
        for c in preparation.columns:
            if c.used and (c.kind in ("date", "text") or (c.kind == "number" and c.format not in ("", values.POINT))):
                what = {"date": "dates", "text": "free texts"}.get(c.kind, "numbers in a notation of their own")
                raise ValueError(
                    f'--with-preparation: column "{c.name}" holds {what}, which ONNX cannot read; export without it '
                    f"and prepare rows with pydl, or train with --drop {c.name!r}"
                )

    def arrays(self) -> dict[str, Value]:
        """The network's inputs by name."""
        g, preparation = self.g, self.preparation
        parts = [*self._numbers(), *(self._levels(c, each.labels) for c, each in self._one_hot())]
        found = {}
        if parts:
            features = g.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
            shape = (None, len(preparation.feature_names))
            found[FEATURES] = Value(features, shape=shape, dtype="float32")
        for c in preparation._of("many"):
            codes = self._codes(c, preparation._levels[c.name])
            found[preparation.input_of(c.name)] = Value(codes, shape=(None,), dtype="int64")
        return found

    # -- numbers --------------------------------------------------------------------------------------------------

    def _numbers(self) -> list[str]:
        """Numbers, flags and marks of what is missing."""
        p, double = self.preparation, self._double
        columns = p._of("number", "flag")
        if not columns:
            return []
        raw = [self._number(c) if _is_number(c) else self._flag(c) for c in columns]
        x = self.g.add("Concat", *raw, axis=1) if len(raw) > 1 else raw[0]
        add = self.g.add
        x = add("Where", add("IsInf", x), double(np.nan), x)
        gaps = add("IsNaN", x)
        limit = np.full(len(columns), values.LARGEST)
        x = self._between(add("Where", gaps, double(0.0), x), np.maximum(p._low, -limit), np.minimum(p._high, limit))
        if p._units.any():
            parts = add("Div", add("Abs", x), double(np.where(p._units, p._units, 1.0)))
            bent = add("Mul", add("Sign", x), add("Log", add("Add", parts, double(1.0))))
            x = add("Where", self.g.constant(p._units != 0, "bool"), bent, x)
        steps = p._scaling
        x = add("Where", gaps, double(steps.fill), x)
        x = add("Div", add("Sub", x, double(steps.mean)), double(steps.scale))
        found = [self.g.cast(self._between(x, *p._reach), "float32")]
        if steps.marked:
            found.append(self.g.cast(add("Gather", gaps, self.g.ints(*steps.marked), axis=1), "float32"))
        return found

    def _double(self, number: Any) -> str:
        return self.g.constant(number, "float64")

    def _between(self, x: str, low: Any, high: Any) -> str:
        return self.g.add("Max", self.g.add("Min", x, self._double(high)), self._double(low))

    def _number(self, c: Column) -> str:
        """The input, NaN where it is a number that the run was told to take for a missing value."""
        x = c.name
        for word in sorted(self.words):
            number = values.number(word, values.POINT)
            if not np.isnan(number):
                x = self.g.add("Where", self.g.add("Equal", x, self._double(number)), self._double(np.nan), x)
        return x

    def _flag(self, c: Column) -> str:
        """1 for a word that says yes, 0 for one that says no, NaN for another."""
        yes, no = (self._is_one_of(c.name, _spellings(words)) for words in (values.YES, values.NO))
        inner = self.g.add("Where", no, self._double(0.0), self._double(np.nan))
        return self.g.add("Where", yes, self._double(1.0), inner)

    # -- levels ---------------------------------------------------------------------------------------------------

    def _one_hot(self) -> Any:
        return zip(self.preparation._of("category"), self.preparation._one_hot, strict=True)

    def _text(self, c: Column, levels: Collection[Any], instead: str) -> str:
        """The input, with something else in place of what is missing."""
        gone = _spellings(values.MISSING | self.words) - ({values.CODE} if values.CODE in levels else set())
        missing = self._is_one_of(c.name, gone)
        return self.g.add("Where", missing, self.g.constant(instead, "string"), c.name)

    def _is_one_of(self, x: str, words: Collection[str]) -> str:
        each = self.g.cast(self.g.add("Equal", x, self.g.constant([sorted(words)], "string")), "float32")
        return self.g.cast(self.g.reduce("ReduceMax", each, [1], keepdims=True), "bool")

    def _levels(self, c: Column, levels: Collection[Any]) -> str:
        """1 for the level that a text is, 0 for the others."""
        text = self._text(c, levels, MISSING_LEVEL)
        return self.g.cast(self.g.add("Equal", text, self._listed(levels)), "float32")

    def _codes(self, c: Column, levels: Collection[Any]) -> str:
        """The number of the level that a text is, from 1 on; 0 for another."""
        found = self.g.cast(self.g.add("Equal", self._text(c, levels, ""), self._listed(levels)), "int64")
        numbers = self.g.constant([range(1, len(levels) + 1)], "int64")
        return self.g.reduce("ReduceSum", self.g.add("Mul", found, numbers), [1])

    def _listed(self, levels: Collection[Any]) -> str:
        return self.g.constant([[str(level) for level in levels]], "string")


def _spellings(words: Collection[str]) -> set[str]:
    """Words in small letters, capitals and the usual mixtures."""
    forms = {form for w in words for form in (w, w.upper(), w.capitalize(), w.title())}
    return forms | {"NaN"} if "nan" in words else forms


def _names(target: Target) -> list[str]:
    """What the outputs of a target are called."""
    return [f"{target.name} predicted", *([f"{target.name} probabilities"] if target.classes else [])]


def _predicted(g: Graph, target: Target, y: str) -> list[tuple[Port, str]]:
    """What `fitted.predict` makes of an output of the network."""
    g.layer, names = f"{target.name} predicted", _names(target)
    y = g.cast(y, "float64")
    if target.task == "regression":
        return [(Port(names[0], "float64", ["batch"]), _number_of(g, target, g.squeeze(y, 1)))]
    if len(target.classes) == 2:
        p = g.add("Concat", g.add("Sub", g.constant(1.0, "float64"), y), y, axis=1)
    else:
        p = g.add("Div", y, g.reduce("ReduceSum", y, [1], keepdims=True))
    if target.threshold is None:
        code = g.add("ArgMax", p, axis=1, keepdims=0)
    else:
        reached = g.add("GreaterOrEqual", y, g.constant(target.threshold, "float64"))
        code = g.squeeze(g.cast(reached, "int64"), 1)
    kind = "string" if isinstance(target.classes[0], str) else "int64"
    label = g.add("Gather", g.constant(list(target.classes), kind), code, axis=0)
    probabilities = Port(names[1], "float32", ["batch", len(target.classes)])
    return [(Port(names[0], kind, ["batch"]), label), (probabilities, g.cast(p, "float32"))]


def _number_of(g: Graph, target: Target, y: str) -> str:
    """A standardised number in the unit of the target, `Target.decode`."""
    x = g.add("Add", g.add("Mul", y, g.constant(target.scale, "float64")), g.constant(target.mean, "float64"))
    if not target.log:
        return x
    size = g.add("Exp", g.add("Min", g.add("Abs", x), g.constant(600.0, "float64")))
    size = g.add("Mul", g.add("Sub", size, g.constant(1.0, "float64")), g.constant(target.log, "float64"))
    return g.add("Mul", g.add("Sign", x), size)

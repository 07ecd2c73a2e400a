"""The node tests of the onnx package as models: which inputs are data, and which are constants of the file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

import pydl
from pydl._onnx.ops import known

# What is no number for pydl.
_FEW_WAYS = {"Resize", "Upsample", "LpPool"}  # ops that are known in their commonest forms only
_OTHER = ("STRING", "FLOAT8", "FLOAT4", "INT4", "INT2", "COMPLEX")


def cases() -> list[Any]:
    """All cases, made by code, of one node of an op that is built of layers, and of numbers."""
    logging.disable(logging.WARNING)
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():  # of casts that overflow, as some tests want
        warnings.simplefilter("ignore")
        collected = collect_testcases(None)
    ops, found = set(known()) - _FEW_WAYS, []
    for c in collected:
        node = c.model.graph.node[0]
        ports = [*c.model.graph.input, *c.model.graph.output]
        kinds = [TensorProto.DataType.Name(p.type.tensor_type.elem_type) for p in ports]
        single = len(c.model.graph.node) == 1 and not node.domain and node.op_type in ops
        if not single or not all(p.type.HasField("tensor_type") for p in ports):
            continue
        if not any(kind.lstrip("U").startswith(_OTHER) for kind in kinds) and all(
            a.size for a in arrays_of(c.data_sets[0][0])
        ):
            found.append(c)
    return found


def arrays_of(values: Any) -> list[np.ndarray]:
    """Inputs or outputs of a case."""
    return [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in values]


def ways(case: Any) -> Iterator[tuple[int, ...]]:
    """Which inputs may be data, the likeliest first: all that have the first one's rank and batch, or one of them."""
    shapes = [a.shape for a in arrays_of(case.data_sets[0][0])]
    found = [tuple(i for i, s in enumerate(shapes) if s[:1] == shapes[0][:1] and len(s) == len(shapes[0]))]
    yield from dict.fromkeys([*found, *((i,) for i in range(len(shapes)))]) if shapes else ()


def with_constants(case: Any, data: Sequence[int]) -> tuple[bytes, list[np.ndarray]]:
    """The file of a case in which all inputs but some are constants, and what those some are given.

    Of nodes but Split, only the first output is asked for: the others say how it came about.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    arrays = arrays_of(case.data_sets[0][0])
    ports = list(model.graph.input)
    del model.graph.input[:]
    if model.graph.node[0].op_type != "Split":
        del model.graph.output[1:]
    for i, (port, array) in enumerate(zip(ports, arrays, strict=True)):
        if i in data:
            model.graph.input.append(port)
        else:
            model.graph.initializer.append(numpy_helper.from_array(array, port.name))
    return model.SerializeToString(), [arrays[i] for i in data]


def by_samples(case: Any, data: Sequence[int]) -> bool:
    """Whether each row of what comes out depends on the same row of the data alone, as in every model of pydl's."""
    content, given = with_constants(case, data)
    rows = len(given[0]) if given[0].ndim else 0
    try:
        reference = ReferenceEvaluator(content)
        names = reference.input_names
        whole = reference.run(None, dict(zip(names, given, strict=True)))
        parts = [reference.run(None, {n: a[i : i + 1] for n, a in zip(names, given, strict=True)}) for i in range(rows)]
        return rows > 1 and all(
            len(y) == rows and np.array_equal(np.concatenate([p[k] for p in parts]), y, equal_nan=True)
            for k, y in enumerate(whole)
        )
    except Exception:  # of a reference that refuses a single sample, by errors of any kind
        return False


def outputs_of(folder: Path, content: bytes, given: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the model in a file makes of arrays."""
    (folder / "case.onnx").write_bytes(content)
    model = pydl.models.load_onnx(folder / "case.onnx")
    floats = [a.astype("float32") if a.dtype.name in ("float16", "bfloat16") else a for a in given]
    y = model.predict(floats[0] if len(floats) == 1 else floats, verbose=0)
    return y if isinstance(y, list) else [y]


def problem(case: Any, folder: Path) -> str:
    """Why a case is not computed; "" where it is."""
    reasons = []
    half = any(a.dtype.name in ("float16", "bfloat16") for a in arrays_of(case.data_sets[0][1]))
    for data in ways(case):
        try:
            found = outputs_of(folder, *with_constants(case, data))
            for y, wanted in zip(found, arrays_of(case.data_sets[0][1]), strict=False):
                np.testing.assert_allclose(
                    y, wanted.astype(np.float64), rtol=1e-2 if half else max(1e-4, case.rtol), atol=1e-6
                )
                assert y.shape == wanted.shape
        except (pydl.FormatError, ValueError, AssertionError) as error:
            reasons.append(str(error))
        else:
            return ""
    return reasons[0] if reasons else "no inputs"

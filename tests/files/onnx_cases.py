"""The node tests of the onnx package as models: which inputs are data, and which are constants of the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

import pydl


def cases() -> list[Any]:
    """All of them, made by code."""
    from onnx.backend.test.case.node import collect_testcases

    return [c for c in collect_testcases(None) if len(c.model.graph.node) == 1 and "_expanded" not in c.name]


def arrays_of(values: Any) -> list[np.ndarray]:
    """Inputs or outputs of a case."""
    return [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in values]


def ways(case: Any) -> Iterator[list[int]]:
    """Which inputs may be data, the likeliest first: all that have the first one's rank and batch, or one of them."""
    arrays = arrays_of(case.data_sets[0][0])
    shapes = [np.shape(a) for a in arrays]
    if not arrays:
        return
    yield [i for i, s in enumerate(shapes) if s[:1] == shapes[0][:1] and len(s) == len(shapes[0])]
    yield [0]
    yield from ([i] for i in range(1, len(arrays)))


def with_constants(case: Any, data: Sequence[int]) -> tuple[bytes, list[np.ndarray]]:
    """The file of a case in which all inputs but some are constants, and what those some are given."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    arrays = arrays_of(case.data_sets[0][0])
    ports = list(model.graph.input)
    del model.graph.input[:]
    for i, (port, array) in enumerate(zip(ports, arrays, strict=True)):
        if i in data:
            model.graph.input.append(port)
        else:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), port.name))
    return model.SerializeToString(), [np.asarray(arrays[i]) for i in data]


def outputs_of(folder: Path, content: bytes, given: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the model in a file makes of arrays."""
    path = folder / "case.onnx"
    path.write_bytes(content)
    model = pydl.models.load_onnx(path)
    y = model.predict(given[0] if len(given) == 1 else list(given), verbose=0)
    return y if isinstance(y, list) else [y]


def problem(case: Any, folder: Path) -> str:
    """Why a case cannot be computed, "" if it can, and is."""
    reasons = []
    for data in dict.fromkeys(map(tuple, ways(case))):
        try:
            found = outputs_of(folder, *with_constants(case, data))
            for y, wanted in zip(found, arrays_of(case.data_sets[0][1]), strict=False):
                np.testing.assert_allclose(y, np.asarray(wanted, np.float64), rtol=max(case.rtol, 1e-5), atol=1e-6)
                assert y.shape == np.shape(wanted)
        except Exception as error:
            reasons.append(f"{type(error).__name__}: {error}")
        else:
            return ""
    return reasons[0] if reasons else "no inputs"

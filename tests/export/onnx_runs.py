"""Runs an exported file as its users would: the checker, ONNX Runtime and the reference evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

import pydl

Array = np.ndarray[Any, np.dtype[Any]]

BATCHES = (1, 2, 7)
#: Of the largest number that comes out: sums of float32 in another order.
TOLERANCE = 1e-6


def session(path: Path) -> Any:
    """The file in ONNX Runtime, on one thread, which says nothing."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def rows(model: Any, n: int, sizes: int = 5) -> list[Any]:
    """Data for the inputs of a model: codes where it wants them, and as many steps as said where that is open."""
    rng, found = np.random.default_rng(7), []
    limits = model.input_codes if model.host is None else [None] * len(model.inputs)
    for t, codes in zip(model.inputs, limits, strict=True):
        shape = (n, *(sizes if d is None else d for d in t.shape[1:]))
        values = rng.normal(size=shape) if codes is None else rng.integers(0, codes, shape)
        found.append(values.astype(t.dtype))
    return found


def listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]


def assert_same(model: Any, path: Path, x: list[Any] | None = None, *, reference: bool = True, **options: Any) -> Any:
    """Export, and compare what comes out with `predict` at several batch sizes; returns the file's message."""
    model.export(path, **options)
    message = onnx.load(path)
    onnx.checker.check_model(message, full_check=True)
    x = rows(model, max(BATCHES)) if x is None else x
    run = session(path)
    assert [i.name for i in run.get_inputs()] == [t.name for t in model.inputs]
    assert [o.name for o in run.get_outputs()] == model.output_names
    judges = [run, ReferenceEvaluator(message)] if reference else [run]
    found = model.predict(x if len(x) > 1 else x[0], verbose=0)
    wanted = listed(list(found.values()) if isinstance(found, dict) else found)
    for n in BATCHES:
        feed = {t.name: a[:n] for t, a in zip(model.inputs, x, strict=True)}
        for judge in judges:
            for a, b in zip(wanted, judge.run(model.output_names, feed), strict=True):
                assert a[:n].shape == b.shape
                np.testing.assert_allclose(b, a[:n], rtol=0, atol=TOLERANCE * np.abs(a).max())
    return message


def chain(*layers: Any, shape: Any = (6,), dtype: str | None = None) -> Any:
    """A Sequential of layers with weights that are nowhere 0 or 1."""
    from tests.model_cases import draw_weights

    model = pydl.Sequential([pydl.Input(shape, dtype=dtype), *layers])
    draw_weights(model, np.random.default_rng(3))
    return model

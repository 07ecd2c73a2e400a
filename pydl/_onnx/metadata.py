"""What an exported file says about itself: the model's config, its weights, names, and a test."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._engine.tracing import leaves
from pydl._onnx.graph import Graph
from pydl._onnx.sizes import small
from pydl.models import configs

if TYPE_CHECKING:
    from pydl.models.model import Model

_ROWS = 2  # of the test
_TOLERANCE = 1e-5  # of it, relative to the largest of a row: what sums in another order differ by at most


def documents(
    model: Model, g: Graph, order: str, class_names: Sequence[str] | None, feature_names: Sequence[str] | None
) -> dict[str, str]:
    """The entries of a file's metadata, each as JSON."""
    found: dict[str, Any] = {
        "pydl.config": _config(model), "pydl.weights": g.axes, "pydl.inputs": order,
        "pydl.self_test": _self_test(model, g, order),
        "class_names": class_names and [str(name) for name in class_names],
        "feature_names": feature_names and [str(name) for name in feature_names],
    }  # fmt: skip
    return {name: json.dumps(value) for name, value in found.items() if value is not None}


def _config(model: Model) -> Any:
    """Kind and graph; None of a model with code of a user's own, which has none."""
    try:
        return json.loads(json.dumps(configs.entry(model)))
    except (NotImplementedError, TypeError):
        return None


def _self_test(model: Model, g: Graph, order: str) -> Any:
    """Rows that come in, and what pydl predicts for them; None where no rows could be made up."""
    shapes = small(model)
    if shapes is None:
        return None
    rng = np.random.default_rng(0)
    x = [_made_up(rng, t.dtype, (_ROWS, *s), n) for t, s, n in zip(model.inputs, shapes, _limits(model), strict=True)]
    try:
        y = model.predict_on_batch(x if len(x) > 1 else x[0])
    except ValueError:  # such as what is not in a vocabulary
        return None
    y = leaves(y)
    turned = [np.moveaxis(a, -1, 1) if order == "nchw" and a.ndim == 4 else a for a in x]
    ins = {t.name: _array(a, g) for t, a in zip(model.inputs, turned, strict=True)}
    outs = {name: _array(a, g) for name, a in zip(model.output_names, y, strict=True)}
    return {"inputs": ins, "outputs": outs, "tolerance": _TOLERANCE}


def _limits(model: Model) -> list[int | None]:
    """For each input, how many codes there are where its values are codes."""
    if model.host is None:
        return model.input_codes
    of = {id(t): n for t, n in zip(model.computed.inputs, model.input_codes, strict=True)}
    return [of.get(id(t)) for t in model.inputs]


def _made_up(rng: np.random.Generator, dtype: str, shape: tuple[int, ...], codes: int | None) -> Any:
    if dtype == "string":
        return rng.choice(["a", "b", "c"], shape)
    if codes is not None:
        return rng.integers(0, codes, shape).astype(dtype)
    return (rng.normal(size=shape) if dtype.startswith("float") else rng.integers(0, 2, shape)).astype(dtype)


def _array(values: Any, g: Graph) -> dict[str, Any]:
    array = np.asarray(values)
    if array.dtype.kind in "UO":
        return {"dtype": "string", "shape": list(array.shape), "values": array.ravel().tolist()}
    array = array.astype(g.dtype) if array.dtype.kind == "f" else array
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    content = base64.b64encode(little.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "base64": content}

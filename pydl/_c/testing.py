"""The rows of the self-test, and what the model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydl.models.model import Model

Rows = tuple[list[np.ndarray], list[np.ndarray]]


def rows_for(model: Model, samples: Any) -> Rows:
    """Inputs and outputs, each [rows][elements], in the model's dtype."""
    if isinstance(samples, int):
        rng = np.random.default_rng(0)
        given = []
        for t, codes in zip(model.computed.inputs, model.computed.code_limits(), strict=True):
            shape = (samples, *(int(d or 0) for d in t.shape[1:]))
            given.append(rng.normal(size=shape) if codes is None else rng.integers(0, codes, shape))
    else:
        given = [np.asarray(x) for x in (samples if isinstance(samples, list | tuple) else [samples])]
    inputs = [x.astype(model.dtype) for x in given]
    made = model.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
    outputs = list(made.values()) if isinstance(made, dict) else made if isinstance(made, list | tuple) else [made]
    return [x.reshape(len(x), -1) for x in inputs], [np.asarray(y).reshape(len(y), -1) for y in outputs]

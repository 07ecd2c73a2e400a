"""Gradients against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def check_gradients(model: Any, x: Any, y: Any, *, rel: float = 1e-6, abs: float = 1e-8) -> None:
    """Of all weights of a model in float64 that is compiled, against differences of the loss."""
    _, gradients = model.loss_and_gradients(x, y)
    for v in model.trainable_weights:
        value, found = v.numpy(), gradients[v.path]
        for at in np.ndindex(value.shape):
            losses = []
            for h in (1e-5, -1e-5):
                moved = value.copy()
                moved[at] += h
                v.assign(moved)
                losses.append(model.loss_and_gradients(x, y)[0])
            v.assign(value)
            assert found[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=rel, abs=abs), (v.path, at)

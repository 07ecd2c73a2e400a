"""What whole models predict, and the loss they train on, against NumPy in float64, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl.layers.images import RandomImageLayer
from tests.model_cases import CASES, Case, Noisy
from tests.numpy_forward import forward

RTOL = 1e-12  # a few hundred roundings of 1e-16

pytestmark = pytest.mark.usefixtures("isa", "float64")


def listed(value: object) -> list[np.ndarray]:
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]


def trains_as_it_predicts(model: object) -> bool:
    """Whether no layer, however deep, behaves differently in training."""
    layers = getattr(model, "layers", ())
    return all(
        not isinstance(
            layer,
            L.Dropout | L.GaussianNoise | L.GaussianDropout | L.BatchNormalization | Noisy | RandomImageLayer,
        )
        and trains_as_it_predicts(layer)
        for layer in layers
    )


def expected_loss(c: Case, outputs: list[np.ndarray]) -> float:
    """Losses called on the outputs, with their weights, and the penalties."""
    model = c.model
    weights = [None] * len(outputs) if c.w is None else listed(c.w)
    total = 0.0
    each = zip(model.compiled_losses, model.loss_weights, listed(c.y), outputs, weights, strict=True)
    for loss, share, t, y, w in each:
        per_row = loss.call(t, y)
        scaled = per_row if w is None else per_row * w.reshape(-1, *[1] * (per_row.ndim - 1))
        total += share * (scaled.sum() if loss.reduction == "sum" else scaled.mean())
    penalties: list[float] = []
    forward(model, listed(c.x), penalties)
    return total + sum(penalties) + sum(v.regularizer(v.numpy()) for v in model.weights if v.regularizer)


@pytest.mark.parametrize("name", CASES)
def test_forward(name: str) -> None:
    pydl.utils.set_random_seed(1)
    c = CASES[name]()
    outputs = forward(c.model, listed(c.x))
    for got, expected in zip(listed(c.model.predict(c.x, batch_size=3)), outputs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=RTOL, atol=RTOL)
    loss = expected_loss(c, outputs)
    # from probabilities, cross-entropies are clipped and rounded where those from logits are not
    assert c.model.evaluate(c.x, c.y, sample_weight=c.w, verbose=0, return_dict=True, batch_size=len(listed(c.y)[0]))[
        "loss"
    ] == pytest.approx(loss, rel=1e-9)
    if trains_as_it_predicts(c.model):
        assert c.model.train_on_batch(c.x, c.y, c.w, return_dict=True)["loss"] == pytest.approx(loss, rel=1e-9)

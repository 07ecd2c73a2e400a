"""Normalization of values far from zero: as float64 has it on the same numbers, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

Array = np.ndarray[Any, Any]
EPSILON = 1e-3


def far(*shape: int) -> Array:
    """Numbers about 2^20 that are 1 apart, in steps of their ulp."""
    return (np.random.default_rng(0).normal(size=shape) + 2.0**20).astype(np.float32)


def standard(x: Array, axis: int) -> Array:
    z = x.astype(np.float64)
    return (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + EPSILON)


@pytest.mark.parametrize("shape", [(200, 6), (50, 37), (4, 3, 16)])
def test_layer_normalization_of_values_far_from_zero(shape: tuple[int, ...], isa: str) -> None:
    x = far(*shape)
    np.testing.assert_allclose(L.LayerNormalization(epsilon=EPSILON)(x), standard(x, -1), 0, 4e-6)


def first_gradient(layer: Any, x: Array) -> tuple[float, Array]:
    """The mean squared error to targets of 1, and the gradient of gamma."""
    model = pydl.Sequential([pydl.Input(x.shape[1:]), layer])
    model.compile("sgd", "mse")
    loss, gradients = model.loss_and_gradients(x, np.ones(x.shape))
    return loss, next(g for name, g in gradients.items() if name.endswith("gamma"))


@pytest.mark.parametrize(("layer", "axis"), [(L.LayerNormalization, 1), (L.BatchNormalization, 0)])
def test_training_on_values_far_from_zero(layer: Any, axis: int, isa: str) -> None:
    x = far(64, 5)
    y = standard(x, axis)
    loss, of_gamma = first_gradient(layer(epsilon=EPSILON), x)
    assert loss == pytest.approx(np.square(y - 1).mean(), rel=1e-5)
    np.testing.assert_allclose(of_gamma, 2 * ((y - 1) * y).sum(0) / y.size, 1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
def test_groups_far_from_zero(offset: float) -> None:
    x = (offset + np.random.default_rng(0).normal(size=(4, 8, 6))).astype(np.float32)
    groups = x.astype(np.float64).reshape(4, 8, 2, 3)
    centred = groups - groups.mean((1, 3), keepdims=True)
    wanted = centred / np.sqrt(groups.var((1, 3), keepdims=True) + 1e-3)
    found = pydl.layers.GroupNormalization(2)(x)
    np.testing.assert_allclose(found, wanted.reshape(x.shape), rtol=1e-6, atol=1e-6)

"""Wrapper and SpectralNormalization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


def test_a_wrapper_is_what_it_holds() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer = L.Wrapper(L.Dense(2, activity_regularizer="l2"))
    y = layer(x)
    np.testing.assert_array_equal(y, layer.layer(x))
    model = pydl.Sequential([pydl.Input((3,)), layer])
    np.testing.assert_array_equal(model.predict(x), y)
    assert len(layer.trainable_weights) == 2
    assert L.Wrapper.from_config(layer.get_config()).layer.units == 2
    with pytest.raises(TypeError, match="layer must be a layer, got 'dense'"):
        L.Wrapper("dense")


class Twice(L.Wrapper):
    """Uses its layer twice."""

    def call(self, x: Any) -> Any:
        return self.layer(self.layer(x))


def test_a_class_of_ones_own() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    model = pydl.Sequential([pydl.Input((3,)), Twice(L.Dense(3))])
    model.compile("sgd", "mse")
    model.fit(x, x, epochs=2, verbose=0)
    inner = model.layers[0].layer
    np.testing.assert_allclose(model.predict(x), inner(inner(x)), rtol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: L.Dense(4), lambda: L.Conv2D(4, 2), lambda: L.EinsumDense("abcd,de->abce", (5, 5, 4))]
)
def test_the_largest_singular_value_becomes_one(make: Any, tmp_path: Path) -> None:
    pydl.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 5, 5, 3)).astype("float32")
    layer = L.SpectralNormalization(make(), power_iterations=3)
    model = pydl.Sequential([pydl.Input((5, 5, 3)), layer, L.Flatten(), L.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.0), "mse")
    model.fit(x, np.ones((8, 1)), batch_size=4, epochs=20, verbose=0)
    kernel = layer.layer.kernel.numpy().reshape(-1, 4)
    assert np.linalg.svd(kernel, compute_uv=False)[0] == pytest.approx(1, abs=1e-3)
    assert np.linalg.norm(layer.vector_u.numpy()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(layer.layer(x), layer(x))
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.usefixtures("float64")
def test_a_step_is_that_of_the_normalized_kernel() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    wrapped, plain = L.SpectralNormalization(L.Dense(4)), L.Dense(4)
    models = [pydl.Sequential([pydl.Input((3,)), layer]) for layer in (wrapped, plain)]
    kernel, u = rng.normal(size=(3, 4)), wrapped.vector_u.numpy()
    v = u @ kernel.T / np.linalg.norm(u @ kernel.T)
    u = v @ kernel / np.linalg.norm(v @ kernel)
    wrapped.layer.kernel.assign(kernel)
    plain.kernel.assign(kernel / (v @ kernel @ u.T))
    for model in models:
        model.compile(pydl.optimizers.SGD(0.1), "mse")
        model.fit(x, y, batch_size=6, epochs=1, verbose=0)
    np.testing.assert_allclose(wrapped.layer.kernel.numpy(), plain.kernel.numpy(), rtol=1e-12)


def test_called_as_in_training() -> None:
    layer = L.SpectralNormalization(L.Conv2D(1, 2, kernel_initializer="ones"), power_iterations=8)
    x = np.ones((1, 2, 2, 1), "float32")
    assert layer(x).item() == 4
    assert layer(x, training=True).item() == pytest.approx(2)


def test_a_layer_without_a_kernel() -> None:
    with pytest.raises(ValueError, match="its ReLU object has no attribute 'kernel'"):
        L.SpectralNormalization(L.ReLU())(np.ones((2, 3), "float32"))


@pytest.mark.parametrize(
    "make", [lambda: L.Conv2D(4, 2), lambda: L.Conv2DTranspose(4, 2), lambda: L.DepthwiseConv2D(2)]
)
def test_convolutions_turn_the_normalized_kernel(make: Any) -> None:
    """For the input gradient, or the output, a copy of the kernel was made before it was normalized."""
    x = np.random.default_rng(1).normal(size=(3, 5, 5, 2)).astype("float32")
    before = L.Conv2D(3, 2)
    layer = L.SpectralNormalization(make())
    model = pydl.Sequential([pydl.Input((5, 5, 2)), before, layer, L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    kernel = layer.layer.weights[0]
    kernel.assign(7 * kernel.numpy())
    loss, gradients = model.loss_and_gradients(x, np.ones((3, 1)))
    plain = pydl.Sequential([pydl.Input((5, 5, 2)), L.Conv2D(3, 2), make(), L.Flatten(), L.Dense(1)])
    plain.compile("sgd", "mse")
    plain.set_weights([v.numpy() for v in model.weights if v is not layer.vector_u])
    wanted, other = plain.loss_and_gradients(x, np.ones((3, 1)))
    assert loss == pytest.approx(wanted, rel=1e-5)
    for path, found in zip(list(gradients)[:2], list(other)[:2], strict=True):
        np.testing.assert_allclose(gradients[path], other[found], rtol=1e-4, atol=1e-5)

"""Layers that a layer of one's own holds: counted, trained, frozen, saved and copied with it."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3)).astype(np.float32)
Y = (X @ np.float32([[1], [2], [-1]])).astype(np.float32)


class Attribute(L.Layer):
    """A layer, built by hand."""

    def __init__(self, units: int = 40, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inner = L.Dense(units)

    def build(self, input_shape: Any) -> None:
        self.inner.build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def call(self, x: np.ndarray) -> np.ndarray:
        return self.inner(x)

    def backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        self.inner.kernel.gradient[...] = x.T @ dy
        self.inner.bias.gradient[...] = dy.sum(axis=0)
        return dy @ self.inner.kernel.numpy().T


class Containers(L.Layer):
    """Layers, and a model, in a list that grows later, a dict and a tuple, which nobody builds; two of one name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.listed: list[Any] = []
        self.named = {"b": (L.Dense(4, name="same"), [L.Dense(2, name="same")])}
        self.listed.append(pydl.Sequential([L.Dense(5), L.Dense(3)]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2)

    def call(self, x: np.ndarray, training: bool) -> np.ndarray:
        first, (second,) = self.named["b"]
        return second(first(self.listed[0](x)))


def model(layer: Any, *more: Any) -> Any:
    net = pydl.Sequential([pydl.Input((3,)), layer, *more])
    net.compile(pydl.optimizers.Adam(0.05), "mse")
    return net


@pytest.mark.parametrize(("make", "numbers"), [(Attribute, [120, 40]), (Containers, [15, 5, 15, 3, 12, 4, 8, 2])])
def test_their_weights_count_and_survive_a_file_and_a_copy(make: Any, numbers: list[int], tmp_path: Path) -> None:
    net = model(make())
    expected = net.predict(X)
    assert sorted(v.size for v in net.weights) == sorted(numbers)
    assert net.count_params() == net.layers[0].count_params() == sum(numbers)
    assert len(net.trainable_weights) == len(numbers)
    path = tmp_path / "m.safetensors"
    net.save(path)
    loaded = pydl.models.load_model(path, custom_objects={make.__name__: make})
    weights = tmp_path / "w.safetensors"
    net.save_weights(weights)
    other = model(make())
    other.load_weights(weights)
    for found in (loaded, other, copy.deepcopy(net)):
        np.testing.assert_array_equal(found.predict(X), expected)
    paths = [v.path for v in model(make()).weights]
    assert len(set(paths)) == len(paths)


def test_they_are_trained_by_the_gradients_that_backward_writes() -> None:
    pydl.utils.set_random_seed(0)
    net, reference = model(Attribute(), L.Dense(1)), model(L.Dense(40), L.Dense(1))
    reference.set_weights(net.get_weights())
    for found in (net, reference):
        found.seed = 3
        found.fit(X, Y, epochs=3, batch_size=4, verbose=0)
    for a, b in zip(net.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_layer_used_twice_adds_up_the_gradients_of_what_it_holds() -> None:
    layer, plain = Attribute(3), L.Dense(3)
    net, reference = model(layer, layer, L.Dense(1)), model(plain, plain, L.Dense(1))
    reference.set_weights(net.get_weights())
    found, expected = (list(m.gradients(X, Y).values()) for m in (net, reference))
    for a, b in zip(sorted(found, key=np.size), sorted(expected, key=np.size), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("freeze", ["layer", "inner"])
def test_they_are_frozen_alone_and_with_the_layer(freeze: str) -> None:
    net = model(Attribute(), L.Dense(1))
    net.train_on_batch(X, Y)
    layer = net.layers[0]
    (layer if freeze == "layer" else layer.inner).trainable = False
    before = layer.get_weights()
    net.train_on_batch(X, Y)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Broken(Attribute):
    def build(self, input_shape: Any) -> None:
        """Leaves it to the call."""

    def call(self, x: np.ndarray) -> np.ndarray:
        raise KeyError("no such thing")


def test_a_call_on_zeros_that_fails_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r'"bad": a call on zeros of shape \(1, 3\).*no such thing.*Broken.build'):
        model(Broken(name="bad"))


def test_layers_that_refer_to_each_other() -> None:
    layer = Attribute()
    layer.inner.outer = layer
    assert model(layer).count_params() == 160

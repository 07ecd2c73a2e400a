"""Variables that attributes of layers hold: counted, trained, frozen, saved and copied as those of `add_weight`."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype(np.float32)
Y = RNG.normal(size=(32, 3)).astype(np.float32)


def ones(**more: Any) -> pydl.Variable:
    return pydl.Variable(np.ones(3, np.float32), **more)


class Held(L.Layer):
    """One by itself, some in a list that grows later, one in a tuple in a dict, one that counts."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.shifts, self.count = ones(name="scale"), [], pydl.Variable(0, dtype="int32", name="count")
        self.named = {"a": (ones(trainable=False),)}
        self.shifts += [ones(), ones()]

    def call(self, x: Any) -> Any:
        return (x * self.scale + self.shifts[0]) * self.shifts[1] + self.named["a"][0]


class Scaled(L.Layer):
    def __init__(self, scale: pydl.Variable, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:
        return x * self.scale


def model(*layers: Any) -> Any:
    net = pydl.Sequential([pydl.Input((3,)), *layers])
    net.compile(pydl.optimizers.SGD(0.1), "mse")
    return net


def test_each_is_a_weight_and_those_that_may_be_are_trained() -> None:
    layer = Held(name="own")
    net = model(layer)
    assert sorted(w.path for w in net.weights) == [
        "own/count", "own/scale", "own/variable", "own/variable_1", "own/variable_2"
    ]  # fmt: skip
    assert {id(w) for w in net.trainable_weights} == {id(w) for w in (layer.scale, *layer.shifts)}
    before = {w.path: w.numpy() for w in net.weights}
    gradient = 2 / Y.size * (net.predict(X, verbose=0) - Y)
    net.fit(X, Y, batch_size=len(X), verbose=0)
    changed = {w.path for w in net.weights if not np.array_equal(w.numpy(), before[w.path])}
    assert changed == {w.path for w in net.trainable_weights}
    np.testing.assert_allclose(layer.scale.numpy(), 1 - 0.1 * (gradient * X).sum(axis=0), rtol=1e-5)


def test_a_frozen_layer_trains_none() -> None:
    layer = Held(trainable=False)
    net = model(layer, L.Dense(3))
    net.fit(X, Y, verbose=0)
    assert all(np.array_equal(w.numpy(), np.ones(3)) for w in (layer.scale, *layer.shifts))


@pytest.mark.parametrize("ending", ["safetensors", "keras", "h5"])
def test_files_hold_them(tmp_path: Path, ending: str) -> None:
    layer = Held()
    net = model(layer)
    net.fit(X, Y, verbose=0)
    layer.count.assign(7)
    net.save(tmp_path / f"m.{ending}")
    loaded = pydl.models.load_model(tmp_path / f"m.{ending}", custom_objects={"Held": Held})
    assert loaded.layers[-1].count.numpy() == 7
    for one, other in zip(net.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), net.predict(X, verbose=0))


def test_a_copy_has_its_own() -> None:
    net = model(Held())
    other = copy.deepcopy(net)
    other.fit(X, Y, verbose=0)
    assert not {id(w) for w in net.weights} & {id(w) for w in other.weights}
    np.testing.assert_array_equal(net.layers[-1].scale.numpy(), np.ones(3))
    assert not np.array_equal(other.layers[-1].scale.numpy(), np.ones(3))


def test_one_that_two_layers_hold_is_one_weight() -> None:
    shared = ones()
    net = model(Scaled(shared), L.Activation("tanh"), Scaled(shared))
    assert len(net.weights) == len(net.trainable_weights) == 1
    p = net.predict(X, verbose=0)
    h = np.tanh(X)
    gradient = 2 / Y.size * (p - Y) * (h + (1 - h**2) * X)  # of a scale of 1 in both places
    net.fit(X, Y, batch_size=len(X), verbose=0)
    np.testing.assert_allclose(shared.numpy(), 1 - 0.1 * gradient.sum(axis=0), rtol=1e-5)


def test_a_weight_of_another_layer_that_is_not_held_is_told() -> None:
    first = L.Dense(4, use_bias=False, name="first")

    class Transposed(L.Layer):
        def call(self, h: Any) -> Any:
            return pydl.ops.matmul(h, pydl.ops.transpose(first.kernel))

    net = model(first, Transposed(name="second"))
    with pytest.warns(UserWarning, match='"second" computes with weights that it does not hold, first/kernel'):
        net.fit(X, Y, verbose=0)


def test_a_layer_that_holds_another_trains_its_weight_from_both_places() -> None:
    first = L.Dense(4, use_bias=False)

    class Transposed(L.Layer):
        def __init__(self, of: Any) -> None:
            super().__init__()
            self.of = of

        def call(self, h: Any) -> Any:
            return pydl.ops.matmul(h, pydl.ops.transpose(self.of.kernel))

    net = model(first, Transposed(first))
    k = first.kernel.numpy().astype(float)
    dy = 2 / Y.size * (X @ k @ k.T - Y)
    net.fit(X, Y, batch_size=len(X), verbose=0)
    assert len(net.weights) == 1
    np.testing.assert_allclose(first.kernel.numpy(), k - 0.1 * (X.T @ (dy @ k) + dy.T @ (X @ k)), rtol=1e-4, atol=1e-6)


def test_names_that_were_taken_are_given_up() -> None:
    class Named(L.Layer):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.held = ones()

        def build(self, input_shape: Any) -> None:
            self.made = self.add_weight(shape=(3,), name="variable")

        def call(self, x: Any) -> Any:
            return x * self.held + self.made

    layer = Named()
    net = model(layer)
    assert sorted(w.path for w in net.weights) == ["own/variable", "own/variable_1"]
    assert layer.made.path == "own/variable"


@pytest.mark.parametrize("ending", ["safetensors", "keras", "h5"])
def test_an_argument_that_no_file_holds_is_told(tmp_path: Path, ending: str) -> None:
    net = model(Scaled(ones(name="mine")))
    with pytest.raises(TypeError, match=r"cannot save .*mine.*override get_config"):
        net.save(tmp_path / f"m.{ending}")
    assert not list(tmp_path.iterdir())


def test_one_that_is_replaced_is_no_weight_any_longer(tmp_path: Path) -> None:
    layer = Scaled(ones(name="before"))
    net = model(layer)
    net.fit(X, Y, verbose=0)
    layer.scale = ones(name="after")
    assert [w.name for w in net.weights] == ["after"]
    net.save_weights(tmp_path / "w.safetensors")
    net.load_weights(tmp_path / "w.safetensors")
    del layer.scale
    assert net.weights == []

"""Freezing a layer freezes those that it holds; a class derived from one of the library trains its own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X[:, :1]


class Block(layers.Layer):
    """Of layers and a weight of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner, self.norm = layers.Dense(4), layers.BatchNormalization()

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((4,), "ones", name="scale")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.norm(self.inner(x), training=training) * self.scale


def changed(block: Any, model: Any) -> list[bool]:
    """Which of the weights of a block a model trains: scale, kernel, bias, gamma, beta and the moving ones."""
    model.compile("sgd", "mse")
    before = block.get_weights()
    model.fit(X, Y, verbose=0)
    return [not np.array_equal(a, b) for a, b in zip(before, block.get_weights(), strict=True)]


def behind(*first: Any) -> Any:
    return pydl.Sequential([pydl.Input((4,)), *first, layers.Dense(1)])


def test_a_frozen_layer_and_one_that_is_freed() -> None:
    block = Block()
    model = behind(block)
    block.trainable = False
    assert not block.inner.trainable
    assert changed(block, model) == [False] * 7
    assert len(model.trainable_weights) == 2
    block.trainable = True
    assert changed(block, model) == [True] * 7


def test_a_frozen_base_that_holds_blocks() -> None:
    block = Block()
    base = pydl.Sequential([pydl.Input((4,)), block])
    base.trainable = False
    assert changed(block, behind(base)) == [False] * 7


def test_a_layer_made_frozen_holds_layers_that_are_trained() -> None:
    """As in Keras: the flag of the constructor is about its own weights, as there are no others yet."""
    block = Block(trainable=False)
    model = behind(block)
    assert changed(block, model) == [False] + [True] * 6
    assert (len(block.trainable_weights), len(model.trainable_weights)) == (0, 6)


def test_freeing_a_layer_frees_a_weight_that_was_frozen_by_hand() -> None:
    block = Block()
    model = behind(block)
    block.inner.kernel.trainable = False
    assert changed(block, model) == [True, False, *[True] * 5]
    block.trainable = True
    assert changed(block, model) == [True] * 7


def test_a_weight_of_a_frozen_layer_may_be_trained() -> None:
    block = Block()
    model = behind(block)
    block.trainable = False
    block.inner.kernel.trainable = True
    assert changed(block, model) == [False, True, *[False] * 5]
    assert block.trainable_weights == []  # of the layer itself, as in Keras


@pytest.mark.filterwarnings("ignore:.*all its layers are frozen")
def test_layers_of_a_model() -> None:
    """Those of a frozen model that are freed are trained in another one, and not in this."""
    model = pydl.Sequential([pydl.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.trainable = False
    model.layers[1].trainable = True
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))
    outer = behind(model)
    assert changed(model, outer) == [False, False, True, True]
    model.add(layers.Dense(1))  # what comes later is not frozen
    assert changed(model, behind(model)) == [False, False, *[True] * 4]


def test_the_kernel_of_an_adapter_stays_frozen() -> None:
    dense = layers.Dense(4)
    model = behind(dense)
    dense.enable_lora(2)
    dense.trainable = False
    dense.trainable = True
    kernel = dense.weights[0].numpy()
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.array_equal(dense.weights[0].numpy(), kernel)
    assert len(dense.trainable_weights) == 3


def test_a_frozen_layer_is_frozen_when_it_is_read_again(tmp_path: Path) -> None:
    block = Block()
    model = behind(block)
    block.trainable = False
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", {"Block": Block})
    assert len(again.trainable_weights) == 2
    assert changed(again.layers[0], again) == [False] * 7


# ---- classes derived from those of the library ----------------------------------------------------------------------
LIBRARY: dict[str, Any] = {
    "LayerNormalization": ((4,), lambda cls: cls()),
    "BatchNormalization": ((4,), lambda cls: cls()),
    "GroupNormalization": ((4,), lambda cls: cls(2)),
    "RMSNormalization": ((4,), lambda cls: cls()),
    "Dense": ((4,), lambda cls: cls(4)),
    "EinsumDense": ((4,), lambda cls: cls("ab,bc->ac", 4, bias_axes="c")),
    "PReLU": ((4,), lambda cls: cls()),
    "Conv1D": ((4, 1), lambda cls: cls(1, 3, padding="same")),
    "Conv1DTranspose": ((4, 1), lambda cls: cls(1, 3, padding="same")),
    "DepthwiseConv1D": ((4, 1), lambda cls: cls(3, padding="same")),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_more_weights_than_the_library_has(name: str) -> None:
    """`super().call(x) * scale` is the library's layer and another behind it."""
    shape, make = LIBRARY[name]

    class More(getattr(layers, name)):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.extra = self.add_weight((1,), "ones", name="extra")

        def call(self, x: Any) -> Any:
            return super().call(x) * self.extra

    class Scale(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.extra = self.add_weight((1,), "ones", name="extra")

        def call(self, x: Any) -> Any:
            return x * self.extra

    def model(*first: Any) -> Any:
        return pydl.Sequential([pydl.Input(shape), *first, layers.Flatten(), layers.Dense(1)])

    more, plain, scale = make(More), make(getattr(layers, name)), Scale()
    derived, wanted = model(more), model(plain, scale)
    if name == "BatchNormalization":  # `super().call(x)`, as it is not told of training, takes the moving statistics
        x = pydl.Input(shape)
        wanted = pydl.Model(x, layers.Dense(1)(layers.Flatten()(scale(plain(x, training=False)))))
    rng = np.random.default_rng(1)
    for part, other in ((more, plain), (more, scale), (derived.layers[-1], wanted.layers[-1])):
        for v in other.weights:
            v.assign(rng.random(v.shape))
            next(w for w in part.weights if w.name == v.name).assign(v.numpy())
    x = X.reshape(32, *shape)
    for m in (derived, wanted):
        m.compile("sgd", "mse")
        m.fit(x, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for v in (*plain.weights, *scale.weights):
        mine = next(w for w in more.weights if w.name == v.name)
        np.testing.assert_allclose(mine.numpy(), v.numpy(), rtol=1e-5, atol=1e-6, err_msg=v.path)
    more.trainable = False
    before = more.get_weights()
    derived.fit(x, Y, verbose=0)
    for a, b in zip(before, more.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_penalty_of_an_output_counts_once() -> None:
    class Same(layers.Dense):
        def call(self, x: Any) -> Any:
            return super().call(x)

    same = Same(2, kernel_initializer="ones", activity_regularizer="l2")
    model = pydl.Sequential([pydl.Input((4,)), same, layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    assert model.evaluate(np.ones((4, 4)), np.zeros((4, 1)), verbose=0) == pytest.approx(0.32)


def test_a_layer_with_weights_is_no_activation() -> None:
    model = pydl.Sequential([pydl.Input((4,)), layers.Dense(3, activation=layers.PReLU()), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"PReLU: it has weights, .*make it a layer"):
        model.fit(X, Y, verbose=0)

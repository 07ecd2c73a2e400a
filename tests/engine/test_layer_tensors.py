"""What a layer was called on and what came out: `layer.input`, `layer.output`; and the first layer's `input_shape`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def functional() -> Any:
    x = pydl.Input((3,))
    h = L.Dense(4, "relu", name="h")(x)
    return pydl.Model(x, L.Dense(2, name="out")(h))


def grown() -> Any:
    model = pydl.Sequential([pydl.Input((3,))])
    for layer in (L.Dense(4, "relu", name="h"), L.Dense(5), L.Dense(2, name="out")):
        model.add(layer)
        if layer.name == "dense":
            model.pop()
    return model


def built_late() -> Any:
    model = pydl.Sequential([L.Dense(4, "relu", name="h"), L.Dense(2, name="out")])
    model.build((None, 3))
    return model


@pytest.mark.parametrize("make", [functional, grown, built_late])
def test_the_features_of_a_layer_within_a_model(make: Callable[[], Any]) -> None:
    pydl.utils.clear_session()
    base = make()
    k, b, *_ = base.get_weights()
    hidden = np.maximum(X @ k + b, 0)
    h = base.get_layer("h")
    features = pydl.Model(base.inputs, h.output)
    np.testing.assert_allclose(features.predict(X), hidden, atol=1e-6)
    np.testing.assert_array_equal(pydl.Model(base.input, base.output).predict(X), base.predict(X))
    assert h.input is base.input
    assert base.layers[-1].output is base.output
    assert base.layers[-1].input is h.output
    both = pydl.Model(base.input, [layer.output for layer in base.layers[-2:]])
    np.testing.assert_allclose(both.predict(X)[0], hidden, atol=1e-6)
    h.trainable = False
    transfer = pydl.Model(base.input, L.Dense(7)(h.output))
    assert [v.shape for v in transfer.trainable_weights] == [(4, 7), (7,)]
    assert transfer.predict(X).shape == (6, 7)


def test_the_first_call_counts_and_calls_on_arrays_do_not() -> None:
    layer = L.Dense(2)
    layer(X)
    assert not hasattr(layer, "output")
    with pytest.raises(AttributeError, match=r'"dense.*" has no input yet'):
        _ = layer.input
    a, b = pydl.Input((3,)), pydl.Input((3,))
    y = layer(a)
    layer(b)
    layer(X)
    assert (layer.input, layer.output) == (a, y)


def test_lists_of_tensors() -> None:
    a, b = pydl.Input((3,)), pydl.Input((3,))
    layer = L.Add()
    y = layer([a, b])
    assert layer.input == [a, b]
    assert layer.output is y
    model = pydl.Model([a, b], [y, a])
    assert model.input == [a, b]
    assert model.output == [y, a]


def test_a_model_that_is_not_built_says_so() -> None:
    with pytest.raises(ValueError, match=r"output: model .* is not built"):
        _ = pydl.Sequential([L.Dense(1)]).output


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (lambda: L.Dense(12, input_dim=8), (8,)),
        (lambda: L.Dense(12, input_shape=(8,)), (8,)),
        (lambda: L.Dense(12, input_shape=[8]), (8,)),
        (lambda: L.Dense(12, input_shape=(None, 8)), (None, 8)),
        (lambda: L.Flatten(input_shape=(28, 28)), (28, 28)),
        (lambda: L.BatchNormalization(input_shape=(8,)), (8,)),
        (lambda: L.Embedding(10, 3, input_length=7), (7,)),
        (lambda: pydl.Sequential([L.Dense(12, input_dim=8)]), (8,)),
        (lambda: pydl.Model((x := pydl.Input((8,))), L.Dense(3)(x)), (8,)),
    ],
)
def test_a_first_layer_that_says_what_comes_in_builds_the_model(first: Callable[[], Any], shape: Any) -> None:
    listed = pydl.Sequential([first(), L.Dense(1)])
    added = pydl.Sequential()
    added.add(first())
    added.add(L.Dense(1))
    for model in (listed, added):
        assert model.built
        assert model.input.shape == (None, *shape)
        again = pydl.models.model_from_config(model.get_config())
        assert again.get_config() == model.get_config()
        assert again.count_params() == model.count_params()


def test_an_input_in_front_decides() -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(2, input_dim=8)])
    assert model.input.shape == (None, 3)
    assert L.Dense(2, input_dim=8)(X).shape == (6, 2)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: L.Dense(1, input_dim=0), ValueError, "Dense: Argument `input_dim`"),
        (lambda: L.Dense(1, input_dim="8"), TypeError, "Dense: Argument `input_dim`"),
        (lambda: L.Dense(1, input_shape=8), TypeError, "Dense: input_shape"),
        (lambda: L.Dense(1, input_shape=(8,), input_dim=8), TypeError, "not both"),
        (
            lambda: L.Dense(1, units_in=8),
            TypeError,
            r"Dense\.__init__\(\) got an unexpected keyword argument 'units_in'",
        ),
        (lambda: L.Dense(1)([]), ValueError, "got an empty list"),
        (lambda: L.Add()([]), ValueError, "got an empty list"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        make()


def test_features_of_all_layers_of_a_model_with_its_input() -> None:
    model = functional()
    features = pydl.Model(model.inputs, [layer.output for layer in model.layers])
    given, *_, last = features(X)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_array_equal(last, model(X))


def test_an_empty_name_is_none() -> None:
    assert L.Dense(2, name="").name.startswith("dense")


def test_an_input_that_leads_nowhere() -> None:
    x, idle = pydl.Input((3,)), pydl.Input((2,), name="idle")
    model = pydl.Model([x, idle], pydl.layers.Dense(1)(x))
    model.compile("sgd", "mse")
    data = [np.ones((4, 3)), np.ones((4, 2))]
    model.fit(data, np.ones((4, 1)), verbose=0)
    assert model.predict(data).shape == (4, 1)
    assert [layer.name for layer in model.layers][1:2] == ["idle"]
    again = pydl.Model.from_config(model.get_config())
    assert len(again.inputs) == 2


@pytest.mark.parametrize("started", [True, False])
def test_the_ends_of_a_sequential_within_another(started: bool) -> None:
    first = [pydl.Input((3,))] if started else []
    inner = pydl.Sequential([*first, pydl.layers.Dense(4), pydl.layers.Dense(2)], name="inner")
    outer = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(3), inner, pydl.layers.Dense(1)])
    part = pydl.Model(outer.inputs, outer.get_layer("inner").output)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_array_equal(part.predict(x), inner.predict(outer.layers[0](x)))


def test_a_shape_may_be_a_list() -> None:
    class Same(pydl.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

        def compute_output_shape(self, input_shape: Any) -> Any:
            return list(input_shape)

    assert Same()(pydl.Input((3,))).shape == (None, 3)
    with pytest.raises(ValueError, match="with the batch in front"):
        pydl.layers.Lambda(lambda x: x).compute_output_shape(())


def test_weights_that_a_model_made_come_first() -> None:
    class Scaled(pydl.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.scale = pydl.layers.Dense(2), self.add_weight((1,), "ones", name="scale")

        def call(self, x: Any) -> Any:
            return self.first(x) * self.scale

    model = Scaled()
    model.build((None, 3))
    assert [v.name for v in model.weights] == ["scale", "kernel", "bias"] == [v.name for v in model.trainable_weights]
    model.trainable = False
    assert model.trainable_weights == []

"""Calls with several outputs: layers in NumPy, and models, whose outputs go separate ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6)).astype(np.float32)
Y = RNG.normal(size=(30, 2)).astype(np.float32)


class Halves(L.Layer):
    """The first columns, and the others doubled."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return [(input_shape[0], 2), (input_shape[0], input_shape[1] - 2)]

    def call(self, x: Array) -> tuple[Array, Array]:
        return x[:, :2], 2 * x[:, 2:]

    def backward(self, x: Array, y: list[Array], dy: list[Array]) -> Array:
        return np.concatenate([dy[0], 2 * dy[1]], axis=1)


def halves() -> Any:
    x = pydl.Input((6,))
    first, second = Halves(name="halves")(L.Dense(6, "tanh", name="before")(x))
    return pydl.Model(x, L.Dense(2, name="end")(L.Concatenate()([L.Dense(3, name="side")(second), first])))


def two_ends() -> Any:
    """A model of two outputs."""
    x = pydl.Input((6,))
    h = L.Dense(5, "gelu", name="h")(x)
    return pydl.Model(x, [L.Dense(3, "tanh", name="a")(h), L.Dense(2, name="b")(h)], name="ends")


def nested() -> Any:
    x = pydl.Input((6,))
    a, b = two_ends()(x)
    return pydl.Model(x, L.Dense(2, name="end")(L.Concatenate()([a, b])))


@pytest.mark.parametrize("build", [halves, nested])
def test_gradients(build: Any) -> None:
    """Against differences of the loss, in float64."""
    pydl.config.set_floatx("float64")
    try:
        model = build()
    finally:
        pydl.config.set_floatx("float32")
    model.compile(pydl.optimizers.SGD(0.0), "mse")
    gradients = model.gradients(X, Y)
    assert len(gradients) == len(model.weights)
    for v in model.weights:
        start, direction = v.numpy(), RNG.normal(size=v.shape)
        losses = []
        for step in (1e-5, -1e-5):
            v.assign(start + step * direction)
            losses.append(float(model.train_on_batch(X, Y)))
        v.assign(start)
        slope = (losses[0] - losses[1]) / 2e-5
        assert float((gradients[v.path] * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-8), v.path


@pytest.mark.parametrize("build", [halves, nested])
def test_same_bits_on_any_number_of_threads(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydl._engine.program.choose_threads", lambda work, limit: limit)

    def trained(threads: int) -> list[bytes]:
        pydl.config.set_num_threads(threads)
        try:
            pydl.utils.set_random_seed(2)
            model = build()
            model.compile("adam", "mse")
            model.fit(X, Y, batch_size=7, epochs=3, verbose=0)
            return [w.tobytes() for w in [*model.get_weights(), model.predict(X)]]
        finally:
            pydl.config.set_num_threads(None)

    assert trained(1) == trained(2) == trained(3)


@pytest.mark.parametrize("build", [halves, nested])
def test_files(build: Any, tmp_path: Path) -> None:
    model = build()
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"Halves": Halves})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.train_on_batch(X, Y) == model.train_on_batch(X, Y)


def test_one_output_used_alone() -> None:
    """What nobody reads sends no gradient back, and is zero for who asks."""
    x = pydl.Input((6,))
    first, _ = Halves()(L.Dense(6)(x))
    model = pydl.Model(x, first)
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.train_on_batch(X, Y)
    changed = (model.get_weights()[0] != before).any(axis=0)
    assert changed.tolist() == [True, True, False, False, False, False]


def test_a_model_of_two_outputs_trains_as_a_whole_and_as_a_layer() -> None:
    whole = two_ends()
    x = pydl.Input((6,))
    outer = pydl.Model(x, whole(x))
    for model in (whole, outer):
        assert [y.shape for y in model.predict(X)] == [(30, 3), (30, 2)]
    for a, b in zip(whole.predict(X), outer.predict(X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [y.shape for y in outer(X[:2])] == [(2, 3), (2, 2)]


def test_a_wrong_number_of_arrays() -> None:
    class Three(Halves):
        def call(self, x: Array) -> Any:
            return x[:, :2], x[:, 2:], x

    x = pydl.Input((6,))
    model = pydl.Model(x, Three(name="three")(x)[0])
    with pytest.raises(ValueError, match='layer "three": call returned 3 arrays, expected 2'):
        model.predict(X)


def test_a_layer_on_arrays() -> None:
    first, second = Halves()(X)
    np.testing.assert_array_equal(first, X[:, :2])
    np.testing.assert_array_equal(second, 2 * X[:, 2:])


def _dense(name: str) -> L.Dense:
    return L.Dense(3, name=name)


def late_input() -> pydl.Model:
    a, b = pydl.Input((3,), name="a"), pydl.Input((3,), name="b")
    h = _dense("h2")(_dense("h1")(a))
    return pydl.Model([a, b], [_dense("o1")(L.Concatenate(name="cat")([h, b])), _dense("o2")(h)])


def branches() -> pydl.Model:
    a = pydl.Input((3,), name="a")
    x, y = _dense("p")(a), _dense("r")(_dense("q")(a))
    return pydl.Model(a, L.Add(name="s")([x, y]))


def shared_layer() -> pydl.Model:
    a, s = pydl.Input((3,), name="a"), _dense("s")
    x = s(a)
    return pydl.Model(a, [L.Add(name="t")([x, s(_dense("m")(x))]), _dense("z")(x)])


def inputs_swapped() -> pydl.Model:
    a, b = pydl.Input((3,), name="a"), pydl.Input((3,), name="b")
    return pydl.Model([b, a], L.Add(name="t")([a, _dense("z")(b)]))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (late_input, "a h1 h2 b cat o1 o2"),
        (branches, "a q p r s"),
        (shared_layer, "a s m t z"),
        (inputs_swapped, "b a z t"),
    ],
)
def test_layers_stand_where_keras_has_them_inputs_included(make: Any, names: str) -> None:
    """The orders are those that Keras 3 gives."""
    model = make()
    assert [layer.name for layer in model.layers] == names.split()
    assert model.layers[0] is model.layers[0]
    assert isinstance(model.get_layer(index=0), L.InputLayer)
    assert [w.shape for w in model.get_layer(names.split()[-1]).weights] == [w.shape for w in model.layers[-1].weights]


@pytest.mark.parametrize("ending", ["", ".safetensors", ".keras"])
def test_outputs_in_lists_and_dicts_within_each_other(tmp_path, ending):
    x = pydl.Input((4,))
    a, b, c = (pydl.layers.Dense(n)(x) for n in (2, 3, 1))
    model = pydl.Model(x, [[a, b], {"c": c, "more": [a]}])
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    wanted = pydl.Model(x, [a, b, c]).predict(rows)
    if ending:
        model.save(tmp_path / f"m{ending}")
        model = pydl.models.load_model(tmp_path / f"m{ending}")
    for one in (model, pydl.models.clone_model(model)):
        one.set_weights(model.get_weights())
        for found in (one(rows), one.predict(rows), one.predict(rows, batch_size=2)):
            np.testing.assert_allclose(found[0][0], wanted[0], rtol=1e-6)
            np.testing.assert_allclose(found[0][1], wanted[1], rtol=1e-6)
            np.testing.assert_allclose(found[1]["c"], wanted[2], rtol=1e-6)
            np.testing.assert_allclose(found[1]["more"][0], wanted[0], rtol=1e-6)
            assert isinstance(found[0], list)
    model.compile("sgd", ["mse", None, "mse", None])
    model.fit(rows, [np.zeros((5, 2)), None, np.zeros((5, 1)), None], verbose=0)
    (first, _), rest = model(pydl.Input((4,)))
    assert (first.shape, rest["c"].shape) == ((None, 2), (None, 1))


def test_outputs_come_as_they_were_given(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    both = [pydl.layers.Dense(n)(x) for n in (1, 2)]
    rows = np.ones((4, 3))

    class Pair(pydl.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = pydl.layers.Dense(1), pydl.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.one(x), self.other(x)

    for model, kind in ((pydl.Model(x, tuple(both)), tuple), (pydl.Model(x, both), list), (Pair(), tuple)):
        assert type(model(rows)) is type(model.predict(rows, verbose=0)) is type(model.predict_on_batch(rows)) is kind
        assert type(model(pydl.Input((3,)))) is kind
        assert [a.shape for a in model(rows)] == [(4, 1), (4, 2)]
        assert type(pydl.models.clone_model(model)(rows)) is kind
        model.export(tmp_path / "m.plan.safetensors")

"""Copies and pickles of models, layers and optimizers."""

import copy
import io
import pickle
import tempfile
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest

import pydl
from pydl import layers as L

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X[:, :1]


def through_joblib(obj: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(obj, file)
    file.seek(0)
    return joblib.load(file)


WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda obj: pickle.loads(pickle.dumps(obj)),  # noqa: S301 - written by this test
    "joblib": through_joblib,
    "the oldest pickle that can": lambda obj: pickle.loads(pickle.dumps(obj, protocol=2)),  # noqa: S301
}


class Scale(L.Layer):
    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, x: np.ndarray) -> np.ndarray:
        return x * self.factor.numpy()

    def backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        self.factor.gradient[...] = (dy * x).sum(axis=0)
        return dy * self.factor.numpy()


def chain() -> Any:
    return pydl.Sequential([pydl.Input((3,)), L.Dense(40, "relu"), L.BatchNormalization(), L.Dropout(0.3), L.Dense(1)])


def graph() -> Any:
    x = pydl.Input((3,))
    shared = L.Dense(3, "tanh")
    inner = pydl.Sequential([pydl.Input((3,)), L.Dense(4), Scale()])
    return pydl.Model({"x": x}, {"y": L.Dense(1)(inner(shared(shared(x))))})


def deep() -> Any:
    return pydl.Sequential([pydl.Input((3,)), *(L.Dense(3) for _ in range(300)), L.Dense(1)])


def output(model: Any, x: Any = X) -> Any:
    y = model.predict(x)
    return y["y"] if isinstance(y, dict) else y


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [chain, graph])
def test_a_copy_of_a_trained_model_goes_on_with_the_same_bits_on_its_own(make: Any, way: str) -> None:
    model = make()
    model.compile(pydl.optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    other = WAYS[way](model)
    np.testing.assert_array_equal(output(other), output(model))
    histories = [m.fit(X, Y, epochs=2, verbose=0).history for m in (model, other)]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(output(other), output(model))
    before = output(model)
    other.set_weights([w + 1 for w in other.get_weights()])
    other.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(output(model), before)
    assert not np.array_equal(output(other), before)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("way", WAYS)
def test_models_that_are_not_compiled_not_built_or_very_deep(way: str) -> None:
    model = deep()
    np.testing.assert_array_equal(output(WAYS[way](model)), output(model))
    unbuilt = pydl.Sequential([L.Dense(2), L.Dense(1)])
    unbuilt.compile("sgd", "mse")
    other = WAYS[way](unbuilt)
    other.fit(X, Y, verbose=0)
    assert (other.built, unbuilt.built) == (True, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_by_itself(way: str) -> None:
    layer = L.Dense(40)
    y = layer(X)
    other = WAYS[way](layer)
    np.testing.assert_array_equal(other(X), y)
    other.kernel.assign(np.zeros((3, 40)))
    np.testing.assert_array_equal(layer(X), y)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_an_optimizer_that_took_steps_is_refused_by_other_models_too(way: str) -> None:
    optimizer = pydl.optimizers.Adam()
    model = chain()
    model.compile(optimizer, "mse")
    chain().compile(WAYS[way](optimizer), "mse")
    model.train_on_batch(X, Y)
    with pytest.raises(ValueError, match="1 steps on model"):
        chain().compile(WAYS[way](optimizer), "mse")


def test_a_clone_is_such_a_copy_and_has_its_own_weights() -> None:
    model = chain()
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    other = model.clone()
    np.testing.assert_array_equal(output(other), output(model))
    assert other.fit(X, Y, verbose=0).history == model.fit(X, Y, verbose=0).history
    other.set_weights([w + 1 for w in other.get_weights()])
    assert not np.array_equal(output(other), output(model))


@pytest.mark.parametrize("way", WAYS)
def test_models_and_estimators_are_copied_in_memory(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydl.sklearn import MLPRegressor

    model = graph()
    model.compile("adam", "mse")
    model.fit({"x": X}, {"y": Y}, verbose=0)
    estimator = MLPRegressor((4,)).partial_fit(X, Y[:, 0])

    def none(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a temporary file")

    for name in ("mkdtemp", "mkstemp", "TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, none)
    np.testing.assert_array_equal(output(WAYS[way](model)), output(model))
    np.testing.assert_array_equal(WAYS[way](estimator).predict(X), estimator.predict(X))


def test_the_bytes_of_a_model_are_those_of_its_file(tmp_path: Any) -> None:
    model = chain()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    content = pydl.saving.to_bytes(model)
    assert content == (tmp_path / "m.safetensors").read_bytes()
    np.testing.assert_array_equal(output(pydl.saving.from_bytes(content)), output(model))
    for wrong in (content[:-1], content[:7], b"", b"\xff" * 100):
        with pytest.raises(pydl.FormatError, match="a model in memory"):
            pydl.saving.from_bytes(wrong)


def test_weights_need_no_names() -> None:
    """Programs written for Keras leave them out; those given count as taken."""

    class Nameless(pydl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.add_weight((2,), "ones")
            self.add_weight((2,), "ones", name="weight_2")
            for _ in range(2):
                self.add_weight((2,), "zeros")

    layer = Nameless(name="l")
    layer.build((None, 2))
    assert [v.path for v in layer.weights] == ["l/weight", "l/weight_2", "l/weight_1", "l/weight_3"]

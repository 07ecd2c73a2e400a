"""What programs ask of layers, or set, after they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops


@pytest.mark.parametrize("given", [None, "relu", pydl.activations.relu, pydl.ops.relu])
def test_activation_set_afterwards(given: object) -> None:
    layer = pydl.layers.Dense(3, "tanh")
    layer.activation = given
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    y = layer(x)
    z = x @ layer.kernel.numpy()
    np.testing.assert_allclose(y, z if given is None else np.maximum(z, 0), rtol=1e-6, atol=1e-6)
    assert pydl.layers.Dense.from_config(layer.get_config()).activation == layer.activation


def test_build_without_weights() -> None:
    layer = pydl.layers.ReLU()
    layer.build((None, 3))
    assert layer.built


def test_code_of_a_users_is_built_by_its_call() -> None:
    class Twice(pydl.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = pydl.layers.Dense(2)

        def call(self, x):  # type: ignore[no-untyped-def]
            return self.inner(x)

    layer = Twice()
    layer.build((None, 3))
    assert layer(np.ones((1, 3), "float32")).shape == (1, 2)
    assert len(layer.weights) == 2


def test_dtype_policy_is_the_dtype() -> None:
    layer = pydl.layers.Dense(2, dtype="float64")
    assert pydl.layers.Dense(3, dtype=layer.dtype_policy).dtype == "float64"
    assert layer.dtype_policy.compute_dtype == layer.dtype_policy.name == layer.compute_dtype


def test_build_takes_shapes_as_lists_and_tuples() -> None:
    dense = pydl.layers.Dense(2)
    dense.build([None, 3])
    assert dense.kernel.shape == (3, 2)
    add = pydl.layers.Add()
    add.build(((None, 3), (None, 3)))
    assert add([np.ones((1, 3), "float32"), np.ones((1, 3), "float32")]).tolist() == [[2, 2, 2]]


def test_mask_of_an_array() -> None:
    """The same as that of a Masking layer in front."""
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    x[:, 1] = 0
    steps = np.broadcast_to([True, False, True], (4, 3))
    pooled, norm, other = pydl.layers.GlobalAveragePooling1D(), *(pydl.layers.BatchNormalization() for _ in range(2))
    np.testing.assert_allclose(pooled(x, mask=steps), x[:, [0, 2]].mean(axis=1), rtol=1e-6)
    y = norm(x, mask=steps, training=True)
    other(x[:, [0, 2]], training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), other.moving_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(y[:, [0, 2]].mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_array_equal(norm(x, mask=None), norm(x))
    added = pydl.layers.Add()([x, x], mask=[steps, None])
    np.testing.assert_array_equal(added, 2 * x)
    with pytest.raises(ValueError, match=r"expected a mask of shape \(4, 3\), .* got \(4,\)"):
        norm(x, mask=np.ones(4))
    with pytest.raises(TypeError, match="leave mask= out"):
        norm(pydl.Input((3, 2)), mask=steps)


def test_batch_shape_of_an_input_layer() -> None:
    assert pydl.layers.InputLayer((3, 2), batch_size=4).batch_shape == (4, 3, 2)


def test_weights_come_in_the_order_of_layers_as_in_keras() -> None:
    """By depth, whichever branch is added to which; pydl's files hold them in the order of `as_made`."""
    dense = pydl.layers.Dense
    x = pydl.Input((6,))
    branch = dense(6, name="b")(dense(6, name="a")(x))
    inner = pydl.Model(x, pydl.layers.Add()([dense(6, name="s")(x), branch]), name="inner")
    y = pydl.Input((6,))
    side = dense(6, name="side")(y)
    model = pydl.Model(y, pydl.layers.Add()([inner(dense(6, name="c")(y)), side]))
    names = ["c", "inner/a", "inner/s", "inner/b", "side"]
    paths = [f"{name}/{kind}" for name in names for kind in ("kernel", "bias")]
    assert [v.path for v in model.weights] == [v.path for v in model.trainable_variables] == paths
    assert [v.path for v in model.as_made()[2:4]] == ["inner/s/kernel", "inner/s/bias"]
    assert len(model.as_made(trainable=True)) == 10
    model.get_layer("inner").get_layer("a").trainable = False
    assert [v.path for v in model.trainable_weights] == paths[:2] + paths[4:]
    for layer, start in (("c", 0), ("side", 8)):
        np.testing.assert_array_equal(model.get_weights()[start], model.get_layer(layer).get_weights()[0])


def test_dicts_are_taken_by_their_keys_in_order() -> None:
    """As Keras does, whose files hold the weights so."""
    dense = pydl.layers.Dense
    a = pydl.Input((3,), name="a")
    w, x = dense(3, name="w")(a), dense(3, name="x")(a)
    assert [layer.name for layer in pydl.Model(a, {"q": w, "b": x}).layers] == ["a", "x", "w"]
    assert [layer.name for layer in pydl.Model(a, [{"q": w, "b": x}, a]).layers] == ["a", "x", "w"]
    q, b = pydl.Input((3,), name="q"), pydl.Input((3,), name="b")
    inner = pydl.Model({"q": q, "b": b}, pydl.layers.Concatenate()([q, b]), name="inner")
    assert [layer.name for layer in pydl.Model(a, inner({"q": w, "b": x})).layers] == ["a", "x", "w", "inner"]


class Scaled(pydl.layers.Layer):
    """Makes what is not trained first, as layers that count do."""

    def build(self, input_shape: Any) -> None:
        self.low = self.add_weight((2,), "zeros", trainable=False, name="low")
        self.w = self.add_weight((2,), "ones", name="w")
        self.high = self.add_weight((2,), "zeros", trainable=False, name="high")
        self.b = self.add_weight((2,), "zeros", name="b")

    def call(self, x: Any) -> Any:
        return pydl.ops.clip(x * self.w + self.b, self.low, 10.0 + self.high)


def test_weights_of_a_layer_stand_as_in_keras(tmp_path: Path) -> None:
    """Those that were made trainable first, frozen later or not; pydl's own files keep the order they were made in."""
    model = pydl.Sequential([pydl.Input((2,)), Scaled(name="s"), pydl.layers.Dense(1, name="d")])
    names = ["w", "b", "low", "high", "kernel", "bias"]
    assert [v.name for v in model.weights] == names
    assert [v.name for v in model.as_made()] == ["low", "w", "high", "b", "kernel", "bias"]
    values = [np.full(v.shape, float(i), np.float32) for i, v in enumerate(model.weights)]
    model.set_weights(values)
    model.layers[0].w.trainable = False
    assert [v.name for v in model.weights] == names
    assert [v.name for v in model.trainable_weights] == ["b", "kernel", "bias"]
    for name in ("m.safetensors", "m.keras", "m.weights.h5"):
        path = tmp_path / name
        (model.save_weights if name.endswith("h5") else model.save)(path)
        if name.endswith("h5"):
            again = pydl.models.clone_model(model)
            again.load_weights(path)
        else:
            again = pydl.models.load_model(path, custom_objects={"Scaled": Scaled})
        for ours, theirs in zip(again.get_weights(), values, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_operators_and_functions_are_no_layers_of_a_model() -> None:
    """So that places among `layers`, and slices of them, are those of Keras."""
    inputs = pydl.Input((8,), name="x")
    x = pydl.layers.Dense(6, name="a")(inputs / 255.0 - 0.5)
    x = pydl.layers.Dense(4, name="b")(pydl.ops.relu(x))
    model = pydl.Model(inputs, pydl.layers.Dense(1, name="c")(pydl.ops.mean(x * x, axis=1, keepdims=True)))
    assert [layer.name for layer in model.layers] == ["x", "a", "b", "c"]
    assert pydl.Model(model.input, model.layers[-2].output).output_shape == (None, 4)
    for layer in model.layers[:-2]:
        layer.trainable = False
    assert [v.path for v in model.trainable_weights] == ["b/kernel", "b/bias", "c/kernel", "c/bias"]


def test_a_wrapper_lists_the_kernel_that_it_changes_as_keras_does(tmp_path: Path) -> None:
    wrapped = pydl.layers.SpectralNormalization(pydl.layers.Dense(3), name="s")
    model = pydl.Sequential([pydl.Input((5,)), wrapped])
    assert [v.name for v in model.weights] == ["kernel", "vector_u", "bias"]
    assert [v.name for v in model.trainable_weights] == ["kernel", "bias"]
    assert model.count_params() == 15 + 3 + 3
    model.set_weights([np.full(w.shape, float(i + 1)) for i, w in enumerate(model.get_weights())])
    store: dict[str, Any] = {}
    wrapped.save_own_variables(store)
    assert [store[key].shape for key in sorted(store)] == [(5, 3), (1, 3)]
    for name in ("m.keras", "m.h5", "m.safetensors"):
        model.save(tmp_path / name)
        again = pydl.models.load_model(tmp_path / name)
        for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_held_layers_are_built_by_the_arrays_that_they_are_called_on() -> None:
    """Which need not be as many, nor such as zeros would do for."""

    class Neighbours(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = L.Dense(3, kernel_initializer="ones")

        def call(self, inputs: Any) -> Any:
            nodes, edges = inputs
            messages = self.dense(ops.take(nodes, edges[1], axis=0))
            return ops.segment_sum(messages, edges[0], num_segments=nodes.shape[0])

    nodes, edges = np.arange(20.0).reshape(5, 4), np.array([[0, 1, 2, 4], [1, 2, 3, 0]])
    layer = Neighbours()
    np.testing.assert_allclose(layer((nodes, edges))[:, 0], [22, 38, 54, 0, 6])
    assert [w.shape for w in layer.weights] == [(4, 3), (3,)]

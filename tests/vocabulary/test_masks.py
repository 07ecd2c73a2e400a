"""Masks reach losses, metrics and pooling as in Keras (tests/golden/keras.json), on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.differences import check_gradients
from tests.export.onnx_runs import assert_same
from tests.golden import GOLDEN

Array = np.ndarray[Any, Any]
RTOL, ATOL = 1e-5, 1e-6  # float32, other orders of summing up
LOSSES = GOLDEN["mask_losses"]


def array(values: Any, dtype: Any = np.float32) -> Array:
    return np.array(values, dtype)


@pytest.fixture(autouse=True, params=[1, 2])
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plans take all threads allowed, however little there is to do."""
    monkeypatch.setattr("pydl._engine.program.choose_threads", lambda work, limit: limit)
    pydl.config.set_num_threads(request.param)
    yield
    pydl.config.set_num_threads(None)


def sequence_net(name: str) -> tuple[Any, Array, Array]:
    """The model of a case, its inputs and targets."""
    softmax = name.startswith("softmax")
    masking = [] if "no_masking" in name else [L.Masking(-1.0 if "minus1" in name else 0.0)]
    model = pydl.Sequential([pydl.Input((4, 3)), *masking, L.Dense(2, "softmax" if softmax else None)])
    model.set_weights([array(w) for w in LOSSES["init"]])
    loss, metric, other = (
        ("sparse_categorical_crossentropy", "accuracy", "accuracy") if softmax else ("mse", "mae", "mse")
    )
    model.compile(pydl.optimizers.SGD(1.0), loss, metrics=[metric], weighted_metrics=[other])
    x = LOSSES["x_minus"] if "minus1" in name else LOSSES["x_last_row_masked"] if "last_row" in name else LOSSES["x"]
    x = array(x) * (0 if "all_masked" in name else 1)
    return model, x, array(LOSSES["classes"], int) if softmax else array(LOSSES["y"])


def weights_of(name: str) -> Array | None:
    kind = next((k for k in ("B1", "BT") if name.endswith(k)), "none")
    w = LOSSES["sample_weight"][kind]
    return None if w is None else array(w)


@pytest.mark.parametrize("name", LOSSES["cases"])
def test_losses_and_metrics(name: str) -> None:
    model, x, y = sequence_net(name)
    case, w = LOSSES["cases"][name], weights_of(name)
    np.testing.assert_allclose(model.predict(x), array(case["predict"]), RTOL, ATOL)
    for size in (2, 3):
        figures = model.evaluate(x, y, batch_size=size, sample_weight=w, verbose=0, return_dict=True)
        expected = case[f"evaluate_batch_{size}"]
        for key, value in expected.items():
            assert figures[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key
    logs = model.train_on_batch(x, y, w, return_dict=True)
    assert logs["loss"] == pytest.approx(case["train_on_batch_loss"], rel=1e-5, abs=1e-6)
    metric = "accuracy" if "softmax" in name else "mae"
    assert logs[metric] == pytest.approx(case["evaluate_batch_3"][metric], rel=1e-5, abs=1e-6)
    for got, wanted in zip(model.get_weights(), case["weights_after_sgd_lr1"], strict=True):
        np.testing.assert_allclose(got, array(wanted), RTOL, ATOL)


def test_a_masked_step_is_as_if_it_were_not_there() -> None:
    """What stands in masked steps changes neither the figures nor a weight."""
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 9, (20, 7))
    codes[:, 5:] = 0
    y = rng.normal(size=(20, 1)).astype(np.float32)

    def trained(x: Array) -> list[Array]:
        pydl.utils.set_random_seed(1)
        model = pydl.Sequential(
            [pydl.Input((None,)), L.Embedding(9, 4, mask_zero=True), L.GlobalAveragePooling1D(), L.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        return [*model.get_weights(), model.predict(x)]

    for a, b in zip(trained(codes), trained(codes[:, :5]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", GOLDEN["mask_embedding"]["cases"])
def test_embedding(name: str) -> None:
    golden = GOLDEN["mask_embedding"]
    case, pooling = golden["cases"][name], "pooling=True" in name
    layers = [L.Embedding(5, 2, mask_zero="mask_zero=True" in name), *([L.GlobalAveragePooling1D()] if pooling else [])]
    model = pydl.Sequential([pydl.Input((None,)), *layers, L.Dense(1)])
    model.set_weights([array(w) for w in golden["init"]])
    model.compile(pydl.optimizers.SGD(1.0), "mse", ["mae"])
    x, y = array(golden["ids"], int), array(golden["y"] if pooling else golden["y_sequence"])
    np.testing.assert_allclose(model.predict(x), array(case["predict"]), RTOL, ATOL)
    figures = model.evaluate(x, y, verbose=0, return_dict=True)
    assert figures == pytest.approx(case["evaluate"], rel=1e-5)
    model.train_on_batch(x, y)
    for got, wanted in zip(model.get_weights(), case["weights_after"], strict=True):
        np.testing.assert_allclose(got, array(wanted), RTOL, ATOL)


def test_pooling() -> None:
    golden = GOLDEN["pooling"]
    x, mask = array(golden["x"]), array(golden["mask"], bool)
    plain = L.GlobalAveragePooling1D()
    np.testing.assert_allclose(plain(x), array(golden["plain"]), RTOL, ATOL)
    np.testing.assert_allclose(L.GlobalAveragePooling1D(keepdims=True)(x), array(golden["keepdims"]), RTOL, ATOL)
    given = np.where(mask[..., None], x, 0.0)
    masked = pydl.Sequential([pydl.Input((4, 2)), L.Masking(), L.GlobalAveragePooling1D()]).predict(given)
    np.testing.assert_allclose(masked[:2], array(golden["masked"][:2]), RTOL, ATOL)
    np.testing.assert_array_equal(masked[2], 0)  # NaN in Keras: the mean of nothing


@pytest.mark.parametrize("kind", LOSSES["cases"])
def test_the_mask_of_a_model_as_a_layer(kind: str) -> None:
    """It goes in, and comes out again."""
    if "minus1" in kind or "no_masking" in kind or "softmax" in kind:
        model, x, y = sequence_net(kind)
        whole = model
    else:
        whole, x, y = sequence_net(kind)
        inner = pydl.Sequential([pydl.Input((4, 3)), L.Dense(2)])
        model = pydl.Sequential([pydl.Input((4, 3)), L.Masking(), inner])
        model.set_weights(whole.get_weights())
        model.compile(pydl.optimizers.SGD(1.0), "mse", metrics=["mae"], weighted_metrics=["mse"])
    w = weights_of(kind)
    assert model.evaluate(x, y, sample_weight=w, verbose=0) == whole.evaluate(x, y, sample_weight=w, verbose=0)


def test_layers_that_end_a_mask_say_so() -> None:
    x = L.Masking()(pydl.Input((4, 3)))
    with pytest.warns(UserWarning, match=r'layer "flatten\w*" \(Flatten\) does not support masking: the mask of its'):
        assert not L.Flatten()(x).masked
    with pytest.warns(UserWarning, match="does not support masking"):
        L.Reshape((12,))(x)


def test_merging() -> None:
    a, b = pydl.Input((4, 3)), pydl.Input((4, 3))
    one, two = L.Masking()(a), L.Masking()(b)
    for layer in (L.Add(), L.Multiply(), L.Maximum(), L.Average(), L.Concatenate()):
        assert layer([one, two]).masked
        assert not type(layer)()([one, b]).masked
    model = pydl.Model([a, b], L.GlobalAveragePooling1D()(L.Add()([one, two])))
    golden = GOLDEN["mask_layers"]
    x, y = array(golden["a"]), array(golden["b"])
    either = array(golden["mask_a"], bool) | array(golden["mask_b"], bool)
    expected = ((x + y) * either[..., None]).sum(1) / np.maximum(either.sum(1), 1)[:, None]
    np.testing.assert_allclose(model.predict([x, y]), expected, RTOL, ATOL)


def normalizing_net(**keywords: Any) -> Any:
    golden = GOLDEN["mask_batchnorm"]
    norm = L.BatchNormalization(momentum=0.5, epsilon=1e-3, **keywords)
    model = pydl.Sequential([pydl.Input((4, 3)), L.Masking(), norm])
    model.set_weights([array(w) for w in golden["init"]])
    return model


def test_batch_normalization() -> None:
    golden = GOLDEN["mask_batchnorm"]
    model, x, y = normalizing_net(), array(golden["x"]), array(golden["y"])
    model.compile(pydl.optimizers.SGD(1.0), "mse")
    np.testing.assert_allclose(model.predict(x), array(golden["predict"]), RTOL, ATOL)
    assert model.train_on_batch(x, y) == pytest.approx(golden["loss"], rel=1e-5)
    for got, wanted in zip(model.get_weights(), golden["weights_after"], strict=True):
        np.testing.assert_allclose(got, array(wanted), RTOL, ATOL)


@pytest.mark.usefixtures("float64")
def test_gradients_of_batch_normalization(isa: str) -> None:
    """Those that differences give, of the layer before it as well, though all of its steps reach the outputs."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 4))
    x[0, 3:], x[1, 1] = 0, 0
    a = pydl.Input((5, 2))
    masked = L.BatchNormalization()(L.Dense(4)(L.Masking()(a)))
    with pytest.warns(UserWarning, match="does not support masking"):  # so that masked steps have gradients, too
        every = L.Reshape((5, 4))(masked)
    model = pydl.Model(a, L.Multiply()([every, every]))
    model.compile("sgd", "mse")
    check_gradients(model, x, y)


def test_batch_normalization_without_a_step_that_counts() -> None:
    golden = GOLDEN["mask_batchnorm"]
    model = normalizing_net()
    model.compile(pydl.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.zeros((3, 4, 3), np.float32), array(golden["y"]))
    _, _, mean, variance = model.get_weights()
    np.testing.assert_allclose(mean, 0.5 * array(golden["init"][2]))
    np.testing.assert_allclose(variance, 0.5 * array(golden["init"][3]))


def test_a_loss_and_a_metric_in_numpy_see_the_mask() -> None:
    class Own(pydl.losses.Loss):
        def call(self, y_true: Array, y_pred: Array) -> Array:
            return np.square(y_pred - y_true).mean(axis=-1)

        def gradient(self, y_true: Array, y_pred: Array) -> Array:
            return 2 * (y_pred - y_true) / y_pred.shape[-1]

    model, x, y = sequence_net("mse_B1")
    own, _, _ = sequence_net("mse_B1")
    own.compile(pydl.optimizers.SGD(1.0), Own())
    w = weights_of("mse_B1")
    for _ in range(2):
        assert own.train_on_batch(x, y, w) == pytest.approx(model.train_on_batch(x, y, w, return_dict=True)["loss"])
    for a, b in zip(own.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, RTOL, ATOL)


def test_masks_are_in_files(tmp_path: Path) -> None:
    model, x, y = sequence_net("mse_none")
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert again.layers[0].mask_value == 0.0


def test_the_mask_of_an_array() -> None:
    x = np.array([[[0.0, 0], [1, 0]], [[2, 3], [0, 0]]])
    np.testing.assert_array_equal(L.Masking().compute_mask(x), [[False, True], [True, False]])
    np.testing.assert_array_equal(L.Masking(mask_value=3.0).compute_mask(x), np.ones((2, 2), bool))
    codes = np.array([[0, 3], [1, 0]])
    np.testing.assert_array_equal(L.Embedding(5, 2, mask_zero=True).compute_mask(codes), [[False, True], [True, False]])
    assert L.Embedding(5, 2).compute_mask(codes) is None


def test_a_product_takes_ones_for_steps_that_do_not_count(tmp_path: Path) -> None:
    a, c = pydl.Input((4, 3)), pydl.Input((4, 3))
    u, v = L.Masking()(a), L.Masking(9.0)(c)
    some, both = L.Multiply()([u, c]), L.Multiply()([u, v])
    narrow = L.Multiply()([u, L.Masking(9.0)(pydl.ops.max(c, axis=-1, keepdims=True))])
    assert (some.masked, both.masked, narrow.masked) == (False, True, True)
    model = pydl.Model([a, c], [some, both, narrow])
    x, z = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    x[:, 1], x[2, 3], z[:, 3], z[4, 1] = 0, 0, 9, 9
    m, n = np.any(x != 0, -1)[..., None], np.any(z != 9, -1)[..., None]
    ones, largest = np.where(m, x, 1), z.max(-1, keepdims=True)
    wanted = [ones * z, *(np.where(m | n, ones * np.where(n, k, 1), 0) for k in (z, largest))]
    for y, want in zip(model.predict([x, z], verbose=0), wanted, strict=True):
        np.testing.assert_array_equal(y, want)
    assert_same(model, tmp_path / "m.onnx", [np.concatenate([x, x]), np.concatenate([z, z])])


@pytest.mark.usefixtures("float64")
def test_gradients_of_a_product(isa: str) -> None:
    """Steps that do not count get none through it."""
    a = pydl.Input((4, 2))
    h = L.Dense(3, use_bias=False)(a)
    one, two = L.Masking()(h), L.Masking()(L.Dense(3)(a))
    model = pydl.Model(a, L.Concatenate()([L.Multiply()([one, L.Dense(3)(a)]), L.Multiply()([one, two])]))
    model.compile("sgd", "mse")
    x = np.random.default_rng(1).normal(size=(5, 4, 2))
    x[:, 2] = 0  # where `one` does not count
    check_gradients(model, x, np.zeros((5, 4, 6)))


class Positions(L.Layer):
    """Codes and places, embedded: the mask follows from the codes."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.codes, self.places = L.Embedding(6, 3), L.Embedding(length, 3, embeddings_initializer="zeros")
        self.length = length

    def call(self, x: Any) -> Any:
        return self.codes(x) + self.places(pydl.ops.arange(0, self.length, 1))

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return pydl.ops.not_equal(x, 0)


class Filled(L.Layer):
    def call(self, x: Any) -> Any:
        return x * 1.0

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return pydl.ops.any(pydl.ops.not_equal(x, 0.0), axis=-1)


class Behind(L.Layer):
    """The steps behind the first one, with their mask."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x[:, 1:]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, 1:]


class Unmasked(L.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return pydl.ops.square(x)

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        return None


def test_compute_mask_of_a_layer_of_ones_own() -> None:
    x = array([[[1], [3], [0], [0]]])
    inputs = pydl.Input((4, 1))
    pooled = L.GlobalAveragePooling1D()
    masked = L.Masking()(inputs)
    for made, expected in ((Filled()(inputs), 2), (Behind()(masked), 3), (Unmasked()(masked), 2.5)):
        assert pydl.Model(inputs, pooled(made)).predict(x, verbose=0).item() == expected
    assert pydl.Model(inputs, pooled(Behind()(inputs))).predict(x, verbose=0).item() == 1
    with pytest.raises(ValueError, match="compute_mask is code"):
        pydl.Model(inputs, pooled(Filled(name="f")(inputs))).export("m.onnx")


def test_a_net_with_compute_mask_trains_as_one_with_masks() -> None:
    codes = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 1, 2], [2, 2, 3, 0]])
    y = array([0, 1, 1, 0])[:, None]
    nets = []
    for first in (Positions(4), L.Embedding(6, 3, mask_zero=True)):
        net = pydl.Sequential([pydl.Input((4,), dtype="int32"), first, L.GlobalAveragePooling1D(), L.Dense(1)])
        if isinstance(first, Positions):
            first.places.trainable = False
        net.compile(pydl.optimizers.SGD(0.1), "mse")
        for v in net.trainable_weights:
            v.assign(np.linspace(-1, 1, v.size).reshape(v.shape))
        net.fit(codes, y, batch_size=2, epochs=3, shuffle=False, verbose=0)
        nets.append(net)
    for ours, theirs in zip(nets[0].trainable_weights, nets[1].trainable_weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize(
    "name", ["relu", "softmax", "gelu", "tanh", "leaky_relu", "elu", "silu", "log_softmax", "sigmoid"]
)
def test_a_mask_ends_at_an_activation_that_is_called(name: str, tmp_path: Path) -> None:
    """In Keras a function is no layer; in files, pydl's and Keras's, it ends there as well."""
    function = getattr(pydl.ops, name)
    codes = np.array([[1, 2, 0, 0], [3, 0, 4, 0]])
    inputs = pydl.Input((4,), dtype="int32")
    embedded = L.Embedding(5, 3, mask_zero=True)
    with pytest.warns(UserWarning, match="does not support masking"):
        y = function(embedded(inputs))
    model = pydl.Model(inputs, L.GlobalAveragePooling1D()(y))
    embedded.set_weights([np.linspace(-1, 1, 15).reshape(5, 3)])
    expected = np.asarray(function(np.asarray(embedded(codes)))).mean(axis=1)
    np.testing.assert_allclose(model.predict(codes, verbose=0), expected, rtol=RTOL, atol=ATOL)
    for ending in ("safetensors", "keras"):
        model.save(tmp_path / f"m.{ending}")
        with pytest.warns(UserWarning, match="does not support masking"):
            again = pydl.models.load_model(tmp_path / f"m.{ending}")
        np.testing.assert_array_equal(again.predict(codes, verbose=0), model.predict(codes, verbose=0))
    kept = pydl.Model(inputs, L.GlobalAveragePooling1D()(L.Activation(name)(embedded(inputs))))
    assert np.abs(kept.predict(codes, verbose=0) - expected).max() > 1e-3 or name.endswith("softmax")


def test_what_compute_mask_may_return() -> None:
    """A mask for all samples repeats; one that fits no step is told; None where all steps count, also for some data."""

    def made(mask: Any, base: Any = L.Layer, **given: Any) -> Any:
        class Own(base):  # type: ignore[misc]
            def call(self, x: Any) -> Any:
                return x * 1.0 if base is L.Layer else super().call(x)

            def compute_mask(self, x: Any, previous_mask: Any = None) -> Any:
                return mask(np.asarray(x))

        inputs = pydl.Input((3, 1))
        return pydl.Model(inputs, L.GlobalAveragePooling1D()(Own(**given)(inputs)))

    x = np.arange(18, dtype=np.float32).reshape(6, 3, 1)
    shared = made(lambda x: np.array([[True, False, False]]))
    np.testing.assert_array_equal(shared.predict(x, verbose=0), x[:, 0])
    np.testing.assert_array_equal(shared.predict(x, batch_size=4, verbose=0), x[:, 0])
    sometimes = made(lambda x: None if x.min() <= 0 else x[..., 0] > 19)  # a mask of some data
    np.testing.assert_array_equal(sometimes.predict(x, verbose=0), x.mean(axis=1))
    later = sometimes.predict(x + 18.0, verbose=0)
    np.testing.assert_array_equal(later[:, 0], [20, *(x + 18.0).mean(axis=1)[1:, 0]])
    for wrong in (np.ones((6, 4), bool), np.ones((6, 3, 1), bool), np.ones((2, 3), bool)):
        with pytest.raises(ValueError, match=r"compute_mask: expected a mask of shape \(6, 3\)"):
            made(lambda x, wrong=wrong: wrong).predict(x, verbose=0)


def test_compute_mask_of_a_class_derived_from_one_that_has_masks() -> None:
    class Both(L.Masking):
        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return np.asarray(x)[..., 0] > 1

    class Last(L.Embedding):
        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return np.asarray(x) > 2

    inputs = pydl.Input((3, 1))
    model = pydl.Model(inputs, L.GlobalAveragePooling1D()(Both()(inputs)))
    assert model.predict(array([[[0], [1], [5]]]), verbose=0).item() == 5
    codes = pydl.Input((3,), dtype="int32")
    model = pydl.Model(codes, L.GlobalAveragePooling1D()(Last(5, 1, mask_zero=True)(codes)))
    model.set_weights([np.arange(5.0)[:, None]])
    assert model.predict(np.array([[1, 2, 4]]), verbose=0).item() == 4


MERGED: dict[str, Any] = {"join": lambda: L.Concatenate(axis=1), "most": L.Maximum, "least": L.Minimum}
#: By which of two tensors have a mask: the means over the steps that count of what comes out (Keras 3.15.1 on JAX).
MEANS = {
    "join": {(0, 1): [-1.2, 3.75], (1, 0): [-11.5, -7.0], (1, 1): [-8.667, 1.667]},
    "most": {(0, 1): [10.333, 10.667], (1, 0): [-9.0, 1.667], (1, 1): [-3.5, 1.667]},
    "least": {(0, 1): [-9.0, 1.667], (1, 0): [-19.0, -19.0], (1, 1): [-18.5, 1.667]},
}


@pytest.mark.parametrize("name", MERGED)
@pytest.mark.parametrize("masked", [(0, 1), (1, 0), (1, 1)])
def test_merging_where_some_steps_do_not_count(name: str, masked: tuple[int, int], tmp_path: Path) -> None:
    def embedding(mask_zero: int, first: float) -> Any:
        layer = L.Embedding(5, 1, mask_zero=bool(mask_zero))
        layer.build((None, 3))
        layer.set_weights([np.arange(5.0)[:, None] + first])
        return layer

    a, b = pydl.Input((3,), dtype="int32"), pydl.Input((3,), dtype="int32")
    merged = MERGED[name]()([embedding(masked[0], 10.0)(a), embedding(masked[1], -20.0)(b)])
    model = pydl.Model([a, b], L.GlobalAveragePooling1D()(merged))
    x = [array([[1, 0, 0], [1, 1, 0]], np.int32), array([[1, 2, 0], [0, 0, 3]], np.int32)]
    np.testing.assert_allclose(model.predict(x)[:, 0], MEANS[name][masked], atol=1e-3)
    assert_same(model, tmp_path / "m.onnx", [np.concatenate([i] * 4)[:7] for i in x])

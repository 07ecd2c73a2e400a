"""How layers of one's own are called: with dicts, keywords and None, on text, and as classes of the library."""

import numpy as np
import pytest

import pydl
from pydl import layers, ops

R = np.random.default_rng(3)
X = R.normal(size=(32, 4)).astype("float32")
Y = R.normal(size=(32, 1)).astype("float32")


class Ratio(layers.Layer):
    """Of a dict."""

    def call(self, inputs):
        return inputs["a"] / (1 + ops.exp(inputs["b"]))


class Gate(layers.Layer):
    """Of keywords, one of which may be None."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, x, other=None, factor=1.0):
        y = self.dense(x)
        return {"y": y if other is None else y * self.dense(other) * factor, "x": x}


def test_a_layer_takes_a_dict_of_arrays_and_of_tensors():
    a, b = pydl.Input((4,), name="a"), pydl.Input((4,), name="b")
    given = {"a": X, "b": 2 * X}
    expected = X / (1 + np.exp(2 * X))
    model = pydl.Model({"a": a, "b": b}, Ratio()({"a": a, "b": b}))
    np.testing.assert_allclose(Ratio()(given), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(given, verbose=0), expected, rtol=1e-5)
    copy = pydl.Model.from_config(model.get_config(), custom_objects={"Ratio": Ratio})
    np.testing.assert_allclose(copy.predict(given, verbose=0), expected, rtol=1e-5)


def test_a_layer_takes_keywords_and_none_and_returns_a_dict():
    x, z = pydl.Input((4,)), pydl.Input((4,))
    gate = Gate()
    out = gate(x, other=z, factor=0.5)
    assert list(out) == ["y", "x"]
    assert list(gate.output) == ["y", "x"]
    model = pydl.Model([x, z], out)
    w, b = gate.get_weights()
    found = model.predict([X, 2 * X], verbose=0)
    np.testing.assert_allclose(found["y"], (X @ w + b) * (2 * X @ w + b) * 0.5, rtol=1e-4, atol=1e-5)
    alone = Gate()
    plain = pydl.Model(z, alone(z, other=None)["y"])
    alone.set_weights([w, b])
    np.testing.assert_allclose(plain.predict(X, verbose=0), X @ w + b, rtol=1e-5, atol=1e-6)


def test_keywords_of_calls_are_in_configs_clones_and_keras_files(tmp_path):
    pytest.importorskip("h5py")
    x, z = pydl.Input((4,)), pydl.Input((4,))
    model = pydl.Model([x, z], Gate()(x, other=z, factor=0.5)["y"])
    expected = model.predict([X, 2 * X], verbose=0)
    clone = pydl.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict([X, 2 * X], verbose=0), expected)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"Gate": Gate})
    np.testing.assert_array_equal(again.predict([X, 2 * X], verbose=0), expected)


def test_a_layer_called_in_another_way_says_so():
    x, z = pydl.Input((4,)), pydl.Input((4,))
    gate = Gate()
    gate(x, other=z)
    with pytest.raises(ValueError, match="make a layer for each way of calling"):
        gate(x, other=None)


def test_a_layer_of_the_library_refuses_what_it_does_not_take():
    with pytest.raises(TypeError, match="got speed="):
        layers.Dense(2)(X, speed=3)


class Shifted(layers.Dense):
    def call(self, inputs):
        return super().call(inputs) + 10


class Always(layers.Dropout):
    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


class Scaled(layers.Conv2D):
    def call(self, inputs):
        return layers.Conv2D.call(self, inputs) * ops.sum(self.kernel)


def test_a_class_that_overrides_the_call_of_a_layer_computes_what_its_call_says():
    x = pydl.Input((4,))
    layer = Shifted(1)
    model = pydl.Model(x, layer(x))
    w, b = layer.get_weights()
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ w + b + 10, rtol=1e-5)
    np.testing.assert_allclose(layer(X), X @ w + b + 10, rtol=1e-5)
    model.compile(pydl.optimizers.SGD(0.1), "mse")
    slope = 2 * (X @ w + b + 10 - Y) / len(X)
    gradients = model.gradients(X, Y)
    np.testing.assert_allclose(next(iter(gradients.values())), X.T @ slope, rtol=1e-4, atol=1e-5)


def test_a_dropout_that_is_always_on_drops_in_predictions():
    model = pydl.Sequential([pydl.Input((64,)), Always(0.5)])
    y = model.predict(np.ones((8, 64)), verbose=0)
    assert 0 < (y == 0).mean() < 1
    assert set(np.unique(y)) == {0.0, 2.0}


def test_a_convolution_with_a_call_of_its_own_has_its_kernel_in_it():
    model = pydl.Sequential([pydl.Input((5, 5, 1)), Scaled(2, 3)])
    plain = pydl.Sequential([pydl.Input((5, 5, 1)), layers.Conv2D(2, 3)])
    plain.set_weights(model.get_weights())
    images = R.normal(size=(2, 5, 5, 1))
    factor = model.get_weights()[0].sum()
    np.testing.assert_allclose(
        model.predict(images, verbose=0), plain.predict(images, verbose=0) * factor, rtol=1e-4, atol=1e-5
    )


class Unshaped(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def build(self):
        self.built = True

    def call(self, x):
        return self.dense(x)


class Prepared(layers.Layer):
    def build(self, input_shape, start):
        self.w = self.add_weight((input_shape[-1], 1), start)

    def call(self, x):
        return ops.matmul(x, self.w)


def test_build_may_take_no_shape_or_more_than_a_shape():
    assert Unshaped()(X).shape == (32, 2)
    layer = Prepared()
    layer.build((None, 4), start="ones")
    np.testing.assert_allclose(layer(X), X.sum(1, keepdims=True), rtol=1e-5, atol=1e-6)


class Words(layers.Layer):
    def __init__(self):
        super().__init__(name="words")
        self.lookup = layers.StringLookup(vocabulary=["a", "b", "c", "d"], mask_token=None, num_oov_indices=0)
        self.high, self.low = layers.Embedding(2, 3, name="text"), layers.Embedding(2, 3)

    def call(self, text):
        code = self.lookup(text)
        return self.high(ops.floor_divide(code, 2)) * self.low(ops.mod(code, 2))


def test_layers_of_ones_own_take_text():
    text = np.array(["d", "a", "c", "b"])
    x = pydl.Input((), dtype="string", name="text")
    words = Words()
    model = pydl.Model(x, words(x))
    assert "words_text" in [layer.name for layer in model.layers]
    high, low = words.get_weights()
    codes = np.array([3, 0, 2, 1])
    np.testing.assert_allclose(model.predict(text, verbose=0), high[codes // 2] * low[codes % 2], rtol=1e-5)
    np.testing.assert_allclose(words(text), high[codes // 2] * low[codes % 2], rtol=1e-5)


def test_functions_of_text_are_computed_when_data_are_opened():
    text = np.array([["fixed"], ["normal"], ["fixed"]])
    x = pydl.Input((1,), dtype="string")
    y = layers.Lambda(lambda t: ops.cast(t == "fixed", "float32"))(x)
    z = layers.StringLookup(vocabulary=["normal", "fixed"], output_mode="multi_hot")(ops.reshape(x, (-1, 1)))
    first, second = pydl.Model(x, [y, z]).predict(text, verbose=0)
    np.testing.assert_array_equal(first, [[1], [0], [1]])
    np.testing.assert_array_equal(second, [[0, 0, 1], [0, 1, 0], [0, 0, 1]])


def test_a_model_may_begin_with_what_a_layer_returned():
    x = pydl.Input((4,))
    inner = layers.Dense(3, name="first")(x)
    outer = layers.Dense(2)(inner)
    front, back = pydl.Model(x, inner), pydl.Model(inner, outer)
    whole = pydl.Model(x, outer)
    np.testing.assert_array_equal(back.predict(front.predict(X, verbose=0), verbose=0), whole.predict(X, verbose=0))
    assert back.inputs[0].name == "first_output"


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


def test_a_model_without_a_loss_lowers_what_its_layers_add():
    x = pydl.Input((4,))
    model = pydl.Model(x, Penalty()(layers.Dense(3)(x)))
    model.compile(pydl.optimizers.SGD(0.5))
    losses = model.fit(X, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    model.fit(X, Y, verbose=0)  # targets that nothing judges
    z = pydl.Input((4,))
    plain = pydl.Model(z, layers.Dense(3)(z))
    plain.compile("sgd")
    with pytest.raises(ValueError, match="nothing to lower"):
        plain.fit(X)


class Endpoint(layers.Layer):
    def __init__(self, weighted=False, **kwargs):
        super().__init__(**kwargs)
        self.loss = pydl.losses.BinaryCrossentropy(from_logits=True)
        self.weighted = weighted

    def call(self, logits, targets, weights):
        self.add_loss(self.loss(targets, logits, weights if self.weighted else None))
        return ops.sigmoid(logits)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_in_the_call_of_a_layer_has_the_gradient_of_a_loss_in_compile(weighted):
    targets, weights = (Y > 0).astype("float32"), R.random((32, 1)).astype("float32")
    x, t, w = pydl.Input((4,), name="x"), pydl.Input((1,), name="t"), pydl.Input((1,), name="w")
    dense = layers.Dense(1)
    model = pydl.Model([x, t, w], Endpoint(weighted)(dense(x), t, w))
    model.compile(pydl.optimizers.SGD(1.0))
    before = dense.get_weights()
    model.train_on_batch([X, targets, weights])
    p = 1 / (1 + np.exp(-(X.astype("float64") @ before[0] + before[1])))
    slope = (p - targets) * (weights if weighted else 1) / len(X)
    np.testing.assert_allclose(before[0] - dense.get_weights()[0], X.T @ slope, rtol=1e-4, atol=1e-6)


def test_losses_of_held_layers_are_those_of_the_last_call():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Penalty()

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    assert outer.losses == []
    outer(X)
    outer(X)
    assert len(outer.losses) == 1
    np.testing.assert_allclose(outer.losses[0], np.mean(np.square(X)), rtol=1e-5)


def test_arrays_for_an_open_batch_have_one_row_that_operators_repeat():
    class Plus(pydl.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            total = ops.zeros([ops.shape(x)[0], 2])
            total += self.dense(x)
            return total * ops.full((None, 1), 3.0)

    model = Plus()
    y = model.predict(X, verbose=0)
    w, b = model.get_weights()
    np.testing.assert_allclose(y, 3 * (X @ w + b), rtol=1e-5, atol=1e-6)


class Named(layers.Layer):
    def __init__(self, units, nested=None, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units, self.nested = units, nested

    def get_config(self):
        return {**super().get_config(), "units": self.hidden_units}

    def call(self, x):
        return x * self.hidden_units


class Unnamed(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def get_config(self):
        return {"factor": self.factor}

    def call(self, x):
        return x * self.factor


def test_get_config_of_a_class_of_ones_own_adds_to_that_of_the_library():
    assert Named.from_config(Named(3, name="n").get_config()).get_config() == Named(3, name="n").get_config()
    assert set(Named(3).get_config()) == {"name", "trainable", "dtype", "units"}


def test_a_config_without_a_name_is_enough_for_a_graph():
    x = pydl.Input((4,))
    model = pydl.Model(x, Unnamed(2.0)(Unnamed(3.0)(x)))
    copy = pydl.Model.from_config(model.get_config(), custom_objects={"Unnamed": Unnamed})
    np.testing.assert_allclose(copy.predict(X, verbose=0), 6 * X, rtol=1e-6)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]


def test_dropout_of_a_value_with_a_history_has_a_gradient():
    class Drop(layers.Layer):
        def call(self, x, training=False):
            return pydl.random.dropout(x, 0.5, seed=1) if training else x

    model = pydl.Sequential([pydl.Input((4,)), layers.Dense(8), Drop(), layers.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.1), "mse")
    gradient = next(g for g in model.gradients(X, Y).values() if g.shape == (4, 8))
    kept = pydl.random.dropout(np.ones((32, 8), "float32"), 0.5, seed=1)
    w1, b1, w2, b2 = model.get_weights()
    h = (X @ w1 + b1) * kept
    dy = 2 * (h @ w2 + b2 - Y) / len(X)
    np.testing.assert_allclose(gradient, X.T @ (dy @ w2.T * kept), rtol=1e-3, atol=1e-5)


def test_a_picture_that_nobody_asked_for_is_left_out_with_a_warning(monkeypatch, tmp_path):
    pydot = pytest.importorskip("pydot")

    def lacking(*args, **kwargs):
        raise FileNotFoundError("dot")

    monkeypatch.setattr(pydot.Dot, "write", lacking)
    model = pydl.Sequential([pydl.Input((3,)), layers.Dense(1)])
    with pytest.warns(UserWarning, match="Graphviz's program `dot` is not there"):
        assert pydl.utils.plot_model(model) is None
    with pytest.raises(ImportError, match="Graphviz's program `dot` is not there"):
        pydl.utils.plot_model(model, to_file=str(tmp_path / "asked.png"))


def test_a_keras_tensor_is_what_layers_are_called_on():
    x = pydl.KerasTensor((None, 5, 4))
    y = layers.GlobalMaxPooling1D()(x)
    assert isinstance(y, pydl.KerasTensor)
    assert y.shape == (None, 4)
    assert layers.Dense(3).compute_dtype == layers.Dense(3).variable_dtype == "float32"


class Kept(layers.Layer):
    """With a mask that its code does without, and a flag."""

    def call(self, x, mask, training=None):
        return x * (1 if training else 2) if mask is None else x


@pytest.mark.parametrize(("training", "factor"), [(None, 2), (False, 2), (True, 1)])
def test_code_on_arrays_is_given_its_flags(training, factor):
    np.testing.assert_array_equal(Kept()(X, training=training), X * factor)


def test_layers_on_the_host_take_inputs_by_name_and_need_them():
    texts = np.array(["a", "b"])
    np.testing.assert_array_equal(layers.Hashing(3)(inputs=texts), layers.Hashing(3)(texts))
    with pytest.raises(TypeError, match="inputs"):
        layers.Hashing(3)()


def test_what_numpy_shall_do_besides_is_not_ignored():
    x = pydl.Input((4,))
    sums = X[:1]
    sums += x  # the sum as a tensor
    assert pydl.Model(x, sums).predict(X).tolist() == (X[:1] + X).tolist()
    with pytest.raises(TypeError):
        np.add(X[:1], x, where=np.array([True, False, True, False]))


@pytest.mark.parametrize("merge", [layers.Add, layers.Multiply, layers.Maximum, layers.Minimum, layers.Concatenate])
def test_a_merge_of_one_tensor_is_loaded_as_it_was_saved(merge, tmp_path):
    x = pydl.Input((4,))
    model = pydl.Model(x, merge()([x]))
    model.save(tmp_path / "m.safetensors")
    assert pydl.models.load_model(tmp_path / "m.safetensors").predict(X).tolist() == X.tolist()

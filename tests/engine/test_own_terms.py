"""Terms of the loss, and more, from code of one's own in layers and models."""

import numpy as np
import pytest

import pydl
from pydl import layers, ops
from tests.engine.own_code import X, Y, compiled


class Spread(layers.Layer):
    """Adds the mean square of its input to the loss, from code on arrays."""

    def call(self, x):
        self.add_loss(0.5 * ops.mean(ops.square(x)))
        return x


class Holder(pydl.Model):
    """Adds it from the graph of its layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(5, "tanh"), layers.Dense(2)

    def call(self, x):
        h = self.a(x)
        self.add_loss(0.5 * ops.mean(ops.square(h)))
        return self.b(h)


def test_what_is_added_to_the_loss_is_trained_and_reported(tmp_path):
    x, t = pydl.Input((4,)), X[:, :2]
    regular = layers.Dense(5, "tanh", activity_regularizer=pydl.regularizers.L2(0.5 / 5))  # a sum over units, no mean
    of_layer = pydl.Sequential([pydl.Input((4,)), layers.Dense(5, "tanh"), Spread(), layers.Dense(2)])
    wanted = compiled(pydl.Model(x, layers.Dense(2)(regular(x))))
    holder = Holder()
    holder.build((None, 4))
    for model in (compiled(of_layer), compiled(holder)):
        model.set_weights(wanted.get_weights())
        loss, gradients = model.loss_and_gradients(X, t)
        expected, right = wanted.loss_and_gradients(X, t)
        assert loss == pytest.approx(expected, rel=1e-5)
        for a, b in zip(gradients.values(), right.values(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert model.evaluate(X, t, verbose=0) == pytest.approx(expected, rel=1e-5)
        model.save(tmp_path / "m.safetensors")
        again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"Spread": Spread})
        assert again.evaluate(X, t, verbose=0) == pytest.approx(expected, rel=1e-5)
    copy = compiled(pydl.models.clone_model(holder))
    copy.set_weights(holder.get_weights())
    assert copy.evaluate(X, t, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_what_a_layer_on_arrays_adds():
    layer = Spread()
    layer(np.full((3, 2), 2.0))
    assert [float(v) for v in layer.losses] == [2.0]
    with pytest.raises(ValueError, match="call it in call"):
        layer.add_loss(pydl.Input((3,)))


def test_a_penalty_of_an_output_by_a_function():
    def cube(x):
        return ops.sum(ops.abs(x) ** 3)

    model = compiled(pydl.Sequential([pydl.Input((4,)), layers.Dense(2, activity_regularizer=cube)]))
    plain = compiled(pydl.Sequential([pydl.Input((4,)), layers.Dense(2)]))
    plain.set_weights(model.get_weights())
    added = np.mean(np.sum(np.abs(plain.predict(X).astype(float)) ** 3, axis=1))
    t = X[:, :2]
    assert model.test_on_batch(X, t) == pytest.approx(plain.test_on_batch(X, t) + added, rel=1e-5)
    y, kernel = plain.predict(X), model.gradients(X, t)
    (name, first), (_, second) = next(iter(kernel.items())), next(iter(plain.gradients(X, t).items()))
    assert name.endswith("kernel")
    np.testing.assert_allclose(first - second, X.T @ (3 * y * np.abs(y)) / 64, rtol=1e-3, atol=1e-5)


def test_a_term_added_to_a_graph(tmp_path):
    x = pydl.Input((4,))
    h = layers.Dense(5, "tanh")(x)
    model = compiled(pydl.Model(x, layers.Dense(2)(h)))
    before, _ = model.loss_and_gradients(X, X[:, :2])
    model.evaluate(X, X[:, :2], verbose=0)
    model.add_loss(0.5 * ops.mean(ops.square(h)))
    term = 0.5 * np.mean(np.square(pydl.Model(x, h)(X)))
    found, gradients = model.loss_and_gradients(X, X[:, :2])
    assert found == pytest.approx(before + term, rel=1e-5)
    assert model.evaluate(X, X[:, :2], verbose=0) == pytest.approx(found, rel=1e-5)
    kernel = model.weights[0]
    value = kernel.numpy().astype(np.float64)
    step = np.zeros_like(value)
    step[1, 2] = 1e-2
    losses = []
    for moved in (value + step, value - step):
        kernel.assign(moved)
        losses.append(model.loss_and_gradients(X, X[:, :2])[0])
    kernel.assign(value)
    assert gradients[kernel.path][1, 2] == pytest.approx((losses[0] - losses[1]) / 2e-2, rel=2e-2)
    model.save(tmp_path / "m.safetensors")
    with pytest.warns(UserWarning, match="added_loss.*which Keras lacks"):
        model.save(tmp_path / "m.keras")
    for name in ("m.safetensors", "m.keras"):
        again = pydl.models.load_model(tmp_path / name)
        assert again.evaluate(X, X[:, :2], verbose=0) == pytest.approx(found, rel=1e-5), name


def test_code_that_changes_its_input_in_place_leaves_it_as_it_was():
    class Centred(layers.Layer):
        def call(self, x):
            x -= ops.mean(x, axis=-1, keepdims=True)
            x *= 2.0
            return x

    x = pydl.Input((4,))
    h = layers.Dense(5)(x)
    model = pydl.Model(x, [Centred()(h), h])
    centred, plain = model.predict(X)
    np.testing.assert_allclose(plain, pydl.Model(x, h)(X), rtol=1e-6)
    np.testing.assert_allclose(centred, 2 * (plain - plain.mean(axis=-1, keepdims=True)), rtol=1e-5, atol=1e-6)
    given = X.copy()
    Centred()(given)
    np.testing.assert_array_equal(given, X)


def test_a_model_whose_build_makes_its_layers():
    class Net(pydl.Model):
        def build(self, input_shape):
            self.dense = layers.Dense(input_shape[-1])

        def call(self, x):
            return self.dense(x)

    model = compiled(Net())
    model.fit(X, X, verbose=0)
    assert model.predict(X).shape == X.shape
    assert Net()(pydl.Input((5,))).shape == (None, 5)


class Rows(layers.Layer):
    """Adds a number for each row to the loss."""

    def __init__(self, holding, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(4, kernel_initializer="ones") if holding else None

    def call(self, x):
        h = x if self.inner is None else self.inner(x)
        self.add_loss(ops.sum(h, axis=-1))
        self.add_loss(0.5 * ops.mean(h))
        return h


@pytest.mark.parametrize("holding", [False, True])
def test_several_numbers_for_the_loss_are_summed(holding, float64):
    """As in Keras; one number for the batch counts once."""
    model = compiled(pydl.Sequential([pydl.Input((4,)), layers.Dense(4), Rows(holding)]), None)
    h = model.predict(X)
    assert model.evaluate(X, verbose=0, batch_size=64) == pytest.approx(h.sum() + 0.5 * h.mean())
    kernel = model.layers[0].kernel
    gradient, value = model.gradients(X, None)[kernel.path], kernel.numpy()
    found = []
    for sign in (1, -1):
        moved = value.copy()
        moved[0, 0] += sign * 1e-6
        kernel.assign(moved)
        found.append(model.test_on_batch(X))
    assert gradient[0, 0] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-5)


def test_shapes_for_build_one_by_one():
    class Both(layers.Layer):
        def build(self, x_shape, c_shape):
            self.w = self.add_weight((c_shape[-1], x_shape[-1]), "ones", name="w")

        def call(self, x, c):
            return x + ops.matmul(c, self.w)

    x, c = pydl.Input((4,)), pydl.Input((2,))
    model = pydl.Model([x, c], Both()(x, c))
    np.testing.assert_allclose(model.predict([X, X[:, :2]]), X + X[:, :2].sum(1, keepdims=True), rtol=1e-5, atol=1e-6)


def test_a_model_of_ones_own_from_its_config():
    class Sized(pydl.Model):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units, self.head = units, layers.Dense(units)

        def call(self, x):
            return self.head(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = Sized(5, name="five")
    assert Sized.from_config(model.get_config()).units == 5
    model.build((None, 4))
    again = Sized.from_config(model.get_config())
    assert (type(again), again.units, again.name, again.built) == (Sized, 5, "five", False)
    assert again(X).shape == (64, 5)


class Inside(layers.Layer):
    def call(self, x):
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return 1.5 * x


class Ends(pydl.Model):
    """Of several inputs and outputs, with terms of the loss of its own, of a weight and of a layer in it."""

    def __init__(self, counts):
        super().__init__()
        self.hidden, self.inside = layers.Dense(5, "tanh"), Inside()
        self.p, self.q = layers.Dense(2), layers.Dense(3, "softmax")
        if counts:
            self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, given):
        if hasattr(self, "steps"):
            self.steps.assign_add(1.0)
        h = self.inside(self.hidden(ops.concatenate([given["a"], given["b"]], axis=-1)))
        self.add_loss(0.01 * ops.sum(ops.square(self.hidden.kernel)))
        return {"p": self.p(h), "q": self.q(h)}


def test_a_model_of_code_trains_as_its_graph_would(float64):
    a, b = X[:20], X[20:40, :3]
    y, weights = {"p": X[40:60, :2], "q": Y[:20]}, {"p": np.linspace(0, 2, 20), "q": np.linspace(1, 0, 20)}
    models = [Ends(counts) for counts in (True, False)]
    for model in models:
        model.build({"a": (None, 4), "b": (None, 3)})
        losses = {"p": "mse", "q": "sparse_categorical_crossentropy"}
        metrics = {"q": ["accuracy"], "p": ["mae"]}
        model.compile(pydl.optimizers.SGD(0.1), losses, metrics=metrics, loss_weights={"p": 2.0, "q": 0.5})
    of_code = [v for v in models[0].weights if v.name != "steps"]
    for v, w in zip(of_code, models[1].weights, strict=True):
        v.assign(w.numpy())
    data = {"a": a, "b": b}
    histories = [
        model.fit(data, y, sample_weight=weights, epochs=2, batch_size=8, shuffle=False, verbose=0).history
        for model in models
    ]
    for name, values in histories[1].items():
        assert histories[0][name] == pytest.approx(values)
    assert models[0].evaluate(data, y, verbose=0) == pytest.approx(models[1].evaluate(data, y, verbose=0))
    for v, w in zip(of_code, models[1].weights, strict=True):
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-10)

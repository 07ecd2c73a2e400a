"""Layers, models and losses of one's own, written with pydl.ops and other layers."""

import copy
import pickle

import numpy as np
import pytest

import pydl
from pydl import layers, ops

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X.sum(1) > 0).astype(int) + (X[:, 0] > 0.5)


class Linear(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], self.units), name="w")
        self.b = self.add_weight((self.units,), "zeros", name="b")

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.drop, self.last = Linear(8), layers.Dropout(0.4), layers.Dense(3, "softmax")

    def call(self, x, training=False):
        x = ops.tanh(self.first(x))
        if training:
            x = self.drop(x)
        return self.last(x)


def compiled(model, loss="mse"):
    model.compile(pydl.optimizers.SGD(0.1), loss)
    return model


def same(first, second):
    """Gradients of two models with the same weights, one by one."""
    second.set_weights(first.get_weights())
    t = np.random.default_rng(1).normal(size=(64, *first.outputs[0].shape[1:]))
    pairs = zip(first.gradients(X, t).values(), second.gradients(X, t).values(), strict=True)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs)


def test_a_layer_without_backward_has_the_gradients_of_dense():
    x, z = pydl.Input((4,)), pydl.Input((4,))
    own = compiled(pydl.Model(x, layers.Dense(2)(Linear(3)(x))))
    assert same(own, compiled(pydl.Model(z, layers.Dense(2)(layers.Dense(3)(z)))))


def test_a_layer_of_layers_is_the_graph_of_them():
    pydl.utils.set_random_seed(0)
    model = compiled(pydl.Sequential([pydl.Input((4,)), Block()]), "sparse_categorical_crossentropy")
    z = pydl.Input((4,))
    hidden = layers.Dropout(0.4)(layers.Dense(8, "tanh")(z))
    wanted = compiled(pydl.Model(z, layers.Dense(3, "softmax")(hidden)), "sparse_categorical_crossentropy")
    wanted.set_weights(model.get_weights())
    for m in (model, wanted):
        m.seed = 7
    histories = [m.fit(X, Y, epochs=4, verbose=0).history["loss"] for m in (model, wanted)]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    np.testing.assert_allclose(model(X), wanted(X), rtol=1e-5)


def test_what_a_layer_of_layers_weighs_and_saves(tmp_path):
    model = compiled(pydl.Sequential([pydl.Input((4,)), Block()]))
    assert [v.path.split("/", 1)[1].split("/")[-1] for v in model.weights] == ["w", "b", "kernel", "bias"]
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"Block": Block})
    np.testing.assert_array_equal(again(X), model(X))


def test_the_shape_of_what_call_returns_is_found():
    class Pairs(layers.Layer):
        def call(self, inputs):
            a, b = inputs
            return ops.concatenate([a, a * b], axis=-1), ops.sum(a, axis=-1, keepdims=True)

    x = pydl.Input((5, 2))
    y, z = Pairs()([x, x])
    assert (y.shape, z.shape) == ((None, 5, 4), (None, 5, 1))


def test_random_numbers_of_a_layer_are_new_in_each_step():
    seen = []

    class Noise(layers.Layer):
        def call(self, mean):
            noise = np.random.default_rng(len(seen)).normal(size=ops.shape(mean))
            seen.append(noise)
            return mean + 0.1 * noise

    x = pydl.Input((4,))
    model = compiled(pydl.Model(x, layers.Dense(1)(Noise()(layers.Dense(4)(x)))))
    model.fit(X, X[:, :1], batch_size=32, verbose=0)
    assert not np.array_equal(seen[-1], seen[-2])


def test_code_that_needs_values_says_why_it_cannot_be_trained():
    class Branch(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.a = layers.Dense(2)

        def call(self, x):
            return self.a(np.asarray(x))

    x = pydl.Input((4,))
    model = compiled(pydl.Model(x, Branch(name="branch")(x)))
    assert model.predict(X).shape == (64, 2)
    with pytest.raises(ValueError, match=r'layer "branch" cannot be trained: .*nor could the layers that Branch\.call'):
        model.fit(X, X[:, :2], verbose=0)


# ---- models ---------------------------------------------------------------------------------------------------------
class Net(pydl.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(3, "softmax")
        self.hidden = [layers.Dense(6, "relu"), layers.Dense(5, "relu")]
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=False):
        for layer in self.hidden:
            x = layer(x)
        if training:
            x = self.drop(x, training=training)
        return self.head(x)


def test_a_model_is_the_graph_that_its_call_amounts_to(tmp_path):
    model = compiled(Net(), "sparse_categorical_crossentropy")
    assert not model.built
    loss = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    assert [layer.units for layer in model.layers if isinstance(layer, layers.Dense)] == [3, 6, 5]
    assert model(X[:2]).shape == (2, 3)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again(X), model(X))


@pytest.mark.parametrize("form", [list, dict])
def test_several_inputs_and_outputs(form):
    class Two(pydl.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = layers.Dense(4), layers.Dense(1), layers.Dense(2)

        def call(self, inputs):
            u, v = inputs if form is list else (inputs["u"], inputs["v"])
            h = self.a(u) + self.a(v)
            return {"p": self.b(h), "q": self.c(ops.concatenate([h, u], axis=-1))}

    data = [X, 2 * X] if form is list else {"v": 2 * X, "u": X}
    model = Two()
    model.compile("adam", {"p": "mse", "q": "mae"})
    model.fit(data, {"q": X[:, :2], "p": X[:, :1]}, verbose=0)
    assert {k: v.shape for k, v in model.predict(data).items()} == {"p": (64, 1), "q": (64, 2)}
    kernel, bias = model.a.get_weights()
    p, p_bias = model.b.get_weights()
    np.testing.assert_allclose(model.predict(data)["p"], (3 * X @ kernel + 2 * bias) @ p + p_bias, rtol=1e-4, atol=1e-5)


def test_a_model_within_a_model():
    x = pydl.Input((4,))
    outer = compiled(pydl.Model(x, layers.Dense(1)(Net()(x))))
    assert outer.count_params() == 4 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3 + 3 + 1
    outer.fit(X, X[:, :1], verbose=0)


class Twofold(pydl.Model):
    """Another function in training, which layers that take `training` cannot say."""

    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(3, "tanh"), layers.Dense(2)

    def call(self, x, training=False):
        h = self.a(x)
        return self.b(2 * h if training else h)


class Counts(pydl.Model):
    """Changes a weight in each step, and chooses by the data."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = layers.Dense(3, "tanh"), layers.Dense(2), layers.BatchNormalization()
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, x, training=False):
        h = self.norm(self.a(x), training=training)
        if training:
            self.steps.assign_add(1.0)
        if self.steps > 1e6 or ops.sum(h) > 1e6:
            h = 0 * h
        return {"y": self.b(h)}


def test_code_that_is_no_graph_runs_in_every_step():
    model, z = Twofold(), pydl.Input((4,))
    model.build((None, 4))
    hidden = layers.Dense(3, "tanh")(z)
    plain = pydl.Model(z, layers.Dense(2)(2 * hidden))
    plain.set_weights(model.get_weights())
    for m in (model, plain):
        compiled(m).fit(X, X[:, :2], epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    kernel, bias, last, last_bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), np.tanh(X @ kernel + bias) @ last + last_bias, rtol=1e-4, atol=1e-5)


def test_what_a_model_of_code_is(tmp_path):
    pytest.importorskip("h5py")
    model = Counts()
    compiled(model, {"y": "mse"}).fit(X, {"y": X[:, :2]}, batch_size=16, epochs=3, verbose=0)
    assert model.steps.numpy() == 12
    assert [layer.name for layer in model.layers] == [model.a.name, model.b.name, model.norm.name]
    assert model.weights[0].name == "steps"
    assert len(model.weights) == 9
    assert model.count_params() == 1 + 15 + 8 + 12
    assert model.evaluate(X, {"y": X[:, :2]}, verbose=0) > 0
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        before = model.a.get_weights()
        compiled(same, {"y": "mse"}).fit(X, {"y": X[:, :2]}, verbose=0)
        assert same.steps.numpy() == 14
        assert not np.array_equal(same.a.get_weights()[0], before[0])
        np.testing.assert_array_equal(model.a.get_weights()[0], before[0])
    with pytest.raises(NotImplementedError, match=r"no graph that a file could hold.*save_weights"):
        model.save(tmp_path / "m.keras")
    for name in ("m.safetensors", "m.weights.h5"):
        model.save_weights(tmp_path / name)
        again = Counts()
        again.build((None, 4))
        again.load_weights(tmp_path / name)
        np.testing.assert_array_equal(again.predict(X)["y"], model.predict(X)["y"])


def test_call_without_tensors():
    class Empty(pydl.Model):
        def call(self, x):
            return None

    with pytest.raises(ValueError, match="expected a tensor, or a list or dict of them"):
        Empty().build((None, 4))


# ---- losses and Lambda ----------------------------------------------------------------------------------------------
def rows(t, y):
    return ops.mean(ops.square(t - y), axis=-1)


def whole(t, y):
    return ops.mean(ops.square(t - y))


def elements(t, y):
    return (t - y) ** 2


@pytest.mark.parametrize("loss", [rows, whole, elements])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_function_as_a_loss(loss, weighted):
    w = np.linspace(0, 2, 64, dtype="float32") if weighted else None
    figures = []
    for given in ("mse", loss):
        model = compiled(pydl.Sequential([layers.Dense(3, "tanh", input_dim=4), layers.Dense(2)]), given)
        model.set_weights([np.full(v.shape, 0.2 + 0.1 * i) for i, v in enumerate(model.weights)])
        figures.append(model.fit(X, X[:, :2], epochs=3, shuffle=False, verbose=0, sample_weight=w).history["loss"])
    if weighted and loss is whole:  # one number for the batch counts as much as the batch weighs, as in Keras
        model = compiled(pydl.Sequential([layers.Dense(2, input_dim=4)]), loss)
        model.set_weights([np.full(v.shape, 0.2) for v in model.weights])
        first, gradients = model.loss_and_gradients(X, X[:, :2], np.full(64, 3.0))
        plain, wanted = model.loss_and_gradients(X, X[:, :2])
        assert first == pytest.approx(3 * plain)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, 3 * wanted[name], rtol=1e-5)
    else:
        np.testing.assert_allclose(*figures, rtol=1e-5)


def test_a_loss_by_class_numbers_and_one_that_is_saved(tmp_path):
    def crossentropy(t, y):
        return ops.sparse_categorical_crossentropy(t, y, from_logits=True)

    model = compiled(pydl.Sequential([layers.Dense(3, input_dim=4)]), crossentropy)
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"crossentropy": crossentropy})
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    z = model.predict(X).astype(float)
    wanted = np.mean(np.log(np.exp(z).sum(-1)) - z[np.arange(64), Y])
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(wanted, rel=1e-5)


def test_a_loss_of_another_shape_and_one_without_a_name(tmp_path):
    model = compiled(pydl.Sequential([layers.Dense(3, input_dim=4)]), lambda t, y: ops.matmul(t, ops.transpose(y)))
    with pytest.raises(ValueError, match=r"a result of shape \(32, 32\) has the samples twice"):
        model.fit(X, X[:, :3], verbose=0)
    model.compile("sgd", lambda t, y: ops.sum(t - y, axis=0, keepdims=True))
    with pytest.raises(ValueError, match=r"expected a value for each row, \(32,\)"):
        model.fit(X, X[:, :3], verbose=0)
    with pytest.raises(TypeError, match="give the function a name with def"):
        model.save(tmp_path / "m.safetensors")


def double(x):
    return x * 2 + ops.sin(x)


def test_lambda(tmp_path):
    model = compiled(pydl.Sequential([layers.Dense(3, input_dim=4), layers.Lambda(double)]))
    np.testing.assert_allclose(model(X), double(X @ model.get_weights()[0]), rtol=1e-5, atol=1e-6)
    before = model.evaluate(X, X[:, :3], verbose=0)
    model.fit(X, X[:, :3], epochs=5, verbose=0)
    assert model.evaluate(X, X[:, :3], verbose=0) < before
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"double": double})
    np.testing.assert_array_equal(again(X), model(X))
    with pytest.raises(TypeError, match="give the function a name with def"):
        layers.Lambda(lambda x: x).get_config()
    with pytest.raises(TypeError, match="expected a function"):
        layers.Lambda(3)


# ---- weights in code ------------------------------------------------------------------------------------------------
WAYS = {
    "a function": lambda y, s: y * ops.exp(s),
    "NumPy's function": lambda y, s: y * np.exp(s),
    "minus": lambda y, s: y * (-s),
    "a number first": lambda y, s: 2 * s * y,
    "the weight first": lambda y, s: s * 2 + y,
    "an index": lambda y, s: y + s[0],
    "its value": lambda y, s: y * s.value,
    "an activation": lambda y, s: y * ops.softmax(s) + ops.tanh(s),
    "activations of several steps": lambda y, s: pydl.activations.relu(s, 0.1, 0.9, 0.2) * y + ops.relu(s, max_value=9),
    "a threshold": lambda y, s: y * pydl.activations.threshold(s, 0.5, 2.0) + ops.erf(s),
    "parts": lambda y, s: y * ops.concatenate(ops.split(s, 3)[::-1]),
    "a tensor": lambda y, s: y * ops.convert_to_tensor(s),
    "a number everywhere": lambda y, s: y * ops.full((3,), s[0]),
    "several steps": lambda y, s: y * ops.sum(ops.square(s)) + ops.concatenate([s[:1], -s[1:]]),
}


class Mixed(layers.Layer):
    """Of a layer and a weight of its own."""

    def __init__(self, way, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.way = layers.Dense(3), way

    def build(self, input_shape):
        self.s = self.add_weight((3,), "ones", name="s")

    def call(self, x):
        return WAYS[self.way](self.inner(x), self.s)


class Alone(Mixed):
    """Of weights only."""

    def __init__(self, way, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self.way = way

    def build(self, input_shape):
        super().build(input_shape)
        self.k = self.add_weight((4, 3), name="k")

    def call(self, x):
        return WAYS[self.way](ops.matmul(x, self.k), self.s)


# a threshold at the value itself would have no derivative there
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", [Mixed, Alone])
def test_no_gradient_of_a_weight_gets_lost(cls, way, float64):
    model = pydl.Sequential([pydl.Input((4,)), cls(way)])
    model.compile("sgd", "mse")
    t = np.random.default_rng(1).normal(size=(64, 3))
    gradients = model.gradients(X, t)
    assert len(gradients) == len(model.weights)
    for v in model.weights:
        value, at, step = v.numpy(), (0,) * v.ndim, np.zeros(v.shape)
        step[at] = 1e-6
        losses = []
        for moved in (value + step, value - step):
            v.assign(moved)
            losses.append(model.test_on_batch(X, t))
        v.assign(value)
        wanted = (losses[0] - losses[1]) / 2e-6
        assert gradients[v.path][at] == pytest.approx(wanted, rel=1e-4, abs=1e-8)


class OfWeights(layers.Layer):
    """Adds penalties of weights alone to the loss, as Keras's regularizers would."""

    def __init__(self, holding, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(3, kernel_initializer="ones")
        self.holding = holding

    def build(self, input_shape):
        self.k = self.add_weight((4, 3), "ones", name="k")

    def call(self, x):
        weight = self.k
        y = ops.matmul(x, self.k)
        if self.holding:
            y = self.inner(x)
            weight = self.inner.kernel
        self.add_loss([0.5 * ops.sum(ops.square(weight)), 2.0])
        return y


@pytest.mark.parametrize("holding", [False, True])
@pytest.mark.parametrize("by", ["layer", "model"])
def test_penalties_of_weights_alone(holding, by, float64):
    class Whole(pydl.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3, kernel_initializer="ones")

        def call(self, x):
            y = self.inner(x)
            self.add_loss([0.5 * ops.sum(ops.square(self.inner.kernel)), 2.0])
            return y

    model = Whole() if by == "model" else pydl.Sequential([pydl.Input((4,)), OfWeights(holding)])
    plain = pydl.Sequential([pydl.Input((4,)), layers.Dense(3, "linear", by == "model" or holding, "ones")])
    t = X[:, :3].astype(float)
    for m in (model, plain):
        m.compile("sgd", "mse")
    assert model.evaluate(X, t, verbose=0) == pytest.approx(plain.evaluate(X, t, verbose=0) + 8)
    found, wanted = list(model.gradients(X, t).values()), list(plain.gradients(X, t).values())
    np.testing.assert_allclose(found[0], wanted[0] + 1, rtol=1e-9)


class Told(layers.Layer):
    """Asks for the size of the batch."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(3)

    def call(self, x):
        n = ops.cast(ops.shape(x)[0], "float32")
        self.add_loss(ops.sum(ops.square(x)) / n)
        return self.inner(x)


def test_the_size_of_the_batch_is_a_number():
    model = compiled(pydl.Sequential([pydl.Input((4,)), Told()]), None)
    assert model.evaluate(X, batch_size=16, verbose=0) == pytest.approx(np.square(X).sum(1).mean(), rel=1e-5)


TOKENS = {
    "broadcast_to": lambda c, n: ops.broadcast_to(c, (n, 1, 3)),
    "tile": lambda c, n: ops.tile(c, [n, 1, 1]),
    "repeat": lambda c, n: ops.repeat(c, n, axis=0),
    "of a function": lambda c, n: ops.tile(ops.exp(c), (n, 1, 1)),
}


@pytest.mark.parametrize("way", TOKENS)
def test_a_token_for_each_sample(way, float64):
    """As transformers put it before the patches of an image."""

    class Tokens(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.token = layers.Dense(3), self.add_weight((1, 1, 3), name="token")

        def call(self, x):
            return ops.concatenate([TOKENS[way](self.token, ops.shape(x)[0]), self.inner(x)], axis=1)

    x, t = X.reshape(16, 4, 4).astype(float), X[:16, :1].astype(float)
    model = compiled(pydl.Sequential([pydl.Input((4, 4)), Tokens(), layers.Flatten(), layers.Dense(1)]))
    token = model.layers[0].token
    token.assign(np.ones((1, 1, 3)))
    gradient, losses = model.gradients(x, t)[token.path], []
    for moved in (1 + 1e-6, 1 - 1e-6):
        token.assign([[[moved, 1, 1]]])
        losses.append(model.test_on_batch(x, t))
    assert gradient[0, 0, 0] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)


def test_what_gathers_in_an_array_of_zeros_has_a_gradient():
    def gathered(t, y):
        total = ops.zeros_like(y[:, 0])
        for i in range(3):
            total += ops.square(t[:, i] - y[:, i])
        return total / 3

    model = compiled(pydl.Sequential([layers.Dense(3, input_dim=4)]), gathered)
    assert same(model, compiled(pydl.Sequential([layers.Dense(3, input_dim=4)])))


# ---- terms of the loss ----------------------------------------------------------------------------------------------
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


# ---- layers on constants and weights --------------------------------------------------------------------------------
POSITIONS = {
    "arange": lambda self, x: ops.arange(0, ops.shape(x)[-1], 1),
    "NumPy's": lambda self, x: np.arange(5),
    "kept": lambda self, x: self.places,
    "with an axis": lambda self, x: ops.expand_dims(ops.arange(5), 0),
}


class Placed(layers.Layer):
    """Tokens and their places, as Keras's examples embed them."""

    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.tokens, self.places_of, self.kind = layers.Embedding(6, 3), layers.Embedding(5, 3), kind
        self.places = np.arange(5)

    def call(self, x):
        return self.tokens(x) + self.places_of(POSITIONS[self.kind](self, x))


class PlacedModel(pydl.Model):
    def __init__(self):
        super().__init__()
        self.tokens, self.places_of = layers.Embedding(6, 3), layers.Embedding(5, 3)
        self.mean, self.head = layers.GlobalAveragePooling1D(), layers.Dense(1)

    def call(self, x):
        return self.head(self.mean(self.tokens(x) + self.places_of(ops.arange(5))))


@pytest.mark.parametrize("kind", [*POSITIONS, "model"])
def test_a_layer_on_constants_is_trained(kind, float64):
    codes, t = np.random.default_rng(0).integers(0, 6, (20, 5)), X[:20, :1].astype(float)
    if kind == "model":
        model = PlacedModel()
        model.build((None, 5))
        tokens, places, kernel, bias = model.weights
    else:
        x = pydl.Input((5,), dtype="int32")
        model = pydl.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(Placed(kind)(x))))
        tokens, places, kernel, bias = model.weights
    assert places.shape == (5, 3)
    for i, v in enumerate(model.weights):
        v.assign(np.random.default_rng(i).normal(size=v.shape))
    y = model.predict(codes)
    means = (tokens.numpy()[codes] + places.numpy()).mean(axis=1)
    np.testing.assert_allclose(y, means @ kernel.numpy() + bias.numpy())
    compiled(model)
    gradients = model.gradients(codes, t)
    assert len(gradients) == 4
    dy = 2 * (y - t) / len(t)
    wanted = np.repeat((dy * kernel.numpy().T / 5).sum(axis=0, keepdims=True), 5, axis=0)
    np.testing.assert_allclose(gradients[places.path], wanted, rtol=1e-9)


OF_WEIGHTS = {
    "a layer": lambda self, x: x @ layers.UnitNormalization()(self.w),
    "an activation that is held": lambda self, x: x @ self.act(self.w),
    "a layer with weights": lambda self, x: x @ self.inner(self.w),
    "both ways": lambda self, x: self.inner(x) @ self.inner(self.w),
    "an array first": lambda self, x: x + ops.sum(ops.matmul(np.arange(16.0).reshape(4, 4), self.w), axis=0),
    "NumPy's product": lambda self, x: x + ops.sum(np.arange(16.0).reshape(4, 4) @ self.w, axis=0),
    "a penalty": lambda self, x: self.penalised(self.w, x @ self.w),
    "a penalty of a tensor": lambda self, x: self.penalised(x @ self.w, self.inner(x)),
}


class OnWeights(layers.Layer):
    def __init__(self, way, **kwargs):
        super().__init__(**kwargs)
        self.way, self.inner, self.act = way, layers.Dense(4, "tanh"), layers.Activation("sigmoid")

    def build(self, input_shape):
        self.w = self.add_weight((4, 4), name="w")

    def penalised(self, w, y):
        self.add_loss(pydl.regularizers.L1L2(0.1, 0.2)(w))
        return y

    def call(self, x):
        return OF_WEIGHTS[self.way](self, x)


@pytest.mark.parametrize("way", OF_WEIGHTS)
def test_layers_and_penalties_of_weights(way, float64):
    own = OnWeights(way)
    model = compiled(pydl.Sequential([pydl.Input((4,)), own, layers.Dense(2)]))
    x, t = X[:8].astype(float), X[:8, :2].astype(float)
    gradients = model.gradients(x, t)
    assert own.w.path in gradients
    for v in model.trainable_weights:
        value, found = v.numpy(), []
        for sign in (1, -1):
            moved = value.copy()
            moved[(0,) * v.ndim] += sign * 1e-6
            v.assign(moved)
            found.append(model.test_on_batch(x, t))
        v.assign(value)
        wanted = (found[0] - found[1]) / 2e-6
        assert gradients[v.path][(0,) * v.ndim] == pytest.approx(wanted, rel=1e-4, abs=1e-7)


def test_a_model_of_code_in_another():
    class Outer(pydl.Model):
        def __init__(self):
            super().__init__()
            self.first, self.inner, self.last = layers.Dense(4), Counts(), layers.Dense(1)

        def call(self, x, training=False):
            return self.last(self.inner(self.first(x) + 0, training=training)["y"])

    model = Outer()
    model.predict(X)
    compiled(model).fit(X, X[:, :1], batch_size=32, verbose=0)
    assert model.inner.steps.numpy() == 2
    assert len(model.trainable_weights) == 10

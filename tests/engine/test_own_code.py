"""Layers, models and losses of one's own, written with pydl.ops and other layers."""

import copy
import pickle

import numpy as np
import pytest

import pydl
from pydl import layers, ops
from tests.engine.own_code import Counts, X, Y, compiled, same


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
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        before = model.a.get_weights()
        compiled(copied, {"y": "mse"}).fit(X, {"y": X[:, :2]}, verbose=0)
        assert copied.steps.numpy() == 14
        assert not np.array_equal(copied.a.get_weights()[0], before[0])
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

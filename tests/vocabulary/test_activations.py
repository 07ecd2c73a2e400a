"""Activations through their kernels: values, arguments, shapes, dtypes, and what a layer gets from `get`."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from pydl import Input, Sequential, layers, ops
from pydl import activations as a
from pydl._base.registry import custom_object_scope
from pydl._engine.facts import activations, run_op
from pydl._engine.tape import Tape
from tests.numpy_forward import ACTIVATIONS

X = np.concatenate([np.linspace(-9, 9, 181), [0.0, -0.0, 1e-30, 30.0, -30.0]])


# What is called, the name of its kernel, and that one's parameter.
CALLS = {
    "linear": (a.linear, "linear", 0.0),
    **{name: (getattr(a, name), name, alpha) for name, alpha in activations().items() if name != "gelu_tanh"},
    "gelu tanh": (lambda x: a.gelu(x, approximate=True), "gelu_tanh", 0.0),
    "swish": (a.swish, "silu", 0.0),
    "leaky_relu 0.5": (lambda x: a.leaky_relu(x, negative_slope=0.5), "leaky_relu", 0.5),
    "elu 2": (lambda x: a.elu(x, alpha=2.0), "elu", 2.0),
    "celu 2": (lambda x: a.celu(x, alpha=2.0), "celu", 2.0),
    "hard_shrink 1": (lambda x: a.hard_shrink(x, threshold=1.0), "hard_shrink", 1.0),
    "soft_shrink 1": (lambda x: a.soft_shrink(x, threshold=1.0), "soft_shrink", 1.0),
    "hard_swish": (a.hard_swish, "hard_silu", 0.0),
}


# The kernels' own tests bound their errors in units in the last place; here the right kernel is to be called rightly.
# 1e-5: some hundred float32 roundings; absolute near zero, where a term of size one cancels.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("name", CALLS)
def test_values(name, dtype, tolerance):
    function, kernel, alpha = CALLS[name]
    x = X.astype(dtype)
    y = function(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, ACTIVATIONS[kernel](x.astype(np.float64), alpha), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("arguments", "x", "y"),
    [
        ({"negative_slope": 0.5}, [-2, 0, 3], [-1, 0, 3]),
        ({"max_value": 2.0}, [-2, 1, 3], [0, 1, 2]),
        ({"threshold": 1.0}, [-2, 0.5, 1, 3], [0, 0, 0, 3]),
        ({"threshold": 1.0, "negative_slope": 0.5, "max_value": 2.0}, [-1, 1, 3], [-1, 0, 2]),
    ],
)
def test_relu_in_general(arguments, x, y):
    np.testing.assert_array_equal(a.relu(x, **arguments), y)


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "keras.json").read_text())["activations"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squareplus_gives_the_numbers_of_keras(dtype):
    """Which were computed in float32, below zero as a difference of numbers up to 10: off by 10 eps at most."""
    golden = {name: np.array(values, dtype) for name, values in GOLDEN.items()}
    near = {"rtol": 0, "atol": 10 * np.finfo(np.float32).eps}
    y = a.squareplus(golden["x"])
    np.testing.assert_allclose(y, golden["squareplus_b4"], **near)
    np.testing.assert_allclose(a.squareplus(golden["x"], b=1), golden["squareplus_b1"], **near)
    dx = np.empty_like(y)
    run_op("act_squareplus_bwd", dtype, s=y, dy=np.ones_like(y), dx=dx, alpha=4, B=1, O=y.size)
    np.testing.assert_allclose(dx, golden["squareplus_b4_grad"], **near)


def test_squareplus_of_nothing_is_relu():
    x = np.array([-np.inf, -3, -1e-15, 0, 1e-15, 3, np.inf], np.float32)  # whose squares float32 has
    y, dx = a.squareplus(x, b=0), np.empty_like(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    run_op("act_squareplus_bwd", "float32", s=y, dy=np.ones_like(y), dx=dx, alpha=0, B=1, O=y.size)
    np.testing.assert_array_equal(dx[[0, 1, 3, 5, 6]], [0, 0, 0, 1, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slope_of_squareplus_keeps_its_digits_as_y_falls_to_zero(dtype):
    """y^2 / (y^2 + b / 4) does, while (1 + x / sqrt(x^2 + b)) / 2 cancels."""
    x = -np.logspace(-3, 12, 200).astype(dtype)
    y, dx = a.squareplus(x), np.empty_like(x)
    run_op("act_squareplus_bwd", dtype, s=y, dy=np.ones_like(y), dx=dx, alpha=4, B=1, O=y.size)
    r = np.sqrt(x.astype(np.longdouble) ** 2 + 4)
    exact = 2 / (r * (r - x))
    np.testing.assert_allclose(dx, exact.astype(np.float64), rtol=8 * np.finfo(dtype).eps)


def test_threshold_and_glu():
    np.testing.assert_array_equal(a.threshold([-1.0, 0.5, 2.0], 0.5, -7.0), [-7, -7, 2])
    np.testing.assert_array_equal(np.isnan(a.threshold([np.nan], 0.0, 1.0)), [True])
    x = np.arange(12.0).reshape(2, 2, 3) - 6
    for axis in (0, 1):
        one, other = np.split(x, 2, axis=axis)
        np.testing.assert_allclose(a.glu(x, axis=axis), one / (1 + np.exp(-other)), rtol=1e-13)
    with pytest.raises(ValueError, match="even size along axis -1"):
        a.glu(x)


def test_sparsemax():
    np.testing.assert_allclose(a.sparsemax([[3.0, 2.9, -1], [0, 0, 0]]), [[0.55, 0.45, 0], [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(a.sparsemax(np.array([[9.0, 1], [1, 1]]), axis=0), [[1, 0.5], [0, 0.5]], rtol=1e-13)
    y = a.sparsemax(np.random.default_rng(0).normal(size=(50, 300)) * 3)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-12)


def test_functions_by_name_and_back():
    for name in ("celu", "hard_tanh", "log_sigmoid", "relu6", "sparse_plus", "sparsemax", "tanh_shrink"):
        assert a.serialize(getattr(a, name)) == name
        assert a.deserialize(name) == a.get(getattr(a, name))


def test_nan_stays():
    for arguments in ({}, {"max_value": 1.0}, {"threshold": 1.0}, {"negative_slope": 0.1}):
        assert np.isnan(a.relu([np.nan], **arguments)).all()


@pytest.mark.parametrize("function", [a.softmax, a.log_softmax])
@pytest.mark.parametrize("axis", [-1, 0, 1, 2, -2, (1, 2), (0, -1), (2, 0), (0, 1, 2)])
def test_axis(function, axis):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    reference = special.softmax if function is a.softmax else special.log_softmax
    np.testing.assert_allclose(function(x, axis=axis), reference(x, axis=axis), rtol=1e-13)


def test_any_shape_order_and_kind_of_number():
    x = np.arange(24.0).reshape(2, 3, 4) - 12
    np.testing.assert_array_equal(a.relu(x[:, ::2, ::-1]), np.maximum(x[:, ::2, ::-1], 0))
    np.testing.assert_array_equal(a.relu(x.T), np.maximum(x.T, 0))
    assert a.relu(np.float32(-1)).shape == ()
    assert a.relu([]).shape == (0,)
    assert a.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert a.relu([1, 2]).dtype == np.float32
    assert a.relu(np.array([1, 2])).dtype == np.float32
    assert a.relu(np.array([1.0, 2.0])).dtype == np.float64
    before = x.copy()
    a.relu(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("x", [None, "a", [[1], [1, 2]], [1j]])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(TypeError, match="relu: x must be an array of numbers"):
        a.relu(x)


@pytest.mark.parametrize(
    ("identifier", "name", "kernel", "alpha"),
    [
        (None, "linear", None, 0.0),
        ("linear", "linear", None, 0.0),
        ("relu", "relu", "relu", 0.0),
        (a.relu, "relu", "relu", 0.0),
        (a.leaky_relu, "leaky_relu", "leaky_relu", 0.2),
        ("elu", "elu", "elu", 1.0),
        ("swish", "silu", "silu", 0.0),
        (a.swish, "silu", "silu", 0.0),
        (a.gelu, "gelu", "gelu", 0.0),
        (a.Activation("elu", 3.0), "elu", "elu", 3.0),
        ({"class_name": "leaky_relu", "config": {"alpha": 0.01}}, "leaky_relu", "leaky_relu", 0.01),
    ],
)
def test_get(identifier, name, kernel, alpha):
    activation = a.get(identifier)
    assert (activation.name, activation.kernel, activation.alpha) == (name, kernel, alpha)
    assert a.get(a.serialize(activation)) == activation


def test_an_activation_object_computes():
    np.testing.assert_array_equal(a.get("relu")([-1, 2]), [0, 2])
    np.testing.assert_array_equal(a.Activation("leaky_relu", 0.5)([-1, 2]), [-0.5, 2])


@pytest.mark.parametrize("identifier", [3, object(), a.Activation])
def test_what_is_no_activation(identifier):
    with pytest.raises(TypeError, match="activation: expected a name or a function"):
        a.get(identifier)


def test_an_activation_equals_its_function():
    assert layers.Dense(1, "relu").activation == a.relu
    assert a.softmax == layers.Dense(1, "softmax").activation
    assert a.get("swish") == a.silu
    assert a.get("tanh") != a.sigmoid
    assert a.Activation("leaky_relu", 0.3) != a.leaky_relu
    assert {a.elu: 1, leak: 2} == {a.get("elu"): 1, a.get(leak): 2}
    assert (layers.Dense(1).activation.__name__, a.get(leak).__name__) == ("linear", "leak")

    def relu(x):
        return ops.maximum(x, 0)

    assert a.get(relu) == relu != a.get("relu")
    assert a.get(relu) != a.relu


def leak(x):
    return ops.maximum(x, 0.25 * x)


def test_functions_of_ones_own_train_as_the_kernel_does():
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    figures = []
    for activation in (a.Activation("leaky_relu", 0.25), leak):
        model = Sequential([Input((4,)), layers.Dense(5, activation), layers.Activation(activation), layers.Dense(1)])
        model.set_weights([np.full(w.shape, 0.3 - 0.1 * i) for i, w in enumerate(model.weights)])
        model.compile("adam", "mse")
        figures.append(model.fit(x, x[:, :1], epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(figures[0], figures[1], rtol=1e-6)


def test_functions_of_ones_own_are_saved_by_name():
    assert a.serialize(a.get(leak)) == "leak"
    with custom_object_scope({"leak": leak}):
        assert a.get("leak") == a.get(leak)
    with pytest.raises(TypeError, match="give the function a name with def"):
        a.serialize(a.get(lambda x: x))


def test_functions_of_ones_own_in_numpy_say_what_to_use():
    model = Sequential([Input((4,)), layers.Dense(3, lambda x: np.asarray(x) * 2)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"functions of pydl\.ops"):
        model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)


@pytest.mark.parametrize(
    "config",
    [{}, {"class_name": "relu"}, {"class_name": "relu", "config": {"beta": 1}}, {"class_name": 1, "config": {}}],
)
def test_malformed_config(config):
    with pytest.raises(ValueError, match="activation config"):
        a.get(config)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "make",
    [
        lambda name: layers.Dense(1, name)(np.ones((3, 2))),
        lambda name: layers.Dense(1, name)(Input((4, 2))),
        lambda name: layers.Activation(name)(Input((1,))),
        lambda name: getattr(a, name)(np.ones((3, 1))),
        lambda name: getattr(a, name)(np.ones((1, 3)), axis=0),
    ],
)
def test_normalizing_a_single_unit_is_warned_of(name, make):
    with pytest.warns(UserWarning, match=rf"{name} over an axis of size one is .*sigmoid"):
        make(name)


def test_normalizing_several_units_or_none_is_not_warned_of():
    layers.Dense(2, "softmax")(np.ones((3, 2)))
    layers.Dense(1, "sigmoid")(np.ones((3, 2)))
    layers.Activation("softmax")(Input((None, 2)))
    a.softmax(np.ones((1, 3)))


def test_classes_of_a_single_unit_are_warned_of():
    model = Sequential([Input((2,)), layers.Dense(1, "sigmoid")])
    with pytest.warns(UserWarning, match=r"one unit, is 0 whatever.*binary_crossentropy"):
        model.compile("sgd", "categorical_crossentropy")


def test_gelu_is_exact_by_default_but_for_the_one_of_ops():
    """As in Keras, where `ops.gelu` approximates."""
    np.testing.assert_array_equal(ops.gelu(X), a.gelu(X, approximate=True))
    np.testing.assert_array_equal(ops.gelu(X, approximate=False), a.gelu(X))
    assert (ops.gelu(X) != a.gelu(X)).any()


def test_the_slope_along_several_axes():
    rng = np.random.default_rng(0)
    x, dy, direction = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    tape = Tape()
    start = tape.watch(x)
    with tape.running():
        y = a.softmax(start, axis=(0, 2))
    tape.take_back([y], [dy])
    h = 1e-6
    up, down = (special.softmax(x + sign * h * direction, axis=(0, 2)) for sign in (1, -1))
    expected = ((up - down) * dy).sum() / (2 * h)
    assert (start.gradient * direction).sum() == pytest.approx(expected, rel=1e-7)


def test_layers_over_one_unit_say_so() -> None:
    one = Input((3, 1))
    for layer in (layers.Softmax(), layers.Conv1D(1, 1, activation="softmax")):
        with pytest.warns(UserWarning, match="softmax over an axis of size one is 1"):
            layer(one)
    layers.Softmax(axis=[1, 2])(one)

"""Activations through their kernels: values, arguments, shapes, dtypes, and what a layer gets from `get`."""

import math

import numpy as np
import pytest
from scipy import special

from pydl import activations as a

X = np.concatenate([np.linspace(-9, 9, 181), [0.0, -0.0, 1e-30, 30.0, -30.0]])


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


REFERENCES = {
    "linear": (a.linear, lambda x: x),
    "relu": (a.relu, lambda x: np.maximum(x, 0)),
    "leaky_relu": (a.leaky_relu, lambda x: np.where(x > 0, x, 0.2 * x)),
    "leaky_relu 0.5": (lambda x: a.leaky_relu(x, negative_slope=0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
    "elu": (a.elu, lambda x: np.where(x > 0, x, np.expm1(x))),
    "elu 2": (lambda x: a.elu(x, alpha=2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    "selu": (a.selu, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    "gelu": (a.gelu, lambda x: x * special.ndtr(x)),
    "gelu tanh": (lambda x: a.gelu(x, approximate=True), gelu_tanh),
    "sigmoid": (a.sigmoid, special.expit),
    "tanh": (a.tanh, np.tanh),
    "softplus": (a.softplus, lambda x: np.logaddexp(0, x)),
    "exponential": (a.exponential, np.exp),
    "softsign": (a.softsign, lambda x: x / (1 + np.abs(x))),
    "silu": (a.silu, lambda x: x * special.expit(x)),
    "swish": (a.swish, lambda x: x * special.expit(x)),
    "mish": (a.mish, lambda x: x * np.tanh(np.logaddexp(0, x))),
    "hard_sigmoid": (a.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "softmax": (a.softmax, softmax),
    "log_softmax": (a.log_softmax, lambda x: x - special.logsumexp(x)),
}  # fmt: skip


# The kernels' own tests bound their errors in units in the last place; here the right kernel is to be called rightly.
# 1e-5: some hundred float32 roundings; absolute near zero, where a term of size one cancels.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("name", REFERENCES)
def test_values(name, dtype, tolerance):
    function, reference = REFERENCES[name]
    x = X.astype(dtype)
    y = function(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, reference(x.astype(np.float64)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("arguments", "x", "y"),
    [
        ({"negative_slope": 0.5}, [-2, 0, 3], [-1, 0, 3]),
        ({"max_value": 2.0}, [-2, 1, 3], [0, 1, 2]),
        ({"threshold": 1.0}, [-2, 0.5, 1, 3], [0, 0, 1, 3]),
        ({"threshold": 1.0, "negative_slope": 0.5, "max_value": 2.0}, [-1, 1, 3], [-1, 1, 2]),
    ],
)
def test_relu_in_general(arguments, x, y):
    np.testing.assert_array_equal(a.relu(x, **arguments), y)


def test_nan_stays():
    for arguments in ({}, {"max_value": 1.0}, {"threshold": 1.0}, {"negative_slope": 0.1}):
        assert np.isnan(a.relu([np.nan], **arguments)).all()


@pytest.mark.parametrize("function", [a.softmax, a.log_softmax])
@pytest.mark.parametrize("axis", [-1, 0, 1, 2, -2])
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


def test_every_name_has_its_kernels():
    from pydl import _core

    kernels = {a.get(name).kernel for name in a._ALPHAS} - {None}
    assert {f"act_{k}_{way}" for k in kernels for way in ("fwd", "bwd")} == {
        op for op in _core.ops() if op.startswith("act_")
    }


@pytest.mark.parametrize("identifier", [np.tanh, lambda x: x, 3, object()])
def test_functions_of_ones_own_are_refused_with_the_remedy(identifier):
    with pytest.raises(TypeError, match=r"subclass pydl\.layers\.Layer"):
        a.get(identifier)


@pytest.mark.parametrize(
    "config",
    [{}, {"class_name": "relu"}, {"class_name": "relu", "config": {"beta": 1}}, {"class_name": 1, "config": {}}],
)
def test_malformed_config(config):
    with pytest.raises(ValueError, match="activation config"):
        a.get(config)

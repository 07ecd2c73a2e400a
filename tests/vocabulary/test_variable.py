"""Variables that users make: values, dtypes, what they compute and what changes them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import Variable


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(1.5, "float32"), ([1.0, 2.0], "float32"), (np.zeros(2), "float32"), (3, "int32"), (np.array([True]), "bool")],
)
def test_dtype_of_a_value(value: Any, dtype: str) -> None:
    v = Variable(value)
    assert v.dtype == v.numpy().dtype.name == dtype
    assert v.shape == np.shape(value)
    assert v.ndim == np.ndim(value)
    np.testing.assert_array_equal(v.value, value)


def test_an_initializer_wants_a_shape() -> None:
    np.testing.assert_array_equal(Variable("ones", shape=(2, 3)), np.ones((2, 3)))
    made = Variable(lambda shape, dtype: np.full(shape, 7, dtype), (2,), "float64", name="made", trainable=False)
    assert (made.dtype, made.name, made.path, made.trainable) == ("float64", "made", "made", False)
    np.testing.assert_array_equal(made, [7.0, 7.0])
    with pytest.raises(ValueError, match="give the shape"):
        Variable("ones")
    with pytest.raises(ValueError, match="the value has shape"):
        Variable([1.0, 2.0], shape=(3,))
    with pytest.raises(ValueError, match="name must not contain"):
        Variable(1.0, name="a/b")


def test_assigning() -> None:
    v = Variable([1.0, 2.0])
    v.assign([3.0, 4.0])
    v.assign_add([1.0, 1.0])
    v.assign_sub(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(v, [4.0, 3.0])
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        v.assign([1.0])
    count = Variable(0, dtype="int64")
    count.assign_add(2)
    assert int(count) == 2
    taken = v.numpy()
    taken[0] = 9
    assert float(v[0]) == 4.0


def test_operators_give_arrays() -> None:
    a, b = Variable([1.0, -2.0]), Variable([3.0, 4.0])
    for got, wanted in (
        (a + b, [4.0, 2.0]), (2 - a, [1.0, 4.0]), (a * b, [3.0, -8.0]), (b / 2, [1.5, 2.0]), (b // 2, [1.0, 2.0]),
        (b % 2, [1.0, 0.0]), (a**2, [1.0, 4.0]), (-a, [-1.0, 2.0]), (abs(a), [1.0, 2.0]),
        (np.sqrt(b), np.sqrt([3.0, 4.0])), (a @ b, -5.0), (a > 0, [True, False]), (a == [1.0, 0.0], [True, False]),
        (a != b, [True, True]), (np.array([1.0, 1.0]) + a, [2.0, -1.0]), (a[1:], [-2.0]), (np.sum(a), -1.0),
    ):  # fmt: skip
        assert not isinstance(got, Variable)
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert len(a) == 2
    assert [float(x) for x in a] == [1.0, -2.0]
    assert (a + b).dtype == np.float32


def test_an_operator_in_place_makes_an_array_and_leaves_the_variable() -> None:
    v = w = Variable([1.0])
    w += 1
    assert isinstance(w, np.ndarray)
    assert (float(v[0]), float(w[0])) == (1.0, 2.0)
    with pytest.raises(TypeError, match="cannot be out="):
        np.add([1.0], [2.0], out=v)  # type: ignore[call-overload]


def test_one_number() -> None:
    assert float(Variable(1.5)) == 1.5
    assert int(Variable([7])) == 7
    assert bool(Variable(True))
    assert not Variable(0.0)
    with pytest.raises(TypeError, match="one number is expected"):
        float(Variable([1.0, 2.0]))


def test_a_variable_is_a_key_by_itself() -> None:
    a, b = Variable([1.0]), Variable([1.0])
    assert {a: "a", b: "b"}[b] == "b"
    other = copy.deepcopy(a)
    other.assign([5.0])
    assert float(a[0]) == 1.0


def test_weights_of_layers_compute_too() -> None:
    layer = pydl.layers.Dense(5, kernel_initializer="ones")
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.kernel * 2 + layer.bias, np.full((2, 5), 2.0))
    layer.kernel.assign_add(np.ones((2, 5)))
    np.testing.assert_array_equal(layer.kernel == 2, np.ones((2, 5), bool))


def test_name_scope() -> None:
    with pydl.name_scope("a"):
        with pydl.name_scope("b"):
            assert Variable(1.0, name="w").path == "a/b/w"
        with pydl.name_scope("c", override_parent="x/y"):
            assert Variable(1.0, name="w").path == "x/y/c/w"
        layer = pydl.layers.Dense(1, name="d")
        layer.build((None, 2))
        assert layer.kernel.path == "d/kernel"
        assert Variable(1.0).path == "a/variable"
    assert Variable(1.0).path == "variable"
    for bad in ("a/b", 3):
        with pytest.raises((TypeError, ValueError), match="name_scope: "):
            pydl.name_scope(bad)  # type: ignore[arg-type]


def test_name_scope_tells_the_weights_of_several_optimizers() -> None:
    with pydl.name_scope("encoder"):
        v = Variable([1.0], name="kernel")
    w = Variable([1.0], name="kernel")
    chosen = pydl.optimizers.OptimizerMap(pydl.optimizers.SGD(1.0), {"encoder/.*": pydl.optimizers.SGD(0.25)})
    pydl.optimizers.MultiOptimizer(chosen).apply([np.ones(1), np.ones(1)], [v, w])
    assert (float(v[0]), float(w[0])) == (0.75, 0.0)

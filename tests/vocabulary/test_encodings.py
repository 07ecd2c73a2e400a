"""CategoryEncoding and Discretization on arrays: values by hand, shapes, what is learnt, what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


@pytest.mark.parametrize(
    ("mode", "codes", "expected"),
    [
        ("one_hot", [2, 0], [[0, 0, 1], [1, 0, 0]]),
        ("one_hot", [[2], [0]], [[0, 0, 1], [1, 0, 0]]),
        ("one_hot", [[2, 0]], [[[0, 0, 1], [1, 0, 0]]]),
        ("one_hot", 1, [[0, 1, 0]]),
        ("multi_hot", [[2, 0, 2], [1, 1, 1]], [[1, 0, 1], [0, 1, 0]]),
        ("multi_hot", [2, 0], [1, 0, 1]),
        ("count", [[2, 0, 2], [1, 1, 1]], [[1, 0, 2], [0, 3, 0]]),
        ("count", [2, 2], [0, 0, 2]),
        ("count", [[-1, 3, 0]], [[1, 0, 0]]),
    ],
)
def test_category_encoding(mode: str, codes: Any, expected: Any) -> None:
    layer = L.CategoryEncoding(3, mode)
    out = layer(np.array(codes))
    np.testing.assert_array_equal(out, expected)
    assert out.dtype == np.float32
    assert layer.compute_output_shape(np.shape(codes)) == (out.shape if np.ndim(codes) else (3,))


def test_weights_of_codes() -> None:
    layer = L.CategoryEncoding(4, output_mode="count", dtype="float64")
    out = layer([[0, 1, 1], [3, 3, 0]], count_weights=[[0.5, 1, 2], [1, 4, 8]])
    np.testing.assert_array_equal(out, [[0.5, 3, 0, 0], [8, 0, 0, 5]])
    assert out.dtype == np.float64
    with pytest.raises(ValueError, match="count_weights"):
        L.CategoryEncoding(4)([[0]], count_weights=[[1.0]])


def test_discretization_by_boundaries() -> None:
    layer = L.Discretization([0.0, 0.5, 1.0])
    codes = layer([[-0.1, 0.0], [0.7, 1.0]])
    np.testing.assert_array_equal(codes, [[0, 1], [2, 3]])
    assert codes.dtype == np.int32
    one_hot = L.Discretization([0.5], output_mode="one_hot")
    np.testing.assert_array_equal(one_hot([[0.2], [0.9]]), [[1, 0], [0, 1]])
    counts = L.Discretization([0.5], output_mode="count")
    np.testing.assert_array_equal(counts([[0.2, 0.9, 0.8]]), [[1, 2]])


def test_discretization_finds_equal_shares() -> None:
    x = np.random.default_rng(0).permutation(np.linspace(0, 1, 10001)) ** 2
    layer = L.Discretization(num_bins=4, epsilon=0.001)
    layer.adapt(x)
    np.testing.assert_allclose(np.bincount(layer(x)) / x.size, 0.25, atol=0.002)
    np.testing.assert_allclose(layer.bin_boundaries, np.array([0.25, 0.5, 0.75]) ** 2, atol=0.003)
    batches = L.Discretization(num_bins=4, epsilon=0.001)
    batches.adapt(x[i : i + 1000] for i in range(0, 10000, 1000))
    np.testing.assert_allclose(batches.bin_boundaries, layer.bin_boundaries, atol=0.003)
    copy = L.deserialize(json.loads(json.dumps(L.serialize(layer))))
    assert copy.bin_boundaries == layer.bin_boundaries
    assert copy.num_bins == 4
    copy.adapt([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(copy.bin_boundaries, [1, 2, 3])


def test_discretization_in_a_model() -> None:
    """It has no gradient; what stands behind it is trained."""
    x = pydl.Input((2,))
    codes = L.Discretization([-0.5, 0.5], output_mode="one_hot")(x)
    model = pydl.Model(x, L.Dense(1)(L.Flatten()(codes)))
    data = np.array([[-1, 0], [1, 0.2]], np.float32)
    rows = np.array([[1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0]])
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(data), rows @ kernel + bias, rtol=1e-6)
    model.compile("sgd", "mse")
    model.fit(data, np.ones(2), verbose=0)
    assert not np.array_equal(model.get_weights()[0], kernel)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (L.CategoryEncoding, ValueError, "num_tokens"),
        (lambda: L.CategoryEncoding(0), ValueError, "num_tokens"),
        (lambda: L.CategoryEncoding(3, "int"), ValueError, "output_mode"),
        (lambda: L.CategoryEncoding(3)(["a"]), TypeError, "StringLookup"),
        (L.Discretization, ValueError, "one of the two"),
        (lambda: L.Discretization([1.0], 3), ValueError, "one of the two"),
        (lambda: L.Discretization([2.0, 1.0]), ValueError, "rising"),
        (lambda: L.Discretization(num_bins=3)([1.0]), ValueError, "adapt"),
        (lambda: L.Discretization([1.0]).adapt([1.0]), ValueError, "num_bins"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


def test_boundaries_that_were_learnt_are_those_of_float32() -> None:
    """Whatever the precision of the data: float64 fell into other bins than in a model, which sees float32."""
    x = np.array([0.1, 0.9, 0.4, 0.3, 0.2, 0.7, 0.8, 0.5])
    layer = L.Discretization(num_bins=4)
    layer.adapt(x)
    np.testing.assert_array_equal(layer(x), layer(x.astype("float32")))
    np.testing.assert_array_equal(layer(x), [0, 3, 2, 1, 1, 3, 3, 2])


def test_rows_of_different_lengths_are_refused() -> None:
    """They became the text of the lists."""
    rows: Any = [["x"], ["x", "y"]]
    for call in (lambda: L.StringLookup(vocabulary=["x", "y"])(rows), lambda: L.Hashing(5)(rows),
                 lambda: L.StringLookup().adapt(rows), lambda: L.TextVectorization().adapt(rows)):  # fmt: skip
        with pytest.raises(ValueError, match="expected rows of the same length, or one value each"):
            call()


def test_hashes_of_truth_values() -> None:
    """Of the texts true and false, as TensorFlow says them; they were those of 1 and 0."""
    np.testing.assert_array_equal(L.Hashing(1000)(np.array([True, False])), [570, 757])
    np.testing.assert_array_equal(L.Hashing(1000, salt=3)(np.array([True, False])), [984, 128])

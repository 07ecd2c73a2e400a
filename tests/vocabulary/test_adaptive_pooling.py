"""Adaptive pooling by hand: windows, order of axes, what is refused. Gradients: tests/model_cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


def test_windows_along_an_axis() -> None:
    """5 positions, 3 windows: [0, 2), [1, 4), [3, 5)."""
    x = np.array([3.0, 1, 4, 1, 5]).reshape(1, 5, 1)
    np.testing.assert_allclose(L.AdaptiveAveragePooling1D(3)(x).ravel(), [2, 2, 3], rtol=1e-6)
    np.testing.assert_array_equal(L.AdaptiveMaxPooling1D(3)(x).ravel(), [3, 4, 5])
    np.testing.assert_array_equal(L.AdaptiveMaxPooling1D(5)(x), x)
    np.testing.assert_array_equal(L.AdaptiveMaxPooling1D(10)(x).ravel(), np.repeat(x.ravel(), 2))  # more than positions
    np.testing.assert_allclose(L.AdaptiveAveragePooling1D(1)(x).ravel(), [2.8], rtol=1e-6)


def test_pixels_in_either_order_of_axes() -> None:
    x = np.arange(24.0).reshape(1, 4, 3, 2)
    means, largest = L.AdaptiveAveragePooling2D((2, 1))(x), L.AdaptiveMaxPooling2D((2, 1))(x)
    np.testing.assert_allclose(means[0, :, 0], [x[0, :2].mean((0, 1)), x[0, 2:].mean((0, 1))], rtol=1e-6)
    np.testing.assert_array_equal(largest[0, :, 0], [[10, 11], [22, 23]])
    first = L.AdaptiveMaxPooling2D((2, 1), data_format="channels_first")(x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first, largest.transpose(0, 3, 1, 2))
    volume = np.arange(32.0).reshape(1, 2, 4, 4, 1)
    assert L.AdaptiveMaxPooling3D((1, 2, 2))(volume).ravel().tolist() == [21, 23, 29, 31]


def test_a_nan_spreads() -> None:
    x = np.array([[1.0], [np.nan], [3], [4]])[None]
    np.testing.assert_array_equal(L.AdaptiveMaxPooling1D(2)(x).ravel(), [np.nan, 4])
    np.testing.assert_array_equal(L.AdaptiveAveragePooling1D(2)(x).ravel(), [np.nan, 3.5])


def test_the_gradient_goes_to_the_first_of_equal_values() -> None:
    layer = L.AdaptiveMaxPooling2D(1)
    x = np.array([[0.0, 7], [7, 7]]).reshape(1, 2, 2, 1)
    y = layer.call(x)
    np.testing.assert_array_equal(layer.backward(x, y, np.ones_like(y)).ravel(), [0, 1, 0, 0])
    overlap = L.AdaptiveMaxPooling1D(2)  # of 3 positions, the one in the middle is in both windows
    x = np.array([1.0, 5, 2]).reshape(1, 3, 1)
    y = overlap.call(x)
    np.testing.assert_array_equal(overlap.backward(x, y, np.array([[[2.0], [3]]])).ravel(), [0, 5, 0])


def test_sizes_that_data_decide() -> None:
    model = pydl.Sequential([pydl.Input((None, None, 2)), L.AdaptiveAveragePooling2D(2), L.Flatten(), L.Dense(1)])
    for size in (3, 6):
        assert model.predict(np.zeros((2, size, size, 2)), verbose=0).shape == (2, 1)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: L.AdaptiveMaxPooling1D(0), ValueError, "output_size"),
        (lambda: L.AdaptiveMaxPooling2D((1, 2, 3)), ValueError, "output_size"),
        (lambda: L.AdaptiveMaxPooling2D(2.0), TypeError, "output_size"),
        (lambda: L.AdaptiveAveragePooling1D(2, "first"), ValueError, "data_format"),
        (lambda: L.AdaptiveAveragePooling2D(2)(pydl.Input((3, 4))), ValueError, "rank 4"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()

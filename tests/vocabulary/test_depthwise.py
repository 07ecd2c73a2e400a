"""Depthwise and separable convolutions: Keras's shapes and values (tests/golden/depthwise.json), arguments, the same
bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

CASES = json.loads((Path(__file__).parents[1] / "golden" / "depthwise.json").read_text())["cases"]


def whole(shape: Any, a: int, m: int) -> np.ndarray:
    """Small whole numbers, so that sums of products are exact."""
    return (np.arange(np.prod(shape)) * a % m - m // 2).reshape(shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['layer']} {c['config']}")
def test_shapes_and_values_are_those_of_keras(case: Any) -> None:
    layer = getattr(L, case["layer"])(**case["config"])
    x = whole(case["input"], 7, 11)
    layer.build(x.shape)
    assert [list(w.shape) for w in layer.weights] == case["weights"]
    layer.set_weights([whole(w.shape, 5, 7) for w in layer.weights])
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *case["output"][1:])
    y = layer(x)
    assert list(y.shape) == case["output"]
    assert (y.astype(np.float64) * whole(y.shape, 3, 13)).sum() == case["sum"]


def test_strides_and_dilation_may_both_exceed_one() -> None:
    x = np.arange(9.0).reshape(1, 9, 1).astype(np.float32)
    layer = L.DepthwiseConv1D(2, strides=3, dilation_rate=4, use_bias=False, depthwise_initializer="ones")
    np.testing.assert_array_equal(layer(x), [[[0.0 + 4], [3.0 + 7]]])


def test_channels_of_each_one_lie_side_by_side() -> None:
    layer = L.DepthwiseConv1D(1, depth_multiplier=2)
    x = np.float32([[[1, 10]]])
    layer.build(x.shape)
    layer.set_weights([np.float32([[[2, 3], [4, 5]]]), np.float32([0.5, 0, 0, -0.5])])
    np.testing.assert_array_equal(layer(x), [[[2.5, 3, 40, 49.5]]])


def test_names_and_configuration() -> None:
    depthwise = L.DepthwiseConv2D((2, 3), 2, "SAME", 2, activation="relu", depthwise_regularizer="l2")
    separable = L.SeparableConv2D(4, 3, pointwise_constraint="non_neg", depth_multiplier=2)
    for layer, names in (
        (depthwise, ["kernel", "bias"]),
        (separable, ["depthwise_kernel", "pointwise_kernel", "bias"]),
    ):
        layer.build((None, 6, 7, 3))
        assert [w.name for w in layer.weights] == names
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
    assert depthwise.get_config()["strides"] == (2, 2)
    assert depthwise.padding == "same"
    assert L.SeparableConvolution1D is L.SeparableConv1D


def test_what_does_not_fit_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match=r'DepthwiseConv2D: data_format="channels_first"'):
        L.DepthwiseConv2D(3, data_format="channels_first")
    with pytest.raises(ValueError, match="`depth_multiplier` must be"):
        L.DepthwiseConv1D(3, depth_multiplier=0)
    with pytest.raises(ValueError, match="`filters` must be"):
        L.SeparableConv1D(0, 3)
    with pytest.raises(
        ValueError, match=r"Invalid value for argument `padding`. Expected one of 'valid', 'same', got 'causal'"
    ):
        L.DepthwiseConv1D(3, padding="causal")
    with pytest.raises(ValueError, match="strides must be an integer or 2 of them"):
        L.SeparableConv2D(3, 3, (1, 1, 1))
    with pytest.raises(ValueError, match=r"expected at least 5 rows with padding \"valid\", got input"):
        L.DepthwiseConv2D(5).build((None, 4, 9, 1))
    layer = L.DepthwiseConv2D(2)
    layer.build((None, 4, 4, 3))
    with pytest.raises(ValueError, match=r"expected 3 channels, got 2"):
        layer(np.zeros((1, 4, 4, 2), np.float32))


def net() -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential([
        pydl.Input((9, 8, 3)), L.DepthwiseConv2D(3, padding="same", depth_multiplier=3, activation="relu"),
        L.SeparableConv2D(20, 3, 2, activation="tanh"), L.BatchNormalization(), L.ReLU(), L.DepthwiseConv2D(3, 2),
        L.Flatten(), L.Dense(2),
    ])  # fmt: skip
    model.compile("adam", "mse")
    return model


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 9, 8, 3)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32)


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_the_same_bits_on_any_number_of_threads(threads: int) -> None:
    x, y = data(80)
    results = []
    for n in (1, threads):
        with pydl.config.limit_threads(n):
            model = net()
            model.fit(x, y, batch_size=40, epochs=2, verbose=0)
            results.append([*model.get_weights(), model.predict(x, verbose=0)])
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_an_image_alone_has_the_bits_it_has_in_a_batch() -> None:
    model, (x, _) = net(), data(21)
    together = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x[4:5], verbose=0), together[4:5])
    np.testing.assert_array_equal(model(x[7:9]), together[7:9])


@pytest.mark.parametrize("frozen", ["kernel", "bias"])
def test_a_frozen_weight_keeps_its_value(frozen: str) -> None:
    model = pydl.Sequential([pydl.Input((5, 5, 2)), L.DepthwiseConv2D(2), L.Flatten(), L.Dense(1)])
    depthwise = model.layers[0]
    getattr(depthwise, frozen).trainable = False
    model.compile("sgd", "mse")
    before = [w.numpy() for w in depthwise.weights]
    x = np.random.default_rng(1).normal(size=(6, 5, 5, 2)).astype(np.float32)
    model.fit(x, np.ones((6, 1)), verbose=0)
    same = [np.array_equal(a, w.numpy()) for a, w in zip(before, depthwise.weights, strict=True)]
    assert same == [frozen == "kernel", frozen == "bias"]

"""Convolutions: Keras's shapes and values (tests/golden/convolutions.json), arguments that are refused, the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

CASES = json.loads((Path(__file__).parents[1] / "golden" / "convolutions.json").read_text())["cases"]


def whole(shape: Any, a: int, m: int) -> np.ndarray:
    """Small whole numbers, so that sums of products are exact."""
    return (np.arange(np.prod(shape)) * a % m - m // 2).reshape(shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['layer']} {c['config']}")
def test_shapes_and_values_are_those_of_keras(case: Any) -> None:
    layer = getattr(L, case["layer"])(**case["config"])
    x = whole(case["input"], 7, 11)
    layer.build(x.shape)
    layer.set_weights([whole(w.shape, 5, 7) for w in layer.weights])
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *case["output"][1:])
    y = layer(x)
    assert list(y.shape) == case["output"]
    assert (y.astype(np.float64) * whole(y.shape, 3, 13)).sum() == case["sum"]


def test_what_does_not_fit_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match=r'Conv2D: data_format="channels_first" .* x\.transpose\(0, 2, 3, 1\)'):
        L.Conv2D(3, 3, data_format="channels_first")
    with pytest.raises(ValueError, match="expected strides or dilation_rate of 1"):
        L.Conv2D(3, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match=r"filters=3 must be a multiple of groups=2"):
        L.Conv1D(3, 3, groups=2)
    with pytest.raises(ValueError, match=r"multiple of groups=2, got 3"):
        L.Conv1D(4, 3, groups=2).build((None, 5, 3))
    with pytest.raises(
        ValueError, match=r"Invalid value for argument `padding`. Expected one of 'valid', 'same', got 'causal'"
    ):
        L.Conv2D(3, 3, padding="causal")
    with pytest.raises(ValueError, match="kernel_size must be an integer or 2 of them"):
        L.Conv2D(3, (3, 3, 3))
    with pytest.raises(ValueError, match=r"expected at least 5 rows with padding \"valid\", got input"):
        L.Conv2D(3, 5).build((None, 4, 9, 1))
    with pytest.raises(ValueError, match=r"expected input \(batch, steps, channels\)"):
        L.Conv1D(3, 5).build((None, 4))
    with pytest.raises(ValueError, match=r"output_padding=2 must be less than strides=\(2,\)"):
        L.Conv1DTranspose(3, 5, 2, output_padding=2)
    with pytest.raises(ValueError, match="nothing would come out"):
        L.Conv1DTranspose(3, 2, 2, "same", output_padding=0).build((None, 1, 3))
    with pytest.raises(TypeError, match="Argument `filters` must be an integer > 0"):
        L.Conv2D(2.5, 3)


@pytest.mark.parametrize("make", [L.Conv1D, L.Conv2D, L.Conv1DTranspose, L.Conv2DTranspose])
def test_a_layer_that_is_built_takes_no_other_number_of_channels(make: Any) -> None:
    """Its kernel has no numbers for them: the product would read what lies behind it."""
    layer = make(4, 2)
    sizes = (5,) * layer.axes
    layer(np.zeros((1, *sizes, 2), np.float32))
    for channels in (1, 6):
        with pytest.raises(ValueError, match=rf'"{layer.name}": expected 2 channels, got {channels}'):
            layer(np.zeros((1, *sizes, channels), np.float32))
        with pytest.raises(ValueError, match=rf"expected 2 channels, got {channels}"):
            layer(pydl.Input((*sizes, channels)))


def net(size: Any = (9, 8)) -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential([
        pydl.Input((*size, 3)), L.Conv2D(8, 3, padding="same", activation="relu"), L.Conv2D(6, 3, 2, activation="tanh"),
        L.Conv2DTranspose(5, 3, 2, activation="relu"), L.Conv2D(4, 3, dilation_rate=2), L.Conv2D(4, 3, groups=2),
    ])  # fmt: skip
    model.compile("adam", "mse")
    return model


def test_no_barrier_stands_between_the_layers() -> None:
    """Records of samples follow one another; threads wait where turned weights are read first."""
    lines = str(net().plan(32)).splitlines()
    forward = [line for line in lines if " conv_fwd " in line or (" conv_dx " in line and "act_relu_fwd" in line)]
    backward = [line for line in lines if " conv_dx " in line and line not in forward]
    assert len(forward) == 6
    assert len(backward) == 3  # the transposed one's input gradient is a conv_fwd
    assert sum("|" in line for line in forward) <= 1  # the transposed one reads turned weights as well
    assert sum("|" in line for line in backward) <= 1


@pytest.mark.parametrize("threads", [2, 3, 5, 16])
def test_the_same_bits_on_any_number_of_threads(threads: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 9, 8, 3)).astype(np.float32)
    y = rng.normal(size=net().output_shape[1:]).astype(np.float32) * np.ones((80, 1, 1, 1), np.float32)
    results = []
    for n in (1, threads):
        with pydl.config.limit_threads(n):
            model = net()
            model.fit(x, y, batch_size=40, epochs=2, verbose=0)
            results.append([*model.get_weights(), model.predict(x, verbose=0)])
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_an_image_alone_has_the_bits_it_has_in_a_batch() -> None:
    model, x = net(), np.random.default_rng(1).normal(size=(21, 9, 8, 3)).astype(np.float32)
    together = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x[4:5], verbose=0), together[4:5])
    np.testing.assert_array_equal(model(x[7:9]), together[7:9])


def test_slices_of_a_large_batch_add_up() -> None:
    """More windows than a slice has: the gradient of all images is the sum of those of each half."""
    pydl.config.set_floatx("float64")
    try:
        model = net((24, 24))
        rng = np.random.default_rng(2)
        x, y = rng.normal(size=(40, 24, 24, 3)), rng.normal(size=(40, *model.output_shape[1:]))
        whole_batch = model.gradients(x, y)
        halves = [model.gradients(x[i : i + 20], y[i : i + 20]) for i in (0, 20)]
        for all_of_them, one, other in zip(*(g.values() for g in (whole_batch, *halves)), strict=True):
            np.testing.assert_allclose(all_of_them, (one + other) / 2, rtol=1e-9, atol=1e-15)
    finally:
        pydl.config.set_floatx("float32")


def test_sizes_that_are_none_are_those_of_the_data() -> None:
    model = net((None, None))
    assert model.output_shape == (None, None, None, 4)
    x = np.random.default_rng(3).normal(size=(4, 12, 10, 3)).astype(np.float32)
    fixed = net((12, 10))
    fixed.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x, verbose=0), fixed.predict(x, verbose=0))
    assert model.predict(x[:, :9], verbose=0).shape == (4, *net((9, 10)).output_shape[1:])


def test_a_frozen_kernel_and_a_frozen_layer_keep_their_values() -> None:
    model = net()
    x = np.random.default_rng(4).normal(size=(8, 9, 8, 3)).astype(np.float32)
    y = np.zeros((8, *model.output_shape[1:]), np.float32)
    model.layers[0].kernel.trainable = False
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    before = [w.numpy() for w in model.weights]
    model.fit(x, y, verbose=0)
    moved = [not np.array_equal(a, w.numpy()) for a, w in zip(before, model.weights, strict=True)]
    assert moved == [False, True, False, False] + [True] * 6


@pytest.mark.parametrize("place", ["first", "behind a layer"])
@pytest.mark.parametrize(
    "make",
    [
        lambda act: L.Conv2D(3, 2, activation=act), lambda act: L.DepthwiseConv2D(2, activation=act),
        lambda act: L.SeparableConv2D(3, 2, activation=act), lambda act: L.Conv2DTranspose(3, 2, activation=act),
        lambda act: L.Dense(3, activation=act),
        lambda act: L.EinsumDense("abcd,de->abce", (None, None, 3), activation=act),
    ],
)  # fmt: skip
def test_functions_as_activations_are_trained_through(make: Any, place: str) -> None:
    """The backward pass of a convolution did not find what its forward pass had noted: a KeyError."""
    results = []
    for act in (lambda x: 1 * pydl.ops.tanh(x), "tanh"):
        pydl.utils.set_random_seed(3)
        before = [L.Conv2D(2, 2)] if place != "first" else []
        model = pydl.Sequential([pydl.Input((5, 5, 2)), *before, make(act), L.Flatten(), L.Dense(1)])
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(4, 5, 5, 2))
        results.append(model.loss_and_gradients(x, np.ones((4, 1)))[1])
    for found, wanted in zip(*(each.values() for each in results), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)

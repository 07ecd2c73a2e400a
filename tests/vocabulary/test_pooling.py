"""Pooling layers by hand: what the tests of whole models (tests/model_cases.py) do not go through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

STEPS = np.array([3.0, 1, 4, 1, 5, 9, 2])
PIXELS = np.arange(35.0).reshape(5, 7)


def steps(layer: Any, x: Any = STEPS) -> list[float]:
    """What comes out for one sequence of one channel."""
    return layer(np.asarray(x, np.float64).reshape(1, -1, 1)).ravel().tolist()


@pytest.mark.parametrize(
    ("layer", "y"),
    [
        (L.MaxPooling1D, [3, 4, 9]),
        (lambda: L.MaxPooling1D(3, 2), [4, 5, 9]),
        (lambda: L.MaxPooling1D(3, 1, "same"), [3, 4, 4, 5, 9, 9, 9]),
        (lambda: L.MaxPooling1D(2, padding="same"), [3, 4, 9, 2]),  # the missing step is behind
        (lambda: L.MaxPooling1D(1, 3), [3, 1, 2]),
        (lambda: L.AveragePooling1D(2), [2, 2.5, 7]),
        (lambda: L.AveragePooling1D(4, 3), [2.25, 4.25]),
        (lambda: L.AveragePooling1D(3, 3, "same"), [2, 10 / 3, 5.5]),  # one step is missing in front, one behind
        (lambda: L.AveragePooling1D(9, padding="same"), [25 / 7]),
        (L.GlobalMaxPooling1D, [9]),
        (L.GlobalAveragePooling1D, [25 / 7]),
    ],
)
def test_steps(layer: Any, y: list[float]) -> None:
    assert steps(layer()) == pytest.approx(y, rel=1e-6)


def test_an_even_number_of_steps_in_same_windows() -> None:
    """n = 8, windows of 3, 2 apart: one step is missing, behind."""
    assert steps(L.MaxPooling1D(3, 2, "same"), [8, 1, 2, 3, 4, 5, 6, 7]) == [8, 4, 6, 7]
    assert steps(L.AveragePooling1D(3, 2, "same"), [8, 1, 3, 2, 4, 6, 5, 7]) == [4, 3, 5, 6]


def test_pixels() -> None:
    x = PIXELS[None, :, :, None]
    assert L.MaxPooling2D()(x)[0, :, :, 0].tolist() == [[8, 10, 12], [22, 24, 26]]
    assert L.MaxPooling2D((3, 2), (2, 3))(x)[0, :, :, 0].tolist() == [[15, 18], [29, 32]]
    # 5 rows miss one in front and one behind, 7 columns one behind
    assert L.MaxPooling2D((3, 2), 2, "same")(x)[0, :, :, 0].tolist() == [[8, 10, 12, 13], [22, 24, 26, 27],
                                                                         [29, 31, 33, 34]]  # fmt: skip
    assert L.AveragePooling2D((3, 2), 2, "same")(x)[0, :, :, 0].tolist() == [[4, 6, 8, 9.5], [14.5, 16.5, 18.5, 20],
                                                                             [25, 27, 29, 30.5]]  # fmt: skip
    assert L.GlobalMaxPooling2D()(x).tolist() == [[34]]
    assert L.GlobalAveragePooling2D()(x).tolist() == [[17]]


def test_each_channel_for_itself() -> None:
    x = np.stack([PIXELS, -PIXELS, PIXELS % 3], axis=-1)[None]
    assert L.MaxPooling2D((5, 7))(x).tolist() == [[[[34, 0, 2]]]]
    assert L.GlobalMaxPooling2D(keepdims=True)(x).tolist() == [[[[34, 0, 2]]]]
    assert L.GlobalMaxPooling1D(keepdims=True)(x[0]).shape == (5, 1, 3)


def test_a_nan_spreads_and_minus_infinity_is_a_number() -> None:
    np.testing.assert_array_equal(steps(L.MaxPooling1D(2), [1, np.nan, np.nan, 2, 3, 4]), [np.nan, np.nan, 4])
    np.testing.assert_array_equal(steps(L.AveragePooling1D(3), [1, np.nan, 2, 2, 3, 4]), [np.nan, 3])
    np.testing.assert_array_equal(steps(L.GlobalMaxPooling1D(), [1, np.nan, 2]), [np.nan])
    low = [-np.inf, -np.inf, -np.inf, -1]
    assert steps(L.MaxPooling1D(3, 1, "same"), low) == [-np.inf, -np.inf, -1, -1]


def slope(layer: Any, x: Any) -> list[float]:
    """The gradient of the sum of what comes out for one sequence, with respect to it."""
    start = np.asarray(x, np.float64).reshape(1, -1, 1)

    class Steps(L.Layer):
        """The sequence, as a weight."""

        def build(self, input_shape: Any) -> None:
            self.x = self.add_weight(start.shape, "zeros", name="x")

        def call(self, given: Any) -> Any:
            return given + self.x.numpy()

        def backward(self, given: Any, y: Any, dy: Any) -> Any:
            self.x.gradient[...] = dy
            return dy

    model = pydl.Sequential([pydl.Input(start.shape[1:]), Steps(), layer, L.Flatten()])
    model.compile(pydl.optimizers.SGD(1.0), lambda t, y: pydl.ops.sum(y, axis=-1))
    model.set_weights([start])
    out = model.predict(np.zeros(start.shape), verbose=0)
    model.train_on_batch(np.zeros(start.shape), np.zeros(out.shape))
    return (start - model.get_weights()[0]).ravel().tolist()


def test_the_gradient_goes_to_the_first_of_equal_values() -> None:
    assert slope(L.MaxPooling1D(3), [1, 2, 2, 5, 5, 5]) == [0, 1, 0, 1, 0, 0]
    assert slope(L.MaxPooling1D(2, 1), [0, 3, 1, 3]) == [0, 2, 0, 1]
    assert slope(L.MaxPooling1D(3, 1, "same"), [7, 7, 0, 7]) == [2, 1, 0, 1]
    assert slope(L.GlobalMaxPooling1D(), [1, 4, 2, 4]) == [0, 1, 0, 0]


@pytest.mark.parametrize("taps", [256, 257, 70_000])
def test_windows_of_more_taps_than_a_byte_tells_apart(taps: int) -> None:
    x = np.zeros(taps)
    x[-1] = 1
    found = slope(L.MaxPooling1D(taps), x)
    assert found[-1] == 1
    assert np.count_nonzero(found) == 1
    assert slope(L.GlobalMaxPooling1D(), x) == found


def test_means_send_the_gradient_to_those_that_exist() -> None:
    assert slope(L.AveragePooling1D(2), [1, 2, 3, 4, 5]) == [0.5, 0.5, 0.5, 0.5, 0]
    assert slope(L.AveragePooling1D(3, 2, "same"), [1, 2, 3]) == [0.5, 1, 0.5]


def test_only_training_keeps_which_tap_was_largest() -> None:
    model = pydl.Sequential([pydl.Input((4, 4, 3)), L.Dense(2), L.MaxPooling2D(), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")

    def written(kind: str) -> str:
        return next(line for line in str(model.plan(2, kind)).splitlines() if "pool_max_fwd" in line)

    assert "(2, 2, 2, 2) (16,)" in written("train")
    assert "(2, 2, 2, 2)" in written("predict")
    assert "(16,)" not in written("predict")
    assert "(16,)" not in written("test")


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (lambda: L.MaxPooling2D(2, padding="same"), {(2, 4, 6, 3): (2, 2, 3, 3), (1, 5, 3, 3): (1, 3, 2, 3)}),
        (lambda: L.AveragePooling2D(3, 1), {(2, 4, 6, 3): (2, 2, 4, 3), (1, 5, 3, 3): (1, 3, 1, 3)}),
        (L.GlobalMaxPooling2D, {(2, 4, 6, 3): (2, 3), (1, 5, 3, 3): (1, 3)}),
        (L.GlobalAveragePooling2D, {(2, 4, 6, 3): (2, 3), (1, 5, 3, 3): (1, 3)}),
    ],
)
def test_sizes_that_data_decide(layer: Any, shapes: dict[tuple[int, ...], tuple[int, ...]]) -> None:
    model = pydl.Sequential([pydl.Input((None, None, 3)), layer()])
    for given, expected in shapes.items():
        assert model.predict(np.zeros(given), verbose=0).shape == expected


def test_data_of_which_no_window_fits() -> None:
    model = pydl.Sequential([pydl.Input((None, 3)), L.MaxPooling1D(4)])
    with pytest.raises(ValueError, match="at least 4 steps"):
        model.predict(np.zeros((1, 3, 3)), verbose=0)
    with pytest.raises(ValueError, match="expected positions"):
        L.GlobalMaxPooling2D().compute_output_shape((None, 3, 0, 2))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: L.MaxPooling1D(0), ValueError, "pool_size"),
        (lambda: L.MaxPooling2D((2, 2, 2)), ValueError, "pool_size"),
        (lambda: L.MaxPooling2D(1.5), TypeError, "pool_size"),
        (lambda: L.AveragePooling2D(2, strides=(1, 0)), ValueError, "strides"),
        (lambda: L.AveragePooling1D(2, padding="causal"), ValueError, "padding"),
        (lambda: L.MaxPooling2D(data_format="channels_first"), ValueError, "transpose"),
        (lambda: L.GlobalMaxPooling2D("channels_first"), ValueError, "transpose"),
        (lambda: L.MaxPooling2D()(pydl.Input((4, 4))), ValueError, "channels"),
        (lambda: L.MaxPooling2D()(pydl.Input((1, 4, 2))), ValueError, "at least 2 rows"),
        (lambda: L.GlobalMaxPooling1D()(pydl.Input((4, 4, 1))), ValueError, "steps, features"),
        (lambda: L.GlobalAveragePooling2D()(pydl.Input((4, 4))), ValueError, "rows, columns"),
        (lambda: L.MaxPooling2D(pool=2), TypeError, "pool"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


def test_names_and_configs() -> None:
    assert L.MaxPool2D is L.MaxPooling2D
    assert L.AvgPool1D is L.AveragePooling1D
    assert L.GlobalMaxPool1D is L.GlobalMaxPooling1D
    assert L.GlobalAvgPool2D is L.GlobalAveragePooling2D
    layer = L.AveragePooling2D((3, 2), padding="SAME", name="p")
    config = layer.get_config()
    assert (config["pool_size"], config["strides"], config["padding"]) == ((3, 2), (3, 2), "same")
    copy = L.deserialize(L.serialize(layer))
    assert copy.get_config() == config
    assert L.deserialize({"class_name": "GlobalAveragePooling1D", "config": {"keepdims": True}}).keepdims


def test_a_mask_ends_at_a_window() -> None:
    with pytest.warns(UserWarning, match="does not support masking"):
        L.MaxPooling1D()(L.Masking()(pydl.Input((4, 2))))


def test_a_mask_by_hand() -> None:
    x = np.array([[[1.0, 2], [3, 4], [5, 9]], [[1, 2], [3, 4], [5, 9]]])
    keep = np.array([[1, 0, 1], [0, 0, 0]])
    layer = L.GlobalAveragePooling1D()
    np.testing.assert_allclose(layer(x, keep), [[3, 5.5], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(layer(x, mask=keep.astype(bool)), [[3, 5.5], [0, 0]], rtol=1e-6)
    a, m = pydl.Input((3, 2)), pydl.Input((3,))
    model = pydl.Model([a, m], L.GlobalAveragePooling1D(keepdims=True)(a, mask=m))
    np.testing.assert_allclose(model.predict([x, keep], verbose=0), [[[3, 5.5]], [[0, 0]]], rtol=1e-6)
    with pytest.raises(ValueError, match="a mask"):
        L.GlobalAveragePooling1D()(x, np.ones((2, 4)))


def test_one_image_alone_or_among_others() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 6, 7, 11))
    for layer in (L.MaxPooling2D(3, 2, "same"), L.AveragePooling2D(3, 2, "same"), L.GlobalAveragePooling2D()):
        whole = layer(x)
        for i in range(5):
            assert layer(x[i : i + 1]).tobytes() == whole[i : i + 1].tobytes()

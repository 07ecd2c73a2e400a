"""Outputs of layers on arrays say which of their steps count, and layers, losses and metrics heed it, as in Keras."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine.masked_array import mask_of

CODES = np.array([[1, 2, 0], [3, 0, 0]])
TABLE = np.arange(20, dtype=np.float32).reshape(5, 4)
COUNTED = np.array([[6, 7, 8, 9], [12, 13, 14, 15]], np.float32)  # means over the steps that count
ALL = np.array([[4, 5, 6, 7], [4, 5, 6, 7]], np.float32)  # over all steps


def embedded() -> Any:
    layer = L.Embedding(5, 4, mask_zero=True)
    layer(CODES)
    layer.set_weights([TABLE])
    return layer(CODES)


def mean(x: Any) -> Any:
    return np.asarray(L.GlobalAveragePooling1D()(x))


class Twice(L.Layer):
    def call(self, x: Any) -> Any:
        return x * 2


class TwiceMasked(Twice):
    supports_masking = True


class Same(L.Layer):
    def call(self, x: Any) -> Any:
        return x


class Writes(L.Layer):
    def call(self, x: Any) -> Any:
        x += 0
        return x


class Asks(L.Layer):
    """Is given the mask, and leaves out what does not count."""

    def call(self, x: Any, mask: Any = None) -> Any:
        assert mask is not None
        return x * mask[:, :, np.newaxis]


class Pools(L.Layer):
    """A layer of layers: the mask arises inside."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.pool = L.Embedding(5, 4, mask_zero=True), L.GlobalAveragePooling1D()

    def call(self, x: Any) -> Any:
        return self.pool(self.table(x))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.Dropout(0.5), COUNTED), (L.ReLU(), COUNTED), (L.Dense(1, kernel_initializer="ones"), [[30], [54]]),
        (TwiceMasked(), 2 * COUNTED), (Same(), COUNTED),
    ],
)  # fmt: skip
def test_the_mask_goes_on(layer: Any, expected: Any) -> None:
    np.testing.assert_allclose(mean(layer(embedded())), expected)


def test_a_layer_that_knows_no_masks_ends_it_and_says_so() -> None:
    with pytest.warns(UserWarning, match="Twice.* does not support masking") as told:
        y = Twice()(embedded())
    assert told[0].filename == __file__
    np.testing.assert_allclose(mean(y), 2 * ALL)
    with pytest.warns(UserWarning, match="Flatten.* does not support masking"):
        assert mask_of(L.Flatten()(embedded())) is None


def test_code_of_ones_own_is_given_the_mask() -> None:
    with pytest.warns(UserWarning, match="Asks.* does not support masking"):
        y = Asks()(embedded())
    np.testing.assert_allclose(y[0, 2], 0)
    with pytest.warns(UserWarning, match="Writes.* does not support masking"):
        assert mask_of(Writes()(embedded())) is None


def test_layers_of_layers() -> None:
    layer = Pools()
    layer(CODES)
    layer.table.set_weights([TABLE])
    np.testing.assert_allclose(layer(CODES), COUNTED)


def test_several_inputs() -> None:
    h = embedded()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(mean(L.Concatenate()([h, h])), np.concatenate([COUNTED, COUNTED], 1))
        np.testing.assert_allclose(mean(L.Concatenate(axis=1)([h, h])), COUNTED)
        np.testing.assert_allclose(mean(L.Add()([h, np.ones((2, 3, 4), np.float32)])), ALL + 1)


def test_models() -> None:
    x = pydl.Input((3, 4))
    h, codes = embedded(), pydl.Sequential([pydl.Input((3,)), L.Embedding(5, 4, mask_zero=True)])
    np.testing.assert_allclose(pydl.Model(x, L.GlobalAveragePooling1D()(x))(h), COUNTED)
    np.testing.assert_allclose(mean(pydl.Model(x, L.Dense(1, kernel_initializer="ones")(x))(h)), [[30], [54]])
    codes.set_weights([TABLE])
    for _ in range(2):  # a second call goes no shorter way
        np.testing.assert_allclose(mean(codes(CODES)), COUNTED)
        np.testing.assert_allclose(mean(codes.predict_on_batch(CODES)), ALL)
        assert type(codes.predict(CODES, verbose=0)) is np.ndarray


def test_batch_statistics_leave_steps_out() -> None:
    layer = L.BatchNormalization(momentum=0.0)
    layer(embedded(), training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [8, 9, 10, 11], rtol=1e-6)


def test_losses_and_metrics() -> None:
    h, y = embedded(), np.zeros((2, 3, 4), np.float32)
    expected = np.mean(np.square(TABLE[[1, 2, 3]]))
    assert pydl.losses.MeanSquaredError()(y, h) == pytest.approx(expected)
    assert pydl.losses.MeanSquaredError()(y, h * 1) == pytest.approx(np.mean(np.square(h)))
    for metric in (pydl.metrics.MeanSquaredError(), pydl.metrics.MeanMetricWrapper(pydl.losses.mean_squared_error)):
        metric.update_state(y, h)
        assert float(metric.result()) == pytest.approx(expected)
        metric.reset_state()
        metric.update_state(y, h, sample_weight=[1, 3])
        each = np.mean(np.square(TABLE), -1)
        assert float(metric.result()) == pytest.approx((each[1] + each[2] + 3 * each[3]) / 5)


@pytest.mark.parametrize("use", [lambda h: h + 1, lambda h: h[:1], lambda h: h.copy(), np.tanh, pydl.ops.relu])
def test_what_is_computed_from_it_has_no_mask(use: Callable[[Any], Any]) -> None:
    assert mask_of(use(embedded())) is None


def test_models_that_compute_first_what_kernels_do_not() -> None:
    model = pydl.Sequential(
        [pydl.Input((3,), dtype="int64"), L.IntegerLookup(vocabulary=[3, 1, 2]), L.Embedding(5, 1, mask_zero=True)]
    )
    model.set_weights([np.arange(5.0)[:, np.newaxis]])
    rows = np.array([[1, 2, 7]])
    np.testing.assert_array_equal(model(rows), model.predict(rows, verbose=0))
    texts = pydl.Sequential([L.TextVectorization(vocabulary=["a", "b"]), L.Embedding(4, 2, mask_zero=True)])
    np.testing.assert_array_equal(mask_of(texts(np.array(["a b", "b"]))), [[True, True], [True, False]])


def test_the_first_call_is_as_the_others() -> None:
    model = pydl.Sequential([L.Embedding(5, 2, mask_zero=True)])
    for rows in (CODES, CODES, CODES.tolist()):
        np.testing.assert_array_equal(mask_of(model(rows)), CODES != 0)


def test_inputs_and_outputs_in_other_forms() -> None:
    a, b, h = pydl.Input((3, 4), name="a"), pydl.Input((3, 4), name="b"), embedded()
    np.testing.assert_allclose(pydl.Model({"a": a}, L.GlobalAveragePooling1D()(a))({"a": h}), COUNTED)
    for given in ([h], (h,), h):
        np.testing.assert_allclose(pydl.Model(a, L.GlobalAveragePooling1D()(a))(given), COUNTED)
    both = pydl.Model({"a": a, "b": b}, L.GlobalAveragePooling1D()(L.Add()([a, b])))
    np.testing.assert_allclose(both({"b": h, "a": h}), 2 * COUNTED)
    np.testing.assert_allclose(both({"b": h, "a": np.asarray(h)}), 2 * ALL)
    keyed = pydl.Model({"x": b}, L.Masking()(b))
    assert mask_of(keyed({"x": np.asarray(h)})).all()
    x = pydl.Input((3,))
    parts = L.Embedding(5, 2, mask_zero=True)(x), L.Dense(2)(x)
    for outputs in ({"x": parts[0], "y": parts[1]}, parts, [parts[0], {"z": parts[1]}]):
        model = pydl.Model(x, outputs)
        found, expected = model(CODES), model.predict(CODES, verbose=0)
        assert type(found) is type(expected)
        first = found["x"] if isinstance(found, dict) else found[0]
        np.testing.assert_array_equal(mask_of(first), CODES != 0)


def test_penalties_of_outputs() -> None:
    layer = L.Dense(2, activity_regularizer="l2")
    layer(embedded())
    assert len(layer.losses) == 1


def test_numbers_are_numbers() -> None:
    h = embedded()
    assert round(h.max(), 1) == 15
    assert isinstance(h.sum(), np.floating)
    assert type(h + 1) is np.ndarray


def test_a_mask_that_fits_no_more_is_none() -> None:
    class Means(L.Layer):
        supports_masking = True

        def call(self, x: Any) -> Any:
            return pydl.ops.mean(x, axis=1)

    assert L.Dense(2)(Means()(embedded())).shape == (2, 2)

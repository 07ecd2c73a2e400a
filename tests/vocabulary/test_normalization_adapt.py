"""Normalization: what adapt learns, on which axes, of values far from zero; files, gradients, what is refused."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(6)
X = RNG.normal([1, -20, 300], [0.1, 5, 40], (70, 3))
CUBE = RNG.normal(3, 2, (50, 4, 3))
BLOCK = RNG.normal(RNG.normal(0, 5, (4, 3, 5)), 2, (40, 4, 3, 5))


def expected(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """In double; `axes`: those that are averaged over."""
    x = np.asarray(x, dtype=np.float64)
    d = x - x.mean(axes, keepdims=True)
    d -= d.mean(axes, keepdims=True)  # what rounding the mean of large numbers has left
    return np.asarray(d / np.maximum(np.sqrt((d**2).mean(axes, keepdims=True)), 1e-7))


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 3e-6), ("float64", 1e-13)])
@pytest.mark.parametrize(
    ("x", "axis", "averaged"),
    [
        (X, -1, (0,)), (X, 1, (0,)), (X, None, (0, 1)), (CUBE, -1, (0, 1)), (CUBE, 2, (0, 1)), (CUBE, (1, 2), (0,)),
        (CUBE, [-1], (0, 1)), (CUBE, None, (0, 1, 2)), (CUBE, 1, (0, 2)), (BLOCK, (1, 2), (0, 3)),
        (BLOCK, 2, (0, 1, 3)), (BLOCK, (-1, 1), (0, 2)), (BLOCK, [3, 1, 3], (0, 2)),
    ],
)  # fmt: skip
def test_values(x: np.ndarray, axis: Any, averaged: tuple[int, ...], dtype: str, atol: float) -> None:
    x = x.astype(dtype)
    layer = L.Normalization(axis=axis, dtype=dtype)
    layer.adapt(x)
    model = pydl.Sequential([pydl.Input(x.shape[1:], dtype=dtype), layer])
    np.testing.assert_allclose(model.predict(x), expected(x, averaged), atol=atol)
    np.testing.assert_allclose(np.squeeze(layer.mean), np.squeeze(x.mean(averaged)), rtol=1e-6)
    np.testing.assert_allclose(np.squeeze(layer.variance), np.squeeze(x.var(averaged)), rtol=1e-6)
    assert layer.trainable_weights == []


@pytest.mark.parametrize("offset", [1e6, -3e7, 1e4])
def test_values_far_from_zero(offset: float) -> None:
    """In float32, from numbers as float32 has them: nothing is lost beyond the last rounding."""
    x = (offset + RNG.normal(size=(500, 2)) * [4, 30]).astype(np.float32)
    layer = L.Normalization()
    layer.adapt(x)
    np.testing.assert_allclose(layer(x), expected(x, (0,)), rtol=1e-6, atol=1e-6)
    wide = L.Normalization(dtype="float64")
    wide.adapt(1e9 + X)
    np.testing.assert_allclose(wide(1e9 + X), expected(1e9 + X, (0,)), rtol=1e-11, atol=1e-11)


def test_a_column_that_is_constant_is_zero() -> None:
    x = np.column_stack([X[:, 0], np.full(70, 7.1), np.zeros(70)]).astype(np.float32)
    layer = L.Normalization()
    layer.adapt(x)
    y = layer(x)
    np.testing.assert_array_equal(y[:, 2], 0)
    np.testing.assert_array_equal(y[:, 1], 0)


class Parts(pydl.utils.PyDataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return X[20 * i : 20 * i + 20], np.ones(20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [X[:1], X[1:40], X[40:]],
        lambda: (part for part in (X[:33], X[33:])),
        lambda: (part for part in ((X[:33], "targets"), (X[33:], "targets"))),
        Parts,
        X.tolist,
        lambda: X.astype(np.float64)[:, ::-1][:, ::-1],
    ],
)
def test_batches_of_any_size_give_what_all_rows_give(make: Callable[[], Any]) -> None:
    layer, other = L.Normalization(dtype="float64"), L.Normalization(dtype="float64")
    layer.adapt(X)
    other.adapt(np.zeros((5, 3)))
    other.adapt(make())
    np.testing.assert_allclose(layer.mean[0], X.mean(0), rtol=1e-14)
    for a, b in zip(layer.get_weights()[:2], other.get_weights()[:2], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-13)
    np.testing.assert_allclose(other(X), layer(X), atol=1e-13)


def test_numbers_in_one_dimension_are_a_column() -> None:
    layer = L.Normalization(input_shape=(1,), axis=None)
    layer.adapt(X[:, 0])
    model = pydl.Sequential([layer, L.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model.predict(X[:, 0])[:, 0], expected(X[:, 0], (0,)), atol=1e-5)


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 1e-4), ("float64", 1e-10)])
def test_inverted_it_gives_the_values_back(dtype: str, atol: float) -> None:
    there, back = L.Normalization(dtype=dtype), L.Normalization(invert=True, dtype=dtype)
    there.adapt(X)
    back.adapt(X)
    np.testing.assert_allclose(back(there(X)), X, atol=atol)


def test_values_that_are_given() -> None:
    np.testing.assert_allclose(
        L.Normalization(mean=3.0, variance=2.0)(np.array([[1.0], [2], [3]])),
        [[-(2**0.5)], [-(0.5**0.5)], [0]],
        rtol=1e-6,
    )
    layer = L.Normalization(mean=[1, -20, 300], variance=[0.01, 25, 1600], dtype="float64")
    np.testing.assert_allclose(layer(X), (X - [1, -20, 300]) / [0.1, 5, 40], rtol=1e-9)
    assert layer.weights == []
    again = L.deserialize(L.serialize(layer))
    np.testing.assert_array_equal(again(X), layer(X))


def test_files_and_copies_keep_it(tmp_path: Path) -> None:
    layer = L.Normalization()
    layer.adapt(1e6 + X)
    x = (1e6 + X).astype(np.float32)
    model = pydl.Sequential([pydl.Input((3,)), layer, L.Dense(2)])
    model.compile("adam", "mse")
    before = layer.get_weights()
    model.fit(x, X[:, :2], verbose=0)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "m.safetensors")
    model.save_weights(tmp_path / "w.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    fresh = pydl.models.model_from_config(model.get_config())
    fresh.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(fresh.predict(x), model.predict(x))


def test_adapting_again_shows_in_a_model_that_has_run() -> None:
    layer = L.Normalization()
    model = pydl.Sequential([pydl.Input((3,)), layer])
    np.testing.assert_array_equal(model.predict(X), X.astype(np.float32))
    assert model(X) is not None
    layer.adapt(X)
    np.testing.assert_allclose(model(X), expected(X.astype(np.float32), (0,)), atol=1e-4)
    np.testing.assert_allclose(model.predict(X), expected(X.astype(np.float32), (0,)), atol=1e-4)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.usefixtures("float64")
def test_gradients_pass_through(invert: bool) -> None:
    inner = L.Dense(3)
    layer = L.Normalization(mean=[1, 2, 3], variance=[4, 0.25, 9], invert=invert)
    model = pydl.Sequential([pydl.Input((3,)), inner, layer])
    model.compile("sgd", "mse")
    t = RNG.normal(size=(70, 3))
    scale = np.array([2, 0.5, 3]) if invert else 1 / np.array([2, 0.5, 3])
    slope = 2 * (model.predict(X) - t) / t.size * scale
    np.testing.assert_allclose(model.gradients(X, t)[f"{inner.name}/kernel"], X.T @ slope, rtol=1e-9)


def adapted() -> Any:
    layer = L.Normalization()
    layer.adapt(X)
    return layer


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: L.Normalization(mean=1.0), "both `mean` and `variance`"),
        (lambda: L.Normalization(axis=1)(pydl.Input((4, None))), "a known size"),
        (lambda: L.Normalization(axis=0)(X), "behind the batch"),
        (lambda: L.Normalization(axis=5)(X), "behind the batch"),
        (lambda: L.Normalization()(pydl.Input((None,))), "a known size"),
        (lambda: L.Normalization(mean=[1, 2], variance=[1, 2])(X), r"shape \(3,\), got \[\(2,\), \(2,\)\]"),
        (lambda: L.Normalization(mean=1, variance=1).adapt(X), "were given"),
        (lambda: L.Normalization().adapt([]), "empty iterable"),
        (lambda: L.Normalization().adapt(np.where(X > 0, X, np.nan)), "NaN or infinity"),
        (lambda: L.Normalization().adapt(X * 1e30), 'dtype="float64"'),
        (lambda: adapted().adapt(X[:, :2]), "expected rows .* incompatible shape"),
        (lambda: adapted()(X[:, :2]), r"last axes are \(3,\)"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_axes_between_others_with_values_that_were_given(tmp_path: Path) -> None:
    mean, variance = RNG.normal(size=(4, 5)), RNG.uniform(1, 4, (4, 5))
    layer = L.Normalization(axis=(1, 3), mean=mean, variance=variance, dtype="float64")
    wanted = (BLOCK - mean[:, None]) / np.sqrt(variance[:, None])
    np.testing.assert_allclose(layer(BLOCK), wanted, rtol=1e-12, atol=1e-12)
    back = L.Normalization(axis=(1, 3), mean=mean, variance=variance, invert=True, dtype="float64")
    np.testing.assert_allclose(back(wanted), BLOCK, rtol=1e-12, atol=1e-12)
    learnt = L.Normalization(axis=2)
    learnt.adapt([(part, np.zeros(len(part))) for part in np.split(BLOCK, 4)])  # batches of inputs and targets
    model = pydl.Sequential([pydl.Input(BLOCK.shape[1:]), learnt])
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(BLOCK), model.predict(BLOCK))
    np.testing.assert_allclose(model.predict(BLOCK), expected(BLOCK, (0, 1, 3)), atol=3e-6)


def test_weights_are_those_of_keras_and_bring_all_there_is() -> None:
    far = 1e7 + 1 / 3 + np.arange(12.0).reshape(4, 3)
    layer = L.Normalization()
    layer.adapt(far)
    assert [v.path for v in layer.weights] == [f"{layer.name}/{name}" for name in ("mean", "variance", "count")]
    assert [v.shape for v in layer.weights] == [(3,), (3,), ()]
    assert layer.count_params() == 7
    np.testing.assert_allclose(layer.mean, far.mean(0, keepdims=True))
    assert layer.mean.numpy().shape == layer.variance.shape == (1, 3)
    expected, weights = layer(far), layer.get_weights()
    layer.set_weights([np.zeros(3), np.ones(3), np.array(5)])
    np.testing.assert_array_equal(layer(np.ones((1, 3))), 1)  # nothing is left of the mean that was
    layer.set_weights(weights)
    assert layer(far).tobytes() == expected.tobytes()
    assert L.Normalization(mean=[1.0], variance=[2.0]).get_weights() == []


def test_values_that_were_given_need_no_room_in_a_file(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    normal = L.Normalization(mean=[1, 2, 3], variance=[1, 4, 1])(x)
    model = pydl.Model(x, L.Dense(2)(L.Concatenate()([x, normal])))
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(X[:, :3], verbose=0), model.predict(X[:, :3], verbose=0))


def test_copies_keep_what_the_mean_lacks() -> None:
    far = 1e7 + 1 / 3 + np.arange(12.0).reshape(4, 3)
    layer = L.Normalization()
    layer.adapt(far)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
        assert other(far).tobytes() == layer(far).tobytes()
        other.set_weights([np.ones(3), np.ones(3), 0])
        np.testing.assert_array_equal(other.mean, 1)
    assert layer.mean[0, 0] > 1e6


def test_a_run_is_resumed_with_the_best_weights_of_a_stopping_callback(tmp_path: Path) -> None:
    rows = 1e5 + np.random.default_rng(0).normal(size=(32, 3))

    class Broken(pydl.callbacks.Callback):
        def __init__(self, at: int) -> None:
            self.at = at

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == self.at:
                raise KeyboardInterrupt

    def train(folder: Path, at: int) -> list[bytes]:
        pydl.utils.set_random_seed(1)
        layer = L.Normalization(name="n")
        layer.adapt(rows)
        model = pydl.Sequential([pydl.Input((3,)), layer, L.Dense(1, name="d")])
        model.compile("adam", "mse")
        stopping = pydl.callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True)
        backup = pydl.callbacks.BackupAndRestore(folder)
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(rows, rows[:, :1] - 1e5, epochs=5, verbose=0, callbacks=[backup, stopping, Broken(at)])
        return [w.tobytes() for w in model.get_weights()]

    whole = train(tmp_path / "whole", -1)
    train(tmp_path / "parts", 2)
    assert train(tmp_path / "parts", -1) == whole

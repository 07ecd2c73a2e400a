"""A loss that is not finite: said once, at the end of the epoch, with the cause if it can be found."""

import warnings
from typing import Any

import numpy as np
import pytest

import pydl

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X[:, :1].copy()


def model(rate: float = 0.01) -> Any:
    net = pydl.Sequential([pydl.Input((3,), name="x"), pydl.layers.Dense(1, name="d")])
    net.compile(pydl.optimizers.SGD(rate), "mse")
    return net


def said(net: Any, *data: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(*data, epochs=3, verbose=0, **options)
    return [str(w.message) for w in caught]


def spoiled(value: float) -> np.ndarray:
    x = X.copy()
    x[20, 1] = value
    return x


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite_are_named(value: float) -> None:
    (message,) = said(model(), spoiled(value), Y)
    assert f"the loss of epoch 1 is {value}" in message
    assert 'input "x" holds NaN or infinity, first in row 20; drop or impute such rows' in message


def test_a_run_that_diverges_names_the_weight() -> None:
    (message,) = said(model(1e20), X, Y)
    assert 'the weight "d/kernel" is no longer finite; try a lower learning rate' in message


def test_batches_and_validation() -> None:
    class Batches(pydl.utils.PyDataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, i: int) -> Any:
            return spoiled(np.nan), Y

    (message,) = said(model(), Batches())
    assert "look for NaN in the data" in message
    (message,) = said(model(), X, Y, validation_data=(spoiled(np.nan), Y))
    assert "the val_loss of epoch 1 is nan: look for NaN or infinity in the data for validation" in message


def test_nothing_is_said_of_finite_losses_or_twice() -> None:
    assert said(model(), X, Y) == []
    assert said(model(), spoiled(np.nan), Y, callbacks=[pydl.callbacks.TerminateOnNaN()]) == []


@pytest.mark.parametrize(("dtype", "wrong"), [
    ("int32", -1), ("int32", 3), ("uint8", 3), ("uint8", 255), ("float32", -1), ("float32", 3), ("float32", 1.5),
])  # fmt: skip
@pytest.mark.parametrize("from_logits", [False, True])
def test_labels_spoiled_after_they_were_checked(dtype: str, from_logits: bool, wrong: float) -> None:
    """A class that is none makes the loss NaN; where it weighs nothing it may be anything."""
    labels = np.arange(len(X)).astype(dtype) % 3
    spoiled_labels = labels.copy()
    spoiled_labels[5] = wrong

    def fit(weights: Any) -> list[float]:
        pydl.utils.set_random_seed(0)
        net = pydl.Sequential([pydl.Input((X.shape[1],)), pydl.layers.Dense(3, None if from_logits else "softmax")])
        net.compile("sgd", pydl.losses.SparseCategoricalCrossentropy(from_logits))
        y = labels.copy()
        change = pydl.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: np.copyto(y, spoiled_labels))
        return list(net.fit(X, y, verbose=0, sample_weight=weights, callbacks=[change]).history["loss"])

    with pytest.warns(UserWarning, match="the loss of epoch 1 is nan"):
        assert np.isnan(fit(None)).all()
    assert np.isfinite(fit((np.arange(len(X)) != 5).astype(np.float32))).all()


def test_targets_that_a_loss_of_ones_own_leaves_out() -> None:
    """NaN stands for what nobody knows: such targets train as if they were not there, and no others are touched."""

    def known_alone(y_true: Any, y_pred: Any) -> Any:
        known = pydl.ops.isfinite(y_true)
        error = pydl.ops.where(known, y_true, 0.0) - pydl.ops.where(known, y_pred, 0.0)
        return pydl.ops.square(error)

    class KnownAlone(pydl.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return known_alone(y_true, y_pred)

    y = np.concatenate([Y, 2 * Y], axis=1)
    y[::3, 1] = np.nan
    start = [np.full((3, 2), 0.5, np.float32), np.zeros(2, np.float32)]
    found = []
    for loss in (known_alone, KnownAlone()):
        net = pydl.Sequential([pydl.Input((3,), name="x"), pydl.layers.Dense(2)])
        net.compile(pydl.optimizers.SGD(0.1), loss, metrics=["mae"])
        net.set_weights(start)
        history = net.fit(X, y, batch_size=32, epochs=1, verbose=0, validation_data=(X, y)).history
        assert np.isfinite([*history["loss"], *history["val_loss"]]).all()
        found.append(net.get_weights())
        assert net.evaluate(X, y, verbose=0)[0] == history["val_loss"][0]
    w, b = start
    error = np.where(np.isfinite(y), X @ w + b - y, 0)
    np.testing.assert_allclose(found[0][0], w - 0.1 * X.T @ error / len(X), rtol=1e-5)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    net.compile("sgd", "mse")
    with pytest.raises(ValueError, match="row 0 holds NaN or infinity"):
        net.fit(X, y, verbose=0)

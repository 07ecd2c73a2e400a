"""Validation within `fit`, and class weights, which leave it alone; semantics are Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.training.numpy_fit import (
    BATCH,
    RNG,
    ROWS,
    RTOL,
    Batches,
    W,
    X,
    Y,
    assert_same_weights,
    endless,
    linear,
    mse,
    watched,
)

pytestmark = pytest.mark.usefixtures("float64")


# -- validation -------------------------------------------------------------------------------------------------------


def test_validation_split_takes_the_last_rows_before_shuffling() -> None:
    rows = np.arange(40.0)[:, None]
    model, seen = watched()
    h = model.fit(rows, 3 * rows, batch_size=BATCH, validation_split=0.3, verbose=0, epochs=2)
    assert {row for batch in seen.batches for row in batch} == set(range(28))
    k, b = model.get_weights()
    assert h.history["val_loss"][-1] == pytest.approx(((rows * k + b - 3 * rows)[28:] ** 2).mean(), rel=RTOL)


@pytest.mark.parametrize(
    ("rows", "share", "kept"), [(10, 0.8, 2), (10, 0.9, 1), (10, 0.5, 5), (100, 0.99, 1), (7, 0.3, 4), (9, 0.05, 8)]
)
def test_shares_that_binary_fractions_miss(rows: int, share: float, kept: int) -> None:
    x = np.arange(float(rows))[:, None]
    model, seen = watched()
    model.fit(x, x, batch_size=BATCH, validation_split=share, verbose=0)
    assert {row for batch in seen.batches for row in batch} == set(range(kept))


def test_validation_data_and_its_weights() -> None:
    model = linear(["mae"])
    h = model.fit(X, Y, epochs=2, validation_data=(X[:9], Y[:9], W[:9]), verbose=0)
    assert list(h.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert h.history["val_loss"][-1] == pytest.approx(mse(model, X[:9], Y[:9], W[:9]), rel=RTOL)
    h = model.fit(X, Y, validation_data=[X[:9], Y[:9]], verbose=0)
    assert h.history["val_loss"][-1] == pytest.approx(mse(model, X[:9], Y[:9]), rel=RTOL)


def test_validation_data_go_before_validation_split() -> None:
    rows = np.arange(40.0)[:, None]
    model, seen = watched()
    h = model.fit(rows, rows, validation_split=0.5, validation_data=(rows[:3], rows[:3]), verbose=0)
    assert sum(len(b) for b in seen.batches) == 40
    k, b = model.get_weights()
    assert h.history["val_loss"][0] == pytest.approx(((rows * k + b - rows)[:3] ** 2).mean(), rel=RTOL)


def test_sample_weights_are_split_along() -> None:
    model = linear()
    h = model.fit(X, Y, sample_weight=W, validation_split=0.25, verbose=0)
    assert h.history["val_loss"][0] == pytest.approx(mse(model, X[30:], Y[30:], W[30:]), rel=RTOL)


def test_every_other_epoch() -> None:
    h = linear().fit(X, Y, epochs=5, validation_split=0.5, validation_freq=2, verbose=0)
    assert (len(h.history["loss"]), len(h.history["val_loss"])) == (5, 2)


def test_validation_on_batches_and_on_some_of_them() -> None:
    model = linear()
    options = {"verbose": 0, "shuffle": False}
    h = model.fit(X, Y, validation_data=Batches(X[:20], Y[:20], 6), **options)
    assert h.history["val_loss"][0] == pytest.approx(mse(model, X[:20], Y[:20]), rel=RTOL)
    h = model.fit(X, Y, validation_data=(X, Y), validation_batch_size=5, validation_steps=3, **options)
    assert h.history["val_loss"][0] == pytest.approx(mse(model, X[:15], Y[:15]), rel=RTOL)
    h = model.fit(X, Y, validation_data=endless(5), validation_steps=2, **options)
    assert h.history["val_loss"][0] == pytest.approx(mse(model, X[:10], Y[:10]), rel=RTOL)


# -- class weights ----------------------------------------------------------------------------------------------------


def classifier(units: int, loss: str) -> Any:
    pydl.utils.set_random_seed(6)
    activation = "sigmoid" if units == 1 else "softmax"
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(units, activation)])
    model.compile(pydl.optimizers.SGD(0.5), loss, metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model


LABELS = RNG.integers(0, 3, ROWS)
CLASS_CASES = {
    "sparse": (3, "sparse_categorical_crossentropy", LABELS),
    "one-hot": (3, "categorical_crossentropy", np.eye(3)[LABELS]),
    "binary": (1, "binary_crossentropy", np.minimum(LABELS, 1)),
}


@pytest.mark.parametrize("kind", CLASS_CASES)
def test_class_weights_are_sample_weights_by_class(kind: str) -> None:
    units, loss, y = CLASS_CASES[kind]
    table = {0: 0.5, 1: 3.0}  # class 2 is not named and weighs 1
    labels = np.minimum(LABELS, 1) if units == 1 else LABELS
    equivalent = np.array([table.get(int(c), 1.0) for c in labels])
    for extra in (None, W):
        total = equivalent if extra is None else equivalent * extra
        by_class = classifier(units, loss)
        a = by_class.fit(X, y, class_weight=table, sample_weight=extra, verbose=0)
        by_sample = classifier(units, loss)
        b = by_sample.fit(X, y, sample_weight=total, verbose=0)
        assert a.history == b.history
        assert_same_weights(by_class, by_sample)
        assert by_class.train_on_batch(X, y, extra, table) == by_sample.train_on_batch(X, y, total)


@pytest.mark.parametrize("kind", CLASS_CASES)
def test_class_weights_do_not_touch_validation(kind: str) -> None:
    units, loss, y = CLASS_CASES[kind]
    model = classifier(units, loss)
    h = model.fit(X, y, class_weight={0: 5.0}, validation_split=0.25, verbose=0).history
    expected = model.evaluate(X[30:], y[30:], verbose=0, return_dict=True)
    assert {k.removeprefix("val_"): v[0] for k, v in h.items() if k.startswith("val_")} == pytest.approx(expected)


def test_class_weights_with_batches() -> None:
    _, loss, y = CLASS_CASES["sparse"]
    a, b = classifier(3, loss), classifier(3, loss)
    options = {"class_weight": {0: 2.0, 2: 0.1}, "shuffle": False, "verbose": 0}
    assert a.fit(X, y, batch_size=8, **options).history == b.fit(Batches(X, y, 8), **options).history


def test_validation_after_listed_epochs() -> None:
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    seen = pydl.callbacks.EarlyStopping(patience=5)
    history = model.fit(x, y, epochs=4, validation_data=(x, y), validation_freq=[1, 4], verbose=0, callbacks=[seen])
    assert len(history.history["val_loss"]) == 2
    with pytest.raises(ValueError, match="validation_freq"):
        model.fit(x, y, validation_data=(x, y), validation_freq=[0])

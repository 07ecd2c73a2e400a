"""What `fit` does, row by row and epoch by epoch, against a loop in NumPy; semantics are Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl.callbacks import Callback, EarlyStopping, LambdaCallback, LearningRateScheduler
from tests.training.numpy_fit import (
    BATCH,
    ROWS,
    RTOL,
    Array,
    Batches,
    W,
    X,
    Y,
    assert_same_weights,
    endless,
    epochs_seen,
    linear,
    numpy_fit,
    watched,
)

pytestmark = pytest.mark.usefixtures("float64")


# -- history ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("batch", [1, BATCH, ROWS, 1000])
def test_history_is_that_of_a_numpy_loop(weights: Array | None, batch: int) -> None:
    model, reference = linear(["mae"], ["mae"]), linear()
    h = model.fit(X, Y, batch_size=batch, epochs=3, shuffle=False, sample_weight=weights, verbose=0)
    expected = numpy_fit(reference, X, Y, weights, epochs=3, batch=min(batch, ROWS))
    assert h.epoch == [0, 1, 2]
    assert list(h.history) == ["loss", "mae", "weighted_mae"]
    np.testing.assert_allclose(h.history["loss"], expected["loss"], rtol=RTOL)
    np.testing.assert_allclose(h.history["mae"], expected["mae"], rtol=RTOL)
    np.testing.assert_allclose(h.history["weighted_mae"], expected["weighted"], rtol=RTOL)
    assert_same_weights(model, reference)


def test_default_batch_is_32() -> None:
    model, reference = linear(), linear()
    h = model.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_allclose(h.history["loss"], numpy_fit(reference, X, Y, batch=32)["loss"], rtol=RTOL)


def test_logs_of_each_batch_are_means_so_far() -> None:
    model, reference = linear(["mae"]), linear()
    logs: list[tuple[int, dict[str, float]]] = []
    watcher = LambdaCallback(on_train_batch_end=lambda batch, given: logs.append((batch, dict(given))))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[watcher])
    assert [batch for batch, _ in logs] == [0, 1, 2, 3, 4, 5]
    start = linear()
    for batch, given in logs:
        reference.set_weights(start.get_weights())
        rows = min((batch + 1) * BATCH, ROWS)
        expected = numpy_fit(reference, X[:rows], Y[:rows])
        assert given == pytest.approx({"loss": expected["loss"][0], "mae": expected["mae"][0]}, rel=RTOL)


def test_no_epochs() -> None:
    model = linear()
    before = model.get_weights()
    h = model.fit(X, Y, epochs=0, verbose=0)
    assert (h.history, h.epoch, model.optimizer.iterations) == ({}, [], 0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_from_an_initial_epoch() -> None:
    model, reference, seen = linear(), linear(), []
    rate = LearningRateScheduler(lambda epoch: seen.append(epoch) or 0.05 * (epoch + 1))
    h = model.fit(X, Y, batch_size=BATCH, epochs=5, initial_epoch=3, shuffle=False, verbose=0, callbacks=[rate])
    expected = numpy_fit(reference, X, Y, epochs=2, rates=lambda epoch: 0.05 * (epoch + 4))
    assert h.epoch == seen == [3, 4]
    np.testing.assert_allclose(h.history["loss"], expected["loss"], rtol=RTOL)
    assert_same_weights(model, reference)
    assert model.fit(X, Y, epochs=3, initial_epoch=3, verbose=0).epoch == []


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("data", [(X, Y), (Batches(X, Y, 32),)], ids=["arrays", "batches"])
def test_a_second_fit_goes_on(data: tuple[Any, ...], shuffle: bool) -> None:
    """With new orders of the rows, too: epochs one by one are as good as one call, whatever they are numbered."""
    once, twice = linear(), linear()
    for model, calls in ((once, [(0, 6)]), (twice, [(0, 1), (0, 3), (4, 6)])):
        model.seed = 7
        model.compile("adam", "mse")
        for initial, epochs in calls:
            model.fit(*data, epochs=epochs, initial_epoch=initial, shuffle=shuffle, verbose=0)
    assert_same_weights(once, twice)
    assert once.optimizer.iterations == twice.optimizer.iterations == 12
    twice.compile("adam", "mse")
    assert twice.optimizer.iterations == 0


# -- order ------------------------------------------------------------------------------------------------------------


def test_shuffling_takes_every_row_once_an_epoch_in_a_new_order() -> None:
    rows = np.arange(40.0)[:, None]
    model, seen = watched()
    model.fit(rows, rows, batch_size=BATCH, epochs=3, verbose=0)
    assert [len(b) for b in seen.batches] == 3 * [7, 7, 7, 7, 7, 5]
    orders = epochs_seen(seen.batches, 6)
    for order in orders:
        assert sorted(order) == list(range(40))
        assert order != sorted(order)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    again, seen_again = watched()
    again.fit(rows, rows, batch_size=BATCH, epochs=3, verbose=0)
    assert epochs_seen(seen_again.batches, 6) == orders


def test_without_shuffling_rows_come_as_they_are() -> None:
    rows = np.arange(40.0)[:, None]
    model, seen = watched()
    model.fit(rows, rows, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    assert epochs_seen(seen.batches, 6) == 2 * [list(range(40))]


# -- batches that come by themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, W])
def test_a_data_set_of_batches_is_as_good_as_arrays(weights: Array | None) -> None:
    arrays, batches = linear(["mae"], ["mae"]), linear(["mae"], ["mae"])
    a = arrays.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, sample_weight=weights, verbose=0)
    data = Batches(X, Y, BATCH, weights)
    b = batches.fit(data, epochs=2, shuffle=False, verbose=0)
    assert a.history == b.history
    assert_same_weights(arrays, batches)
    assert data.events == ["begin", "end", "begin", "end"]
    assert data.order == 2 * [0, 1, 2, 3, 4, 5]
    assert arrays.evaluate(X, Y, sample_weight=weights, verbose=0) == pytest.approx(batches.evaluate(data, verbose=0))
    np.testing.assert_array_equal(arrays.predict(X), batches.predict(data))


def test_batches_of_a_data_set_are_shuffled() -> None:
    data = Batches(X, Y, 4)
    linear().fit(data, epochs=3, verbose=0)
    orders = [data.order[i : i + 10] for i in (0, 10, 20)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1]
    assert orders[0] != list(range(10))


def test_a_plain_list_like_sequence_of_batches() -> None:
    class Sequence:
        def __len__(self) -> int:
            return 8

        def __getitem__(self, i: int) -> Any:
            return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]

    a, b = linear(), linear()
    assert (
        a.fit(Sequence(), shuffle=False, verbose=0).history
        == b.fit(X, Y, batch_size=5, shuffle=False, verbose=0).history
    )


def test_a_generator_goes_on_where_the_last_epoch_stopped() -> None:
    model, reference = linear(), linear()
    h = model.fit(endless(5), epochs=4, steps_per_epoch=4, verbose=0)
    expected = numpy_fit(reference, np.tile(X, (2, 1)), np.tile(Y, (2, 1)), batch=5)
    assert model.optimizer.iterations == 16
    assert len(h.history["loss"]) == 4
    assert_same_weights(model, reference)
    assert np.mean(h.history["loss"]) == pytest.approx(expected["loss"][0], rel=RTOL)


def test_a_generator_that_runs_out_is_said() -> None:
    """As Keras: a warning, and the training ends."""
    model = linear()
    finite = ((X[:5], Y[:5]) for _ in range(6))
    with pytest.warns(UserWarning, match=r"ran out.*2 of 4 batches"):
        h = model.fit(finite, epochs=5, steps_per_epoch=4, verbose=0)
    assert h.epoch == [0, 1]
    with pytest.raises(ValueError, match="the data ran out"):
        model.fit(iter([]), verbose=0)


def test_steps_per_epoch_of_arrays_go_round_and_round() -> None:
    """Six batches, the last one of 5 rows; epochs of 4 and of 9 steps."""
    rows = np.arange(40.0)[:, None]
    lap = [list(range(i, min(i + BATCH, 40))) for i in range(0, 40, BATCH)]
    for steps, epochs in ((4, 4), (9, 2)):
        model, seen = watched()
        h = model.fit(rows, rows, batch_size=BATCH, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
        assert len(h.history["loss"]) == epochs
        assert [b.tolist() for b in seen.batches] == (3 * lap)[: steps * epochs]
        model, seen = watched()
        model.fit(rows, rows, batch_size=BATCH, epochs=epochs, steps_per_epoch=steps, verbose=0)
        first, second = epochs_seen(seen.batches, 6)[:2]
        assert sorted(first) == sorted(second) == list(range(40))
        assert first != second


# -- callbacks that steer ---------------------------------------------------------------------------------------------


def test_stopping_in_the_middle_of_an_epoch() -> None:
    model = linear()

    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 2

    h = model.fit(X, Y, batch_size=BATCH, epochs=9, verbose=0, callbacks=[Stop()])
    assert (model.optimizer.iterations, len(h.history["loss"])) == (3, 1)
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


def test_early_stopping_on_digits_keeps_the_best_weights() -> None:
    (x, y), _ = pydl.datasets.digits.load_data()
    mixed = np.random.default_rng(0).permutation(len(x))  # the last rows are of other writers than the first
    x, y = x[mixed], y[mixed]
    pydl.utils.set_random_seed(2)
    model = pydl.Sequential(
        [pydl.Input((8, 8)), L.Rescaling(1 / 16), L.Flatten(), L.Dense(64, "relu"), L.Dense(10, "softmax")]
    )
    model.compile(pydl.optimizers.Adam(0.02), "sparse_categorical_crossentropy", ["accuracy"])
    stop = EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    h = model.fit(x, y, epochs=200, validation_split=0.2, verbose=0, callbacks=[stop]).history
    best = int(np.argmin(h["val_loss"]))
    assert len(h["loss"]) == best + 5 < 200
    held_out = slice(int(0.8 * len(x)), None)
    loss, accuracy = model.evaluate(x[held_out], y[held_out], verbose=0)
    assert loss == pytest.approx(h["val_loss"][best], rel=1e-9)
    assert accuracy > 0.95

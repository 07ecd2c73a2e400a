"""Batches as programs for Keras bring them: lists instead of tuples, generators that can be read once."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RNG = np.random.default_rng(0)
X, B = RNG.normal(size=(32, 3)).astype(np.float32), RNG.normal(size=(32, 2)).astype(np.float32)
Y = X[:, :1]


def model(width: int = 3) -> Any:
    net = pydl.Sequential([pydl.Input((width,)), L.Dense(1)])
    net.compile("sgd", "mse")
    return net


class Listed(pydl.utils.PyDataset):
    """Four batches, each a list, as loaders collate them."""

    def __init__(self, *arrays: Any) -> None:
        super().__init__()
        self.arrays = arrays

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> list[Any]:
        return [a[8 * i : 8 * i + 8] for a in self.arrays]


@pytest.mark.parametrize("arrays", [(X, Y), (X, Y, np.ones(32))], ids=["x, y", "x, y, w"])
def test_what_fit_takes_predict_takes(arrays: Any) -> None:
    net = model()
    net.fit(Listed(*arrays), verbose=0)
    listed = Listed(*arrays)
    net.evaluate(listed, verbose=0)
    np.testing.assert_array_equal(net.predict(Listed(*arrays)), net.predict(X))
    np.testing.assert_array_equal(net.predict(listed[i] for i in range(4)), net.predict(X))
    unbuilt = pydl.Sequential([L.Dense(1)])
    assert unbuilt.predict(Listed(*arrays)).shape == (32, 1)


def test_inputs_without_an_axis_and_lists_that_are_rows_or_inputs() -> None:
    net = model(1)
    np.testing.assert_array_equal(net.predict(Listed(Y[:, 0], Y[:, 0])), net.predict(Y))
    net = model()
    rows = [[X[0], X[1]], [X[2].tolist(), X[3].tolist()]]  # two batches of two rows
    np.testing.assert_array_equal(net.predict(iter(rows)), net.predict(X[:4]))
    a, b = pydl.Input((3,)), pydl.Input((2,))
    both = pydl.Model([a, b], L.Dense(1)(L.Concatenate()([a, b])))
    expected = both.predict([X, B])
    np.testing.assert_array_equal(both.predict(Listed(X, B)), expected)
    pairs = [[(X[:16], B[:16]), Y[:16]], [(X[16:], B[16:]), Y[16:]]]
    np.testing.assert_array_equal(both.predict(iter(pairs)), expected)


def batches(n: int, again: bool = False) -> Iterator[Any]:
    """Batches that can be read once; `again`: in the same memory each time."""
    x, y = np.empty((8, 3), np.float32), np.empty((8, 1), np.float32)
    for i in range(n):
        x, y = (x, y) if again else (np.empty_like(x), np.empty_like(y))
        x[...], y[...] = X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]
        yield x, y


@pytest.mark.parametrize("options", [{}, {"validation_steps": 3}, {"validation_freq": 2, "epochs": 6}])
@pytest.mark.parametrize("again", [False, True])
def test_a_validation_generator_serves_every_epoch(options: dict[str, Any], again: bool) -> None:
    net, reference = model(), model()
    reference.set_weights(net.get_weights())
    rows = 24 if "validation_steps" in options else 32
    options = {"epochs": 3, "verbose": 0, "shuffle": False, **options}
    history = net.fit(X, Y, validation_data=batches(4, again), **options).history
    options.pop("validation_steps", None)
    expected = reference.fit(X, Y, validation_data=(X[:rows], Y[:rows]), **options).history
    assert history["loss"] == expected["loss"]
    np.testing.assert_allclose(history["val_loss"], expected["val_loss"], rtol=1e-6)


def test_a_validation_generator_without_end_gives_the_same_batches_to_each_epoch() -> None:
    def endless() -> Iterator[Any]:
        for i in itertools.count():
            yield X[:8], Y[:8] + i

    net = model()
    net.compile(pydl.optimizers.SGD(0.0), "mae")
    history = net.fit(X, Y, validation_data=endless(), validation_steps=3, epochs=3, verbose=0).history
    off = net.predict(X[:8], verbose=0) - Y[:8]
    expected = [np.mean([np.abs(off - i).mean() for i in range(3)])] * 3
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-5)


def test_a_training_generator_that_is_used_up_ends_the_run_with_what_there_is() -> None:
    net = model()
    with pytest.warns(UserWarning, match="ran out after 1 of 3 epochs; training ends"):
        history = net.fit(batches(4), epochs=3, validation_data=(X, Y), verbose=0)
    assert history.epoch == [0]
    assert len(history.history["val_loss"]) == 1
    assert net.optimizer.iterations == 4
    with pytest.raises(ValueError, match="the data ran out"):
        model().fit(batches(0), epochs=3, verbose=0)


class Anew:
    """Batches that can be gone through again and again, and no more than that."""

    def __iter__(self) -> Iterator[Any]:
        return ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 32, 8))


@pytest.mark.parametrize("batches", [Anew, lambda: iter(Anew())], ids=["iterable", "iterator"])
def test_the_first_batch_tells_the_shape_and_is_not_lost(batches: Any) -> None:
    pydl.utils.set_random_seed(1)
    net = pydl.Sequential([L.Dense(1)])
    net.compile("sgd", "mse")
    net.fit(batches(), verbose=0)
    assert net.optimizer.iterations == 4
    pydl.utils.set_random_seed(1)
    built = pydl.Sequential([L.Dense(1)])
    built.build((None, 3))
    built.compile("sgd", "mse")
    built.fit(X, Y, 8, shuffle=False, verbose=0)
    np.testing.assert_array_equal(net.predict(batches()), built.predict(X))
    assert pydl.Sequential([L.Dense(2)]).predict(batches()).shape == (32, 2)


def test_no_batch_at_all() -> None:
    net = pydl.Sequential([L.Dense(1)])
    net.compile("sgd", "mse")
    with pytest.raises(ValueError, match="fit: the model has no input shape yet, and there is no batch"):
        net.fit(iter(()), verbose=0)


class Counted(pydl.utils.PyDataset):
    """Four batches, and which of them were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.ends = 0

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        self.seen.append(i)
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    def on_epoch_end(self) -> None:
        self.ends += 1


@pytest.mark.parametrize(("steps", "epochs", "ends"), [(2, 4, 2), (3, 3, 2), (6, 2, 3), (4, 1, 1)])
def test_an_epoch_goes_on_where_the_last_one_ended(steps: int, epochs: int, ends: int) -> None:
    data, net, reference = Counted(), model(), model()
    reference.set_weights(net.get_weights())
    net.fit(data, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    assert data.seen == [i % 4 for i in range(steps * epochs)]
    assert data.ends == ends
    reference.fit(X[:32], Y[:32], 8, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    for found, wanted in zip(net.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_every_batch_once_before_any_comes_again_in_a_new_order() -> None:
    data = Counted()
    model().fit(data, epochs=6, steps_per_epoch=2, verbose=0)
    assert all(sorted(data.seen[k : k + 4]) == [0, 1, 2, 3] for k in (0, 4, 8))

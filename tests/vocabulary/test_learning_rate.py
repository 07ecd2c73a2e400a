"""The learning rate as programs for Keras use it: a number that can be set, and that is what it was set to."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import pydl
from pydl.optimizers import SGD, Adam, schedules


class Halve(pydl.callbacks.Callback):
    def on_train_begin(self, logs: Any = None) -> None:
        self.rate = self.model.optimizer.learning_rate

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rate.assign(float(self.rate.numpy()) / 2)


def test_a_callback_sets_the_rate_by_what_it_holds() -> None:
    x, y = np.ones((1, 1)), np.full((1, 1), 100.0)  # far away: the gradient of the MAE is -1 throughout
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(SGD(0.4), "mae")
    model.fit(x, y, epochs=3, verbose=0, callbacks=[Halve()])
    np.testing.assert_allclose(model.get_weights()[0], 0.4 + 0.2 + 0.1, rtol=1e-6)
    assert model.optimizer.learning_rate == 0.05


def test_it_reads_computes_and_prints_as_a_float() -> None:
    optimizer = SGD(0.25)
    rate = optimizer.learning_rate
    assert (float(rate), rate.numpy(), np.asarray(rate), math.sqrt(rate)) == (0.25, 0.25, 0.25, 0.5)
    assert (rate * 2, 1 - rate, rate / rate, rate**2, -rate, abs(rate)) == (0.5, 0.75, 1.0, 0.0625, -0.25, 0.25)
    assert (f"{rate:.3f}", str(rate), repr(rate), round(rate, 1)) == ("0.250", "0.25", "0.25", 0.2)
    assert 0.1 < rate <= 0.25
    assert rate == pytest.approx(0.25)
    assert isinstance(rate * 2, float)
    optimizer.learning_rate = 0.5
    assert (rate, float(rate)) == (0.5, 0.5)
    optimizer.learning_rate *= 0.5
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = 0
    assert not rate


def test_rates_go_from_optimizer_to_optimizer_as_numbers() -> None:
    first = Adam(0.125)
    second = Adam(first.learning_rate)
    first.learning_rate.assign(0.5)
    assert second.learning_rate == 0.125
    assert second.get_config()["learning_rate"] == 0.125
    for other in (copy.deepcopy(second), pickle.loads(pickle.dumps(second))):  # noqa: S301 - written by this test
        other.learning_rate.assign(1.0)
        assert second.learning_rate == 0.125


@pytest.mark.parametrize(("value", "kind"), [(-1.0, ValueError), (math.nan, ValueError), ("fast", ValueError)])
def test_what_is_no_rate_is_refused(value: Any, kind: type[Exception]) -> None:
    optimizer = SGD(0.25)
    with pytest.raises(kind):
        optimizer.learning_rate.assign(value)
    assert optimizer.learning_rate == 0.25


def test_a_schedule_gives_the_rate_of_the_next_step() -> None:
    schedule = schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = SGD(schedule)
    assert optimizer.schedule is schedule
    assert float(optimizer.learning_rate) == 0.1
    optimizer.iterations = 10
    assert float(optimizer.learning_rate) == 0.05
    assert optimizer.get_config()["learning_rate"] == schedules.serialize(schedule)
    optimizer.learning_rate = 0.25
    assert optimizer.schedule is None
    assert optimizer.learning_rate == optimizer.get_config()["learning_rate"] == 0.25


def test_a_function_is_asked_for_the_rate_in_every_step() -> None:
    asked = iter([0.5, 0.25])
    v = pydl.Variable([1.0])
    optimizer = SGD(lambda: next(asked))
    for _ in range(2):
        optimizer.apply([[1.0]], [v])
    assert float(v) == 0.25


def test_iterations_count_as_an_int_does() -> None:
    optimizer = SGD(1.0)
    count = optimizer.iterations
    optimizer.apply([[1.0]], [pydl.Variable([1.0])])
    assert count == 1
    assert range(count) == range(1)
    assert f"{count:03}" == "001"
    assert 0.5**count == 0.5
    count.assign(7)
    assert optimizer.iterations == 7
    assert count.numpy().dtype == np.int64


def test_old_names() -> None:
    with pytest.warns(UserWarning, match="use learning_rate"):
        assert SGD(lr=0.5).learning_rate == 0.5
    with pytest.warns(UserWarning, match="no longer supported"):
        assert SGD(0.5, decay=1e-6).learning_rate == 0.5
    with pytest.raises(ValueError, match="not recognized: speed"):
        SGD(speed=1)


KEYWORDS = {"run_eagerly": True, "steps_per_execution": 8, "jit_compile": "auto", "auto_scale_loss": False}


def test_keywords_of_compile_change_no_figure() -> None:
    x = np.arange(4.0)
    found = []
    for options in ({}, KEYWORDS, {"run_eagerly": False, "steps_per_execution": "auto", "jit_compile": True}):
        model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="zeros")])
        model.compile("sgd", "mse", **options)
        found.append(model.fit(x, x, epochs=2, verbose=0, shuffle=False).history["loss"])
    assert found[0][0] == pytest.approx(3.5)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("wrong", [{"run_eagerly": "yes"}, {"steps_per_execution": 0}, {"jit_compile": "fast"}])
def test_keywords_of_compile_that_are_nonsense(wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1)]).compile("sgd", "mse", **wrong)

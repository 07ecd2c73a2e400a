"""Learning rate schedules against their formulas written out step by step, and at their corners."""

import json
import math

import numpy as np
import pytest

from pydl.optimizers import schedules as s

STEPS = range(0, 400)
EXACT = 1e-12  # the same formula in another order of operations, in float64


def exponential(t):
    return 0.1 * 0.5 ** (t / 7)


def inverse_time(t):
    return 0.1 / (1 + 0.5 * math.floor(t / 7))


def piecewise(t):
    return 1.0 if t <= 10 else 0.5 if t <= 20 else 0.1


def polynomial(t):
    return (0.1 - 0.01) * (1 - min(t, 100) / 100) ** 2 + 0.01


def polynomial_cycle(t):
    length = 100 * max(1, math.ceil(t / 100))
    return (0.1 - 0.01) * (1 - t / length) + 0.01


def cosine(t):
    return 0.1 * (0.9 * 0.5 * (1 + math.cos(math.pi * min(t, 100) / 100)) + 0.1)


def cosine_warmup(t):
    if t < 20:
        return 0.01 + (0.1 - 0.01) * t / 20
    return 0.1 * 0.5 * (1 + math.cos(math.pi * min(t - 20, 100) / 100))


def restarts(t_mul, m_mul, alpha):
    def rate(t):
        start, length, height = 0, 10, 1.0
        while t >= start + length:
            start, length, height = start + length, length * t_mul, height * m_mul
        return 0.1 * ((1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * (t - start) / length)) + alpha)

    return rate


def one_cycle(highest, end, top, div, final):
    def rate(t):
        low, passed = (highest / div, 1 - t / top) if t < top else (highest / final, (min(t, end) - top) / (end - top))
        return low + (highest - low) * 0.5 * (1 + math.cos(math.pi * passed))

    return rate


CASES = [
    (s.ExponentialDecay(0.1, 7, 0.5), exponential),
    (s.ExponentialDecay(0.1, 7, 0.5, staircase=True), lambda t: exponential(7 * (t // 7))),
    (s.InverseTimeDecay(0.1, 7, 0.5, staircase=True), inverse_time),
    (s.InverseTimeDecay(0.1, 7.0, 0.5), lambda t: 0.1 / (1 + 0.5 * t / 7)),
    (s.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]), piecewise),
    (s.PolynomialDecay(0.1, 100, 0.01, power=2), polynomial),
    (s.PolynomialDecay(0.1, 100, 0.01, cycle=True), polynomial_cycle),
    (s.CosineDecay(0.1, 100, alpha=0.1), cosine),
    (s.CosineDecay(0.01, 100, warmup_target=0.1, warmup_steps=20), cosine_warmup),
    (s.CosineDecay(0.01, 100, warmup_target=0.1), lambda t: cosine_warmup(t + 20)),
    (s.CosineDecayRestarts(0.1, 10), restarts(2, 1.0, 0.0)),
    (s.CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.5, alpha=0.2), restarts(1, 0.5, 0.2)),
    (s.CosineDecayRestarts(0.1, 10, t_mul=3.0, m_mul=0.9), restarts(3, 0.9, 0.0)),
    (s.OneCycle(0.1, 40), one_cycle(0.1, 40, 12, 25.0, 1e4)),
    (s.OneCycle(0.2, 20, 0.5, 10.0, 100.0), one_cycle(0.2, 20, 10, 10.0, 100.0)),
]


@pytest.mark.parametrize(("schedule", "formula"), CASES, ids=lambda c: type(c).__name__)
def test_values_of_ints_and_arrays(schedule, formula):
    expected = [formula(t) for t in STEPS]
    assert len(set(expected)) > 2
    one_by_one = [schedule(t) for t in STEPS]
    assert all(type(rate) is float for rate in one_by_one)
    np.testing.assert_allclose(one_by_one, expected, rtol=EXACT, atol=1e-16)
    at_once = schedule(np.arange(400, dtype=np.int64))
    assert at_once.dtype == np.float64
    np.testing.assert_array_equal(at_once, one_by_one)
    np.testing.assert_array_equal(schedule.rates(np.arange(400, dtype=np.int64)), one_by_one)


@pytest.mark.parametrize(("schedule", "formula"), CASES, ids=lambda c: type(c).__name__)
def test_configuration_survives_json(schedule, formula):
    config = json.loads(json.dumps(s.serialize(schedule)))
    again = s.deserialize(config)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(again(np.arange(50)), schedule(np.arange(50)))


@pytest.mark.parametrize("t_mul", [2, 3, 5, 7, 1.5])
def test_each_restart_is_at_its_step(t_mul):
    """floor(log(a^i) / log(a)) is i - 1 for many a and i in floating point; a restart must not be missed by it."""
    first = 2**10  # so that 1.5 ** i periods are whole numbers of steps
    schedule = s.CosineDecayRestarts(1.0, first, t_mul=t_mul)
    start = 0
    for i in range(10):
        assert schedule(start) == pytest.approx(1.0)
        start += int(first * t_mul**i)
        assert schedule(start - 1) < 0.01


def test_a_users_schedule_is_called_with_ints():
    class Steps(s.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 if step < 2 else 0.5

    np.testing.assert_array_equal(Steps().rates(np.arange(4)), [1.0, 1.0, 0.5, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.ExponentialDecay(0.1, 0, 0.5), "ExponentialDecay: `decay_steps`"),
        (lambda: s.ExponentialDecay("0.1", 10, 0.5), "initial_learning_rate"),
        (lambda: s.PolynomialDecay(-1, 10), "initial_learning_rate"),
        (lambda: s.PiecewiseConstantDecay([1], [0.1]), "one more value than boundaries"),
        (lambda: s.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), "increase strictly"),
        (lambda: s.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=1.5), "warmup_steps"),
        (lambda: s.CosineDecayRestarts(0.1, 10, t_mul=0.5), "t_mul"),
        (lambda: s.CosineDecayRestarts(0.1, -1), "first_decay_steps"),
        (lambda: s.deserialize({"class_name": "CosineDecayy", "config": {}}), "did you mean"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_base_class_asks_for_a_call():
    with pytest.raises(NotImplementedError, match="__call__"):
        s.LearningRateSchedule()(0)


def test_a_schedule_without_a_name_has_that_of_its_class() -> None:
    """Configurations of Keras say None."""
    config = {"initial_learning_rate": 0.1, "decay_steps": 10, "name": None}
    assert s.deserialize({"class_name": "PolynomialDecay", "config": config}).name == "PolynomialDecay"

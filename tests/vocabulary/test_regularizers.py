"""Penalties: values, configuration, what is refused."""

import numpy as np
import pytest

from pydl import regularizers

X = np.array([[1.0, -2.0], [0.0, 3.0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("regularizer", "l1", "l2"),
    [
        (regularizers.L1(0.1), 0.1, 0.0),
        (regularizers.L2(0.2), 0.0, 0.2),
        (regularizers.L1L2(0.1, 0.2), 0.1, 0.2),
        (regularizers.L1L2(), 0.0, 0.0),
        (regularizers.get("l1"), 0.01, 0.0),
        (regularizers.get("l2"), 0.0, 0.01),
        (regularizers.l1_l2(l1=0.3), 0.3, 0.0),
    ],
)
def test_values(regularizer, l1, l2):
    assert (regularizer.l1, regularizer.l2) == (l1, l2)
    assert isinstance(regularizer.l1, float)
    assert isinstance(regularizer.l2, float)
    assert regularizer(X) == pytest.approx(l1 * 6 + l2 * 14, rel=1e-15)


def test_a_subclass_sets_its_factors():
    class Strong(regularizers.Regularizer):
        def __init__(self):
            self.l2 = 5.0

    assert Strong()([2.0]) == 20.0
    assert regularizers.get(Strong).l2 == 5.0


def test_a_call_of_ones_own_is_refused_because_training_would_not_see_it():
    with pytest.raises(TypeError, match=r"Cubic.*l1 and l2"):

        class Cubic(regularizers.Regularizer):
            def __call__(self, x):
                return 0.0


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.1", None, True])
@pytest.mark.parametrize("cls", [regularizers.L1, regularizers.L2, regularizers.L1L2])
def test_bad_factors(cls, value):
    with pytest.raises((TypeError, ValueError), match=f"{cls.__name__}: l[12] must be"):
        cls(value)


def test_functions_are_refused():
    with pytest.raises(TypeError, match="Regularizer"):
        regularizers.get(lambda w: 0.0)

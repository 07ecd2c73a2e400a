"""Derivatives of activations that max pooling picks from are applied to what was picked, a fourth of it or less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine.tensor import Value


def net(act: str, read_twice: bool = False, dropped: bool = False) -> Any:
    pydl.utils.set_random_seed(5)
    x = pydl.Input((8, 8, 2))
    h = L.Conv2D(4, 3, padding="same", activation=act)(x)
    p = L.MaxPooling2D(2)(h)
    p = L.Conv2D(3, 3)(L.Dropout(0.5)(p) if dropped else p)
    parts = [L.Flatten()(p), L.Flatten()(h)] if read_twice else [L.Flatten()(p)]
    model = pydl.Model(x, L.Dense(2)(parts[0] if len(parts) == 1 else L.Concatenate()(parts)))
    model.compile("sgd", "mse")
    return model


def derivatives(model: Any) -> list[str]:
    """Records that apply one, with the rows and columns of what they write."""
    lines = [line for line in str(model.plan(8)).splitlines() if "act_" in line and "_bwd" in line]
    return [" ".join(line.split("  ")) for line in lines]


def test_the_product_behind_the_pooling_applies_it() -> None:
    (only,) = derivatives(net("relu"))
    assert "conv_dx" in only


def test_where_something_else_is_behind_the_pooling_it_is_a_record_on_few_elements() -> None:
    (only,) = derivatives(net("relu", dropped=True))
    assert "act_relu_bwd" in only
    assert "H=" not in only
    assert "(8, 4, 4, 4)" in only


@pytest.mark.parametrize("act", ["gelu", "softmax"])
def test_derivatives_that_need_more_than_the_picked_elements_stay(act: str) -> None:
    assert any("(8, 8, 8, 4)" in line for line in derivatives(net(act)))


def test_what_somebody_else_reads_gets_its_derivative_of_the_sum() -> None:
    assert any("(8, 256)" in line for line in derivatives(net("relu", read_twice=True)))


@pytest.mark.parametrize("dropped", [False, True])
def test_it_changes_no_bit(dropped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where windows do not overlap: the same products, but for zeros."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 8, 8, 2)).astype(np.float32), rng.normal(size=(24, 2)).astype(np.float32)

    def trained(act: str) -> list[bytes]:
        model = net(act, dropped=dropped)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        return [w.tobytes() for w in model.get_weights()]

    picked = [trained("relu"), trained("tanh")]
    monkeypatch.setattr(Value, "take_derivative_on", lambda self: None)
    assert picked == [trained("relu"), trained("tanh")]

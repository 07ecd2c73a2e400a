"""What a model's class says of its steps is refused, for it would not be called; the loss in logs is the loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

X, Y = np.ones((8, 3), np.float32), np.arange(8.0, dtype=np.float32)[:, None]


def made(name: str) -> Any:
    """A compiled model whose class has a method of its own of this name."""
    kind = type("Own", (pydl.Model,), {name: lambda self, *args, **kwargs: {"loss": 0.0}})
    x = pydl.Input((3,))
    model = kind(x, L.Dense(1)(x))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", ["train_step", "test_step", "compute_loss", "compute_metrics"])
@pytest.mark.parametrize("call", [
    lambda m: m.fit(X, Y, verbose=0), lambda m: m.evaluate(X, Y, verbose=0), lambda m: m.train_on_batch(X, Y),
    lambda m: m.test_on_batch(X, Y),
], ids=["fit", "evaluate", "train_on_batch", "test_on_batch"])  # fmt: skip
def test_steps_of_ones_own_are_refused(name: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError, match=rf"Own\.{name} would not be called"):
        call(made(name))
    assert made(name).predict(X).shape == (8, 1)


@pytest.mark.parametrize("call", ["predict", "predict_on_batch"])
def test_a_predict_step_of_ones_own_is_refused(call: str) -> None:
    with pytest.raises(NotImplementedError, match=r"Own\.predict_step would not be called"):
        getattr(made("predict_step"), call)(X)


class Late(pydl.Model):
    """Built by its first data; with a metric that nobody updates."""

    def __init__(self) -> None:
        super().__init__()
        self.d = L.Dense(1)
        self.tracker = pydl.metrics.Mean(name="loss")

    def call(self, x: Any) -> Any:
        return self.d(x)


@pytest.mark.parametrize("call", ["fit", "train_on_batch"])
def test_a_loss_is_asked_for_whenever_a_model_is_built(call: str) -> None:
    model = Late()
    model.compile("sgd")
    with pytest.raises(ValueError, match="was compiled without a loss"):
        getattr(model, call)(X, Y)


def test_a_metric_does_not_hide_the_loss() -> None:
    model = Late()
    model.compile("sgd", "mse")
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] > 0

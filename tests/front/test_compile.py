"""What Keras's compile takes: several losses of one output, none at all, lists of lists of metrics."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl

L = pydl.layers
X = np.random.default_rng(0).normal(size=(24, 3)).astype("f4")
Y = (X[:, :1] > 0).astype("f4")


def net(**options: Any) -> Any:
    pydl.utils.set_random_seed(1)
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(1, "sigmoid", name="out")])
    model.compile("sgd", **options)
    return model


@pytest.mark.parametrize(
    ("loss", "weights", "factors"),
    [
        (["mse", "mae"], None, (1, 1)), (["mse", "mae"], [0.9, 0.1], (0.9, 0.1)),
        ({"out": ["mse", "mae"]}, {"out": 3.0}, (3, 3)),
    ],
)  # fmt: skip
def test_several_losses_of_one_output(tmp_path: Path, loss: Any, weights: Any, factors: tuple[float, float]) -> None:
    model = net(loss=loss, loss_weights=weights)
    p = model.predict(X).astype(np.float64)
    expected = factors[0] * np.square(p - Y).mean() + factors[1] * np.abs(p - Y).mean()
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-6)
    weight = np.arange(24.0)
    rows = factors[0] * np.square(p - Y)[:, 0] + factors[1] * np.abs(p - Y)[:, 0]
    assert model.test_on_batch(X, Y, sample_weight=weight) == pytest.approx((rows * weight).mean(), rel=1e-6)
    slope = factors[0] * 2 * (p - Y) + factors[1] * np.sign(p - Y)
    gradient = X.T.astype(np.float64) @ (slope * p * (1 - p)) / 24
    assert np.allclose(model.gradients(X, Y)["out/kernel"], gradient, rtol=1e-4, atol=1e-6)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-6)


def test_losses_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="targets of one kind"):
        net(loss=["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="means over the batch"):
        net(loss=["mse", pydl.losses.Huber(reduction="sum")])
    with pytest.raises(ValueError, match="one for each loss"):
        net(loss=["mse", "mae"], loss_weights=[1.0, 2.0, 3.0])


def test_a_model_without_a_loss_is_judged_by_its_metrics(tmp_path: Path) -> None:
    model = net(metrics=["mae"])
    p = model.predict(X)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert found == {"loss": 0.0, "mae": pytest.approx(np.abs(p - Y).mean(), rel=1e-6)}
    for call in (model.fit, model.train_on_batch, model.gradients):
        with pytest.raises(ValueError, match="compiled without a loss"):
            call(X, Y)
    model.save(tmp_path / "m.safetensors")
    assert pydl.models.load_model(tmp_path / "m.safetensors").evaluate(X, Y, verbose=0, return_dict=True) == found


def test_metrics_in_a_list_for_each_output() -> None:
    model = net(loss=["mse"], metrics=[["mae", "accuracy"]], weighted_metrics=[["mae"]])
    history = model.fit(X, Y, verbose=0).history
    assert set(history) == {"loss", "mae", "accuracy", "weighted_mae"}


def test_weights_of_a_layer_by_the_arguments_of_keras() -> None:
    class Own(L.Layer):
        def build(self, input_shape: Any) -> None:
            self.a = self.add_weight((2,), "ones", "float32", False)
            self.b = self.add_weight(shape=3, name="b", regularizer="l2", autocast=False, aggregation="mean")
            self.c = self.add_variable((), "zeros", trainable=True)

    layer = Own(name="own")
    layer.build((None, 1))
    assert [(v.name, v.shape, v.trainable) for v in layer.weights] == [
        ("b", (3,), True), ("weight_1", (), True), ("weight", (2,), False),
    ]  # fmt: skip
    assert layer.b.numpy().any()
    with pytest.raises(ValueError, match='"own", weight None: expected the dtype float32'):
        layer.add_weight((2,), "ones", "float64")


def test_one_metric_may_be_given_by_its_name_alone() -> None:
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    model.compile("sgd", "mse", metrics="mae")
    assert [m.name for m in model.compiled_metrics] == ["mae"]


def test_a_model_tells_whether_it_is_compiled_and_how_it_was_trained() -> None:
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    assert not model.compiled
    model.compile("sgd", "mse")
    assert model.compiled
    history = model.fit(np.ones((4, 3)), np.ones(4), epochs=2, verbose=0)
    assert model.history is history
    assert (list(model.history.history), model.history.epoch) == (["loss"], [0, 1])
    assert not hasattr(copy.deepcopy(model), "history")


def test_a_config_compiles_a_model_whose_output_has_another_name() -> None:
    first, second = (pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1, name=name)]) for name in ("left", "right"))
    first.compile("sgd", "mae", metrics=["mse"], loss_weights=[2.0])
    second.compile_from_config(first.get_compile_config())
    found = second.get_compile_config()
    assert list(found["loss"]) == list(found["metrics"]) == ["right"]
    assert found["loss_weights"] == {"right": 2.0}

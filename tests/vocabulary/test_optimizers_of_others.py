"""Optimizers made of others: MultiOptimizer, LossScaleOptimizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import optimizers as opt


def net() -> pydl.Model:
    pydl.utils.set_random_seed(3)
    return pydl.Sequential(
        [pydl.Input((3,)), pydl.layers.Dense(4, "tanh", name="first"), pydl.layers.Dense(2, name="second")]
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(32, 3)).astype("float32"), rng.normal(size=(32, 2)).astype("float32")


def fitted(optimizer: Any, freeze: str | None = None, epochs: int = 3) -> pydl.Model:
    model = net()
    if freeze is not None:
        model.get_layer(freeze).trainable = False
    model.compile(optimizer, "mse")
    model.fit(*data(), batch_size=8, shuffle=False, epochs=epochs, verbose=0)
    return model


def test_each_takes_the_steps_that_it_would_take_alone() -> None:
    """The second layer's weights change only its own step where the first one's rate is 0."""
    options: dict[str, Any] = {"weight_decay": 0.01, "clipnorm": 0.1}
    chosen = opt.OptimizerMap(opt.SGD(0.0), {"second/.*": opt.Adam(0.05, **options)})
    both, alone = fitted(opt.MultiOptimizer(chosen)), fitted(opt.Adam(0.05, **options), freeze="first")
    for a, b in zip(both.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_all_in_one_is_the_one() -> None:
    adam = opt.Adam(0.05)
    many = fitted(opt.MultiOptimizer(lambda variable: adam))
    one = fitted(opt.Adam(0.05))
    for a, b in zip(many.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(many.optimizer.iterations) == int(adam.iterations) == 12


def test_averages_and_callbacks_reach_those_inside() -> None:
    first, second = opt.SGD(0.1, use_ema=True, ema_momentum=0.5), opt.SGD(0.2)
    model = net()
    model.compile(opt.MultiOptimizer(opt.OptimizerMap(second, {"first/.*": first})), "mse")
    halve = pydl.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(*data(), epochs=2, verbose=0, callbacks=[halve, pydl.callbacks.SwapEMAWeights()])
    assert [float(first.learning_rate), float(second.learning_rate)] == [0.025, 0.05]
    assert first.average_of(model.weights[0]) is not None
    assert second.average_of(model.weights[2]) is None
    plateau = pydl.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=1e9)
    model.fit(*data(), epochs=2, verbose=0, callbacks=[plateau])
    assert [float(first.learning_rate), float(second.learning_rate)] == [0.0125, 0.025]


@pytest.mark.parametrize("kind", ["multi", "scaled"])
def test_training_goes_on_from_a_file(tmp_path: Path, kind: str) -> None:
    def made() -> Any:
        if kind == "multi":
            return opt.MultiOptimizer(opt.OptimizerMap(opt.Adam(0.01), {"first/.*": opt.SGD(0.1, momentum=0.9)}))
        return opt.LossScaleOptimizer(opt.Adam(0.01), initial_scale=8)

    through = fitted(made(), epochs=6)
    fitted(made(), epochs=3).save(tmp_path / "m.safetensors")
    model = pydl.models.load_model(tmp_path / "m.safetensors")
    model.fit(*data(), batch_size=8, shuffle=False, epochs=3, verbose=0)
    for a, b in zip(through.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_config() -> None:
    multi = opt.MultiOptimizer(opt.OptimizerMap(opt.Adam(), {"first/.*": opt.SGD(0.3)}), name="both")
    again = opt.deserialize(opt.serialize(multi))
    assert again.get_config() == multi.get_config()
    scaled = opt.LossScaleOptimizer(opt.SGD(0.3), initial_scale=4.0, dynamic_growth_steps=3)
    assert opt.deserialize(opt.serialize(scaled)).get_config() == scaled.get_config()


def test_scale() -> None:
    optimizer = opt.LossScaleOptimizer(opt.SGD(0.5), initial_scale=4.0, dynamic_growth_steps=2)
    v = pydl.Variable(np.array([1.0, 2.0], "float32"))
    assert optimizer.scale_loss(1.0) == 4
    optimizer.apply([np.array([4.0, 8.0])], [v])
    np.testing.assert_array_equal(v.numpy(), [0.5, 1.0])
    optimizer.apply([np.array([np.inf, 8.0])], [v])
    np.testing.assert_array_equal(v.numpy(), [0.5, 1.0])
    assert optimizer.scale_loss(1.0) == 2
    for _ in range(2):
        optimizer.apply([np.array([0.0, 0.0])], [v])
    assert optimizer.scale_loss(1.0) == 4


def test_scaled_in_fit_is_the_inner_one() -> None:
    scaled, alone = fitted(opt.LossScaleOptimizer(opt.Adam(0.05, clipnorm=0.2))), fitted(opt.Adam(0.05, clipnorm=0.2))
    for a, b in zip(scaled.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_errors() -> None:
    with pytest.raises(ValueError, match="set clipnorm on the `inner_optimizer`"):
        opt.LossScaleOptimizer(opt.SGD(), clipnorm=1.0)
    with pytest.raises(ValueError, match="unknown arguments: `foo`, `bar`"):
        opt.LossScaleOptimizer(opt.SGD(), foo=1, bar=2)
    with pytest.raises(ValueError, match="set `loss_scale_factor`"):
        opt.LossScaleOptimizer(opt.SGD(), dynamic=False)
    with pytest.raises(TypeError, match="must be an optimizer"):
        opt.LossScaleOptimizer("sgd")
    chosen = opt.OptimizerMap(opt.SGD(), {".*a.*": opt.SGD(), ".*b.*": opt.Adam()})
    with pytest.raises(ValueError, match="expected one key at most that matches 'a/b'"):
        chosen["a/b"]
    with pytest.raises(ValueError, match="optimizer cannot be LossScaleOptimizer"):
        chosen["c"] = opt.LossScaleOptimizer(opt.SGD())
    with pytest.raises(ValueError, match="is there already"):
        chosen[".*a.*"] = opt.SGD()
    with pytest.raises(AttributeError, match="each of its `optimizers` has one"):
        opt.MultiOptimizer(chosen).learning_rate  # noqa: B018
    with pytest.raises(ValueError, match="must be an optimizer, got None"):
        opt.MultiOptimizer(lambda v: None).build([pydl.Variable(np.ones(2, "float32"))])


@pytest.mark.parametrize("key", ["(a+)+", "(a|a)*b", ".*.*.*.*", "[", "(x){2,}"])
def test_keys_that_are_no_patterns_or_take_forever_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="OptimizerMap: expected a "):
        opt.OptimizerMap(opt.SGD(), {key: opt.Adam()})

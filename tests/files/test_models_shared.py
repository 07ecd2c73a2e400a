"""Layers that stand in several places: weights and penalties count once, and copies and files share them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def dense(units: int, name: str) -> Any:
    return L.Dense(units, kernel_regularizer=pydl.regularizers.L2(0.25), name=name)


def layer_of_two_models() -> Any:
    x, trunk = pydl.Input((3,)), dense(4, "trunk")
    actor = pydl.Model(x, dense(1, "a")(trunk(x)), name="actor")
    critic = pydl.Model(x, dense(1, "c")(trunk(x)), name="critic")
    return pydl.Model(x, [actor(x), critic(x)])


def model_of_two_models() -> Any:
    trunk = pydl.Sequential([pydl.Input((3,)), dense(4, "trunk")], name="base")
    heads = [pydl.Sequential([pydl.Input((3,)), trunk, dense(1, name)], name=f"{name}s") for name in "ac"]
    x = pydl.Input((3,))
    return pydl.Model(x, [head(x) for head in heads])


def layer_of_a_model_and_of_another_within() -> Any:
    x, trunk = pydl.Input((3,)), dense(4, "trunk")
    inner = pydl.Sequential([pydl.Input((3,)), trunk, dense(1, "a")], name="inner")
    return pydl.Model(x, [inner(x), dense(1, "c")(trunk(x))])


CASES = {f.__name__: f for f in (layer_of_two_models, model_of_two_models, layer_of_a_model_and_of_another_within)}


def copied(model: Any) -> Any:
    return pydl.models.model_from_config(json.loads(json.dumps(model.get_config())))


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_a_shared_layer_counts_once(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    expected = (3 * 4 + 4) + 2 * (4 + 1)
    assert model.count_params() == sum(v.size for v in model.trainable_weights) == expected
    assert len(model.get_weights()) == 6
    assert f"parameters: {expected}" in summary(model)
    model.compile("sgd", "mse")
    zeros = [np.zeros((20, 1))] * 2
    squares = sum(float((y**2).mean()) for y in model.predict(X))
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    assert len(kernels) == 3
    penalty = 0.25 * sum(float((w**2).sum()) for w in kernels)
    assert model.evaluate(X, zeros, verbose=0)[0] == pytest.approx(squares + penalty, rel=1e-5)


def summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_copies_and_files_share_it_again_and_train_as_the_original(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    model.compile("adam", "mse")
    y = [X[:, :1], X[:, 1:2]]
    model.fit(X, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    other = copied(model)
    assert other.get_config() == again.get_config() == model.get_config()
    assert other.count_params() == again.count_params() == model.count_params()
    for m in (model, again):
        m.fit(X, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_twice_in_a_chain_is_one_layer_again() -> None:
    layer = dense(3, "same")
    model = pydl.Sequential([pydl.Input((3,)), layer, L.Activation("tanh"), layer])
    again = copied(model)
    assert again.count_params() == model.count_params() == 12
    assert again.layers[0] is again.layers[2]


def test_layers_in_one_place_have_no_number() -> None:
    inner = pydl.Sequential([pydl.Input((3,)), dense(2, "d")])
    assert "shared" not in json.dumps(pydl.Sequential([pydl.Input((3,)), inner]).get_config())


def test_weights_keep_apart_that_other_models_have_given_one_name(tmp_path: Path) -> None:
    """Two layers "d" within two models; a model of each alone calls both "d/kernel"."""
    parts = [pydl.Sequential([pydl.Input((3,)), L.Dense(3, name="d")], name=name) for name in "ab"]
    model = pydl.Sequential([pydl.Input((3,)), *parts])
    model.compile("adam", "mse")

    def rename() -> None:
        for part in parts:
            x = pydl.Input((3,))
            pydl.Model(x, part.layers[0](x))

    rename()
    model.fit(X, X, epochs=1, verbose=0)
    rename()
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    model.save_weights(tmp_path / "w.safetensors")
    assert [v.path for v in again.weights] == ["a/d/kernel", "a/d/bias", "b/d/kernel", "b/d/bias"]
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    rename()
    for a, b in zip(model.optimizer.state_variables, again.optimizer.state_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.load_weights(tmp_path / "w.safetensors")


def test_a_file_with_numbers_that_are_none_is_refused() -> None:
    config = layer_of_two_models().get_config()
    config["layers"][0]["config"]["layers"][0]["shared"] = [1]
    with pytest.raises(TypeError):
        pydl.models.model_from_config(config)

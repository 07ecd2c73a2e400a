"""Automatic names are those that Keras 3.15.1 gives in the same program."""

from __future__ import annotations

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import metrics, optimizers

pytestmark = pytest.mark.usefixtures("fresh_names")


def next_name() -> str:
    x = pydl.Input((2,))
    return str(pydl.Model(x, L.Dense(1)(x)).name)


def test_graphs_that_chains_hold_count() -> None:
    assert next_name() == "functional"
    chain = pydl.Sequential([pydl.Input((3,)), L.Dense(2), L.Dense(1)])
    assert next_name() == "functional_2"
    chain = pydl.Sequential()
    for layer in (pydl.Input((3,)), L.Dense(2), L.Dense(2)):
        chain.add(layer)
    assert next_name() == "functional_5"
    chain = pydl.Sequential([L.Dense(2)])
    assert next_name() == "functional_6"
    for _ in range(2):
        chain(np.ones((2, 3)))
    assert next_name() == "functional_8"
    chain.add(L.Dense(1))
    chain.pop()
    assert next_name() == "functional_11"
    pydl.models.clone_model(chain)
    assert next_name() == "functional_13"


def test_metrics() -> None:
    assert [metrics.AUC().name for _ in range(3)] == ["auc", "auc_1", "auc_2"]
    assert [metrics.MeanSquaredError().name for _ in range(2)] == ["mean_squared_error"] * 2
    assert [metrics.Mean().name for _ in range(2)] == ["mean"] * 2
    x, y = np.random.default_rng(0).random((8, 3)), np.arange(8) % 2
    for expected in ("recall", "recall_1"):
        model = pydl.Sequential([pydl.Input((3,)), L.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy", metrics=[metrics.Recall()])
        history = model.fit(x, y, validation_data=(x, y), verbose=0).history
        assert list(history) == ["loss", expected, "val_loss", f"val_{expected}"]
    pydl.utils.clear_session()
    assert metrics.AUC().name == "auc"


def test_optimizers() -> None:
    assert [optimizers.AdamW().name for _ in range(2)] == ["adam_w", "adam_w_1"]
    again = optimizers.deserialize(optimizers.serialize(optimizers.AdamW()))
    assert again.name == "adam_w_2"


def test_nets() -> None:
    name = pydl.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3)).name
    assert name == "mobilenetv2_1.00_96"
    assert pydl.applications.MobileNetV2(weights=None, include_top=False).name == "mobilenetv2_1.00_None"

"""An activation behind batch normalization of positions runs in its record: the same bits as on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine import passes

Array = np.ndarray[Any, Any]
ACTIVATIONS = ("relu", "gelu", "softmax")  # which read their output, their input, whole rows


def net(act: str, normal_as_well: bool) -> Any:
    """The activation is read twice, so that its derivative is a record of its own; or what it reads is read too."""
    pydl.utils.set_random_seed(5)
    x = pydl.Input((5, 4, 3))
    normal = L.BatchNormalization()(L.Dense(20)(x))
    active = L.Activation(act)(normal)
    model = pydl.Model(x, L.Dense(2)(L.Add()([active, normal if normal_as_well else L.Dense(20)(active)])))
    model.compile("sgd", "mse")
    return model


def trained(act: str, normal_as_well: bool) -> list[bytes]:
    x = np.random.default_rng(0).normal(size=(24, 5, 4, 3)).astype(np.float32)
    model = net(act, normal_as_well)
    model.fit(x, x[..., :2], batch_size=8, epochs=2, verbose=0)
    return [w.tobytes() for w in model.get_weights()]


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("normal_as_well", [False, True])
def test_fused_gives_the_same_bits(act: str, normal_as_well: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fused = trained(act, normal_as_well)
    monkeypatch.setattr(passes, "fuse_activations", lambda records: None)
    assert fused == trained(act, normal_as_well)


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("normal_as_well", [False, True])
def test_prediction_gives_the_same_bits(act: str, normal_as_well: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(24, 5, 4, 3)).astype(np.float32)
    predicted = net(act, normal_as_well).predict(x, verbose=0)
    monkeypatch.setattr(passes, "fuse_activations", lambda records: None)
    assert predicted.tobytes() == net(act, normal_as_well).predict(x, verbose=0).tobytes()


def test_what_is_fused_in_prediction() -> None:
    x = pydl.Input((5, 4, 3))
    model = pydl.Model(x, L.Activation("relu")(L.BatchNormalization()(L.Conv2D(20, 3)(x))))
    records = [line for line in str(model.plan(1)).splitlines() if "bn_infer" in line]
    assert len(records) == 1
    assert "act_relu_fwd" in records[0]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_what_is_fused(act: str) -> None:
    lines = [line.split() for line in str(net(act, False).plan(8)).splitlines()]
    records = {op: line for line in lines for op in line if op.startswith(("bn_", "act_"))}
    assert f"act_{act}_fwd" in records["bn_apply"]
    assert f"act_{act}_bwd" in records["bn_slopes"]
    assert records[f"act_{act}_fwd"] is records["bn_apply"]
    assert records[f"act_{act}_bwd"] is records["bn_slopes"]

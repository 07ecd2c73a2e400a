"""Tables of a few rows: epochs that count steps, and networks that are averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit


def trained(frame: pd.DataFrame, **options: int) -> Outcome:
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    return fit(frame, y, target, guess(frame, "y"), TrainOptions("", "y", **options), Watch(), "training")  # type: ignore[arg-type]


def test_epochs_of_few_steps_count_less() -> None:
    assert TrainOptions("").passes(20) == TrainOptions("").passes(4000) == (100, 10)
    assert TrainOptions("").passes(7) == (300, 30)
    assert TrainOptions("").passes(1) == (2000, 200)
    assert TrainOptions("", epochs=5, patience=3).passes(1) == (5, 3), "what was asked for is done"


def test_a_line_through_a_dozen_rows() -> None:
    frame = pd.DataFrame({"x": np.arange(12.0), "y": 2 + 0.15 * np.arange(12) + np.tile([0.04, -0.03], 6)})
    found = trained(frame).fitted.predict(frame).values
    assert np.mean((found - frame["y"]) ** 2) < 0.1 * frame["y"].var(ddof=0)


@pytest.mark.parametrize("kind", ["number", "two classes", "three classes"])
def test_networks_of_a_few_rows_are_averaged_and_saved_as_one(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = {"number": rng.normal(size=40), "two classes": rng.choice(["a", "b"], 40)}.get(kind, rng.choice([*"abc"], 40))
    outcome = trained(pd.DataFrame({"x": rng.normal(size=40), "k": rng.choice([*"uvw"], 40), "y": y}), epochs=2)
    model, inputs = outcome.fitted.model, outcome.parts["train"].inputs
    members = [layer for layer in model.layers if isinstance(layer, pydl.Model)]
    assert len(members) == 7  # as many as the share to validate on goes into all rows
    mean = np.mean([member.predict(inputs, verbose=0) for member in members], axis=0)
    found = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.safetensors").predict(inputs, verbose=0), found)
    assert set(outcome.history) >= {"loss", "val_loss"}
    assert len(outcome.parts["train"].y) == 40

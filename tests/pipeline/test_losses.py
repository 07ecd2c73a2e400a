"""What a training lowers (`--loss`): names, what each asks of the target, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl.pipeline import losses
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.target import Target
from pydl.pipeline.training import train

N = 400
NUMBERS = Target.fit(pd.Series(np.linspace(0.1, 9, 60), name="y"))
CLASSES = Target.fit(pd.Series(["a", "b"] * 9, name="c"))


def skewed() -> pd.DataFrame:
    """Amounts above zero whose mean, median and 0.9 quantile are far apart, and counts, by one column."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    return pd.DataFrame({"x": x, "y": np.exp(x + 1.2 * rng.normal(size=N)), "n": rng.poisson(np.exp(1 + 0.8 * x))})


def run(folder: Path, frame: pd.DataFrame, target: str, **options: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """The run's figures and predictions."""
    frame.to_csv(folder / "t.csv", index=False)
    out = str(folder / "run")
    given = {"hidden": (16,), "dropout": 0.0, "task": "regression", "lr": 0.01, "epochs": 60} | options
    found = train(TrainOptions(str(folder / "t.csv"), target=target, out=out, **given), overwrite=True)
    return found.json("metrics.json"), pd.read_csv(found.path / "predictions.csv")


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("hubber", "--loss: expected one of .*got 'hubber'; did you mean huber"),
        ("mae=1", "--loss mae=1: mae takes no number; only huber and quantile do"),
        ("quantile=1", "--loss quantile=1: expected a number between 0 and 1"),
        ("quantile=many", "--loss quantile=many: expected a number between 0 and 1"),
        ("huber=0", "--loss huber=0: expected a number above 0"),
        ("huber=nan", "--loss huber=nan: expected a number above 0"),
    ],
)
def test_losses_that_there_are_not(loss: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainOptions("t.csv", loss=loss)


def test_a_loss_has_to_suit_the_target() -> None:
    with pytest.raises(ValueError, match='--loss mae: "c" is taken for a classification'):
        losses.must_suit("mae", CLASSES)
    with pytest.raises(ValueError, match="regression, whose losses are mse, mae, huber"):
        losses.must_suit("crossentropy", NUMBERS)
    positive = pd.Series(np.linspace(0.1, 9, 60), name="y")
    with pytest.raises(ValueError, match=r"--loss poisson: .*leave out --log-target"):
        losses.must_suit("poisson", Target.fit(positive, log=True))
    with pytest.raises(ValueError, match=r'--loss poisson: "y" has negative values such as -0.5'):
        Target.fit(positive - 0.6, of_counts=True)
    losses.must_suit("crossentropy", CLASSES)
    losses.must_suit("quantile=0.9", NUMBERS)


def test_the_loss_that_is_compiled() -> None:
    def kind(loss: str | None, target: Target) -> type:
        return type(losses.loss_of(loss, target))

    three = Target.fit(pd.Series(["a", "b", "c"] * 9, name="c"))
    assert kind(None, NUMBERS) is kind("mse", NUMBERS) is pydl.losses.MeanSquaredError
    assert kind("crossentropy", CLASSES) is pydl.losses.BinaryCrossentropy
    assert kind(None, three) is pydl.losses.SparseCategoricalCrossentropy
    assert losses.loss_of("huber=1.5", NUMBERS).get_config()["delta"] == 1.5
    assert losses.loss_of("quantile=0.9", NUMBERS).get_config()["quantile"] == 0.9
    assert {kind(name, NUMBERS).__name__ for name in losses.OF_TASK["regression"]} == {
        "MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "Poisson", "Quantile"
    }  # fmt: skip


def test_counts_are_learnt_as_multiples_of_their_mean() -> None:
    series = pd.Series([0, 1, 2, 3, 30] * 9, name="n")
    target = Target.from_state(json.loads(json.dumps(Target.fit(series, "regression", of_counts=True).state())))
    codes, _ = target.encode(series)
    np.testing.assert_allclose(codes[:5], np.array([0, 1, 2, 3, 30]) / 7.2)
    np.testing.assert_allclose(target.decode(codes), series)
    scaled, _ = target.scaled(series[:4]).encode(series[:4])
    np.testing.assert_allclose(scaled, np.arange(4) / 1.5)


@pytest.mark.long  # trains until it is there
def test_a_quantile_is_where_it_should_be(tmp_path: Path) -> None:
    _, high = run(tmp_path, skewed(), "y", loss="quantile=0.9")
    notes = json.loads((tmp_path / "run" / "info.json").read_text())["notes"]
    assert any("predictions are quantiles of 0.9" in note for note in notes)
    _, median = run(tmp_path, skewed(), "y", loss="mae")
    assert 0.8 <= (high["truth"] <= high["prediction"]).mean() <= 0.98
    assert 0.36 <= (median["truth"] <= median["prediction"]).mean() <= 0.64


@pytest.mark.long  # whole runs
def test_counts_are_predicted_above_zero(tmp_path: Path) -> None:
    figures, rows = run(tmp_path, skewed().drop(columns="y"), "n", loss="poisson")
    assert rows["prediction"].min() > 0
    assert figures["test"]["r2"] > 0.5
    assert json.loads((tmp_path / "run" / "config.json").read_text())["loss"] == "poisson"


@pytest.mark.long  # two runs
def test_a_run_reproduces_its_loss(tmp_path: Path) -> None:
    _, first = run(tmp_path, skewed(), "y", loss="huber=0.5", epochs=3)
    options = TrainOptions.from_json(json.loads((tmp_path / "run" / "config.json").read_text()))
    assert options.command()[-2:] == ["--loss", "huber=0.5"]
    again = pd.read_csv(train(options, overwrite=True).path / "predictions.csv")
    pd.testing.assert_frame_equal(first, again)

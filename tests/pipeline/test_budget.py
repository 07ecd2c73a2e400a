"""A time budget: trainings end in time, with whole epochs where there are any, and say so."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl import cli
from pydl.pipeline import budget as budgets
from pydl.pipeline import worker
from pydl.pipeline.budget import Budget
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.target import Target

pytestmark = pytest.mark.long  # trains as long as it is given; test_few_rows stays


class Clock:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def table(rows: int = 600) -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(rows, 3))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x @ [3.0, -2.0, 0.5]})


def trained(watch: Watch, rows: int = 600, **options: Any) -> Outcome:
    frame = table(rows)
    target = Target.fit(frame["y"])
    asked = TrainOptions("", "y", **{"ensemble": 1} | options)
    return worker.fit(frame, target.encode(frame["y"])[0], target, guess(frame, "y"), asked, watch, "training")


def weights(outcome: Outcome) -> list[np.ndarray]:
    return [v.numpy() for v in outcome.fitted.model.weights]


class Slow(Watch):
    """Lets the clock run on in some batch."""

    def __init__(self, clock: Clock, epoch: int, batch: int) -> None:
        self.clock, self.at, self.epoch = clock, (epoch, batch), 0

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        def begin(epoch: int, logs: Any) -> None:
            self.epoch = epoch

        def end(batch: int, logs: Any) -> None:
            if (self.epoch, batch) == self.at:
                self.clock.now += 1e6

        return [pydl.callbacks.LambdaCallback(on_epoch_begin=begin, on_train_batch_end=end)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(budgets, "time", clock)
    return clock


@pytest.mark.parametrize("batch", [3, 31])
def test_whole_epochs_are_what_is_left(batch: int, clock: Clock) -> None:
    watch = Budget(Slow(clock, 4, batch), 1e5, 0.0)
    outcome = trained(watch)
    [network] = outcome.networks
    whole = 4 if batch < 31 else 5  # 510 rows by 16 are 32 batches
    assert (network.epochs, network.ended_by) == (whole, "time budget")
    assert network.steps == 4 * 32 + batch + 1
    assert len(outcome.history["val_loss"]) == whole
    alone = trained(Watch(), epochs=whole)
    for found, expected in zip(weights(outcome), weights(alone), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert f"training ended after {whole} whole epochs, {network.steps} steps" in watch.notes()[0]


def test_a_first_epoch_is_closed_where_it_stands(clock: Clock) -> None:
    watch = Budget(Slow(clock, 0, 9), 1e5, 0.0)
    outcome = trained(watch)
    [network] = outcome.networks
    assert (network.epochs, network.steps, network.ended_by) == (0, 10, "time budget")
    assert len(outcome.history["val_loss"]) == 1
    assert np.isfinite(outcome.fitted.predict(table()).values).all()


def test_time_that_is_over_before_still_gives_a_model(clock: Clock) -> None:
    watch = Budget(Watch(), 1e-6, -5.0)
    for options in ({"ensemble": 3}, {}):
        outcome = trained(watch, rows=600, **options)
        assert all(network.steps >= 1 and network.epochs <= 1 for network in outcome.networks)
        assert np.isfinite(outcome.fitted.predict(table()).values).all()
    (note,) = watch.notes()
    assert "4 trainings, from training, network 1 of 3 to training, ended after 0 to 0 whole epochs" in note


@pytest.mark.parametrize(("passed", "told"), [(25.0, True), (10.0, False)])
def test_time_that_reading_took_is_told(passed: float, told: bool, clock: Clock) -> None:
    budget = Budget(Watch(), 50, clock.now)
    clock.now = passed
    trained(budget)
    (note,) = budget.notes()
    assert ("seconds went by with reading and preparing before" in note) is told


def test_a_training_that_ends_by_itself_is_not_said_to_be_cut(clock: Clock) -> None:
    watch = Budget(Watch(), 1e9, 0.0)
    outcomes = [trained(watch, epochs=2), trained(watch, epochs=40, patience=1, lr=0.05)]
    assert [outcome.networks[0].ended_by for outcome in outcomes] == ["epochs", "patience"]
    assert watch.notes() == []
    at_the_end = Budget(Slow(clock, 1, 31), 1e5, 0.0)
    assert trained(at_the_end, epochs=2).networks[0].ended_by == "epochs"


def test_networks_and_shares_get_equal_parts_of_what_is_left() -> None:
    begin = time.monotonic()
    watch = Budget(Watch(), 900.0, begin)
    assert watch.share(3).end - begin == pytest.approx(300, abs=5)  # type: ignore[attr-defined]
    assert watch.silent().share(9).end - begin == pytest.approx(100, abs=5)  # type: ignore[attr-defined]
    assert not watch.over()
    assert watch.share(1).end == pytest.approx(watch.end)  # type: ignore[attr-defined]
    assert Budget(Watch(), 1.0, begin - 2).share(2).over()


def run(tmp_path: Path, *more: str, rows: int = 600) -> dict[str, Any]:
    table(rows).to_csv(tmp_path / "t.csv", index=False)
    words = ["--target", "y", "--hidden", "4", "--out", str(tmp_path / "run"), "--overwrite", *more]
    assert cli.main(["train", str(tmp_path / "t.csv"), *words]) == 0
    info: dict[str, Any] = json.loads((tmp_path / "run" / "info.json").read_text())
    return info


@pytest.mark.usefixtures("no_pictures")
def test_a_run_ends_in_time_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = run(tmp_path, "--time-budget", "2", "--epochs", "1000000", "--patience", "1000000", "--ensemble", "1")
    assert info["time_budget"] == 2.0
    [network] = info["networks"]
    assert network["ended_by"] == "time budget"
    assert "--time-budget 2: training ended after" in capsys.readouterr().err
    assert any("--time-budget 2: training ended" in note for note in info["notes"])


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("more", [["--cv", "2"], ["--tune", "1000"], ["--ensemble", "2"], ["--stream"]])
def test_everything_that_trains_ends_in_time(more: list[str], tmp_path: Path) -> None:
    if "--tune" in more:
        pytest.importorskip("optuna")
    info = run(tmp_path, "--time-budget", "2", "--epochs", "1000000", "--patience", "1000000", *more)
    assert {network["ended_by"] for network in info["networks"]} == {"time budget"}
    told = [note for note in info["notes"] if note.startswith("--time-budget 2: ")]
    names = {"--cv": "fold 1 of 2, network 1 of 7", "--tune": "trial 1 of 1000", "--ensemble": "network 2 of 2"}
    assert all(name in "".join(told) for name in (names.get(more[0], ""), "training"))


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf"])
def test_budgets_that_cannot_be(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    words = ["--target", "y", "--out", str(tmp_path / "run"), "--time-budget", given]
    assert cli.main(["train", str(tmp_path / "t.csv"), *words]) == 1
    assert "--time-budget: expected seconds, a number above 0" in capsys.readouterr().err

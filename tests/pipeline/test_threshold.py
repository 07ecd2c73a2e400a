"""From which probability on the positive class is predicted (`--threshold`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from pydl import cli
from pydl.pipeline import threshold
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Watch
from pydl.pipeline.evaluation import Judge, judge
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit, split

TWO = Target.fit(pd.Series(["no", "yes"] * 20, name="y"))


def rare(rows: int = 600) -> pd.DataFrame:
    """A class of one row in eight, told but roughly by a column."""
    rng = np.random.default_rng(0)
    y = rng.random(rows) < 0.12
    return pd.DataFrame({"x": (rng.normal(size=rows) + 1.2 * y).round(6), "y": np.where(y, "yes", "no")})


def of(p: np.ndarray) -> Predictions:
    return Predictions(np.asarray(TWO.decode(p > 0.5)), np.column_stack([1 - p, p]))


FIGURES: dict[str, Any] = {
    "f1": lambda y, said: metrics.f1_score(y, said, average="macro", zero_division=0),
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_the_best_is_the_best_of_all_that_there_are(name: str) -> None:
    rng = np.random.default_rng(1)
    for rows in (2, 5, 60, 300):
        y = rng.random(rows) < 0.3
        y[:2] = True, False
        p = np.clip(0.3 * y + rng.random(rows) * 0.7, 0, 1).round(2)  # with ties
        found = threshold.best(y, p, name)
        tried = [FIGURES[name](y, p >= cut) for cut in [*np.unique(p), 1.01]]
        assert FIGURES[name](y, p >= found) == pytest.approx(max(tried), abs=1e-12)
        assert found not in p


def test_of_equally_good_ones_the_nearest_to_a_half_is_taken() -> None:
    assert threshold.best(np.array([False, True]), np.array([0.2, 0.6]), "f1") == pytest.approx(0.4)
    assert threshold.best(np.array([True, True]), np.array([0.3, 1.0]), "accuracy") == 0.0


def test_figures_are_of_classes_parted_there() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.integers(2, size=500), rng.random(500).astype(np.float32).astype(np.float64)
    target = Target.from_state(json.loads(json.dumps(TWO.parted_at(0.8).state())))
    whole = Judge(target, seed=0)
    whole.add(y, of(p))
    found = whole.figures()
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, p >= 0.8))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, p >= 0.8, average="macro"))
    assert found["confusion_matrix"] == metrics.confusion_matrix(y, p >= 0.8).tolist()
    low, high = whole.intervals()["accuracy"]
    assert low < found["accuracy"] < high
    assert found["roc_auc"] == judge(TWO, y, of(p))["roc_auc"]
    assert TWO.parted_at(0.5).chosen(np.array([[0.5, 0.5]])) == 1  # from there on


def test_a_state_with_a_threshold_that_cannot_be() -> None:
    for wrong in (TWO.state() | {"threshold": 1.5}, Target.fit(pd.Series([*"abc"] * 9)).state() | {"threshold": 0.5}):
        with pytest.raises(ValueError, match="not the state of a target"):
            Target.from_state(wrong)


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "high", "nan"])
def test_thresholds_that_are_none(threshold: str) -> None:
    with pytest.raises(ValueError, match="--threshold: expected a probability from 0 to 1, or auto, got"):
        TrainOptions("t.csv", threshold=threshold)


def test_a_threshold_is_for_two_classes() -> None:
    def given(series: list[Any], **options: Any) -> None:
        threshold.given(Target.fit(pd.Series(series, name="y")), TrainOptions("t.csv", **options))

    with pytest.raises(ValueError, match='--threshold auto: expected a target of two classes; "y" has 3 classes'):
        given([*"abc"] * 9, threshold="auto")
    with pytest.raises(ValueError, match=r'--threshold 0.3: .*"y" has numbers, no classes'):
        given(list(np.linspace(0, 1, 50)), threshold=0.3)
    with pytest.raises(ValueError, match="--threshold auto: expected validation rows"):
        given([*"ab"] * 9, threshold="auto", val=0.0)
    with pytest.raises(ValueError, match="--threshold auto: too few rows"):
        threshold.settled(TWO, TrainOptions("t.csv", threshold="auto"), [])


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_auto_is_the_best_for_the_validation_rows(metric: str) -> None:
    frame = rare()
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    options = TrainOptions("t.csv", target="y", hidden=(4,), epochs=5, metric=metric, threshold="auto", ensemble=1)
    outcome = fit(frame, y, target, guess(frame, "y"), options, Watch(), "training")
    held_out, truth = split(frame, y, options.val, target, options.seed)[2:]
    p = outcome.fitted.predict(held_out).probabilities
    assert p is not None
    found = outcome.fitted.target.threshold
    name = "f1" if metric == "loss" else metric
    assert found == threshold.best(truth == 1, p[:, 1], name)
    assert judge(outcome.fitted.target, truth, outcome.fitted.predict(held_out))[name] == pytest.approx(
        max(FIGURES[name](truth, p[:, 1] >= cut) for cut in [*p[:, 1], 1.1])
    )


def test_auto_is_found_where_rows_are_few() -> None:
    frame = rare(90)
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    options = TrainOptions("t.csv", target="y", hidden=(4,), epochs=3, threshold="auto", val=0.5)
    outcome = fit(frame, y, target, guess(frame, "y"), options, Watch(), "training")
    found = outcome.fitted.target.threshold
    assert found is not None
    p = outcome.fitted.predict(frame).probabilities
    assert p is not None
    assert p[:, 1].min() < found < p[:, 1].max()


@pytest.mark.long  # whole runs; thresholds' own tests stay
def test_a_run_predicts_and_judges_from_its_threshold_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "t.csv", tmp_path / "run"
    rare().to_csv(data, index=False)
    arguments = ["--target", "y", "--threshold", "0.2", "--epochs", "3", "--hidden", "4", "--out", str(out), "--json"]
    assert cli.main(["train", str(data), *arguments]) == 0, capsys.readouterr().err
    rows = pd.read_csv(out / "predictions.csv")
    np.testing.assert_array_equal(rows["prediction"] == "yes", rows["probability yes"] >= 0.2)
    test = json.loads((out / "metrics.json").read_text())["test"]
    assert test["accuracy"] == pytest.approx((rows["truth"] == rows["prediction"]).mean())
    info = json.loads((out / "info.json").read_text())
    assert info["settings"]["threshold"] == 0.2
    assert any("yes is predicted from a probability of 0.2 on" in note for note in info["notes"])
    assert cli.main(["predict", str(out), str(data), "--out", str(tmp_path / "p.csv")]) == 0
    predicted = pd.read_csv(tmp_path / "p.csv")
    np.testing.assert_array_equal(predicted["y predicted"] == "yes", predicted["probability yes"] >= 0.2)
    capsys.readouterr()
    assert cli.main(["evaluate", str(out), str(data), "--json"]) == 0
    accuracy = (predicted["y"] == predicted["y predicted"]).mean()
    assert json.loads(capsys.readouterr().out)["accuracy"] == pytest.approx(accuracy)
    np.testing.assert_array_equal(Run.open(str(out)).fitted().predict(rare()).values, predicted["y predicted"])

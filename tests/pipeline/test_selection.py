"""What epochs and trials are compared by (`--metric`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline import selection
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.evaluation import judge
from pydl.pipeline.options import METRICS, TrainOptions
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit, split


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).round(6)
    return pd.DataFrame({
        "x": x, "z": rng.normal(size=rows).round(6), "class": np.where(x + rng.normal(size=rows) > 0.8, "b", "a"),
        "number": (1000 + 50 * x + 30 * rng.normal(size=rows)).round(3),
    })  # fmt: skip


def trained(column: str, metric: str, **options: Any) -> tuple[Outcome, float]:
    """A training, and the metric of its model on the rows held out."""
    frame = table().drop(columns={"class": "number", "number": "class"}[column])
    target = Target.fit(frame[column])
    y, _ = target.encode(frame[column])
    given = TrainOptions("t.csv", target=column, hidden=(8,), epochs=8, lr=0.02, metric=metric, ensemble=1, **options)
    outcome = fit(frame, y, target, guess(frame, column), given, Watch(), "training")
    held_out = split(frame, y, given.val, target, given.seed)[2]
    truth, _ = outcome.fitted.target.encode(held_out[column])
    found = selection.figure(judge(outcome.fitted.target, truth, outcome.fitted.predict(held_out)), metric)
    assert found is not None
    return outcome, found


@pytest.mark.parametrize(
    ("column", "metric", "best"),
    [("class", "roc_auc", max), ("class", "f1", max), ("class", "accuracy", max), ("class", "brier", min),
     ("number", "r2", max), ("number", "mae", min), ("number", "mse", min)],
)  # fmt: skip
def test_the_best_epoch_by_the_metric_is_kept(column: str, metric: str, best: Any) -> None:
    outcome, found = trained(column, metric)
    told = outcome.fitted.target.readable(outcome.history)[f"val_{metric}"]
    assert len(told) == 8
    assert found == pytest.approx(best(told), rel=1e-6)
    options = TrainOptions("t.csv", metric=metric)
    assert selection.rising(options) == (best is max)
    history = outcome.fitted.target.readable(outcome.history)
    assert selection.best_value(history, options) == best(told)
    assert told[selection.best_epoch(history, options)] == best(told)


def test_patience_counts_by_the_metric() -> None:
    outcome, _ = trained("class", "roc_auc", patience=1)
    told = outcome.history["val_roc_auc"]
    assert len(told) == 8 or told[-1] <= max(told[:-1])


def test_without_rows_held_out_the_training_rows_are_compared() -> None:
    frame = table().drop(columns="number")
    target = Target.fit(frame["class"])
    y, _ = target.encode(frame["class"])
    options = TrainOptions("t.csv", target="class", hidden=(4,), epochs=2, val=0.0, metric="f1")
    outcome = fit(frame, y, target, guess(frame, "class"), options, Watch(), "training")
    found = judge(target, y, outcome.fitted.predict(frame))["f1"]
    assert found == pytest.approx(max(outcome.history["f1"]))
    assert "val_f1" not in outcome.history


def test_names_of_metrics() -> None:
    with pytest.raises(ValueError, match=r"--metric: expected one of loss, .*got 'roc_acu'; did you mean roc_auc\?"):
        TrainOptions("t.csv", metric="roc_acu")
    numbers = Target.fit(pd.Series(np.linspace(0, 1, 60), name="y"))
    with pytest.raises(ValueError, match='--metric f1: "y" is taken for a regression, which has loss, mse, rmse'):
        selection.must_suit("f1", numbers)
    for metric in METRICS["regression"]:
        selection.must_suit(metric, numbers)


def test_an_undefined_metric_is_said() -> None:
    frame = table().assign(**{"class": np.where(np.arange(300) < 2, "b", "a")}).drop(columns="number")
    target = Target.fit(frame["class"])
    y, _ = target.encode(frame["class"])
    options = TrainOptions("t.csv", target="class", hidden=(4,), epochs=2, metric="roc_auc", ensemble=1)
    with pytest.raises(ValueError, match="--metric roc_auc: it is undefined for the 45 rows to compare epochs by"):
        fit(frame, y, target, guess(frame, "class"), options, Watch(), "training")

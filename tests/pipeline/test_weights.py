"""How much each row counts (`--weights`): in figures, trainings and baselines, and in files with and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight

from pydl import cli
from pydl.pipeline import threshold
from pydl.pipeline.baseline import baselines
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.crossval import folds
from pydl.pipeline.evaluation import Judge, judge
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target
from pydl.pipeline.weights import even, must_judge, weights_of
from pydl.pipeline.worker import class_weights, fit, prepared, split

ROWS = 400


def classes(n: int) -> tuple[Target, np.ndarray, Predictions]:
    rng = np.random.default_rng(n)
    target = Target.fit(pd.Series([f"c{k}" for k in range(n)] * 30, name="y"), "classification")
    y = rng.integers(n, size=ROWS).astype(np.int32)
    p = np.exp(rng.normal(size=(ROWS, n)) + 1.5 * (y[:, None] == np.arange(n))).round(2)
    p /= p.sum(axis=1, keepdims=True)
    return target, y, Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)


def whole_weights() -> np.ndarray:
    return np.random.default_rng(9).integers(0, 5, ROWS).astype(float)


@pytest.mark.parametrize("n", [2, 3])
def test_figures_of_classes_are_scikit_learns(n: int) -> None:
    target, y, found = classes(n)
    w = np.random.default_rng(5).lognormal(size=ROWS)
    p, got = found.probabilities, judge(target, y, found, w)
    assert p is not None
    said, one_hot = p.argmax(axis=1), np.eye(n)[y]
    ranked = (y, p[:, 1]) if n == 2 else (one_hot, p)
    expected = {
        "accuracy": metrics.accuracy_score(y, said, sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, said, sample_weight=w),
        "precision": metrics.precision_score(y, said, average="macro", sample_weight=w),
        "recall": metrics.recall_score(y, said, average="macro", sample_weight=w),
        "f1": metrics.f1_score(y, said, average="macro", sample_weight=w),
        "roc_auc": metrics.roc_auc_score(*ranked, sample_weight=w),
        "average_precision": metrics.average_precision_score(*ranked, sample_weight=w),
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
        "brier": np.average(((p - one_hot) ** 2).sum(axis=1), weights=w) / (2 if n == 2 else 1),
        "weight": w.sum(),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(got["confusion_matrix"], metrics.confusion_matrix(y, said, sample_weight=w))
    assert got["rows"] == ROWS
    assert got["per_class"]["c1"]["rows"] == (y == 1).sum()


def test_figures_of_numbers_are_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    values, w = 1e5 + rng.normal(size=ROWS), rng.lognormal(size=ROWS)
    target = Target.fit(pd.Series(values, name="y"), "regression")
    y, _ = target.encode(pd.Series(values))
    found = Predictions(values + 0.3 * rng.normal(size=ROWS))
    given: dict[str, Any] = {"y_true": values, "y_pred": found.values, "sample_weight": w}
    expected = {
        "r2": metrics.r2_score(**given), "rmse": metrics.root_mean_squared_error(**given),
        "mae": metrics.mean_absolute_error(**given), "mape": metrics.mean_absolute_percentage_error(**given),
        "rows": ROWS, "weight": w.sum(),
    }  # fmt: skip
    assert judge(target, y, found, w) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [2, 3])
def test_a_weight_of_three_is_three_rows(n: int) -> None:
    target, y, found = classes(n)
    w = whole_weights()
    often = np.repeat(np.arange(ROWS), w.astype(int))
    weighted, repeated = judge(target, y, found, w), judge(target, y[often], found.some(often))
    names = [name for name, value in repeated.items() if isinstance(value, float)]
    assert len(names) == 9
    assert {k: weighted[k] for k in names} == pytest.approx({k: repeated[k] for k in names}, rel=1e-12)
    assert weighted["confusion_matrix"] == repeated["confusion_matrix"]
    assert (weighted["rows"], weighted["weight"]) == ((w > 0).sum(), repeated["rows"])


def test_numbers_by_weight_are_repeated_numbers() -> None:
    rng = np.random.default_rng(2)
    values, w = rng.normal(size=ROWS), whole_weights()
    target = Target.fit(pd.Series(values, name="y"), "regression")
    y, _ = target.encode(pd.Series(values))
    found, often = Predictions(values + rng.normal(size=ROWS)), np.repeat(np.arange(ROWS), w.astype(int))
    weighted, repeated = judge(target, y, found, w), judge(target, y[often], found.some(often))
    assert weighted["weight"] == repeated.pop("rows")
    assert {name: weighted[name] for name in repeated} == pytest.approx(repeated, rel=1e-12)


def test_intervals_widen_where_few_rows_count() -> None:
    target, y, found = classes(2)

    def widths(weights: np.ndarray | None) -> dict[str, float]:
        whole = Judge(target, seed=0)
        whole.add(y, found, weights)
        return {name: high - low for name, (low, high) in whole.intervals().items()}

    plain = widths(None)
    assert widths(np.full(ROWS, 7.0)) == pytest.approx(plain, rel=1e-9)
    uneven = widths(np.where(np.arange(ROWS) % 10 == 0, 100.0, 1.0))
    assert all(uneven[name] > 1.5 * plain[name] for name in plain)


def test_the_threshold_is_the_best_by_weight() -> None:
    _, y, found = classes(2)
    assert found.probabilities is not None
    p, w = found.probabilities[:, 1], whole_weights()
    often = np.repeat(np.arange(ROWS), w.astype(int))
    for name in ("f1", "accuracy", "balanced_accuracy"):
        cut, of_rows = threshold.best(y == 1, p, name, w), threshold.best(y[often] == 1, p[often], name)
        np.testing.assert_array_equal(p[often] >= cut, p[often] >= of_rows)


# ---- the column -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([1, 2, -0.5], '--weights: column "w", row 3: expected a weight of 0 or more, got "-0.5"'),
        ([1, np.nan, 2], '--weights: column "w", row 2: expected a weight of 0 or more, got nothing'),
        ([1, 2, np.inf], 'row 3: expected a weight of 0 or more, got "inf"'),
        (["1", "much", "2"], 'row 2: expected a weight of 0 or more, got "much"'),
    ],
)
def test_cells_that_are_no_weights(cells: list[Any], said: str) -> None:
    with pytest.raises(ValueError) as info:
        weights_of(pd.DataFrame({"w": cells}), "w")
    assert said in str(info.value)


def test_cells_that_are_weights() -> None:
    for cells in ([1, 0, 2], [1.0, 0.0, 2.0], ["1", "0", "2.0"], [True, False, True]):
        found = weights_of(pd.DataFrame({"w": cells}), "w")
        np.testing.assert_array_equal(found, np.array(cells, float) if cells[0] is not True else [1, 0, 1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="--weights: expected some above 0 among 3 rows"):
        even(np.zeros(3))
    assert weights_of(pd.DataFrame({"w": [1]}), None) is None
    assert weights_of(pd.DataFrame({"v": [1]}), "w") is None


# ---- trainings ------------------------------------------------------------------------------------------------------
def table() -> pd.DataFrame:
    """Rows of weight 3 by which y follows x, and twice as many of weight 0.1 that say the opposite."""
    rng = np.random.default_rng(0)
    x, heavy = rng.normal(size=ROWS).round(4), rng.random(ROWS) < 0.4
    return pd.DataFrame({"x": x, "w": np.where(heavy, 3.0, 0.1), "y": np.where((x > 0) == heavy, "b", "a")})


def trained(frame: pd.DataFrame, **options: Any) -> Outcome:
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    given = TrainOptions(
        "t.csv", target="y", hidden=(8,), dropout=0.0, lr=0.03, weights="w", ensemble=1, **({"epochs": 8} | options)
    )
    return fit(frame, y, target, guess(frame, "y", given.left_out), given, Watch(), "training")


def test_a_training_follows_the_weights() -> None:
    frame = table()
    outcome = trained(frame)
    said = outcome.fitted.predict(frame).values
    heavy = frame["w"] > 1
    assert (said == frame["y"])[heavy].mean() > 0.9
    assert (said == frame["y"]).mean() < 0.5
    target, held_out = outcome.fitted.target, outcome.parts["validation"]
    figures = judge(target, held_out.y, outcome.fitted.predict(held_out.frame), held_out.weights)
    assert figures["log_loss"] == pytest.approx(min(outcome.history["val_loss"]), rel=1e-4)
    best = int(np.argmin(outcome.history["val_loss"]))
    assert figures["accuracy"] == pytest.approx(outcome.history["val_accuracy"][best], rel=1e-5)
    by_accuracy = trained(frame, metric="accuracy", epochs=3)
    assert max(by_accuracy.history["val_accuracy"]) > 0.6  # of plain rows, less than half


def test_the_scale_of_weights_changes_nothing() -> None:
    plain, large = trained(table(), epochs=2), trained(table().assign(w=table()["w"] * 2**20), epochs=2)
    assert plain.history == large.history


def test_class_weights_are_by_weight() -> None:
    target, y, _ = classes(3)
    w = whole_weights()
    found = class_weights(y, target, w)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=np.repeat(y, w.astype(int)))
    np.testing.assert_allclose(list(found.values()), expected)
    balanced = trained(table(), class_weight="balanced", epochs=3)
    assert (balanced.fitted.predict(table()).values == table()["y"])[table()["w"] > 1].mean() > 0.9


def test_baselines_learn_and_are_judged_by_weight() -> None:
    frame = table().assign(z=lambda f: f["x"] + (f["w"] > 1))
    target = Target.fit(frame["z"])
    y, _ = target.encode(frame["z"])
    train, _, test, _ = split(frame, y, 0.3, target, 0)
    preparation = Preparation(guess(frame, "z", ("w", "y"))).fit(train)
    parts = [prepared(each, preparation, target, weights="w") for each in (train, test)]
    found = {n: j.figures() for n, j in baselines(preparation, target, parts[0], parts[1].batches(), 0).items()}
    mean = np.average(train["z"], weights=train["w"])
    assert found["constant"]["mae"] == pytest.approx(np.average(np.abs(test["z"] - mean), weights=test["w"]))
    assert all(figures["weight"] == pytest.approx(test["w"].sum()) for figures in found.values())
    assert found["linear"]["r2"] > 0.8  # to the light rows it is a shift of 1


def test_folds_are_judged_by_weight() -> None:
    frame = table()
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    options = TrainOptions("t.csv", target="y", hidden=(8,), lr=0.03, epochs=5, weights="w", cv=2)
    found = folds(frame, y, target, guess(frame, "y", options.left_out), options, Watch())
    assert found["mean"]["accuracy"] > 0.8
    assert sum(f["weight"] for f in found["folds"]) == pytest.approx(frame["w"].sum())


@pytest.mark.long  # several runs
def test_a_run_with_weights_and_files_with_and_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, bare, out = tmp_path / "t.csv", tmp_path / "bare.csv", tmp_path / "run"
    frame = table()
    frame.to_csv(data, index=False)
    frame.drop(columns="w").to_csv(bare, index=False)
    arguments = ["--target", "y", "--weights", "w", "--epochs", "3", "--hidden", "8", "--lr", "0.03"]
    assert cli.main(["train", str(data), *arguments, "--out", str(out), "--json"]) == 0, capsys.readouterr().err
    run = Run.open(str(out))
    rows, test = pd.read_csv(out / "predictions.csv"), run.json("metrics.json")["test"]
    w = frame["w"].to_numpy()[rows["row"]]
    np.testing.assert_array_equal(rows["weight"], w)
    assert test["accuracy"] == pytest.approx(np.average(rows["truth"] == rows["prediction"], weights=w))
    assert "figures are weighted by w" in run.json("info.json")["notes"]
    assert [c.name for c in Preparation.load(out / "preparation.skops").columns] == ["x"]
    assert TrainOptions.from_json(run.json("config.json")).weights == "w"
    capsys.readouterr()
    found = {}
    for path in (data, bare):
        assert cli.main(["evaluate", str(out), str(path), "--json"]) == 0
        found[path] = json.loads(capsys.readouterr().out)
    assert found[data]["weight"] == pytest.approx(frame["w"].sum())
    assert "figures are weighted by w" in found[data]["notes"]
    assert "weight" not in found[bare]
    assert "there is no column w: figures are not weighted, each row counts the same" in found[bare]["notes"]
    assert found[data]["accuracy"] > found[bare]["accuracy"]
    for wrong, said in (
        (0.0, "some above 0 among the rows to judge on"),
        (-1.0, "row 1: expected a weight of 0 or more"),
    ):
        frame.assign(w=wrong).to_csv(tmp_path / "odd.csv", index=False)
        assert cli.main(["evaluate", str(out), str(tmp_path / "odd.csv")]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert "without the column each row counts the same" in told
    assert cli.main(["predict", str(out), str(bare), "--out", str(tmp_path / "p.csv")]) == 0
    frame.loc[7, "w"] = -1
    frame.to_csv(data, index=False)
    for wrong, said in (("w", 'column "w", row 8'), ("v", "--weights: expected one of"), ("y", "this is the target")):
        arguments[3] = wrong
        assert cli.main(["train", str(data), *arguments, "--out", str(tmp_path / "other")]) != 0
        assert said in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.long  # several runs; whole tables stay
@pytest.mark.usefixtures("no_pictures")
def test_a_table_in_pieces_with_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, data = table(), tmp_path / "t.csv"
    frame.to_csv(data, index=False)
    command = [
        "train",
        str(data),
        "--target",
        "y",
        "--stream",
        "--epochs",
        "3",
        "--hidden",
        "8",
        "--lr",
        "0.03",
        "--out",
    ]
    weighted = [*command, str(tmp_path / "run"), "--weights", "w"]
    assert cli.main(weighted) == 0, capsys.readouterr().err
    run = Run.open(str(tmp_path / "run"))
    rows, test = pd.read_csv(run.path / "predictions.csv"), run.json("metrics.json")["test"]
    w = frame["w"].to_numpy()[rows["row"]]
    np.testing.assert_array_equal(rows["weight"], w)
    assert test["accuracy"] == pytest.approx(np.average(rows["truth"] == rows["prediction"], weights=w))
    assert test["weight"] == pytest.approx(w.sum())
    assert [c.name for c in Preparation.load(run.path / "preparation.skops").columns] == ["x"]
    # Weights that are all alike change no bit, whatever they are: they count by their mean.
    frame.assign(w=0.25).to_csv(data, index=False)
    assert cli.main([*command, str(tmp_path / "even"), "--weights", "w"]) == 0
    assert cli.main([*command, str(tmp_path / "none"), "--drop", "w"]) == 0
    even, none = (pd.read_csv(tmp_path / name / "predictions.csv") for name in ("even", "none"))
    pd.testing.assert_frame_equal(even.drop(columns="weight"), none)
    assert not np.allclose(none.iloc[:, -1], rows.iloc[:, -2], atol=1e-4)
    capsys.readouterr()
    for wrong, said in (
        (0.0, "expected some above 0 among"),
        (-1.0, 'column "w", row 1: expected a weight of 0 or more'),
    ):
        frame.assign(w=wrong).to_csv(data, index=False)
        assert cli.main([*weighted, "--overwrite"]) == 1
        assert said in capsys.readouterr().err
    assert cli.main([*command, str(tmp_path / "other"), "--weights", "v"]) == 1
    assert 'column of --weights "v" is not in the table' in capsys.readouterr().err
    assert cli.main([*command, str(tmp_path / "other"), "--weights", "y"]) == 1
    assert "--weights y: this is the target" in capsys.readouterr().err


@pytest.mark.parametrize("weights", [None, np.array([0.0, 2.0])])
def test_rows_to_judge_on(weights: Any) -> None:
    must_judge(weights)
    with pytest.raises(ValueError, match="some above 0 among the rows to judge on, all are 0"):
        must_judge(np.zeros(3))


@pytest.mark.parametrize("weight", [0.0, 1e-9])
def test_rows_that_count_for_nothing_set_no_scale(weight: float, tmp_path: Path) -> None:
    """Marks such as -99999 in rows of weight 0, in the target and in a column."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    w = np.where(np.arange(400) % 4 == 0, weight, 1.0)
    frame = pd.DataFrame({"x": np.where(w < 1, 1e6, x), "y": np.where(w < 1, -99999.0, 3 * x + 1), "w": w})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for stream in ([], ["--stream"]):
        arguments = ["--weights", "w", "--epochs", "60", "--no-compare", "--out", str(tmp_path / f"run{len(stream)}")]
        assert cli.main(["train", str(tmp_path / "t.csv"), "--target", "y", *arguments, *stream]) == 0
        figures = json.loads((tmp_path / f"run{len(stream)}" / "metrics.json").read_text())
        assert figures["test"]["r2"] > 0.95

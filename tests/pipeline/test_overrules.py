"""What the user says instead of the guess: kinds of columns, the positive class, logarithms; and stray words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline.columns import guess
from pydl.pipeline.evaluation import judge
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.target import Target

N = 120


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        "zip": 10000 + 7 * (np.arange(N) % 9), "half": np.arange(N) % 4 / 2, "note": [f"K{i}" for i in range(N)],
        "size": [["3", "4.5", "n.n.", "tiny"][i % 4] for i in range(N)], "born": 20200101 + np.arange(N) % 28,
        "x": rng.normal(size=N),
    })  # fmt: skip


# ---- kinds ----------------------------------------------------------------------------------------------------------
def test_kinds_overrule_the_guess() -> None:
    kinds = {
        "zip": "number",
        "half": "category",
        "note": "category",
        "size": "number",
        "born": "date",
        "x": "identifier",
    }
    found = {c.name: c for c in guess(table(), kinds=kinds)}
    assert [c.kind for c in found.values()] == ["number", "category", "many", "number", "date", "identifier"]
    assert set(found["size"].words) == {"n.n.", "tiny"}
    prepared = Preparation(list(found.values())).fit(table())
    whole = prepared.transform(table())["features"]
    text = table().astype(str).assign(half=[f"{v:.2f}" for v in table()["half"]])
    np.testing.assert_array_equal(prepared.transform(text)["features"], whole)
    assert "x" not in {c.name for c in guess(table(), kinds={"x": "drop"})}
    assert {c.name: c.kind for c in guess(table(), kinds={"note": "text"})}["note"] == "text"


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"note": "number"}, '--kind note=number: no value of the column is a number, such as "K0"'),
        ({"note": "date"}, "--kind note=date: no value of the column is a date"),
        ({"nota": "date"}, 'column of --kind "nota" is not in the table; did you mean note'),
        ({"x": "number"}, "--kind x=number: this is the target"),
    ],
)
def test_kinds_that_cannot_be(kinds: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError) as info:
        guess(table(), "x", kinds=kinds)
    assert said in str(info.value)


@pytest.mark.parametrize("kind", ["zip", "zip=categori", "=", "zip=number,zip=date"])
def test_kinds_that_cannot_be_read(kind: str) -> None:
    with pytest.raises(ValueError, match="--kind"):
        TrainOptions("t.csv", kind=tuple(kind.split(",")))


def test_kinds_are_options_like_others() -> None:
    options = TrainOptions("t.csv", target="y", kind=("a=b=number", "c=drop"), positive="no", log_target=True)
    assert options.kinds == {"a=b": "number", "c": "drop"}
    assert TrainOptions.from_json(json.loads(json.dumps(options.to_json()))) == options
    words = ["--target", "y", "--kind", "a=b=number", "--kind", "c=drop", "--positive", "no", "--log-target"]
    assert options.command()[3:] == words


# ---- targets --------------------------------------------------------------------------------------------------------
def test_the_positive_class_is_the_second() -> None:
    series = pd.Series(["no", "yes", "yes"] * 10, name="y")
    assert Target.fit(series).classes == ["no", "yes"]
    target = Target.fit(series, positive="no")
    assert target.classes == ["yes", "no"]
    np.testing.assert_array_equal(target.encode(series)[0][:3], [1, 0, 0])
    assert list(target.decode([0, 1])) == ["yes", "no"]
    assert Target.fit(pd.Series([0, 1] * 9, name="y"), positive="0").classes == [1, 0]
    for positive, of in (("maybe", series), ("a", pd.Series([*"abc"] * 9, name="y"))):
        with pytest.raises(ValueError, match=f"--positive {positive}: expected one of two classes"):
            Target.fit(of, positive=positive)
    with pytest.raises(ValueError, match="regression"):
        Target.fit(pd.Series(np.linspace(0, 1, 50), name="y"), positive="1")


def test_logarithms_of_a_target_come_back_in_its_unit() -> None:
    y = pd.Series(np.random.default_rng(0).lognormal(3, 2, 500), name="y")
    y[:3] = [0.0, -5.0, 1e5]
    target = Target.from_state(json.loads(json.dumps(Target.fit(y, log=True).state())))
    codes, _ = target.encode(y)
    assert abs(codes.mean()) < 1e-9
    assert codes.max() < 6 < ((y - y.mean()) / y.std()).max()
    np.testing.assert_allclose(target.decode(codes), y, rtol=1e-9, atol=1e-9)
    assert np.isfinite(target.decode([1e9, -1e9])).all()
    guessed = y.to_numpy() * 1.1 + 3
    figures = judge(target, codes, Predictions(guessed))
    rest = ((guessed - y) ** 2).sum()
    assert figures["r2"] == pytest.approx(1 - rest / ((y - y.mean()) ** 2).sum(), rel=1e-9)
    with pytest.raises(ValueError, match="--log-target"):
        Target.fit(pd.Series([*"ab"] * 9, name="y"), log=True)


def test_stray_words_of_a_numeric_target_are_left_out_and_said() -> None:
    numbers = np.random.default_rng(0).normal(70, 8, 100).round(1)
    series = pd.Series([*map(str, numbers), *["broken"] * 5, *["tba"] * 5], name="y")
    target = Target.from_state(Target.fit(series).state())
    assert target.task == "regression"
    assert any('"tba"' in note and "count" in note for note in target.notes)
    y, keep = target.encode(series)
    assert keep.tolist() == [True] * 100 + [False] * 10
    np.testing.assert_allclose(target.decode(y), numbers)
    _, keep = target.encode(pd.Series(["71.5", "withheld"], name="y"))
    assert keep.tolist() == [True, False]


def test_words_among_few_numbers_are_classes() -> None:
    series = pd.Series(["1", "2", "3", "none of these", "x"] * 20, name="y")
    assert Target.fit(series).task == "classification"
    assert Target.fit(pd.Series(["1.5", "2.5", "x"] * 9, name="y"), "classification").classes == ["1.5", "2.5", "x"]


def test_too_many_words_among_numbers_are_named() -> None:
    series = pd.Series([*map(str, np.linspace(0, 1, 60)), *["broken"] * 40], name="y")
    with pytest.raises(ValueError, match='--task regression predicts numbers, and leaves out "broken"'):
        Target.fit(series)
    assert Target.fit(series, "regression").words == ["broken"]


def test_a_class_in_another_writers_spelling() -> None:
    target = Target.fit(pd.Series([3, 5, 7] * 9, name="y"))
    np.testing.assert_array_equal(target.encode(pd.Series(["3.0", "7", "5.0", None]))[0], [0, 2, 1])
    truth = Target.fit(pd.Series(["False", "True"] * 9, name="y"))
    np.testing.assert_array_equal(truth.encode(pd.Series(["TRUE", "0"]))[0], [1, 0])


@pytest.mark.long  # two runs
def test_a_run_with_options_of_its_own_is_reproduced_by_its_configuration(tmp_path: Path) -> None:
    frame = table().assign(y=np.exp(table()["x"]) * 100)
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["--kind", "zip=number", "--kind", "note=drop", "--log-target", "--epochs", "2", "--hidden", "4"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert cli.main(["train", str(tmp_path / "t.csv"), "--target", "y", "--out", str(first), "--json", *arguments]) == 0
    assert cli.main(["train", "--config", str(first / "config.json"), "--out", str(second), "--json"]) == 0
    assert (first / "predictions.csv").read_text() == (second / "predictions.csv").read_text()
    kinds = {c.name: c.kind for c in Preparation.load(second / "preparation.skops").columns}
    assert kinds["zip"] == "number"
    assert "note" not in kinds

"""The column to learn: its task, its codes and back, its state, and the tables that have none worth learning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.table import read_table
from pydl.pipeline.target import Target


def series(values: Any, name: str = "y") -> pd.Series:
    return pd.Series(values, name=name)


TASKS = {
    "words": (["a", "b", "a"] * 30, "classification", ["a", "b"]),
    "signs": (["+", "-", "+"] * 30, "classification", ["+", "-"]),
    "none as a class": (["none", "mild"] * 30, "classification", ["mild", "none"]),
    "digits": (list(range(10)) * 20, "classification", list(range(10))),
    "digits as reals": ([0.0, 1.0, 10.0, 2.0] * 20, "classification", [0, 1, 2, 10]),
    "truth values": ([True, False] * 20, "classification", ["False", "True"]),
    "two reals": ([0.5, 1.5] * 20, "classification", ["0.5", "1.5"]),
    "negative classes": ([-1, 1] * 20, "classification", [-1, 1]),
    "codes": (["01", "02", "10"] * 20, "classification", ["01", "02", "10"]),
    "reals": (np.linspace(0, 1, 90), "regression", []),
    "counts that trail off": ([0] * 60 + [1] * 30 + [2] * 9 + [3] * 2 + [4, 6], "regression", []),
    "counts": (np.arange(90) % 40, "regression", []),
    "money": ([f"${i},{i:03d}.50" for i in range(1, 90)], "regression", []),
    "decimal commas": ([f"{i},5" for i in range(90)], "regression", []),
}


@pytest.mark.parametrize("case", TASKS)
def test_task_and_classes(case: str) -> None:
    values, task, classes = TASKS[case]
    target = Target.fit(series(values))
    assert (target.task, target.classes) == (task, classes)
    assert task in " ".join(target.notes)


@pytest.mark.parametrize("case", TASKS)
def test_there_and_back(case: str) -> None:
    values, task, _ = TASKS[case]
    target = Target.fit(series(values))
    target = Target.from_state(json.loads(json.dumps(target.state())))
    y, keep = target.encode(series(values))
    assert keep.all()
    if task == "classification":
        assert y.dtype == np.int32
        assert [str(v) for v in target.decode(y)] == [
            str(int(v) if v == 10.0 or (isinstance(v, float) and v % 1 == 0) else v) for v in values
        ]
    else:
        np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-9)
        expected = values if case != "money" else [i * 1001 + 0.5 for i in range(1, 90)]
        expected = expected if case != "decimal commas" else np.arange(90) + 0.5
        np.testing.assert_allclose(target.decode(y), np.asarray(expected, float), atol=1e-9)


def test_the_task_may_be_given() -> None:
    assert Target.fit(series([1, 2, 3] * 20), "regression").task == "regression"
    assert Target.fit(series(np.arange(60) % 25), "classification").classes == list(range(25))
    with pytest.raises(ValueError, match='task must be one of auto, classification, regression, got "ranking"'):
        Target.fit(series([1, 2]), "ranking")


def test_rows_without_a_target_are_dropped_and_said() -> None:
    target = Target.fit(series(["a", None, "b", "?", "a"]))
    y, keep = target.encode(series(["b", None, "a", " ", "a"]))
    np.testing.assert_array_equal(y, [1, 0, 0])
    np.testing.assert_array_equal(keep, [True, False, True, False, True])
    assert '2 rows without a value of "y" left out' in target.notes
    target = Target.fit(series([0.5, np.nan, np.inf, 2.5, 3.5]))
    y, keep = target.encode(series([0.5, np.nan, np.inf, 2.5, 3.5]))
    np.testing.assert_array_equal(keep, [True, False, False, True, True])
    assert "2 rows" in target.notes[0]


def test_rare_classes_are_said() -> None:
    assert "1 class with a single row, such as z" in Target.fit(series(["a", "b"] * 20 + ["z"])).notes
    assert Target.fit(series([1, 2] * 20 + [3])).classes == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "task", "said"),
    [
        ([None, "?", ""], "auto", "has no values"),
        ([], "auto", "has no values"),
        ([np.nan, np.nan], "auto", "has no values"),
        (["a", "a", None], "auto", "is always a"),
        ([5, 5, 5], "regression", "is always 5"),
        (["w" * 9000], "auto", "is always " + "w" * 40 + "; expected"),
        (["a", "b", "1"], "regression", 'holds text such as "a"'),
        ([np.inf, 1.0], "regression", "no two different finite numbers"),
        ([f"n{i}" for i in range(100)], "auto", "too many for classes; is it the right column?"),
        (np.linspace(0, 1, 100), "classification", "--task regression"),
        (pd.date_range("2024-01-01", periods=30), "auto", "holds dates"),
    ],
)
def test_nothing_to_learn(values: Any, task: str, said: str) -> None:
    with pytest.raises(ValueError) as info:
        Target.fit(series(values), task)
    assert said in str(info.value)
    assert '"y"' in str(info.value)
    assert "\n" not in str(info.value)


def test_spans_of_time_are_learnt_in_seconds() -> None:
    target = Target.fit(series([f"{1 + i // 60}:{i % 60:02d}:{i % 7:02d}" for i in range(120)]))
    assert target.task == "regression"
    assert '"y" holds spans of time: they are learnt, and predicted, in seconds' in target.notes
    y, keep = target.encode(series(["1:00:30", "", "59:30"]))
    assert target.decode(y) == pytest.approx([3630.0, 3570.0])
    assert keep.tolist() == [True, False, True]
    assert Target.from_state(target.state()).notation == target.notation


def test_other_values_later() -> None:
    target = Target.fit(series(["a", "b"]))
    with pytest.raises(ValueError, match='class "c" did not occur in training; known are a, b'):
        target.encode(series(["a", "c"]))
    numbers = Target.fit(series(np.linspace(0, 1, 50)))
    y, keep = numbers.encode(series(["0.5", "much"]))
    assert numbers.decode(y) == pytest.approx([0.5])
    assert keep.tolist() == [True, False]
    y, _ = Target.fit(series([1, 2] * 20)).encode(series(["1", 2.0, "2"]))
    np.testing.assert_array_equal(y, [0, 1, 1])


@pytest.mark.parametrize(
    "change",
    [
        {"task": "ranking"}, {"scale": 0.0}, {"classes": ["a"]}, {"classes": [["a"], "b"]}, {"notation": "?"},
        {"more": 1}, {"mean": "0"}, {"name": None}, {"classes": None}, {"notes": 5},
    ],
)  # fmt: skip
def test_states_that_are_none(change: dict[str, Any]) -> None:
    state = Target.fit(series(["a", "b"])).state() | change
    with pytest.raises(ValueError, match="not the state of a target"):
        Target.from_state(state)


def test_real_targets(data_dir: Path) -> None:
    assert Target.fit(read_table(data_dir / "adult-train.csv")["income"]).classes == ["<=50K", ">50K"]
    assert Target.fit(read_table(data_dir / "titanic.csv")["survived"]).classes == [0, 1]
    assert Target.fit(read_table(data_dir / "california-housing.csv")["median_house_value"]).task == "regression"

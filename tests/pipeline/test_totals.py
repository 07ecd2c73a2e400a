"""Rows that sum up others are none to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.totals import without_totals

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"shop": [f"s{i}" for i in range(40)], "a": RNG.normal(5, 1, 40), "b": RNG.integers(1, 9, 40)})


def with_row(frame: pd.DataFrame, *row: object) -> pd.DataFrame:
    return pd.concat([frame, pd.DataFrame([row], columns=frame.columns)], ignore_index=True)


@pytest.mark.parametrize("label", ["Total", "GRAND TOTAL:", "Summe", "Total général", "合計"])
def test_a_row_of_totals(label: str) -> None:
    frame, said = without_totals(with_row(ROWS, label, round(ROWS["a"].sum(), 2), ROWS["b"].sum()))
    pd.testing.assert_frame_equal(frame.astype(ROWS.dtypes), ROWS)
    assert said == ["1 row left out that sums up others (row 41)"]


def test_means_below_totals_and_parts_of_a_table() -> None:
    parts = [ROWS[:20], ROWS[20:]]
    parts = [with_row(part, "Subtotal", part["a"].sum(), part["b"].sum()) for part in parts]
    frame = with_row(pd.concat(parts, ignore_index=True), "Total", ROWS["a"].sum(), ROWS["b"].sum())
    frame = with_row(frame, "Mean", ROWS["a"].mean(), ROWS["b"].mean())
    frame, said = without_totals(frame)
    assert list(frame["shop"]) == list(ROWS["shop"])
    assert said == ["4 rows left out that sum up others (rows 21, 42, 43, 44)"]


def test_totals_that_are_text() -> None:
    money = ROWS.assign(a=[f"${100 + i},000" for i in range(40)])
    frame, _ = without_totals(with_row(money, "Total", f"${sum(range(100, 140)):,},000", np.nan))
    assert len(frame) == 40


@pytest.mark.parametrize("row", [("Total", 5.5, 3), ("total eclipse", ROWS["a"].sum(), ROWS["b"].sum())])
def test_other_rows_stay(row: tuple[object, ...]) -> None:
    frame, said = without_totals(with_row(ROWS, *row))
    assert (len(frame), said) == (41, [])


def test_means_that_are_not_the_last_rows() -> None:
    frame = with_row(ROWS, "Average", ROWS["a"].mean(), ROWS["b"].mean())
    assert len(without_totals(frame)[0]) == 40
    assert len(without_totals(with_row(frame, "later", 5.0, 2))[0]) == 42


def test_a_level_that_is_called_so() -> None:
    few = pd.DataFrame({"size": ["small", "mean", "small", "small", "mean", "large"] * 9, "x": [5, 5, 5, 5, 7, 1] * 9})
    assert len(without_totals(few)[0]) == 54
    frame = ROWS.assign(shop=np.where(np.arange(40) % 2, "total", "partial"))
    assert len(without_totals(frame)[0]) == 40
    assert len(without_totals(frame.assign(shop="total"))[0]) == 40


@pytest.mark.parametrize("columns", [
    {"year": 2024, "x": 0}, {"year": 2018 + np.arange(300) % 3, "x": RNG.normal(1013, 0.3, 300)}, {"x": True},
])  # fmt: skip
@pytest.mark.parametrize("word", ["Total", "Mean", "Average", "sum"])
def test_a_level_beside_columns_that_hardly_vary(columns: dict[str, object], word: str) -> None:
    frame = pd.DataFrame({"loss": np.where(np.arange(300) % 4, "Part", word), **columns})
    assert len(without_totals(frame)[0]) == 300
    assert len(without_totals(frame[:297])[0]) == 297  # such a row is the last one


def test_a_level_that_training_knew_is_no_word_for_a_mean() -> None:
    frame = pd.DataFrame({"state": ["good", "poor", "good", "average"], "year": [2020] * 4, "defects": [1, 0, 2, 1]})
    assert len(without_totals(frame)[0]) == 3
    assert len(without_totals(frame, {"state": ["average", "good", "poor"]})[0]) == 4

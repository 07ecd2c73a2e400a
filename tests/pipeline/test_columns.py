"""What columns are taken for, and what is said of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline import dates
from pydl.pipeline.columns import KINDS, Column, guess
from pydl.pipeline.table import read_table
from pydl.pipeline.values import SPAN, number

N = 200
RNG = np.random.default_rng(0)


def column(values: Sequence[Any] | np.ndarray, name: str = "x") -> Column:
    (found,) = guess(pd.DataFrame({name: values}))
    return found


KINDS_OF = {
    "reals": (RNG.normal(size=N), "x", "number"),
    "whole numbers": (RNG.integers(0, 90, N), "age", "number"),
    "few whole numbers": ([1, 2, 3, 2] * 50, "pclass", "number"),
    "numbers as text": (["1", "2.5", "-", "7", "9e2"] * 40, "x", "number"),
    "thousands": (["1,234", "12", "7,654,321.5"] * 60, "x", "number"),
    "decimal commas": (["1,5", "2,25", "1.000,75"] * 60, "x", "number"),
    "blanks in thousands": (["1 234", "12", "7 654 321"] * 60, "x", "number"),
    "currency": (["$1,234.50", "$7", "-$3.10"] * 60, "x", "number"),
    "euros": (["1.234,50 €", "7 €", "3,10 €"] * 60, "x", "number"),
    "percent": (["12%", "7.5 %", "100%"] * 60, "x", "number"),
    "spans of minutes": ([f"{40 + i % 50}:{i % 60:02d}.5" for i in range(N)], "x", "number"),
    "spans of minutes, few above 24": ([f"{15 + i % 10}:{i % 60:02d}" for i in range(N)], "x", "number"),
    "spans of days": ([f"{i}:{i % 60:02d}:07" for i in range(N)], "x", "number"),
    "scores": ([f"{i % 5}:{i % 3}" for i in range(N)], "x", "category"),
    "brackets for debts": (["(1,200)", "300", "250"] * 60, "x", "number"),
    "mixed, mostly numbers": ([*map(str, range(500, 695)), *["see notes"] * 5], "x", "number"),
    "unknown among numbers": (["1", "2", "unknown", "5"] * 50, "x", "number"),
    "infinite": ([np.inf, -np.inf, *range(5, 203)], "x", "number"),
    "truth values": ([True, False] * 100, "x", "flag"),
    "truth values with gaps": ([True, False, None] * 60, "x", "flag"),
    "zeros and ones": ([0, 1, 1] * 60, "x", "flag"),
    "yes and no": (["yes", "no"] * 100, "x", "flag"),
    "words": (["red", "green", "blue", None] * 50, "x", "category"),
    "two words": (["male", "female"] * 100, "x", "category"),
    "mixed": (["12", "tall", "3", "small"] * 50, "x", "category"),
    "zip codes": ([f"{i % 30:05d}" for i in range(N)], "x", "category"),
    "codes by name": ([94110, 10115, 75001] * 60, "zip_code", "category"),
    "foreign keys": (RNG.integers(1000, 1080, N), "store_id", "many"),
    "many levels": ([f"level {i % 80}" for i in range(N)], "x", "many"),
    "huge identifiers": ([str(10**19 + i * 7) for i in range(N)], "x", "identifier"),
    "keys": ([f"K-{i * 37 % 1009}" for i in range(N)], "x", "identifier"),
    "names": ([f"Ann B{i:04x}" for i in range(N)], "x", "identifier"),
    "numbers called id": (RNG.permutation(N) * 3, "PassengerId", "identifier"),
    "sentences": ([f"the quick brown fox number {i} jumps" for i in range(N)], "x", "text"),
    "the same": ([5.0] * N, "x", "constant"),
    "nothing": ([None] * N, "x", "empty"),
    "nothing but NaN": ([np.nan] * N, "x", "empty"),
    "blanks": (["  ", "", "\t"] * 60, "x", "empty"),
    "question marks": (["?", "NA", "n/a"] * 60, "x", "empty"),
    "dates": ([f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(N)], "x", "date"),
    "German dates": ([f"{i % 28 + 1}.{i % 12 + 1}.2024" for i in range(N)], "x", "date"),
    "American dates": ([f"{i % 12 + 1}/{i % 28 + 1}/2024" for i in range(N)], "x", "date"),
    "British dates": ([f"{i % 28 + 1}/{i % 12 + 1}/2024 12:{i % 60:02d}" for i in range(N)], "x", "date"),
    "times of databases": ([f"2024-01-{i % 28 + 1:02d} 12:00:00 UTC" for i in range(N)], "x", "date"),
    "times with zones": ([f"2024-01-{i % 28 + 1:02d}T12:00:00+02:00" for i in range(N)], "x", "date"),
    "times of day": ([f"{i % 24:02d}:{i % 60:02d}" for i in range(N)], "x", "date"),
    "dates in words": ([f"{i % 28 + 1} Mar {2000 + i % 20}" for i in range(N)], "x", "date"),
    "the month first": ([f"Mar {i % 28 + 1} {2000 + i % 20}" for i in range(N)], "x", "date"),
    "times of web servers": ([f"{i % 28 + 1:02d}/Mar/2020 12:{i % 60:02d}:07" for i in range(N)], "x", "date"),
    "quarters": ([f"{1950 + i // 4}Q{i % 4 + 1}" for i in range(N)], "x", "date"),
    "quarters first": ([f"Q{i % 4 + 1} {1950 + i // 4}" for i in range(N)], "x", "date"),
    "a column of times": (pd.date_range("2024-01-01", periods=N, freq="h"), "x", "date"),
    "dates in digits": ([20240101 + i % 28 for i in range(N)], "order_date", "date"),
    "dates in digits, by their values": ([20230101 + i % 28 + 100 * (i // 28) for i in range(N)], "x", "date"),
    "dates of Unix": ([f"Sun Apr {i % 28 + 1:02d} 00:{i % 60:02d}:00 2019" for i in range(N)], "x", "date"),
    "ISO dates in halves of days": ([f"2019-04-{i % 28 + 1:02d} 12:{i % 60:02d}:00 AM" for i in range(N)], "x", "date"),
    "logs": ([f"{i % 28 + 1:02d}/Apr/2019:00:{i % 60:02d}:00 +0000" for i in range(N)], "x", "date"),
    "months of Eurostat": ([f"{1990 + i // 12}M{i % 12 + 1:02d}" for i in range(N)], "x", "date"),
    "words of German spreadsheets": (["1", "2", "#WERT!", "5", "k. A."] * 40, "x", "number"),
    "digits that are no dates": ([20240170 + i % 28 for i in range(N)], "order_date", "number"),
    "months": ([f"{i % 12 + 1}/{86 + i // 12 % 14:02d}" for i in range(60)], "month", "date"),
    "months of four digits": ([f"{i % 12 + 1:02d}/{1986 + i // 12}" for i in range(60)], "x", "date"),
    "months in words": ([f"{['Jan', 'May', 'Oct'][i % 3]}-{70 + i // 3 % 30}" for i in range(60)], "x", "date"),
    "fractions": ([f"{i % 12 + 1}/{12 + i % 4}" for i in range(N)], "share", "category"),
    "dates long ago": ([f"{1000 + i}-01-05" for i in range(N)], "x", "date"),
    "yes in all spellings": (["True", "FALSE", "true", "False"] * 50, "x", "flag"),
    "years": ([1999, 2004, 2011, 2020] * 50, "year", "number"),
    "three words": (["a", "b", "c"], "x", "category"),
}


@pytest.mark.parametrize("case", KINDS_OF)
def test_kinds(case: str) -> None:
    values, name, kind = KINDS_OF[case]
    found = column(values, name)
    assert found.kind == kind
    assert found.kind in KINDS
    assert found.name == name
    assert 10 < len(found.treatment) < 120


def test_row_numbers_are_used_only_where_nothing_else_is_left() -> None:
    frame = pd.DataFrame({"i": np.arange(5, N + 5), "x": RNG.normal(size=N), "key": [f"k{i}" for i in range(N)]})
    assert [c.kind for c in guess(frame)] == ["identifier", "number", "identifier"]
    assert [c.kind for c in guess(frame, "x")] == ["number", "identifier"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", np.arange(N)), ("x", np.arange(N)[::-1]), ("x", RNG.permutation(N) + 1.0),
        ("column 1", RNG.permutation(N)), ("column 1", np.sort(RNG.choice(3 * N, N, replace=False))),
        ("column 1", np.concatenate([np.arange(N // 2 + 9), np.arange(N - N // 2 - 9)])),
        ("Unnamed: 0", RNG.permutation(N) * 2), ("Unnamed: 0.1", RNG.permutation(N) * 2),
        ("#", RNG.permutation(N) * 2), ("S.No.", RNG.permutation(N) * 2), ("rownames", RNG.permutation(N) * 2),
    ],
)  # fmt: skip
def test_an_index_is_left_out_in_any_order(name: str, values: np.ndarray) -> None:
    frame = pd.DataFrame({name: values, "x2": RNG.normal(size=N)})
    assert [c.kind for c in guess(frame)] == ["identifier", "number"]


def test_years_and_files_without_a_header_have_no_index() -> None:
    assert guess(pd.DataFrame({"year": np.arange(1900, 1900 + N), "x": RNG.normal(size=N)}))[0].kind == "number"
    headless = pd.DataFrame({"column 1": RNG.permutation(N) * 7 + 3, "column 2": RNG.normal(size=N)})
    assert guess(headless)[0].kind == "number"
    last = pd.DataFrame({"x": RNG.normal(size=N), "__index_level_0__": RNG.permutation(N) * 7})
    assert [c.kind for c in guess(last)] == ["number", "identifier"]
    second = pd.DataFrame({"x": RNG.normal(size=N), "column 1": RNG.integers(0, 50, N)})
    assert [c.kind for c in guess(second)] == ["number", "number"]


@pytest.mark.long  # every format
def test_formats() -> None:
    def form(case: str) -> str:
        return column(*KINDS_OF[case][:2]).format

    assert form("thousands") == form("currency") == "1,234.5"
    assert form("decimal commas") == form("euros") == "1.234,5"
    assert form("dates") == form("times with zones") == form("times of databases") == "ISO8601"
    assert form("German dates") == "%d.%m.%Y"
    assert form("American dates") == "%m/%d/%Y"
    assert form("British dates") == "%d/%m/%Y %H:%M"
    assert form("the month first") == "%b %d %Y"
    assert form("quarters") == form("quarters first") == "%YQ%q"
    quarters = dates.read(pd.Series(["1974Q2", "Q4 1974", "1974-q1", "1974"]), "%YQ%q", ["1974"])
    assert list(quarters.dt.strftime("%F")[:3]) == ["1974-04-01", "1974-10-01", "1974-01-01"]
    assert quarters.isna()[3]
    assert form("times of web servers") == "%d/%b/%Y %H:%M:%S"
    assert form("times of day") == "%H:%M"
    assert [form(case) for case in ("months", "months of four digits", "months in words")] == [
        "%m/%y", "%m/%Y", "%b-%y",
    ]  # fmt: skip


def test_what_is_odd_is_said() -> None:
    mixed = column(KINDS_OF["mixed, mostly numbers"][0])
    assert mixed.words == ("see notes",)
    assert mixed.note == "5 values such as see notes count as missing"
    assert column(KINDS_OF["infinite"][0]).note == "2 infinite values count as missing"
    assert "1.234,5" in column(KINDS_OF["euros"][0]).note
    assert "leading zeros" in column(KINDS_OF["zip codes"][0]).note
    assert "by its name a code" in column(*KINDS_OF["codes by name"][:2]).note
    assert "%d.%m.%Y" in column(KINDS_OF["German dates"][0]).note
    wrong = [*KINDS_OF["dates"][0][:-1], "soon"]
    assert column(wrong).note == "1 value is no such date and counts as missing"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:02:33", 3753.0), ("62:33", 3753.0), ("0:59.75", 59.75), ("59:59,5", 3599.5), ("100:00:00", 360000.0),
     ("-1:30", -90.0), ("\u22121:30", -90.0), ("1:2", np.nan), ("1:60", np.nan), ("1:75:00", np.nan),
     ("1:1:00", np.nan), ("12", np.nan), (":30", np.nan)],
)  # fmt: skip
def test_spans_of_time_are_seconds(text: str, seconds: float) -> None:
    np.testing.assert_equal(number(text, SPAN), seconds)


def test_counts_of_levels_and_gaps() -> None:
    found = column(["a", " a ", "b", "?", None, ""])
    assert (found.missing, found.levels) == (3, 2)
    found = column([1.0, np.nan, 2.5])
    assert (found.missing, found.levels) == (1, 2)


def test_target_and_dropped_columns_are_left_out() -> None:
    frame = pd.DataFrame({"a": [1.5, 2], "b": [3, 4.5], "c": ["x", "y"]})
    assert [c.name for c in guess(frame, "b", ["c"])] == ["a"]
    assert guess(frame, "a", ["b", "c"]) == []


def test_names_that_are_not_there() -> None:
    frame = pd.DataFrame({"income": [1], "Age": [2]})
    with pytest.raises(ValueError, match='target "incme" is not in the table; did you mean income\\?'):
        guess(frame, "incme")
    with pytest.raises(ValueError, match="did you mean Age"):
        guess(frame, "income", ["AGE"])
    with pytest.raises(ValueError, match="there are income, Age"):
        guess(frame, "zzz")
    with pytest.raises(ValueError, match='two columns called "a"'):
        guess(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.long  # every kind of column
def test_columns_survive_json() -> None:
    for values, name, _ in KINDS_OF.values():
        found = column(values, name)
        assert Column.from_state(found.state()) == found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.kind = "text"  # type: ignore[misc]


def test_tiny_and_odd_tables() -> None:
    assert [c.kind for c in guess(pd.DataFrame({"a": [1], "b": ["x"]}))] == ["constant", "constant"]
    assert [c.kind for c in guess(pd.DataFrame({"a": [], "b": []}))] == ["empty", "empty"]
    assert [c.name for c in guess(pd.DataFrame({3: [1.5, 2], ("x", 1): [3, 4]}))] == ["3", "('x', 1)"]


@pytest.mark.alone
def test_thousands_of_columns_in_seconds() -> None:
    wide = pd.DataFrame(RNG.normal(size=(100, 5000)), columns=[f"g{i}" for i in range(5000)])
    start = time.process_time()
    assert {c.kind for c in guess(wide)} == {"number"}
    assert time.process_time() - start < 10


def test_real_tables(data_dir: Path) -> None:
    kinds = {c.name: c.kind for c in guess(read_table(data_dir / "titanic.csv"), "survived", ["alive"])}
    assert kinds["deck"] == kinds["sex"] == kinds["embark_town"] == "category"
    assert kinds["age"] == kinds["fare"] == kinds["pclass"] == "number"
    assert kinds["alone"] == kinds["adult_male"] == "flag"
    adult = {c.name: c for c in guess(read_table(data_dir / "adult-train.csv"), "income")}
    assert len(adult) == 14
    assert all(c.used for c in adult.values())
    assert adult["occupation"].missing == 1843


@pytest.mark.parametrize("name", ["time", "Time", "t", "week", "trend", "elapsed_time", "Day", "step"])
def test_a_time_that_counts_the_rows_is_a_number(name: str) -> None:
    frame = pd.DataFrame({"id": np.arange(N), name: np.arange(N) - 5, "x": RNG.normal(size=N)})
    assert [c.kind for c in guess(frame)] == ["identifier", "number", "number"]


def test_ranks_are_numbers() -> None:
    frame = pd.DataFrame({"dept": np.arange(N), "Wealth": RNG.permutation(N) + 1, "Crime": RNG.permutation(N) + 1})
    assert [c.kind for c in guess(frame)] == ["identifier", "number", "number"]
    assert "rank" in guess(frame)[1].note
    alike = pd.DataFrame({"a": np.arange(N), "b": np.arange(N)[::-1], "x": RNG.normal(size=N)})
    assert [c.kind for c in guess(alike)] == ["identifier", "identifier", "number"]
    one = RNG.permutation(N)
    copied = pd.DataFrame({"a": one, "b": one + 1, "x": RNG.normal(size=N)})
    assert [c.kind for c in guess(copied)] == ["identifier", "identifier", "number"]
    assert column(RNG.permutation(N), "world_rank").kind == "number"


@pytest.mark.parametrize(
    "odd",
    [
        [f"{i % 40:03d}" for i in range(N - 2)] + ["036A", "041A"],  # numbers with leading zeros, two with a letter
        [f"{i % 40 + 1}" for i in range(N - 3)] + ["c168", "c203", "c168"],  # numbers of stations, some of another net
    ],
)
def test_codes_of_which_some_have_letters(odd: list[str]) -> None:
    found = column(odd)
    assert found.kind in ("category", "many")
    assert "code" in found.note


@pytest.mark.parametrize("odd", [["1.5", "2", "c168", "c203"], ["12", "7", "5kg", "6kg"], ["1.5", "007", "c168"]])
def test_words_among_numbers_are_no_codes(odd: list[str]) -> None:
    assert column([*odd, *map(str, range(100, 100 + N))]).kind == "number"


def test_numbers_but_for_some_cells_are_said_to_be_none() -> None:
    cells = [f"<{i % 9}" if i % 5 == 0 else str(i / 7) for i in range(N)]
    found = column(cells)
    assert (found.kind, found.note) == ("many", f"numbers but for {N // 5} of {N} cells, such as <0")
    assert not column(["12", "tall", "3", "small"] * 50).note

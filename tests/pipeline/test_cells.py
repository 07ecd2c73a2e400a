"""A few rows, read cell by cell: the bits that they have among many, whatever stands in them, and soon."""

from __future__ import annotations

import datetime
import statistics
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl.pipeline import levels, preparation
from pydl.pipeline.columns import guess
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.seen import Seen
from pydl.pipeline.target import Target

ROWS = 240


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    moments = pd.Timestamp("1965-03-01") + pd.to_timedelta(rng.integers(0, 10**6, ROWS), "h")
    with_gaps = rng.random(ROWS) < 0.1
    return pd.DataFrame({
        "whole": rng.integers(-50, 10**6, ROWS), "real": np.where(with_gaps, np.nan, rng.normal(5, 3, ROWS)),
        "skewed": rng.lognormal(0, 4, ROWS), "money": [f"${v:,.2f}" for v in rng.uniform(-500, 5000, ROWS)],
        "flag": rng.choice([True, False], ROWS), "said": rng.choice(["yes", "no", None], ROWS),
        "colour": rng.choice(["red", "green", "bleu foncé", None], ROWS),
        "code": rng.choice(["94110", "94111", "02134"], ROWS), "zip": rng.integers(100, 170, ROWS),
        "day": moments.strftime("%d.%m.%Y"), "moment": moments.strftime("%Y-%m-%dT%H:%M:%S"), "stamp": moments,
        "quarter": [f"{1950 + i // 4}Q{i % 4 + 1}" for i in range(ROWS)],
    })  # fmt: skip


@pytest.fixture(scope="module")
def prepared(table: pd.DataFrame) -> Preparation:
    kinds = {"zip": "category", "code": "category"}
    found = Preparation(guess(table, kinds=kinds)).fit(table)
    assert {c.kind for c in found.columns} == {"number", "flag", "category", "many", "date"}
    return found


def same(got: dict[str, Any], expected: dict[str, Any], rows: slice) -> None:
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array[rows], name, strict=True)


def as_dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): None if v is pd.NaT or v != v else v for k, v in row.items()} for row in table.to_dict("records")]


@pytest.mark.long  # hundreds of rows, each alone
def test_a_row_alone_has_the_bits_that_it_has_among_all(table: pd.DataFrame, prepared: Preparation) -> None:
    for some in (table, table.drop(columns="stamp").assign(stamp=table["moment"])):  # text in all columns is read fast
        whole, rows = prepared.transform(some), as_dicts(some)
        for i in range(0, ROWS, 7):
            same(prepared.transform([rows[i]]), whole, slice(i, i + 1))
            same(prepared.transform(some.iloc[i : i + 1]), whole, slice(i, i + 1))
            same(prepared.transform(rows[i : i + 5]), whole, slice(i, i + 5))
        same(prepared.transform(rows), whole, slice(None))


def test_scales_are_those_of_scikit_learn(prepared: Preparation) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, len(prepared._sources()))) * 1e3
    x[rng.random(x.shape) < 0.3] = np.nan
    np.testing.assert_array_equal(prepared._scaling(x), prepared._numbers.transform(x), strict=True)


ODD: list[Any] = [
    None, np.nan, pd.NA, pd.NaT, "", "  ", "NA", "n/a", "None", "-", " 3 ", "\t3", "3\u00a0", "\u00a0", "1,234.5",
    "1.234,5", "$5", "(7)", "12 %", "105K", "1e5", "1e400", "inf", "-0", -0.0, 0,
    1, 2, 3.0, 1e200, np.inf, -np.inf, True,
    False, np.True_, np.int8(3), np.int64(5), np.uint64(2**63), np.float32(0.1), np.float64(0.1), 2**53 + 1,
    2**63, 10**30,
    Decimal("1.5"), "yes", "No", "TRUE", "on", "red", " red", "RED", "bleu foncé", "bleu fonce\u0301", "violet",
    b"red", "94110.0", 94110,
    94110.0, "9.411e4", 2134, "2134", "150", "150.0", "31.12.2021", "2021-12-31", "20211231", "20211231.0",
    "2021-12-31T10:20:30", "2021-12-31T10:20:30.75", "1969-12-31T23:59:59.5", "2021-12-31T10:20:30+02:00",
    "2021-12-31 10:20:30 UTC", "3 kg", "₹1,23,456", '="3"', "'3", "'red", '="red"', "=",
    datetime.date(2021, 12, 31), datetime.datetime(2021, 12, 31, 5), pd.Timestamp("2021-12-31T05:06:07.89"),
    "0001-01-01", [1], {"a": 1}, "\u0130", "x" * 5000,
]  # fmt: skip


@pytest.mark.long  # thousands of cells, each alone
@pytest.mark.parametrize("column", ["real", "said", "code", "colour", "zip", "day", "moment"])
def test_each_cell_means_what_it_means_in_a_column(
    table: pd.DataFrame, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = table[[column]].assign(other=table["whole"])
    prepared = Preparation(guess(some, kinds={"zip": "category"} if column == "zip" else {})).fit(some)
    row = as_dicts(some)[0]

    def told(rows: Any, strict: bool) -> Any:
        seen = Seen(strict)
        try:
            return prepared.transform(rows, seen), seen.notes(), seen.table()
        except (ValueError, TypeError, OverflowError, UnicodeError) as error:
            return type(error), str(error)

    for value, strict in [(value, strict) for value in ODD for strict in (False, True)]:
        cell = row | {column: value}
        frame = pd.DataFrame({name: [v] for name, v in cell.items()})
        with monkeypatch.context() as patch:
            patch.setattr(preparation, "FEW", 0)
            patch.setattr(levels, "_FEW", 0)
            expected = told(frame, strict)
        for given in ([cell], frame):
            got = told(given, strict)
            assert got[1:] == expected[1:], value
            if isinstance(got[0], dict):
                same(got[0], expected[0], slice(None))


def test_rows_that_cannot_be_read(table: pd.DataFrame, prepared: Preparation) -> None:
    row = as_dicts(table)[0]
    lacking = {name: v for name, v in row.items() if name != "money"}
    for rows in ([lacking], [row, lacking], [row] * 20 + [lacking]):
        with pytest.raises(ValueError, match=r'lacks column "money"'):
            prepared.transform(rows)
    with pytest.raises(ValueError, match=r'column "real", row 1: expected a number, got "tall"'):
        prepared.transform([row | {"real": "tall"}])
    for wrong in (5, [5], ["real"], [None], "real", iter([row])):
        with pytest.raises(TypeError, match="expected a pandas DataFrame, got"):
            prepared.transform(wrong)  # type: ignore[arg-type]
    assert prepared.transform([])["features"].shape == (0, len(prepared.feature_names))
    assert prepared.transform([row | {"unheard of": object()}])["features"].shape[0] == 1


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> Fitted:
    y = pd.Series(np.where(table["whole"] > 5e5, "much", "little"), name="y")
    names = ["whole", "real", "skewed", "flag", "said", "colour", "code", "zip", "day", "money", "moment"]
    some = table[names].assign(more=table["real"], shade=table["colour"])
    prepared = Preparation(guess(some)).fit(some)
    pydl.utils.set_random_seed(0)
    target = Target.fit(y)
    return Fitted(prepared, target, build(prepared.inputs, target, TrainOptions("", hidden=(32, 16))))


def test_a_row_is_predicted_with_the_bits_that_it_has_among_all(table: pd.DataFrame, fitted: Fitted) -> None:
    frame = table.assign(more=table["real"], shade=table["colour"])
    whole, rows = fitted.predict(frame), as_dicts(frame)
    assert whole.probabilities is not None
    for i in range(0, ROWS, 11):
        for one in (rows[i], rows[i : i + 1], frame.iloc[i : i + 1]):
            found = fitted.predict(one)
            np.testing.assert_array_equal(found.probabilities, whole.probabilities[i : i + 1], strict=True)
            assert list(found.values) == [whole.values[i]]


@pytest.mark.alone
def test_a_row_takes_a_fraction_of_the_time_of_a_frame(
    table: pd.DataFrame, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table.assign(more=table["real"], shade=table["colour"])
    row, one = as_dicts(frame)[0], frame.iloc[:1]

    def seconds(given: Any) -> float:
        taken = []
        for _ in range(30):
            begin = time.perf_counter()
            fitted.predict(given)
            taken.append(time.perf_counter() - begin)
        return statistics.median(taken)

    found = seconds(row)
    monkeypatch.setattr(preparation, "FEW", 0)
    assert found < seconds(one) / 5

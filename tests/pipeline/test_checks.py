"""What is said of a table before anything is trained: once for each fault, and nothing of a table without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline import checks
from pydl.pipeline.columns import guess
from pydl.pipeline.target import Target

N = 400


def sound(**more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    y = np.where(x + rng.normal(size=N) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "colour": rng.choice(["red", "green", "blue"], N), "y": y, **more})


def said(frame: pd.DataFrame) -> list[str]:
    """The notes on a table whose last quarter is held out."""
    train, test, columns = frame[: 3 * N // 4], frame[3 * N // 4 :], guess(frame, "y")
    before = [*checks.of_order(frame, columns), *checks.of_groups(frame, columns, "y")]
    return [*before, *checks.of_split(train, test, Target.fit(frame["y"]), columns)]


def only(frame: pd.DataFrame) -> str:
    (note,) = said(frame)
    assert "\n" not in note
    return note


def test_a_sound_table() -> None:
    assert said(sound()) == []
    rng = np.random.default_rng(1)
    birth = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.choice(20_000, N, replace=False), "D")
    assert said(sound(birth=birth, year=rng.integers(1990, 2020, N), size=rng.integers(0, 3000, N))) == []


DAYS = pd.date_range("2001-01-01", periods=N)
ORDERS = {
    "dates": {"when": DAYS.astype(str)},
    "dates, the latest first": {"when": DAYS[::-1].strftime("%d.%m.%Y")},
    "some dates missing": {"when": np.where(np.arange(N) % 7 == 0, None, DAYS.astype(str))},
    "dates of eight groups": {"when": np.tile(DAYS[: N // 8].astype(str), 8)},
    "many rows of a day": {"when": np.repeat(DAYS[: N // 10].astype(str), 10)},
    "years": {"Year": np.repeat(np.arange(1900, 1900 + N // 4), 4)},
    "a year for each row": {"year": np.arange(1650, 1650 + N)},
    "years and months": {"year": 1960 + np.arange(N) // 12, "month": np.arange(N) % 12 + 1},
    "times in even steps": {"time": np.arange(N) // 40},
    "moments": {"time": 1_600_000_000 + np.cumsum(np.random.default_rng(2).integers(1, 90, N))},
    "days that a spreadsheet counts": {"ordinal_date": 43831 + np.arange(N)},
    "seconds since 1970": {"timestamp": 1_600_000_000 + np.cumsum(np.random.default_rng(2).integers(1, 90, N))},
}


@pytest.mark.parametrize("case", ORDERS)
def test_rows_in_order_of_time(case: str) -> None:
    frame = sound(**ORDERS[case])
    note = only(frame)
    assert note.startswith(f'rows are in order of time ("{next(iter(ORDERS[case]))}"), but')
    assert "--test" in note
    option = "--split time" if case == "years and months" else f'--time "{next(iter(ORDERS[case]))}"'
    assert f"; {option} holds out the latest instead" in note


def test_rows_in_order_of_how_long_something_lasted() -> None:
    survival = np.sort(np.random.default_rng(9).exponential(900, N).round())
    assert said(sound(time=survival)) == said(sound(survival_time=survival)) == []


def test_a_time_series_in_another_order() -> None:
    order = np.random.default_rng(3).permutation(N)
    assert only(sound(when=DAYS.astype(str)[order])).startswith('rows are a time series ("when")')


@pytest.mark.parametrize("name", ["patient_id", "PatientID", "userId", "Subject", "id", "session no", "machine"])
def test_rows_that_belong_together(name: str) -> None:
    for whose in (np.arange(N) % 40, [f"p{k % 90}" for k in range(N)], np.arange(N) // 1.5 // 1):
        (note,) = [note for note in said(sound(**{name: whose})) if "left out" not in note]
        assert note.startswith(f'rows that seem to belong together: "{name}" (')
        assert f'--group "{name}" keeps each on one side' in note


def test_names_of_what_is_not_repeated_or_has_few_values() -> None:
    assert said(sound(type_id=np.arange(N) % 4, paid=np.arange(N) % 50, grid=np.arange(N) % 30)) == []
    assert not any("belong together" in note for note in said(sound(user_id=np.arange(N))))
    assert not any("belong together" in note for note in said(sound(households=np.arange(N) % 40))), "a count"
    assert any("belong together" in note for note in said(sound(households=[f"h{k % 40}" for k in range(N)])))


@pytest.mark.parametrize("words", [["train", "test"], ["Train", "Val", "Test"], ["Training", "PublicTest"]])
def test_a_column_that_says_how_to_split(words: list[str]) -> None:
    note = only(sound(part=np.array(words)[np.random.default_rng(8).integers(0, len(words), N)]))
    assert note.startswith('"part" says "')
    assert '--fold "part" does as it says' in note
    assert said(sound(part=np.random.default_rng(8).choice(["train", "bus"], N))) == []


ALONE = {
    "yes and no": lambda y, rng: np.where(y == "yes", "y", "n"),
    "a number": lambda y, rng: np.where(y == "yes", 5.0, 1.0) + rng.normal(size=N) / 4,
    "where it is missing": lambda y, rng: np.where(y == "yes", rng.normal(size=N), np.nan),
    "levels": lambda y, rng: np.char.add(y.astype(str), rng.choice(["a", "b", "c"], N)),
    "many levels": lambda y, rng: np.char.add(y.astype(str), rng.integers(0, 40, N).astype(str)),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_column_that_tells_the_class(case: str) -> None:
    frame = sound()
    frame["told"] = ALONE[case](frame["y"].to_numpy(), np.random.default_rng(4))
    note = only(frame)
    assert 'by a column by itself: "told" (ROC AUC ' in note
    assert "leak" in note
    assert "--drop" in note


@pytest.mark.parametrize("case", ["double", "square", "word"])
def test_a_column_that_tells_the_number(case: str) -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=N) if case != "word" else rng.choice([1.25, 2.5, 30.0, 4.75], N)
    told = {"double": 2 * y + rng.normal(size=N) / 50, "square": np.exp(y), "word": np.char.add("w", y.astype(str))}
    frame = pd.DataFrame({"x": y + rng.normal(size=N), "told": told[case], "y": y})
    train, test, columns = frame[:300], frame[300:], guess(frame, "y")
    notes = checks.of_split(train, test, Target.fit(frame["y"], "regression"), columns)
    assert len(notes) == 1
    assert '"told" (R2 0.99' in notes[0] or '"told" (R2 1.000' in notes[0]


def test_few_rows_tell_nothing_by_chance() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(16, 5))).add_prefix("x").assign(y=["a", "b"] * 8)
    assert not any(
        "by itself" in n for n in checks.of_split(frame[:12], frame[12:], Target.fit(frame["y"]), guess(frame, "y"))
    )


def test_few_test_rows_that_a_column_tells_by_chance() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(150) % 2
    x = y + rng.normal(size=150) / 4
    x[:110] += np.where(rng.random(110) < 0.1, 1 - 2 * y[:110], 0)  # one in ten of those to learn from looks otherwise
    frame = pd.DataFrame({"x": x, "y": np.where(y, "a", "b")})
    target, columns = Target.fit(frame["y"]), guess(frame, "y")
    assert (x[110:] > 0.5).tolist() == y[110:].astype(bool).tolist()
    assert checks.of_split(frame[:110], frame[110:], target, columns) == []
    frame["x"] = y + rng.normal(size=150) / 20
    assert "by itself" in checks.of_split(frame[:110], frame[110:], target, columns)[0]


def test_rows_on_both_sides_of_the_split() -> None:
    frame = sound()
    frame.loc[N - 7 :, :] = frame.loc[:6].to_numpy()
    frame["key"] = [f"k{i}" for i in range(N)]
    notes = said(frame)
    assert notes[0].startswith('columns left out: "key" (')
    assert notes[1].startswith("7 of 100 test rows are among the training rows too")
    assert len(notes) == 2


def test_rows_that_an_identifier_tells_apart() -> None:
    frame = sound().assign(chick=[f"c{i:04d}" for i in range(N)])
    copies = frame.loc[:4].assign(chick=[f"d{i}" for i in range(5)])
    frame.loc[395:] = copies.to_numpy()
    notes = [note for note in said(frame) if "test rows" in note]
    assert len(notes) == 1
    assert notes[0].startswith(
        '5 of 100 test rows are among the training rows too, target and all, but for "chick": if'
    )


def test_rows_of_few_values_are_no_copies() -> None:
    rng = np.random.default_rng(10)
    frame = pd.DataFrame(
        {"size": rng.integers(0, 6, N), "colour": rng.choice(["red", "blue"], N), "y": ["a", "b"] * 200}
    )
    assert said(frame) == []
    frame["x"] = rng.integers(0, 1000, N)
    frame.loc[300:] = frame.loc[:99].to_numpy()
    assert only(frame).startswith("100 of 100 test rows are among the training rows too")


def test_rows_of_few_values_that_go_together_are_no_copies() -> None:
    rng = np.random.default_rng(11)
    kind = rng.integers(0, 40, N)
    frame = pd.DataFrame({f"c{k}": (kind * (k + 3) // 7) % 11 for k in range(6)} | {"y": ["a", "b"] * 200})
    assert not any("rows too" in note for note in said(frame))
    frame["x"] = rng.normal(size=N)
    frame.loc[395:] = frame.loc[:4].to_numpy()
    assert any(note.startswith("5 of 100 test rows") for note in said(frame))


@pytest.mark.parametrize(("x", "told"), [
    (["12%", "0.5"], "12% beside 0.5"), (["$5", "€7"], "$5 beside €7"), (["5 USD", "7 EUR"], "5 USD beside 7 EUR"),
    (["12%", "7 %"], None), (["12%", "0"], None), (["$5", "7 USD"], None), (["$5", "7"], None), (["$5", "$7.50"], None),
])  # fmt: skip
def test_numbers_of_different_makes(x: list[str], told: str | None) -> None:
    frame = sound()
    frame["amount"] = [x[i] if i < 2 else x[i % 2].replace("5", str(1 + i % 9)) for i in range(N)]
    notes = [note for note in said(frame) if "different makes" in note]
    assert len(notes) == (told is not None)
    assert told is None or told in notes[0]


def test_classes_that_say_the_same_in_other_words() -> None:
    frame = sound()
    y = np.where(frame["y"] == "yes", np.resize(["TRUE", "Yes", "1"], N), np.resize(["FALSE", "no"], N))
    notes = said(frame.assign(y=y))
    assert 'classes that say the same in other words: "1" and "TRUE" and "Yes", "FALSE" and "no"' in notes[0]
    assert said(sound()) == []


def test_classes_that_are_nearly_the_same_or_rare() -> None:
    frame = sound()
    frame.loc[:79, "y"] = np.repeat(["Yes", "YES ", "new york", "New_York"], 20)
    frame.loc[80:83, "y"] = "rare"
    notes = said(frame)
    assert notes[0].startswith('classes that differ in case or blanks only: "New_York" and "new york", "YES" and')
    assert notes[1] == 'classes with fewer than 10 training rows, which are hardly learnt: "rare" (4)'


def test_columns_that_are_left_out_are_said_with_the_reason() -> None:
    note = only(sound(same=1, key=[f"k{i}" for i in range(N)], nothing=None))
    assert note == (
        'columns left out: "same" (always 1), "key" (400 different values in 400 rows), "nothing" (no value in it)'
    )


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("when", [DAYS.astype(str), 1600 + np.arange(N)], ids=["dates", "years"])
def test_the_time_of_a_series_is_no_leak_of_its_values(task: str, when: Any) -> None:
    rng = np.random.default_rng(7)
    series = np.arange(N) / 10 + np.sin(np.arange(N))
    y = series if task == "regression" else np.where(np.arange(N) < N / 2 + 2, "early", "late")
    frame = pd.DataFrame({"year": when, "x": rng.normal(size=N), "y": y})
    train, test = frame[np.arange(N) % 4 > 0], frame[np.arange(N) % 4 == 0]
    notes = checks.of_split(train, test, Target.fit(frame["y"]), guess(frame, "y"))
    assert any("by itself" in note for note in notes) == (task == "classification")


@pytest.mark.parametrize("huge", [1.7976931348623157e308, -1.7976931348623157e308, 1e40])
def test_numbers_beyond_single_precision(huge: float) -> None:
    """As maps write "no data"; what a column alone tells is looked at all the same."""
    frame = sound()
    note = only(frame.assign(x=frame["x"].where(np.arange(N) % 9 > 0, huge)))
    assert note.startswith("numbers that repeat, far from all others: ")
    assert float(note.partition("--missing ")[2].partition(" ")[0]) == huge


@pytest.mark.parametrize(("x", "told"), [
    (np.where(np.arange(N) % 7 == 0, -200, np.linspace(0.1, 12, N)), {-200: 43}),
    (np.where(np.arange(N) % 7 == 0, -999, np.linspace(100, 3000, N)), {-999: 43}),
    (np.where(np.arange(N) % 7 == 0, [-99, -98] * 200, np.linspace(1, 5, N).round(1)), {-99: 22, -98: 21}),
    (np.where(np.arange(N) % 100 == 0, 99999, 10 * np.arange(N)), {99999: 3}),
    (np.where(np.arange(N) % 200 == 0, -999, np.linspace(0, 1, N)), {}),
    (np.where(np.arange(N) % 7 == 0, 0, np.linspace(100, 120, N)), {}),
    (np.where(np.arange(N) % 7 == 0, -1, np.arange(N) % 12), {}),
    (np.arange(N) % 7 - 99, {}),
    (np.arange(N) // 100 * 1000, {}),
    (np.where(np.arange(N) % 7 == 0, 1, np.linspace(0, 0.15, N)), {}),
    (np.where(np.arange(N) % 7 == 0, 64000, np.arange(N) % 30 * 1000), {}),
    (np.where(np.arange(N) % 7 == 0, 3289465, np.arange(N) * 1000), {}),
    (np.where(np.arange(N) % 7 == 0, 1000000, np.arange(N) * 10), {1000000: 43}),
])  # fmt: skip
def test_numbers_that_stand_for_missing_values(x: Any, told: dict[float, int]) -> None:
    """An outlier or two are none, nor is 0, nor one of few different numbers."""
    notes = [note for note in said(sound(sensor=x)) if "far from all others" in note]
    assert len(notes) == bool(told)
    for value, count in told.items():
        assert f'{value} in "sensor" ({count} rows)' in notes[0]


@pytest.mark.parametrize("columns", [
    {"sensor": np.random.default_rng(0).choice(np.linspace(0.5, 9, 40).round(2), N)},
    {"birth_year": 1900 + np.arange(N) // 5}, {"year_built": 1900 + np.arange(N) // 5},
])  # fmt: skip
def test_what_is_no_owner_and_no_order(columns: dict[str, Any]) -> None:
    """Readings are not who was read; a time in the past of each row does not order rows."""
    assert said(sound(**columns)) == []


def test_few_skewed_rows_are_not_told_by_what_a_tree_learnt() -> None:
    """A few large targets: a tree on any column tells the rows that it has learnt from."""
    rng = np.random.default_rng(0)
    n = 78
    frame = pd.DataFrame({"county": rng.permutation(n) + 17001, "rate": rng.lognormal(size=n)})
    frame["y"] = np.where(np.arange(n) == 40, 763.0, rng.lognormal(1, 1, n))
    frame.loc[7, "y"] = 289.0
    train, test, target = frame[:60], frame[60:], Target.fit(frame["y"])
    assert not [note for note in checks.of_split(train, test, target, guess(frame, "y")) if "by itself" in note]
    frame["told"] = frame["y"] * 2 + 1
    (note,) = [n for n in checks.of_split(frame[:60], frame[60:], target, guess(frame, "y")) if "by itself" in n]
    assert '"told" (R2 1.000)' in note


def test_columns_that_some_cells_keep_from_being_numbers_are_named() -> None:
    cells = [f"<{i % 9}" if i % 5 == 0 else str(i % 60 / 7) for i in range(N)]
    (note,) = [n for n in said(sound(detected=cells)) if n.startswith("numbers but")]
    assert '"detected" (80 of 400 cells, such as <0)' in note
    assert "--kind detected=number takes those as missing" in note

"""Rows that come in an order or belong together: which are held out, by time, by group, and as the file says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.asked_parting import asked_parting, in_both, left_out
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Watch
from pydl.pipeline.crossval import folds
from pydl.pipeline.evaluation import judge
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit, in_turn, split

pytestmark = pytest.mark.long  # trains whole runs; test_selection and test_checks stay

N = 300
RNG = np.random.default_rng(0)
SHUFFLED = RNG.permutation(N)


def table(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"x": rng.normal(size=N), "y": rng.choice(["no", "yes"], N), **columns})


def parting_of(frame: pd.DataFrame, **options: Any) -> Parting:
    asked = TrainOptions("", "y", **options)
    kinds = left_out(asked, list(frame.columns))
    found = asked_parting(frame, guess(frame, "y", asked.drop, asked.kinds | kinds), asked)
    assert found is not None
    return found


def parts_of(frame: pd.DataFrame, share: float = 0.15, **options: Any) -> tuple[pd.DataFrame, ...]:
    """The rows to learn from, to validate on and to judge on."""
    parting, target = parting_of(frame, **options), Target.fit(frame["y"])
    rest, y, test, _ = split(frame, target.encode(frame["y"])[0], 0.2, target, 0, parting)
    train, _, validation, _ = split(rest, y, share, target, 0, parting)
    assert sorted([*train.index, *validation.index, *test.index]) == list(range(len(frame))), "no row is lost"
    return train, validation, test


def folds_of(frame: pd.DataFrame, cv: int, **options: Any) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    parting, target = parting_of(frame, **options), Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    return [(frame.iloc[a], frame.iloc[b]) for a, b in in_turn(y, cv, target, 0, frame.index, parting)]


# ---- by time --------------------------------------------------------------------------------------------------------
DAYS = pd.date_range("2001-01-01", periods=N)
TIMES = {
    "dates": DAYS.astype(str), "days first": DAYS.strftime("%d.%m.%Y"), "times": DAYS,
    "digits": DAYS.strftime("%Y%m%d"),
    "numbers": np.arange(N) * 0.25 - 7, "amounts": [f"{1000 + k:,}" for k in range(N)],
    "fractions of a second": DAYS[0] + pd.to_timedelta(np.arange(N), "us"), "numbers of rows": np.arange(N),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_the_latest_rows_are_judged_on_wherever_they_stand(case: str) -> None:
    frame = table(when=np.asarray(TIMES[case])[SHUFFLED])
    train, validation, test = parts_of(frame, time="when")
    assert set(SHUFFLED[test.index]) == set(range(240, 300))
    assert set(SHUFFLED[validation.index]) == set(range(204, 240))
    assert set(SHUFFLED[train.index]) == set(range(204))


@pytest.mark.parametrize("rows", [2, 7, 50, 100])
def test_rows_of_one_moment_are_in_one_part(rows: int) -> None:
    frame = table(year=(2000 + np.arange(N) // rows)[SHUFFLED])
    parts = parts_of(frame, time="year")
    ends = [(part["year"].min(), part["year"].max()) for part in parts]
    assert ends[0][1] < ends[1][0]
    assert ends[1][1] < ends[2][0]
    assert abs(len(parts[2]) - 60) <= max(rows // 2, 40)
    for inside, outside in folds_of(frame, 2, time="year"):
        assert inside["year"].max() < outside["year"].min()


def test_folds_go_forward_in_time() -> None:
    frame = table(when=DAYS.astype(str)[SHUFFLED])
    found = folds_of(frame, 5, time="when")
    assert [len(inside) for inside, _ in found] == [50, 100, 150, 200, 250]
    assert [len(outside) for _, outside in found] == [50] * 5
    assert all(inside["when"].max() < outside["when"].min() for inside, outside in found)


def test_order_of_the_file_or_its_one_column_of_dates() -> None:
    train, validation, test = parts_of(table(), split="time")
    assert [*train.index, *validation.index, *test.index] == list(range(N))
    dated = table(when=DAYS.astype(str)[SHUFFLED])
    assert parting_of(dated, split="time").how == 'by time, the latest by "when"'
    assert parting_of(dated, split="time", drop=("when",)).how == 'by time, the latest by "when"'
    assert set(SHUFFLED[parts_of(dated, split="time")[2].index]) == set(range(240, 300))
    two = parting_of(dated.assign(other=DAYS[SHUFFLED]), split="time")
    assert two.how == parting_of(table(), split="time").how == "by time, the last of the file"


def test_times_of_day_are_told() -> None:
    frame = table(when=[f"{k % 24:02d}:{k % 60:02d}" for k in range(N)])
    (note,) = parting_of(frame, time="when").notes
    assert note.startswith('"when" holds times of day and no days')
    assert parting_of(table(when=DAYS), time="when").notes == []


def test_rows_without_a_time_are_learnt_from_and_said() -> None:
    when = np.array(DAYS.astype(str), object)
    when[[5, 290]], when[[7, 299]] = None, "soon"
    parting = parting_of(table(when=when), time="when")
    assert parting.notes == ['4 rows without a usable "when", such as "soon": taken as the earliest, to learn from']
    train, _, _ = parts_of(table(when=when), time="when")
    assert {5, 7, 290, 299} <= set(train.index)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (["2001-01-01"] * N, "all rows are of one moment, 2001-01-01"),
        ([None] * N, "no row has a value"),
        (["early", "late"] * (N // 2), 'expected dates or numbers, got "early"'),
        ([*"12345", *["late"] * (N - 5)], 'expected dates or numbers, got "late"'),
    ],
)
def test_what_is_no_time(column: list[Any], said: str) -> None:
    with pytest.raises(ValueError) as info:
        parting_of(table(when=column), time="when")
    assert f'--time "when": {said}' in str(info.value)


def test_too_few_moments_for_all_parts() -> None:
    frame = table(when=np.repeat([1, 2], N // 2))
    with pytest.raises(ValueError, match=r'there are 150 rows to part, but only 1 moment \("1"\).*--val 0'):
        parts_of(frame, time="when")
    with pytest.raises(ValueError, match=r"300 rows to part, but only 2 moments, .*--cv 5 needs 6 or more"):
        folds_of(frame, 5, time="when")


def test_a_class_that_was_not_there_before() -> None:
    frame = table(when=np.arange(N)).assign(y=np.where(np.arange(N) < 250, "no", "yes"))
    with pytest.raises(ValueError, match='240 rows to learn from are all of one class, "no"'):
        parts_of(frame, time="when")


# ---- by group -------------------------------------------------------------------------------------------------------
GROUPS = {
    "equal": np.arange(N) % 30, "words": [f"person {k % 17}" for k in range(N)],
    "of very different sizes": (np.arange(N) ** 0.5).astype(int),
    "one of half of the rows": np.maximum(0, np.arange(N) - 150),
    "three": np.arange(N) % 3, "floats": np.arange(N) % 30 + 0.0,
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS)
def test_no_group_is_in_two_parts(case: str) -> None:
    frame = table(who=GROUPS[case])
    parts = [set(part["who"]) for part in parts_of(frame, group="who")]
    assert all(parts)
    assert sum(map(len, parts)) == frame["who"].nunique()
    if case != "three":
        assert 40 <= len(parts_of(frame, group="who")[2]) <= 80
    found = folds_of(frame, 3, group="who")
    assert sorted(place for _, outside in found for place in outside.index) == list(range(N))
    assert all(len(outside) and not set(inside["who"]) & set(outside["who"]) for inside, outside in found)


def test_shares_of_classes_where_each_group_has_one() -> None:
    who = np.arange(N) % 50
    frame = table(who=who).assign(y=np.where(who < 10, "rare", "common"))
    for part in parts_of(frame, group="who"):
        assert 0.1 < (part["y"] == "rare").mean() < 0.3
    for _, outside in folds_of(frame, 5, group="who"):
        assert 0.1 < (outside["y"] == "rare").mean() < 0.3


def test_rows_without_a_group_are_said() -> None:
    who = np.where(np.arange(N) % 10 == 0, None, np.arange(N) % 7).astype(object)
    assert parting_of(table(who=who), group="who").notes == [
        '30 rows without a value in "who": each taken as a group of its own'
    ]
    parts_of(table(who=who), group="who")
    (note,) = parting_of(table(who=np.arange(N)), group="who").notes
    assert note == '"who" is another in each row: to part rows by it is to part them by chance'
    with pytest.raises(ValueError, match='--group "who": no row has a value'):
        parting_of(table(who=[None] * N), group="who")


def test_too_few_groups() -> None:
    with pytest.raises(ValueError, match=r'--group "who": .*only 1 group \("7"\), and each goes as a whole; hold out'):
        parts_of(table(who=[7] * N), group="who")
    with pytest.raises(ValueError, match=r"only 3 groups, .*--cv 5 needs as many"):
        folds_of(table(who=np.arange(N) % 3), 5, group="who")


def leaking(rows: int = 600) -> pd.DataFrame:
    """Groups that can be told apart, of which each has a class by chance: there is nothing to learn but the groups."""
    rng = np.random.default_rng(3)
    who = np.arange(rows) % 40
    traits, y = rng.normal(size=(40, 12)), rng.permutation(40) % 2
    x = traits[who] + rng.normal(size=(rows, 12)) / 20
    return pd.DataFrame(x).add_prefix("x").assign(who=[f"p{k}" for k in who], y=np.where(y[who], "yes", "no"))


def test_what_only_groups_tell_is_no_better_than_chance() -> None:
    frame, accuracy = leaking(), {}
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    for name in (None, "who"):
        options = TrainOptions(
            "", "y", group=name, cv=3, epochs=40, lr=0.01, hidden=(64,), drop=("who",) * (name is None)
        )
        columns = guess(frame, "y", options.drop, left_out(options, list(frame.columns)))
        parting = asked_parting(frame, columns, options)
        accuracy[name] = folds(frame, y, target, columns, options, Watch(), parting)["mean"]["accuracy"]
    assert accuracy[None] > 0.95
    assert accuracy["who"] < 0.7


def test_networks_of_few_rows_are_validated_on_other_groups() -> None:
    frame = leaking(120)
    target, parting = Target.fit(frame["y"]), parting_of(frame, group="who")
    y, _ = target.encode(frame["y"])
    options = TrainOptions("", "y", group="who", epochs=40, hidden=(32,))
    columns = guess(frame, "y", kinds=left_out(options, list(frame.columns)))
    outcome = fit(frame, y, target, columns, options, Watch(), "training", parting=parting)
    assert min(outcome.history["val_loss"]) > 0.5, "other rows of the same groups would be known"
    assert judge(target, y, outcome.fitted.predict(frame.drop(columns="who")))["rows"] == 120


# ---- as the file says -----------------------------------------------------------------------------------------------
def test_folds_are_exactly_those_of_the_file() -> None:
    fold = RNG.choice([2, 10, 1, 7], N)
    frame = table(fold=fold)
    assert parting_of(frame, fold="fold").folds == 4
    found = folds_of(frame, 0, fold="fold")
    assert [set(outside["fold"]) for _, outside in found] == [{1}, {2}, {7}, {10}]
    assert all(len(inside) + len(outside) == N for inside, outside in found)
    train, validation, test = parts_of(frame, fold="fold")
    assert [set(part["fold"]) for part in (train, validation, test)] == [{1, 2}, {7}, {10}]
    train, validation, test = parts_of(table(fold=[*"ab"] * (N // 2)), fold="fold")
    assert set(test["fold"]) == {"b"}
    assert len(validation) == 22, "drawn by chance where one fold is left"
    names = np.array([f"fold{k}" for k in (1, 2, 10)])
    assert set(parts_of(table(fold=names[np.arange(N) % 3]), fold="fold")[2]["fold"]) == {"fold10"}
    assert parting_of(table(fold=names[np.arange(N) % 3]), fold="fold").how.endswith('the last of which is "fold10"')


def test_rows_of_no_fold_are_always_learnt_from() -> None:
    fold = np.where(np.arange(N) % 10 == 0, np.nan, np.arange(N) % 3)
    assert parting_of(table(fold=fold), fold="fold").notes == [
        '30 rows without a value in "fold": always learnt from, never judged'
    ]
    assert all(inside["fold"].isna().sum() == 30 for inside, _ in folds_of(table(fold=fold), 0, fold="fold"))


WORDS = [
    (["train", "val", "test"], "part"), (["Train", "Validation", "TEST"], "part"),
    (["training", "dev", "holdout"], "part"),
    (["Training", "PublicTest", "PrivateTest"], "Usage"), ([None, "valid", "test"], "part"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "name"), WORDS)
def test_words_are_parts(words: list[Any], name: str) -> None:
    codes = RNG.choice(3, N, p=[0.6, 0.1, 0.3])
    parts = parts_of(table(**{name: np.array(words, object)[codes]}), fold=name)
    assert [set(codes[part.index]) for part in parts] == [{0}, {1}, {2}]


@pytest.mark.parametrize(("name", "yes"), [("is_train", False), ("isTest", True), ("train", False), ("holdout", True)])
def test_yes_and_no_are_parts_by_the_name_of_the_column(name: str, yes: bool) -> None:
    column = np.arange(N) % 4 == 0
    train, validation, test = parts_of(table(**{name: column}), fold=name)
    assert set(test[name]) == {yes}
    assert set(train[name]) == set(validation[name]) == {not yes}
    assert set(parts_of(table(**{name: column.astype(int)}), fold=name)[2][name]) == {int(yes)}


def test_rows_for_validation_are_judged_on_where_there_are_no_others() -> None:
    frame = table(part=np.where(np.arange(N) % 5 == 0, "val", "train"))
    train, validation, test = parts_of(frame, fold="part")
    assert set(test["part"]) == {"val"}
    assert set(train["part"]) == set(validation["part"]) == {"train"}
    (note,) = parting_of(frame, fold="part").notes
    assert note.startswith('"part" names no rows for test')
    assert parting_of(frame, fold="part", test="t.csv").notes == []


def test_rows_for_validation_that_are_learnt_from_are_told() -> None:
    frame = table(part=np.array(["train", "val", "test"])[np.arange(N) % 3])
    assert parting_of(frame, fold="part", val=0.0).notes == [
        '--val 0: the rows that "part" names for validation are learnt from'
    ]
    assert parting_of(frame, fold="part").notes == []


@pytest.mark.parametrize(("days", "told"), [(0, "200 of the 200"), (150, "150 of the 200"), (300, "")])
def test_rows_to_judge_on_that_are_not_later_are_told(days: int, told: str) -> None:
    frame = table(day=pd.date_range("2001-01-01", periods=N).astype(str))
    test = pd.DataFrame({"day": pd.date_range("2001-01-01", periods=200) + pd.Timedelta(days, "D")}).astype(str)
    notes = in_both(frame, test, TrainOptions("", "y", time="day", test="t.csv"))
    expected = f'{told} rows of --test are not later, by "day", than all that are learnt from'
    assert notes == ([expected] if told else [])
    gaps = pd.concat([test, pd.DataFrame({"day": [None] * 5})], ignore_index=True)
    notes = in_both(frame, gaps, TrainOptions("", "y", time="day", test="t.csv"))
    assert notes == ([expected.replace("of the 200", "of the 205")] if told else [])


@pytest.mark.parametrize(
    ("column", "options", "said"),
    [
        ([1] * N, {}, 'every row says "1"; expected numbers of folds, or words'),
        ([None] * N, {}, "no row has a value; expected"),
        (np.arange(N), {}, 'expected at most 100 folds, got 300 different values; --group "f" keeps'),
        (np.arange(N) % 3, {"cv": 5}, '--cv 5: expected 3, the folds of --fold "f"; leave --cv out'),
        (["train", "test", "spare"] * 100, {}, 'got "spare" as well'),
        (["val", "test"] * 150, {}, "no row is to be learnt from"),
        (["train", "test"] * 150, {"test": "t.csv"}, "--test gives others; leave one of them out"),
    ],
)
def test_what_names_no_folds(column: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as info:
        parting_of(table(f=column), fold="f", **options)
    assert said in str(info.value)


# ---- options --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time": "a", "group": "b"}, "--time and --group part rows in two ways"),
        ({"fold": "a", "group": "b"}, "--group and --fold part rows in two ways"),
        ({"split": "time", "fold": "b"}, "--split time and --fold part rows in two ways"),
        ({"split": "random", "time": "b"}, "--split random and --time part rows in two ways"),
        ({"split": "date"}, "--split: expected one of random, time, got 'date'"),
        ({"fold": "a", "task": "image"}, "--fold is for tables; leave it out, or --task image"),
        ({"split": "time", "task": "image"}, "--split time is for tables"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as info:
        TrainOptions("t.csv", "y", **options)
    assert said in str(info.value)


def test_options_that_do() -> None:
    options = TrainOptions("t.csv", "y", split="time", time="when")
    assert TrainOptions.from_json(options.to_json()) == options
    assert options.command()[5:] == ["--split", "time", "--time", "when"]
    TrainOptions("t.csv", "y", split="random", stream=True)


@pytest.mark.parametrize("option", ["time", "group", "fold"])
def test_names_of_columns(option: str) -> None:
    with pytest.raises(ValueError, match=rf"--{option}: expected one of x, y, got 'X'"):
        parting_of(table(), **{option: "X"})
    with pytest.raises(ValueError, match=f"--{option} y: this is the target"):
        parting_of(table(), **{option: "y"})

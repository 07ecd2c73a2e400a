"""Splits and folds: no row twice, no group in two parts, no future in the past."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl import data

DRAW = np.random.default_rng(0)
N = 1000
CLASSES = DRAW.choice(["a", "b", "c"], N, p=[0.7, 0.25, 0.05])
GROUPS = DRAW.integers(60, size=N)
TIMES = DRAW.permutation(np.repeat(np.arange(200), 5))


def parts(**how: Any) -> data.Split:
    found = data.split_rows(N, test=0.2, validation=0.1, **how)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(N))
    return found


def test_shares() -> None:
    assert [len(p) for p in parts()] == [700, 100, 200]
    for a, b in zip(parts(seed=4), parts(seed=4), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(parts(seed=4).test, parts(seed=5).test)
    alone = data.split_rows(10, test=0)
    assert [len(p) for p in alone] == [10, 0, 0]


def test_stratified() -> None:
    share = np.mean(CLASSES == "c")
    for part in parts(stratify=CLASSES):
        assert abs(np.mean(CLASSES[part] == "c") - share) < 0.01


def test_groups() -> None:
    found = parts(groups=GROUPS)
    sets = [set(GROUPS[p]) for p in found]
    assert not (sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2])
    assert [len(s) for s in sets] == [42, 6, 12]


def test_time() -> None:
    found = parts(time=TIMES)
    assert TIMES[found.train].max() < TIMES[found.validation].min()
    assert TIMES[found.validation].max() < TIMES[found.test].min()
    assert [len(p) for p in found] == [700, 100, 200]


@pytest.mark.parametrize(
    "how", [{}, {"stratify": CLASSES}, {"groups": GROUPS}, {"stratify": CLASSES, "groups": GROUPS}]
)
def test_folds(how: dict[str, Any]) -> None:
    pairs = list(data.fold_rows(N, 4, **how))
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in pairs])), np.arange(N))
    for train, test in pairs:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(N))
        if "groups" in how:
            assert not set(GROUPS[train]) & set(GROUPS[test])
        if "stratify" in how:
            assert abs(np.mean(CLASSES[test] == "c") - np.mean(CLASSES == "c")) < 0.03


def test_folds_in_time() -> None:
    for train, test in data.fold_rows(N, 4, time=TIMES):
        assert TIMES[train].max() < TIMES[test].min(), "rows of one time stay in one part"


def test_folds_of_few_moments() -> None:
    times = np.array([0] * 7 + [1] * 50 + [2] * 3 + [3] * 40)
    found = [(sorted(set(times[a])), sorted(set(times[b]))) for a, b in data.fold_rows(100, 3, time=times)]
    assert found == [([0], [1]), ([0, 1], [2]), ([0, 1, 2], [3])]
    with pytest.raises(ValueError, match="more than 4 different times for 4 folds, got 4"):
        data.fold_rows(100, 4, time=times)
    for gap in (np.array([1.0, np.nan, 2.0]), np.array(["2020-01-01", "NaT", "2021-01-01"], "datetime64[D]")):
        for split in (data.split_rows, data.fold_rows):
            with pytest.raises(ValueError, match="expected a time for each row"):
                split(3, time=gap)


def test_sources(data_dir: Path) -> None:
    with (data_dir / "titanic.csv").open() as f:
        rows = list(csv.DictReader(f))
    x = np.array([float(r["fare"]) for r in rows])
    y = np.array([int(r["survived"]) for r in rows])
    whole = data.split(data.ArraySource(x, y), test=0.25, stratify=y)
    assert whole.validation is None
    assert len(whole.train) + len(whole.test) == len(y)
    x_test, y_test = next(whole.test.batches(1000))
    assert abs(y_test.mean() - y.mean()) < 0.01
    np.testing.assert_array_equal(np.sort(np.concatenate([x_test, next(whole.train.batches(1000))[0]])), np.sort(x))
    for train, test in data.folds(data.ArraySource(x, y), 3, stratify=y):
        assert len(train) + len(test) == len(y)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"below 1, got 0.5 \+ 0.5"):
        data.split_rows(10, test=0.5, validation=0.5)
    with pytest.raises(ValueError, match="one of stratify, groups and time"):
        data.split_rows(N, stratify=CLASSES, groups=GROUPS)
    with pytest.raises(ValueError, match=r"groups: expected one value for each of 10 rows, got shape \(1000,\)"):
        data.split_rows(10, groups=GROUPS)
    with pytest.raises(ValueError, match="early enough"):
        data.split_rows(10, time=np.ones(10))
    with pytest.raises(ValueError, match="time goes with neither"):
        data.fold_rows(N, time=TIMES, groups=GROUPS)

"""What is held out teaches nothing: not a mean, not a deviation, not an index that numbers the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit, split

N = 120
OPTIONS = TrainOptions("", "y", epochs=1, patience=1, hidden=(8,), ensemble=1)


def of_all_kinds() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    return pd.DataFrame({
        "x": x, "skewed": np.exp(3 * x), "gaps": np.where(rng.random(N) < 0.2, np.nan, x), "flag": x > 0,
        "word": rng.choice(["a", "b", "c"], N), "many": rng.choice([f"level {i}" for i in range(60)], N),
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"), "y": 3 * x + 1e3,
    })  # fmt: skip


def trained(frame: pd.DataFrame, rows: np.ndarray) -> Outcome:
    """A training on some rows of a table, as one of its folds is."""
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    return fit(frame.iloc[rows], y[rows], target, guess(frame, "y"), OPTIONS, Watch(), "a fold")


def others(column: pd.Series) -> Any:
    """Other values of the same kind."""
    if pd.api.types.is_bool_dtype(column):
        return ~column
    if pd.api.types.is_datetime64_any_dtype(column):
        return column + pd.Timedelta(days=4000)
    return column * 1000 + 7 if pd.api.types.is_numeric_dtype(column) else column.str.upper()


@pytest.mark.long  # two runs for each option
@pytest.mark.parametrize("spoiled", of_all_kinds().columns)
def test_rows_that_are_held_out_teach_nothing(spoiled: str) -> None:
    frame = of_all_kinds()
    rows = np.arange(N) % 4 > 0
    other = frame.copy()
    other.loc[~rows, spoiled] = others(other[spoiled])[~rows]
    one, two = trained(frame, np.flatnonzero(rows)), trained(other, np.flatnonzero(rows))
    np.testing.assert_array_equal(one.fitted.predict(frame).values, two.fitted.predict(frame).values)


def test_rows_to_validate_on_scale_no_target() -> None:
    frame = pd.concat([of_all_kinds()] * 2, ignore_index=True)
    target = Target.fit(frame["y"])
    outcome = trained(frame, np.arange(len(frame)))
    y, _ = target.encode(frame["y"])
    kept, *_ = split(frame, y, OPTIONS.val, target, OPTIONS.seed)
    assert outcome.fitted.target.mean == pytest.approx(kept["y"].mean(), rel=1e-12)
    assert outcome.fitted.target.scale == pytest.approx(kept["y"].std(ddof=0), rel=1e-12)
    assert outcome.parts["train"].y.mean() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(
        outcome.fitted.target.decode(outcome.parts["validation"].y), frame["y"].drop(kept.index), rtol=1e-12
    )


def test_a_target_that_is_the_same_in_all_training_rows() -> None:
    target = Target.fit(pd.Series([1.5, 1.5, 4.0, 2.25], name="y")).scaled(pd.Series([1.5, 1.5], name="y"))
    assert (target.mean, target.scale) == (1.5, 1.0)


def test_the_unit_of_logarithms_is_that_of_the_rows_to_learn_from() -> None:
    target = Target.fit(pd.Series([1.0, 2.0, 3.0, 4000.0], name="y"), "regression", log=True)
    some = target.scaled(pd.Series([1.0, 2.0, 3.0], name="y"))
    assert some.log == pytest.approx(np.quantile([1, 2, 3], 0.1))
    y, _ = some.encode(pd.Series([1.0, 2.0, 3.0], name="y"))
    assert y.mean() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(some.decode(y), [1, 2, 3], rtol=1e-12)

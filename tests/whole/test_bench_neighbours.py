"""The bench that trains beside processes that burn the cores: whether it runs, and counts what it says."""

from __future__ import annotations

import pytest

from bench import neighbours
from bench.neighbours import Turn, row
from bench.timing import Setting


class Once(Setting):
    """One round: whether it runs, not how fast."""

    rounds = 1


def test_it_runs() -> None:
    alone, beside = rows = neighbours.run(Once(2, quick=True, peers=()), period=0.1)
    assert (alone["neighbours"], beside["neighbours"]) == (0, 2)
    for name in ("pydl, us", "on 1, us", "on 2, us", "of the better number"):
        assert alone[name]["median"] > 0
        assert beside[name]["median"] > 0
    assert neighbours.summary(rows)["pydl beside neighbours / alone"] > 0


def test_the_better_number_is_that_of_each_part_beside_neighbours() -> None:
    taken = {"pydl": [Turn(30, 200, 1)], "on 1": [Turn(40, 110, 1)], "on 2": [Turn(10, 210, 1)]}
    assert row(0, taken)["of the better number"]["median"] == pytest.approx(230 / (210 / 0.75))
    assert row(2, taken)["of the better number"]["median"] == pytest.approx(230 / 250)
    assert row(2, taken)["pydl, us"]["median"] == pytest.approx(1e6 / 230)

"""Raw rows through a fitted preparation and a network of 64 and 32 units: milliseconds for one row and for many."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.timing import Setting, scaled, seconds, take_turns

ROWS = 1000


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per way to give the rows of a table of a dozen columns."""
    import pandas as pd

    from pydl.pipeline.columns import guess
    from pydl.pipeline.fitted import Fitted
    from pydl.pipeline.network import build
    from pydl.pipeline.options import TrainOptions
    from pydl.pipeline.preparation import Preparation
    from pydl.pipeline.target import Target

    rng = np.random.default_rng(0)
    numbers = {f"number {i}": rng.standard_normal(ROWS) for i in range(6)}
    words = {f"word {i}": rng.choice(["red", "green", "blue"], ROWS) for i in range(4)}
    table = pd.DataFrame(
        numbers | words | {"flag": rng.choice([True, False], ROWS), "whole": rng.integers(9, size=ROWS)}
    )
    preparation = Preparation(guess(table)).fit(table)
    target = Target.fit(pd.Series(rng.choice(["no", "yes"], ROWS), name="y"))
    model = build(preparation.inputs, target, TrainOptions("", hidden=(64, 32)))
    fitted, row = Fitted(preparation, target, model), table.iloc[0].to_dict()
    ways = {"a dict": row, "a frame of one row": table[:1], f"a frame of {ROWS:,} rows": table}
    for given in ways.values():
        fitted.predict(given)
    deeds = {name: partial(seconds, partial(fitted.predict, given)) for name, given in ways.items()}
    taken = take_turns(deeds, 10 * setting.rounds)
    return [{"what": name, "ms": scaled(times, 1e3)} for name, times in taken.items()]

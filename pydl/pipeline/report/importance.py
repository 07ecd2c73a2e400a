"""Which columns predictions rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.contract import Part
from pydl.pipeline.fitted import Fitted, predict
from pydl.pipeline.preparation import FEATURES, Preparation
from pydl.pipeline.report.slices import losses

Array = NDArray[Any]

_ROWS = 2000
_REPEATS = 3
_COLUMNS = 200  # nobody would read more


def permutation(fitted: Fitted, test: Part, seed: int) -> list[tuple[str, float, float]]:
    """Permutation importance on up to 2,000 test rows: (column, mean, deviation), the most important first.

    A column's values are shuffled among the rows, three times; its importance is what log loss (classes) or RMSE
    (numbers) gains by it. Of columns beyond the two hundredth nothing is said, nor of images.

    References
    ----------
    L. Breiman: Random Forests, Machine Learning 45, 2001.
    """
    if not hasattr(test.frame, "columns"):
        return []
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(test.y))[:_ROWS])
    inputs, y = {name: a[rows] for name, a in test.inputs.items()}, test.y[rows]
    before = _score(fitted, y, inputs)
    found = []
    for column in [c for c in fitted.preparation.columns if c.used][:_COLUMNS]:
        gains = [_score(fitted, y, _shuffled(fitted, inputs, column.name, rng)) - before for _ in range(_REPEATS)]
        found.append((column.name, float(np.mean(gains)), float(np.std(gains))))
    return sorted(found, key=lambda entry: -entry[1])


def _shuffled(fitted: Fitted, inputs: dict[str, Array], name: str, rng: np.random.Generator) -> dict[str, Array]:
    """Prepared rows, with all that comes from a column in another order."""
    order = rng.permutation(len(next(iter(inputs.values()))))
    assert isinstance(fitted.preparation, Preparation)
    return with_column(fitted.preparation, inputs, name, {key: a[order] for key, a in inputs.items()})


def with_column(
    preparation: Preparation, inputs: dict[str, Array], name: str, others: dict[str, Array]
) -> dict[str, Array]:
    """Prepared rows, with all that comes from a column as other rows have it."""
    own_input = preparation.input_of(name)
    if own_input in inputs:
        return inputs | {own_input: others[own_input]}
    features, own = inputs[FEATURES].copy(), preparation.features_of(name)
    features[:, own] = others[FEATURES][:, own]
    return inputs | {FEATURES: features}


def _score(fitted: Fitted, y: Array, inputs: dict[str, Array]) -> float:
    mean = float(losses(fitted.target, y, predict(fitted.model, fitted.target, inputs)).mean())
    return mean**0.5 if fitted.target.task == "regression" else mean

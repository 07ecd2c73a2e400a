"""Which columns predictions rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.fitted import Fitted, Predictions
from pydl.pipeline.report.slices import losses
from pydl.pipeline.target import Target

if TYPE_CHECKING:
    from pydl.pipeline.training import Part

_ROWS = 2000
_REPEATS = 3
_COLUMNS = 60  # more would take minutes, and nobody would read them


def permutation(fitted: Fitted, test: Part, seed: int) -> list[tuple[str, float, float]]:
    """Permutation importance on up to 2,000 test rows: (column, mean, deviation), the most important first.

    A column's values are shuffled among the rows, three times; its importance is what log loss (classes) or RMSE
    (numbers) gains by it. Of columns beyond the sixtieth nothing is said, nor of images.

    References
    ----------
    L. Breiman: Random Forests, Machine Learning 45, 2001.
    """
    if not hasattr(test.frame, "columns"):
        return []
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(test.y))[:_ROWS])
    frame, y = test.frame.iloc[rows], test.y[rows]
    used = {c.name for c in fitted.preparation.columns if c.used}
    before = _score(fitted.target, y, fitted.predict(frame))
    found = []
    for name in [c for c in frame.columns if c in used][:_COLUMNS]:
        gains = []
        for _ in range(_REPEATS):
            shuffled = frame.assign(**{name: frame[name].to_numpy()[rng.permutation(len(rows))]})
            gains.append(_score(fitted.target, y, fitted.predict(shuffled)) - before)
        found.append((str(name), float(np.mean(gains)), float(np.std(gains))))
    return sorted(found, key=lambda entry: -entry[1])


def _score(target: Target, y: NDArray[Any], predictions: Predictions) -> float:
    mean = float(losses(target, y, predictions).mean())
    return mean**0.5 if target.task == "regression" else mean

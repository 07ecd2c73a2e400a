"""Cross-validation: the same training on each part of the rows in turn, judged on what it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Watch
from pydl.pipeline.evaluation import judge
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting
from pydl.pipeline.target import Target
from pydl.pipeline.weights import weights_of
from pydl.pipeline.worker import fit, in_turn


def folds(
    frame: Any,
    y: NDArray[Any],
    target: Target,
    columns: Sequence[Column],
    options: TrainOptions,
    watch: Watch,
    parting: Parting | None = None,
) -> dict[str, Any]:
    """Figures of `options.cv` folds, or of those of a `parting`: `{"folds": [...], "mean": {...}, "deviation": {...}}`.

    Every step from the preparation on is done anew in each fold. The deviation is that of a sample (n - 1).

    Raises
    ------
    ValueError
        When there are fewer rows than folds.
    """

    count = options.cv if parting is None else parting.folds or options.cv
    if len(y) < options.cv:
        raise ValueError(f"--cv {options.cv}: expected at least as many rows as folds, got {len(y)}")
    found = []
    for k, (inside, outside) in enumerate(in_turn(y, count, target, options.seed, frame.index, parting)):
        what = f"fold {k + 1} of {count}"
        share = watch.share(count - k + 1 + options.refit)  # folds to come, and the trainings after them
        outcome = fit(frame.iloc[inside], y[inside], target, columns, options, share, what, parting=parting)
        held_out = frame.iloc[outside]
        truth, _ = outcome.fitted.target.encode(held_out[target.name])
        found.append(
            judge(outcome.fitted.target, truth, outcome.fitted.predict(held_out), weights_of(held_out, options.weights))
        )
    return {"folds": found, "mean": _over(found, np.mean), "deviation": _over(found, lambda v: np.std(v, ddof=1))}


def _over(found: list[dict[str, Any]], figure: Any) -> dict[str, float]:
    """A figure over the folds of every number that all of them have."""
    names = [name for name in found[0] if all(isinstance(f[name], float) for f in found)]
    return {name: float(figure([f[name] for f in found])) for name in names}

"""Cross-validation: the same training on each part of the rows in turn, judged on what it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Watch
from pydl.pipeline.evaluation import Figures, judge
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting
from pydl.pipeline.several import together
from pydl.pipeline.targets import AnyTarget
from pydl.pipeline.weights import weights_of
from pydl.pipeline.worker import fit, in_turn


def folds(
    frame: Any,
    y: NDArray[Any],
    target: AnyTarget,
    columns: Sequence[Column],
    options: TrainOptions,
    watch: Watch,
    parting: Parting | None = None,
) -> dict[str, Any]:
    """Figures of `options.cv` folds, or of those of a `parting`: `{"folds": [...], "mean": {...}, "deviation": {...}}`.

    Of several targets such a dict for each, see `several.together`. Every step from the preparation on is done anew in
    each fold. The deviation is that of a sample (n - 1).

    Raises
    ------
    ValueError
        When there are fewer rows than folds.
    """

    count = options.cv if parting is None else parting.folds or options.cv
    if len(y) < options.cv:
        raise ValueError(f"--cv {options.cv}: expected at least as many rows as folds, got {len(y)}")
    found: list[list[Figures]] = []
    for k, (inside, outside) in enumerate(in_turn(y, count, target, options.seed, frame.index, parting)):
        what = f"fold {k + 1} of {count}"
        share = watch.share(count - k + 1 + options.refit)  # folds to come, and the trainings after them
        outcome = fit(frame.iloc[inside], y[inside], target, columns, options, share, what, parting=parting)
        if outcome.interrupted:  # figures of a fold that is not done are none
            raise KeyboardInterrupt
        found.append([_judged(fitted, frame.iloc[outside], options) for fitted in outcome.fitted.each()])
    return together(target.names, [_summary(list(each)) for each in zip(*found, strict=True)])


def _judged(fitted: Fitted, held_out: Any, options: TrainOptions) -> Figures:
    """The figures of one target for rows that it was not fitted to."""
    truth, here = fitted.target.encode(fitted.target.of(held_out))
    if not len(truth):
        return {"rows": 0}
    held_out = held_out[here]
    return judge(fitted.target, truth, fitted.predict(held_out), weights_of(held_out, options.weights))


def _summary(found: list[Figures]) -> dict[str, Any]:
    judged = [figures for figures in found if figures["rows"]]  # weights of 0 and missing targets may leave no row
    return {"folds": found, "mean": _over(judged, np.mean), "deviation": _over(judged, _deviation)}


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _over(found: list[dict[str, Any]], figure: Any) -> dict[str, float]:
    """A figure over the folds of every number that all of them have."""
    names = [name for name in (found or [{}])[0] if all(isinstance(f.get(name), float) for f in found)]
    return {name: float(figure([f[name] for f in found])) for name in names}

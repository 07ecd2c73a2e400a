"""From which probability on the positive class is predicted: as asked for, or the best on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.fitted import Scored
from pydl.pipeline.options import AUTO, TrainOptions
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget, options_of

Array = NDArray[Any]

_DEFAULT = "f1"
_EVEN = 0.5


def given_to_each(target: AnyTarget, options: TrainOptions) -> AnyTarget:
    """`given` for the target; of several for each that the option names, or else that has two classes."""
    own = [options_of(options, one) for one in target.each]
    if options.threshold is not None and all(each.threshold is None for each in own):
        own[0] = options  # which suits none of them
    return target.with_each([given(one, each) for one, each in zip(target.each, own, strict=True)])


def given(target: Target, options: TrainOptions) -> Target:
    """The target with the probability that was asked for; one to be found comes with `settled`.

    Raises
    ------
    ValueError
        A target that has not two classes; no rows to be held out to find the probability on.
    """
    if options.threshold is None:
        return target
    option = f"--threshold {options.threshold}"
    if len(target.classes) != 2:
        what = f"{len(target.classes)} classes" if target.classes else "numbers, no classes"
        raise ValueError(f'{option}: expected a target of two classes; "{target.name}" has {what}')
    if options.threshold != AUTO:
        return target.parted_at(float(options.threshold))
    if not options.val:
        raise ValueError(f"{option}: expected validation rows to choose it on; give --val 0.15")
    return target


def settled(target: Target, options: TrainOptions, held_out: Iterable[Scored]) -> Target:
    """The target with the probability that is the best for the rows held out for validation, if one is to be found.

    The best is what has the highest `figure`; of several, what is nearest to 0.5.

    Raises
    ------
    ValueError
        When there are no such rows.
    """
    if options.threshold != AUTO:
        return target
    y, p, weights = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    for each in held_out:
        assert each.predictions.probabilities is not None
        y.append(each.y)
        p.append(each.predictions.probabilities[:, 1])
        weights.append(np.ones(len(each.y)) if each.weights is None else each.weights)
    if sum(map(len, y)) == 0:
        raise ValueError("--threshold auto: too few rows to hold some out to choose it on; give a number, as 0.3")
    return target.parted_at(
        best(np.concatenate(y) == 1, np.concatenate(p), figure(options), np.concatenate(weights))
    )  # fmt: skip


def figure(options: TrainOptions) -> str:
    """What the probability is chosen by: the metric of the training if it is one of classes as predicted, else f1."""
    return str(options.metric) if options.metric in _FIGURES else _DEFAULT


def said(target: Target, options: TrainOptions) -> list[str]:
    """A sentence about the probability, if it is another than usual."""
    if target.threshold is None:
        return []
    how = f", the best on the validation rows by {figure(options)}" if options.threshold == AUTO else ""
    return [f"{target.classes[1]} is predicted from a probability of {target.threshold:.4g} on{how}; so in baselines"]


def best(truth: NDArray[np.bool_], p: Array, name: str, weights: Array | None = None) -> float:
    """The probability from which on to predict the positive class.

    Parameters
    ----------
    truth : ndarray of bool (rows,)
        Which rows are of the positive class.
    p : ndarray (rows,)
        Its probability.
    name : {"f1", "accuracy", "balanced_accuracy"}
        The figure to be the highest, defined as in `Judge.figures`.
    weights : ndarray (rows,), optional
        How much each row counts.
    """
    weights = np.ones(len(p)) if weights is None else weights
    points, place = np.unique(p, return_inverse=True)
    of_class, of_other = (np.bincount(place, side * weights) for side in (truth, ~truth))
    # The first candidate predicts all rows positive, the last none.
    tp, fp = (np.append(np.cumsum(side[::-1])[::-1], 0.0) for side in (of_class, of_other))
    cuts = np.concatenate([[0.0], (points[:-1] + points[1:]) / 2, [(points[-1] + 1) / 2]])
    values = _FIGURES[name](tp, fp, tp[0] - tp, fp[0] - fp)
    if points[-1] >= 1:  # no probability is above all of them
        cuts, values = cuts[:-1], values[:-1]
    found = cuts[values >= np.nanmax(values)]
    return float(found[np.argmin(np.abs(found - _EVEN))])


def _f1(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return _mean_of_classes((2 * tp, 2 * tp + fp + fn), (2 * tn, 2 * tn + fp + fn))


def _accuracy(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return np.asarray((tp + tn) / (tp + fp + fn + tn))


def _balanced_accuracy(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return _mean_of_classes((tp, tp + fn), (tn, tn + fp))


def _mean_of_classes(*shares: tuple[Array, Array]) -> Array:
    """The mean of what is defined of some shares, as numerators and denominators."""
    found = [np.divide(a, b, out=np.full(len(a), math.nan), where=b > 0) for a, b in shares]
    return np.asarray(np.nanmean(found, axis=0))


_FIGURES = {"f1": _f1, "accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy}

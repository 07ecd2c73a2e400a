"""Connectionist temporal classification (Graves et al., 2006): sequences of labels whose times are not known.

A path names a class, or the blank, for each step; without repetitions and blanks it is a sequence of labels. The loss
is -log of the probability of all paths of the given one: sums forwards, and for the gradient backwards, in logarithms.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def ctc(labels: Array, logits: Array, lengths: Array, steps: Array, blank: int) -> tuple[Array, Array]:
    """The loss of each sample, in double, and its derivative by the logits.

    Parameters
    ----------
    labels : int array, shape (batch, most labels)
    logits : array, shape (batch, most steps, classes)
    lengths, steps : int array, shape (batch,)
        How many of its labels, and of its steps, count for each sample.
    blank : int
        The class that stands for no label.
    """
    logs = logits.astype(np.float64)
    logs = logs - np.max(logs, axis=-1, keepdims=True)
    logs -= np.log(np.sum(np.exp(logs), axis=-1, keepdims=True))
    batch, most = logits.shape[:2]
    places = 2 * labels.shape[1] + 1  # blank, label, blank, label, ..., blank
    classes = np.full((batch, places), blank)
    classes[:, 1::2] = labels
    emitted = np.take_along_axis(logs, np.broadcast_to(classes[:, None], (batch, most, places)), axis=2)
    leaps = np.zeros((batch, places), bool)  # to a label from another one, over the blank between
    leaps[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        forward = _forward(emitted, leaps)
        rows = np.arange(batch)
        ends = np.stack([2 * lengths, np.where(lengths > 0, 2 * lengths - 1, 2 * lengths)], axis=1)
        last = forward[rows[:, None], (steps - 1)[:, None], ends]
        total = np.where(lengths > 0, np.logaddexp(last[:, 0], last[:, 1]), last[:, 0])
        backward = _backward(emitted, leaps, ends, steps)
        shares = np.exp(forward + backward - total[:, None, None])
    shares[~np.isfinite(total)] = 0
    slope = np.exp(logs)
    np.subtract.at(slope, (rows[:, None, None], np.arange(most)[None, :, None], classes[:, None, :]), shares)
    slope[(np.arange(most) >= steps[:, None]) | ~np.isfinite(total)[:, None]] = 0
    return -total, slope


def _moved(a: Array, by: int) -> Array:
    """Places that stand `by` further on, -inf where none does."""
    moved = np.full_like(a, -np.inf)
    if by > 0:
        moved[:, by:] = a[:, :-by]
    else:
        moved[:, :by] = a[:, -by:]
    return moved


def _forward(emitted: Array, leaps: Array) -> Array:
    """Logarithms of the probabilities of all beginnings of paths that are at a place at a step."""
    found = np.full_like(emitted, -np.inf)
    found[:, 0, :2] = emitted[:, 0, :2]
    for t in range(1, emitted.shape[1]):
        before = found[:, t - 1]
        over = np.where(leaps, _moved(before, 2), -np.inf)
        found[:, t] = np.logaddexp(np.logaddexp(before, _moved(before, 1)), over) + emitted[:, t]
    return found


def _backward(emitted: Array, leaps: Array, ends: Array, steps: Array) -> Array:
    """Those of all ends of paths behind a place at a step."""
    found = np.full_like(emitted, -np.inf)
    rows = np.arange(len(emitted))
    found[rows[:, None], (steps - 1)[:, None], ends] = 0.0
    for t in range(emitted.shape[1] - 2, -1, -1):
        after = found[:, t + 1] + emitted[:, t + 1]
        over = _moved(np.where(leaps, after, -np.inf), -2)
        ahead = np.logaddexp(np.logaddexp(after, _moved(after, -1)), over)
        inside = t < steps - 1
        found[inside, t] = ahead[inside]
    return found

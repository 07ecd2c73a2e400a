"""The loss of sequences of labels whose times are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.ctc import ctc
from pydl._engine.tape import differentiable

Array = np.ndarray


def _computed(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> tuple[Array, Array]:
    labels, lengths, steps = (np.asarray(a).astype(np.int64) for a in (target, target_length, output_length))
    if output.ndim != 3 or labels.ndim != 2 or len(labels) != len(output):
        raise ValueError(
            f"ctc_loss: expected target (batch, labels) and output (batch, steps, classes), got {labels.shape} and "
            f"{output.shape}"
        )
    classes = output.shape[2]
    if not -classes <= mask_index < classes:
        raise ValueError(f"ctc_loss: expected mask_index to be one of {classes} classes, got {mask_index}")
    lengths, steps = lengths.reshape(-1), steps.reshape(-1)
    _check("target_length", lengths, len(output), 0, labels.shape[1])
    _check("output_length", steps, len(output), 1, output.shape[1])
    counted = labels[np.arange(labels.shape[1]) < lengths[:, None]]
    if counted.size and not (counted.min() >= 0 and counted.max() < classes):
        raise ValueError(f"ctc_loss: expected labels from 0 to {classes - 1}, got {counted.min()} to {counted.max()}")
    labels = np.where(np.arange(labels.shape[1]) < lengths[:, None], labels, 0)  # what is beyond may be anything
    return ctc(labels, output, lengths, steps, mask_index % classes)


def _check(name: str, given: Array, batch: int, least: int, most: int) -> None:
    if len(given) != batch or (batch and not (given.min() >= least and given.max() <= most)):
        raise ValueError(f"ctc_loss: expected {name} to be {batch} numbers from {least} to {most}, got {given}")


def _slope(dy: Array, y: Array, target: Any, output: Any, *given: Any, **named: Any) -> tuple[None, Array]:
    return None, (_computed(target, output, *given, **named)[1] * dy[:, None, None]).astype(output.dtype)


@differentiable(_slope, 2)
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """For each sample, -log of the probability that logits give a sequence of labels, at whatever steps these are.

    Parameters
    ----------
    target : array_like of int, shape (batch, most labels)
    output : array_like, shape (batch, most steps, classes)
        Logits.
    target_length, output_length : array_like of int, shape (batch,)
        How many labels and steps of each sample count.
    mask_index : int, default 0
        The class that stands for no label.

    Raises
    ------
    ValueError
        Shapes that do not fit, labels that are no classes, lengths beyond the sequences.
    """
    losses, _ = _computed(target, output, target_length, output_length, mask_index)
    return losses.astype(output.dtype)

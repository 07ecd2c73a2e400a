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
    blank = range(output.shape[2])[mask_index]
    return ctc(labels, output, lengths.reshape(-1), steps.reshape(-1), blank)


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
    """
    losses, _ = _computed(target, output, target_length, output_length, mask_index)
    return losses.astype(output.dtype)

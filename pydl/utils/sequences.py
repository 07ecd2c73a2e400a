"""Sequences of differing lengths as one array, and windows of a long one as batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of, optional_whole, whole
from pydl._base.random import next_seed, permutation
from pydl.utils import PyDataset


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences as rows of one array: short ones are filled up, long ones cut.

    Parameters
    ----------
    sequences : list of sequences
        Of numbers, or of arrays of one shape.
    maxlen : int, optional
        Length of a row; default that of the longest sequence.
    dtype : dtype, default "int32"
        `object` for text of any length.
    padding, truncating : "pre" or "post"
        Whether to fill and to cut in front or behind.
    value : number or str
        What fills.

    Returns
    -------
    ndarray `(len(sequences), maxlen, ...)`

    Raises
    ------
    ValueError
        Elements that are no sequences, or of differing shapes; text as `value` of numbers.
    """
    owner = "pad_sequences"
    one_of(owner, "padding", padding, ("pre", "post"))
    one_of(owner, "truncating", truncating, ("pre", "post"))
    for i, row in enumerate(sequences):
        if not hasattr(row, "__len__"):
            raise ValueError(f"{owner}: expected a list of sequences, got {row!r} in place {i}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"{owner}: value {value!r} is text, dtype {dtype!r} is not; pass dtype=object")
    length = max(map(len, sequences), default=0) if maxlen is None else whole(owner, "maxlen", maxlen)
    shape = next((np.asarray(row).shape[1:] for row in sequences if len(row)), ())
    padded = np.full((len(sequences), length, *shape), value, dtype)
    for i, row in enumerate(sequences):
        kept = np.asarray(row[max(len(row) - length, 0) :] if truncating == "pre" else row[:length], dtype)
        if len(kept) and kept.shape[1:] != shape:
            raise ValueError(f"{owner}: expected elements of shape {shape}, got {kept.shape[1:]} in sequence {i}")
        if len(kept):
            padded[i, slice(length - len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return padded


class Windows(PyDataset):
    """What `timeseries_dataset_from_array` returns: batches of windows, `data[i]` or in a `for` loop.

    Without targets a batch is an array of windows, else a tuple `(windows, targets)`.
    """

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        steps: np.ndarray,
        batch_size: int | None,
    ) -> None:
        super().__init__()
        self.data, self.targets, self.starts, self.steps, self.batch_size = data, targets, starts, steps, batch_size

    def __len__(self) -> int:
        return len(self.starts) if self.batch_size is None else -(-len(self.starts) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"expected the number of one of {len(self)} batches, got {index}")
        first = index % len(self) * (self.batch_size or 1)
        starts: Any = self.starts[first] if self.batch_size is None else self.starts[first : first + self.batch_size]
        windows = self.data[starts[..., None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Windows:
    """Windows of a time series, in batches.

    Window i is `data[i], data[i + sampling_rate], ...`, of `sequence_length` steps; its target is `targets[i]`.

    Parameters
    ----------
    data : array_like (steps, ...)
    targets : array_like (steps, ...), optional
        None: batches are of windows only.
    sequence_length : int
    sequence_stride : int
        Steps between the beginnings of two windows.
    sampling_rate : int
        Steps between two steps of a window.
    batch_size : int, optional
        None: each item is one window, without an axis for the batch.
    shuffle : bool
        Whether windows come in an order drawn from `seed`.
    seed : int, optional
    start_index, end_index : int, optional
        The part of the series to take windows from.

    Returns
    -------
    PyDataset
        For `fit`, `evaluate` and `predict`, or a `for` loop.

    Raises
    ------
    ValueError
        Numbers that are out of range.
    """
    owner = "timeseries_dataset_from_array"
    data = np.asarray(data)
    targets = None if targets is None else np.asarray(targets)
    n = len(data)
    length = whole(owner, "sequence_length", sequence_length, at_least=1)
    stride = whole(owner, "sequence_stride", sequence_stride, at_least=1, below=n)
    rate = whole(owner, "sampling_rate", sampling_rate, at_least=1, below=n)
    first = whole(owner, "start_index", start_index or 0, below=n)
    last = n if end_index is None else whole(owner, "end_index", end_index, at_least=first + 1, below=n)
    batch_size = optional_whole(owner, "batch_size", batch_size, at_least=1)
    count = last - first - (length - 1) * rate
    if targets is not None:
        count = min(count, len(targets))
    starts = np.arange(0, max(count, 0), stride, dtype=np.int64)
    if shuffle:
        starts = starts[permutation(len(starts), next_seed() if seed is None else whole(owner, "seed", seed))]
    part = slice(first, last)
    return Windows(data[part], None if targets is None else targets[part], starts, np.arange(length) * rate, batch_size)

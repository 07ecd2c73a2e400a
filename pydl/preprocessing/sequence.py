"""Where Keras 2 had these functions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.random import next_seed
from pydl.utils import PyDataset, pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target behind it; `utils.timeseries_dataset_from_array` is newer.

    Parameters
    ----------
    data : array, shape (steps, ...)
    targets : array, shape (steps, ...)
        `targets[i]` belongs to the window that ends before step i.
    length : int
        Steps that a window spans.
    sampling_rate : int
        Each so many-th of them is in it.
    stride : int
        Steps from one window to the next.
    start_index, end_index : int
        The steps to take, both included; default all.
    shuffle : bool
        Whether windows are drawn at random.
    reverse : bool
        Whether the last step comes first.
    batch_size : int
    """

    def __init__(
        self, data: Any, targets: Any, length: int, sampling_rate: int = 1, stride: int = 1, start_index: int = 0,
        end_index: int | None = None, shuffle: bool = False, reverse: bool = False, batch_size: int = 128,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(data) != len(targets):
            both = f"{len(data)} steps and {len(targets)} targets"
            raise ValueError(f"TimeseriesGenerator: expected a target for each step, got {both}")
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride = sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            steps = f"step {start_index} and {self.end_index}"
            raise ValueError(f"TimeseriesGenerator: no window of length {length} lies between {steps}")

    def __len__(self) -> int:
        return (self.end_index - self.start_index) // (self.batch_size * self.stride) + 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            drawn = np.random.default_rng(next_seed())
            rows = drawn.integers(self.start_index, self.end_index, self.batch_size, endpoint=True)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        windows = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (windows[:, ::-1] if self.reverse else windows), targets


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """With which probability each of so many words is to be kept, so that frequent ones do not drown the others.

    Words are taken to be ordered by frequency, and that of the i-th to be about `1 / (i * (log(i) + 0.577) + 1/2 -
    1/(12 i))` (Zipf). It is kept with probability `min(1, sqrt(sampling_factor / frequency))`.
    """
    rank = np.maximum(np.arange(size), 1)
    frequency = 1 / (rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12.0 * rank))
    return np.asarray(np.minimum(1.0, np.sqrt(sampling_factor / frequency)))


def skipgrams(
    sequence: Sequence[int], vocabulary_size: int, window_size: int = 4, negative_samples: float = 1.0,
    shuffle: bool = True, categorical: bool = False, sampling_table: Any = None, seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:  # fmt: skip
    """Pairs of words that are near each other in a text, labelled 1, and of a word and any other, labelled 0.

    Parameters
    ----------
    sequence : list of int
        Codes of words; 0 is none.
    vocabulary_size : int
        Codes are below it.
    window_size : int
        How many words before and behind a word are near it.
    negative_samples : float
        So many pairs of the second kind for each of the first.
    shuffle : bool
    categorical : bool
        Whether labels are [0, 1] and [1, 0].
    sampling_table : array, optional
        With which probability each code is taken; see `make_sampling_table`.
    seed : int, optional
        Of the order.
    """
    near, drawn = [], random.Random()
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < drawn.random()):
            continue
        window = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        near += [[word, sequence[j]] for j in window if j != i and sequence[j]]
    n = int(len(near) * negative_samples)
    words = [word for word, _ in near]
    drawn.shuffle(words)
    pairs = near + [[words[i % len(words)], drawn.randint(1, vocabulary_size - 1)] for i in range(n)]
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [yes] * len(near) + [no] * n
    if shuffle:
        order = list(range(len(pairs)))
        random.Random(drawn.randint(0, 10**7) if seed is None else seed).shuffle(order)
        pairs, labels = [pairs[i] for i in order], [labels[i] for i in order]
    return pairs, labels

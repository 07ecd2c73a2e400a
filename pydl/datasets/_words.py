"""What the two data sets of coded texts have in common."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from pydl.datasets._files import fetch

FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

Texts = list[list[int]]


def find(path: str | os.PathLike[str], name: str, checksum: str) -> Any:
    """The path of a file: as given, in the folder of the user's data, or downloaded."""
    return path if os.path.isfile(path) else fetch(os.fspath(path), FOLDER + name, checksum)


def shuffled(texts: Texts, labels: Any, generator: np.random.RandomState) -> tuple[Texts, np.ndarray]:
    """Texts and labels in an order that is drawn."""
    order = np.arange(len(texts))
    generator.shuffle(order)
    return [texts[i] for i in order], np.asarray(labels)[order]


def begun(
    texts: Texts, labels: np.ndarray, start_char: int | None, index_from: int, maxlen: int | None
) -> tuple[Texts, np.ndarray]:
    """Texts with their codes moved up and a mark in front; without those that are `maxlen` long or longer."""
    head = [] if start_char is None else [start_char]
    texts = [[*head, *(word + (index_from or 0) for word in text)] for text in texts]
    if maxlen:
        kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
        texts, labels = [texts[i] for i in kept], labels[kept]
        if not texts:
            raise ValueError(f"no text is shorter than maxlen={maxlen}; raise it")
    return texts, labels


def limited(texts: Texts, num_words: int | None, skip_top: int, oov_char: int | None) -> Texts:
    """Texts of the words with codes from `skip_top` to below `num_words`, others left out or replaced."""
    most = num_words or max(max(text) for text in texts if text)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < most] for text in texts]
    return [[word if skip_top <= word < most else oov_char for word in text] for text in texts]


def ragged(texts: Texts) -> np.ndarray:
    """An array of lists."""
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made


def word_index(path: str | os.PathLike[str], name: str, checksum: str) -> dict[str, int]:
    """The codes of words."""
    with open(find(path, name, checksum), encoding="utf-8") as file:
        index: dict[str, int] = json.load(file)
    return index

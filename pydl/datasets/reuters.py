"""Newswires of Reuters in 46 topics, as codes of words."""

from __future__ import annotations

import os

import numpy as np

from pydl._base.args import real
from pydl.datasets import _ragged, _words
from pydl.datasets.digits import Split

CHECKSUM = "sha256:d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX_CHECKSUM = "md5:4d44cc38712099c9e383dc6e5f11a921"

_LABELS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton
    carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock
    retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Load 11,228 newswires in 46 topics; the rows of the two parts are those of Keras.

    Parameters
    ----------
    path : str or path-like
        A file, or the name of one in the folder that the environment variable PYDL_DATA_DIR names; where neither is
        there, the file is downloaded (2 MB) and kept under this name.
    test_split : float
        Share of the rows that are for tests.
    num_words, skip_top, maxlen, seed, start_char, oov_char, index_from
        As for `imdb.load_data`.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Arrays of lists of codes; numbers of topics, whose names `get_label_names` gives.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When a file is not what was published; when no newswire is short enough.
    """
    share = real("reuters", "test_split", test_split, at_least=0, below=1)
    arrays = _ragged.load(_words.find(path, "reuters.npz", CHECKSUM))
    texts, labels = _words.shuffled(arrays["x"], arrays["y"], np.random.RandomState(seed))
    texts, labels = _words.begun(texts, labels, start_char, index_from, maxlen)
    made = _words.ragged(_words.limited(texts, num_words, skip_top, oov_char))
    kept = int(len(made) * (1 - share))
    return (made[:kept], labels[:kept]), (made[kept:], labels[kept:])


def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """The codes of words, before `index_from` is added; the file comes from where that of `load_data` does."""
    return _words.word_index(path, "reuters_word_index.json", INDEX_CHECKSUM)


def get_label_names() -> tuple[str, ...]:
    """The names of the topics, by their numbers."""
    return tuple(_LABELS.split())

"""Film reviews of IMDB, good and bad, as codes of words."""

from __future__ import annotations

import os

import numpy as np

from pydl.datasets import _ragged, _words
from pydl.datasets.digits import Split

CHECKSUM = "sha256:69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_CHECKSUM = "md5:bfafd718b763782e994055a2d397834f"


def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Load 25,000 film reviews to train with and as many for tests; the rows of the two parts are those of Keras.

    Parameters
    ----------
    path : str or path-like
        A file, or the name of one in the folder that the environment variable PYDL_DATA_DIR names; where neither is
        there, the file is downloaded (17 MB) and kept under this name.
    num_words : int, optional
        Keep codes below this number: the more frequent a word, the lower its code. Default: all.
    skip_top : int
        Leave out codes below this number.
    maxlen : int, optional
        Leave out reviews of this length or longer.
    seed : int
        Of the order of the rows.
    start_char : int, optional
        What each review begins with.
    oov_char : int, optional
        What stands for words that are left out; None: nothing.
    index_from : int
        What is added to the codes of `get_word_index`.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Arrays of lists of codes; 1 for good reviews and 0 for bad ones.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When a file is not what was published; when no review is short enough.

    References
    ----------
    A. Maas et al.: Learning word vectors for sentiment analysis, ACL 2011.
    """
    arrays = _ragged.load(_words.find(path, "imdb.npz", CHECKSUM))
    generator = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        texts, labels = _words.shuffled(arrays[f"x_{part}"], arrays[f"y_{part}"], generator)
        parts.append(_words.begun(texts, labels, start_char, index_from, maxlen))
    (x, y), (x_test, y_test) = parts
    texts = _words.limited([*x, *x_test], num_words, skip_top, oov_char)
    return (_words.ragged(texts[: len(x)]), y), (_words.ragged(texts[len(x) :]), y_test)


def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """The codes of words, before `index_from` is added; the file comes from where that of `load_data` does."""
    return _words.word_index(path, "imdb_word_index.json", INDEX_CHECKSUM)

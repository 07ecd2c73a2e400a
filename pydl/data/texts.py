"""`pydl.utils.text_dataset_from_directory`: text files as batches, with Keras's arguments and Keras's order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl._base.args import one_of, optional_whole
from pydl.data.folders import UNREADABLE, content, opened
from pydl.data.labelled_files import LabelledFiles, from_directory

Array = NDArray[Any]

_OWNER = "text_dataset_from_directory"
_SUFFIXES = (".txt",)


class TextDataset(LabelledFiles):
    """Batches of text files, read while they are waited for; what `text_dataset_from_directory` returns.

    See `LabelledFiles` for what it has, and what can be done with it.
    """

    def __init__(self, path: Path, names: list[str], *, max_length: int | None, **labelled: Any) -> None:
        self.path, self.names, self.rows, self._zip = path, names, len(names), opened(path, "texts")
        self.max_length = max_length
        self._label(**labelled)

    def read(self, rows: Array) -> Array:
        texts = np.empty(len(rows), object)
        texts[:] = [self._text(self.names[i]) for i in rows]
        return texts

    def _text(self, name: str) -> str:
        try:
            return content(self.path, self._zip, name).decode("utf-8")[: self.max_length]
        except UnicodeDecodeError as error:
            raise ValueError(
                f'"{self.path}": "{name}" is not UTF-8 (byte {error.start}); save it as UTF-8, or leave it out'
            ) from None
        except UNREADABLE as error:
            raise ValueError(f'"{self.path}": "{name}" cannot be read: {error}') from None


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Text files below a folder, or in a zip archive, as batches for `fit`, `evaluate`, `predict` and `adapt`.

    A batch of texts is an array of str, as `TextVectorization` takes it: in a model, or before one by `map`::

        train = text_dataset_from_directory("aclImdb/train")
        words = pydl.layers.TextVectorization(max_tokens=20000, output_sequence_length=200)
        words.adapt(train.map(lambda texts, labels: texts))
        model.fit(train.map(lambda texts, labels: (words(texts), labels)))

    With a seed, files are parted and put in order as Keras does it.

    Parameters
    ----------
    directory : str or path-like
        A folder, a zip archive or a folder inside one. Files `.txt` in UTF-8 count, others do not.
    labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links, verbose
        As for `image_dataset_from_directory`.
    max_length : int, optional
        Cut texts off behind so many characters.
    format : str
        Taken because Keras takes it.

    Returns
    -------
    TextDataset, or a list of two for `subset="both"`.

    Raises
    ------
    FileNotFoundError
    ValueError
        Arguments that do not fit each other or the folder; no texts. Where a file is read later, one that is not UTF-8:
        the message names it.
    """
    length = optional_whole(_OWNER, "max_length", max_length)
    one_of(_OWNER, "format", format, ("tf", "grain"))

    def make(path: Path, names: list[str], **labelled: Any) -> TextDataset:
        return TextDataset(path, names, max_length=length, **labelled)

    return from_directory(
        make, _OWNER, _SUFFIXES, "texts", directory, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip

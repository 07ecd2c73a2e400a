"""TextVectorization: from texts to the codes of their words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pydl._base.args import one_of, optional_whole, whole
from pydl._base.frames import array_of_any
from pydl._engine.graph import Shape
from pydl.layers.lookup import StringLookup

Array = np.ndarray

_BLANKS = re.compile("[ \t\n\v\f\r]+")
_LOWER = {ord(c): c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_BARE = dict.fromkeys(map(ord, "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"), "")
_STANDARDS: dict[str, dict[int, str]] = {
    "lower_and_strip_punctuation": {**_LOWER, **_BARE}, "lower": _LOWER, "strip_punctuation": _BARE,
}  # fmt: skip


class TextVectorization(StringLookup):
    """Each text's tokens, as codes of a vocabulary, or counted.

    A text is made uniform, split into tokens, of which neighbours are joined, and these are looked up: code 0 is none
    (behind the end of a text), 1 is a token out of the vocabulary.

    Parameters
    ----------
    max_tokens : int, optional
        How many codes there may be, those two included; rare tokens are left out. Default: any number.
    standardize : {"lower_and_strip_punctuation", "lower", "strip_punctuation"}, callable or None
        Of ASCII letters and marks. A callable gets an array of str and returns one; a layer with it cannot be saved.
    split : {"whitespace", "character"}, callable or None
        A callable gets an array of str and returns a sequence of tokens for each. None: each text is a token.
    ngrams : int or tuple of int, optional
        Tokens of so many neighbours, joined by a space; an int stands for 1 up to it.
    output_mode : {"int", "multi_hot", "count", "tf_idf"}
        Codes, `(batch, tokens of the longest text)`; or a row per text, as `StringLookup` makes it.
    output_sequence_length : int, optional
        For "int": pad or cut each text to so many codes.
    pad_to_max_tokens : bool
        Make rows of `max_tokens` numbers, however many tokens there are.
    vocabulary, idf_weights : optional
        As for `StringLookup`; default: what `adapt` finds.
    sparse, ragged : bool
        Not available.
    encoding : {"utf-8"}
    name, dtype, trainable
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Array], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Array], Any] | None = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        owner = "TextVectorization"
        self.standardize = standardize if callable(standardize) else one_of(
            owner, "standardize", standardize, (*_STANDARDS, None))  # fmt: skip
        self.split = split if callable(split) else one_of(owner, "split", split, ("whitespace", "character", None))
        listed = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
        if listed is not None and not isinstance(listed, range | list | tuple):
            raise ValueError(f"{owner}: ngrams must be an integer, a tuple of integers or None, got {ngrams!r}")
        self.ngrams = ngrams
        self._widths = None if listed is None else [whole(owner, "ngrams", n, at_least=1) for n in listed]
        self.output_sequence_length = optional_whole(
            owner, "output_sequence_length", output_sequence_length, at_least=1
        )
        if ragged:
            raise ValueError(f"{owner}: ragged=True is not available, outputs are arrays; leave it out")
        self.ragged = False
        super().__init__(
            max_tokens, mask_token="", vocabulary=vocabulary, idf_weights=idf_weights, output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens, sparse=sparse, encoding=encoding, name=name, dtype=dtype,
            trainable=trainable,
        )  # fmt: skip
        if self.output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                f"{owner}: `output_sequence_length` must not be set if `output_mode` is not 'int', got {output_mode!r}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return super().compute_output_shape((input_shape[0], None))

    def update_state(self, data: Any) -> None:
        """Take note of more texts."""
        super().update_state(self._tokens_of(array_of_any(data)))

    def preprocess(self, x: Array) -> Array:
        y = super().preprocess(self._tokens_of(x if x.ndim else x.reshape(1)))
        n = self.output_sequence_length
        if n is not None:
            y = np.pad(y[:, :n], ((0, 0), (0, max(n - y.shape[1], 0))))
        return y if x.ndim else y[0]

    def _tokens_of(self, x: Array) -> Array:
        """The tokens of each text, "" behind the last one."""
        x = x.astype(str)
        if x.ndim > 1 and (x.shape[1:] != (1,) or self.split is None):
            if self.split is not None:
                raise ValueError(
                    f'TextVectorization "{self.name}": expected texts of shape (n,) or (n, 1), got {x.shape}'
                )
            rows: Iterable[Iterable[str]] = self._standard(x)
        else:
            rows = self._parts(self._standard(x.reshape(len(x))))
        joined = [self._neighbours([str(t) for t in row]) for row in rows]
        width = max((len(row) for row in joined), default=0)
        return np.array([[*row, *[""] * (width - len(row))] for row in joined], dtype=str).reshape(len(joined), width)

    def _standard(self, x: Array) -> Array:
        if self.standardize is None:
            return x
        if callable(self.standardize):
            return array_of_any(self.standardize(x))
        table = _STANDARDS[self.standardize]
        return np.array([text.translate(table) for text in x.ravel().tolist()], dtype=str).reshape(x.shape)

    def _parts(self, x: Array) -> Iterable[Iterable[str]]:
        if callable(self.split):
            return [array_of_any(row).ravel() for row in self.split(x)]
        texts = x.tolist()
        if self.split is None:
            return [[text] for text in texts]
        if self.split == "whitespace":  # of ASCII alone
            return [[token for token in _BLANKS.split(text) if token] for text in texts]
        return [list(text) for text in texts]

    def _neighbours(self, tokens: list[str]) -> list[str]:
        if self._widths is None:
            return tokens
        return [" ".join(tokens[i : i + n]) for n in self._widths for i in range(len(tokens) - n + 1)]

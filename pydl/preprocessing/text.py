"""Where Keras 2 had a tokenizer; `layers.TextVectorization` does this, and more, in a model."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

Words = str | Sequence[str]


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text: what stands between `split`, once that is in place of each character of `filters`."""
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(c): split for c in filters}).split(split) if word]


def one_hot(
    input_text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:  # fmt: skip
    """`hashing_trick` by Python's `hash`, which differs from process to process."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str, n: int, hash_function: Callable[[str], int] | str | None = None, filters: str = FILTERS,
    lower: bool = True, split: str = " ", analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:  # fmt: skip
    """The code of each word of a text, `hash(word) % (n - 1) + 1`: several words may share one.

    Parameters
    ----------
    text : str
    n : int
        Codes are 1 to n - 1.
    hash_function : callable, "md5" or None
        From a word to an int; "md5" is the same in every process, None is Python's `hash`, which is not.
    filters, lower, split
        As for `text_to_word_sequence`.
    analyzer : callable, optional
        From a text to its words, instead.
    """
    function: Any = hash if hash_function is None else _md5 if hash_function == "md5" else hash_function
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [int(function(word)) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Codes for the words of texts, frequent ones first; 0 is none, for padding.

    Parameters
    ----------
    num_words : int, optional
        Codes from this on are left out, or are that of `oov_token`. `word_index` has all words all the same.
    filters : str
        Characters that part words as `split` does.
    lower : bool
        Whether texts are in lower case.
    split : str
        What stands between words.
    char_level : bool
        Whether each character is a word.
    oov_token : str, optional
        What stands for words that `fit_on_texts` has not seen, with the code 1; else they are left out.
    analyzer : callable, optional
        From a text to its words, instead.

    Attributes
    ----------
    word_counts : dict of str to int
        How often each word was seen, in the order of its first time.
    word_docs, index_docs : dict
        In how many texts each word was, by word and by code.
    word_index, index_word : dict
        The code of each word, and the other way round.
    document_count : int
    """

    def __init__(
        self, num_words: int | None = None, filters: str = FILTERS, lower: bool = True, split: str = " ",
        char_level: bool = False, oov_token: str | None = None, analyzer: Callable[[str], list[str]] | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs.pop("nb_words", None)
        self.document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Tokenizer: Unrecognized keyword arguments: {', '.join(kwargs)}")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.index_docs: dict[int, int] = defaultdict(int)

    def _words(self, text: Words) -> Sequence[str]:
        if self.char_level or not isinstance(text, str):
            if not self.lower:
                return text
            return text.lower() if isinstance(text, str) else [word.lower() for word in text]
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Words]) -> None:
        """Count the words of texts, or of lists of words, beside those that were counted, and give them codes."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        frequent = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        listed = frequent if self.oov_token is None else [self.oov_token, *frequent]
        self.word_index = {}
        for word in listed:
            self.word_index.setdefault(word, 0)
        self.word_index = {word: i for i, word in enumerate(self.word_index, start=1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count the texts that codes are in, for "tfidf"."""
        for sequence in sequences:
            self.document_count += 1
            for code in set(sequence):
                self.index_docs[code] += 1

    def texts_to_sequences(self, texts: Iterable[Words]) -> list[list[int]]:
        """The codes of each text's words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Words]) -> Iterator[list[int]]:
        """The same, text by text."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            codes = (self._code(self.word_index.get(word), unknown) for word in self._words(text))
            yield [code for code in codes if code is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of codes, with blanks between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """The same, one by one."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for sequence in sequences:
            codes = (self._code(code if code in self.index_word else None, unknown) for code in sequence)
            yield " ".join(self.index_word[code] for code in codes if code is not None)

    def _code(self, code: int | None, unknown: int | None) -> int | None:
        return unknown if code is None or (self.num_words and code >= self.num_words) else code

    def texts_to_matrix(self, texts: Iterable[Words], mode: str = "binary") -> np.ndarray:
        """`sequences_to_matrix` of the codes of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """A row for each sequence, with a column for each code.

        Parameters
        ----------
        sequences : list of lists of int
        mode : {"binary", "count", "freq", "tfidf"}
            Whether it is there; how often; that, divided by the length; `(1 + log(count)) * log(1 + texts / (1 + texts
            that have it))`.

        Returns
        -------
        float64 array, shape (sequences, num_words or the number of words + 1)
        """
        one_of("Tokenizer", "mode", mode, ("binary", "count", "freq", "tfidf"))
        width = self.num_words or (len(self.word_index) + 1 if self.word_index else None)
        if width is None:
            raise ValueError("Tokenizer: Specify a dimension (`num_words` argument), or fit on some text data first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer: fit on texts, or sequences, before mode tfidf, which needs their counts")
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            for code, count in Counter(sequence).items():
                if code < width:
                    row[code] = self._entry(code, count, len(sequence), mode)
        return matrix

    def _entry(self, code: int, count: int, length: int, mode: str) -> float:
        if mode == "tfidf":
            others = np.log(1 + self.document_count / (1 + self.index_docs.get(code, 0)))
            return float((1 + np.log(count)) * others)
        return {"binary": 1.0, "count": float(count), "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """All there is, as plain JSON values; tables as JSON of their own."""
        plain = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {name: getattr(self, name) for name in plain} | {n: json.dumps(getattr(self, n)) for n in tables}

    def to_json(self, **kwargs: Any) -> str:
        """`get_config` as JSON, which `tokenizer_from_json` reads; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json`, or that of Keras, has written."""
    config = dict(json.loads(json_string)["config"])
    tables = {name: json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "word_index")}
    by_code = {name: json.loads(config.pop(name)) for name in ("index_docs", "index_word")}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts, tokenizer.word_index = tables["word_counts"], tables["word_index"]
    tokenizer.word_docs.update(tables["word_docs"])
    tokenizer.index_word = {int(code): word for code, word in by_code["index_word"].items()}
    tokenizer.index_docs.update({int(code): count for code, count in by_code["index_docs"].items()})
    return tokenizer

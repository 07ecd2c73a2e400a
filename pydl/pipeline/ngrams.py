"""From free text to numbers: hashed n-grams, weighted by how often they are in a text and how rare elsewhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Texts = Sequence[str | None] | NDArray[np.object_]  # None where missing

WORDS, CHARACTERS = "words", "characters"  # what n-grams are made of
LONGEST = {WORDS: 2, CHARACTERS: 4}  # how many of them an n-gram has at most
UNIT = 1 / 255  # of the numbers of `NGrams.transform`

_MOST = 4096  # n-grams of a column
_MOST_BYTES = 1 << 29  # of the prepared training rows: of many rows fewer n-grams
_FEWEST = 64
_SENTENCE = 5, 15  # words, or characters where no blanks are put
_LONG = 100_000  # characters of a text that are looked at
_CHUNK = 1 << 20  # characters to look at together, which bounds the memory
_BITS = 22  # of an n-gram's hash: two of a column's few thousand hardly ever share one
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_INVERSE = pow(_BASE, -1, 2**64)
_GAP, _PART, _WHOLE = range(3)  # characters between words, of words, and that are words by themselves
_UNSPACED = (  # scripts that put no blanks between words: Thai and Lao, Burmese, Khmer, Japanese, Chinese
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF),
)  # fmt: skip


class NGrams:
    r"""The n-grams that are in most texts of a column, as numbers.

    Texts are taken in small letters and compatible forms (NFKC), their first 100,000 characters. Words are what stands
    between characters that are neither letters nor digits; where a script puts no blanks between words, each character
    counts as one, and so does an emoji. An n-gram is a word or two words in a row or, of characters, one to four.

    Of the n-grams of a text, those in most texts of `fit` are kept, at most 4096 (of many rows fewer) and none that is
    in one text only, unless all are. With f the number of times that n-gram t is in a text and n(t) of N texts having
    it, its number is

    .. math:: (1 + \ln f) \left(1 + \ln \frac{1 + N}{1 + n(t)}\right)

    divided by the root of the sum of the squares of the text's numbers, in whole 255ths.

    Parameters
    ----------
    of : {"words", "characters"}
    places : ndarray of int, optional
        The hashes of the n-grams that are kept, the commonest first; else `fit` finds them.
    rarity : ndarray of float, optional
        The second factor above for each of them.

    References
    ----------
    K. Weinberger et al.: Feature Hashing for Large Scale Multitask Learning, ICML 2009.
    G. Salton, C. Buckley: Term-weighting approaches in automatic text retrieval, 1988.
    """

    def __init__(self, of: str, places: Array | None = None, rarity: Array | None = None) -> None:
        if of not in LONGEST:
            raise ValueError(f'NGrams: of: expected "{WORDS}" or "{CHARACTERS}", got {of!r}')
        self.of = of
        self._set(np.zeros(0, np.int64) if places is None else places, np.zeros(0) if rarity is None else rarity)

    @property
    def width(self) -> int:
        """How many n-grams are kept."""
        return len(self.places)

    def fit(self, texts: Texts) -> NGrams:
        """Find the n-grams that are in most of some texts."""
        counts = np.zeros(1 << _BITS, np.int64)
        for _, rows, _, grams in self._chunks(texts):
            of_text = np.sort(rows << _BITS | grams)  # np.unique takes many times as long
            once = np.concatenate([of_text[:1], of_text[1:][np.diff(of_text) > 0]])
            counts += np.bincount(once & (len(counts) - 1), minlength=len(counts))
        at_least = 2 if counts.max() > 1 else 1
        found = np.flatnonzero(counts >= at_least)
        most = min(_MOST, max(_FEWEST, _MOST_BYTES // max(1, len(texts))))
        found = found[np.argsort(-counts[found], kind="stable")[:most]]
        there = sum(text is not None for text in texts)
        self._set(found, 1 + np.log((1 + there) / (1 + counts[found])))
        return self

    def words(self, texts: Texts) -> Array:
        """How many words, or characters, each of some texts has: all, and those that are not kept."""
        words = np.zeros((len(texts), 2), np.int64)
        for first, rows, single, grams in self._chunks(texts, 1):
            self._count(words[first:], rows, self._columns(grams[:single]))
        return words

    def transform(self, texts: Texts) -> tuple[Array, Array]:
        """The numbers of some texts, in 255ths, and their `words`.

        Returns
        -------
        numbers : ndarray (texts, width) of uint8
            A text that is missing, or has no n-gram that is known, is 0 everywhere.
        words : ndarray (texts, 2)
        """
        numbers = np.zeros((len(texts), self.width), np.uint8)
        words = np.zeros((len(texts), 2), np.int64)
        for first, rows, single, grams in self._chunks(texts):
            columns = self._columns(grams)
            known = columns >= 0
            self._count(words[first:], rows[:single], columns[:single])
            if known.any():
                self._weigh(rows[known], columns[known], numbers[first:])
        return numbers, words

    def _count(self, words: Array, rows: Array, columns: Array) -> None:
        for place, counted in enumerate((rows, rows[columns < 0])):
            counts = np.bincount(counted)
            words[: len(counts), place] = counts

    def _weigh(self, rows: Array, columns: Array, numbers: Array) -> None:
        found, times = np.unique(rows * self.width + columns, return_counts=True)
        rows, columns = np.divmod(found, self.width)
        x = (1 + np.log(times)) * self.rarity[columns]
        squares = np.bincount(rows, x**2)
        numbers[rows, columns] = np.rint(x / np.sqrt(squares[rows]) / UNIT)

    def _set(self, places: Array, rarity: Array) -> None:
        self.places, self.rarity = np.asarray(places, np.int64), np.asarray(rarity, np.float64)
        if self.places.ndim != 1 or self.places.shape != self.rarity.shape:
            raise ValueError(
                f"NGrams: expected as many hashes as rarities, got {self.places.shape} and {self.rarity.shape}"
            )
        self._order = np.argsort(self.places)
        self._sorted = self.places[self._order]

    def _columns(self, grams: Array) -> Array:
        """The column of each n-gram, -1 for one that is not kept."""
        if not self.width:
            return np.full(len(grams), -1)
        at = np.searchsorted(self._sorted, grams).clip(max=self.width - 1)
        return np.where(self._sorted[at] == grams, self._order[at], -1)

    def _chunks(self, texts: Texts, longest: int | None = None) -> Iterator[tuple[int, Array, int, Array]]:
        """Some texts at a time: the first one's number, then of each n-gram its text, counted from there, and its hash.

        Between these two stands how many of the n-grams are of a single word: they come first. `longest` is how many
        words an n-gram has at most.
        """
        held: list[str] = []
        size = first = 0
        for i, text in enumerate(texts):
            held.append("" if text is None else _plain(text[:_LONG]))
            size += len(held[-1])
            if size >= _CHUNK or i == len(texts) - 1:
                rows, words = _tokens(held, self.of)
                yield first, *_grams(rows, words, longest or LONGEST[self.of])
                held, size, first = [], 0, i + 1


def made_of(texts: Sequence[str]) -> str:
    """What n-grams of some texts are best made of: characters, where most texts have no gap between words."""
    return CHARACTERS if (count_words(texts) < 2).mean() > 0.5 else WORDS


def are_sentences(texts: Sequence[str]) -> bool:
    """Whether texts are longer than names and places on average: 5 words with blanks between them, or 15 characters.

    The latter where most texts are in a script without blanks.
    """
    unspaced = sum(any(low <= ord(c) <= high for low, high in _UNSPACED for c in text) for text in texts)
    if unspaced > len(texts) / 2:
        return bool(count_words(texts).mean() >= _SENTENCE[1])
    blanks = np.mean([len(text.split()) - 1 for text in texts])
    return bool(blanks >= _SENTENCE[0] - 1 and count_words(texts).mean() >= _SENTENCE[0])


def described(of: str, count: int | None = None) -> str:
    """What is made of a text, in words; with the number of n-grams if that is known."""
    many = "most frequent" if count is None else f"{count:,} most frequent"
    what = "words and pairs of words" if of == WORDS else f"runs of up to {LONGEST[of]} characters"
    return f"its {many} {what}, by how often they occur in it and how rare they are"


def count_words(texts: Sequence[str]) -> Array:
    """How many words each of some texts has."""
    rows, _ = _tokens([_plain(text[:_LONG]) for text in texts], WORDS)
    return np.bincount(rows, minlength=len(texts))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _tokens(texts: Sequence[str], of: str) -> tuple[Array, Array]:
    """The text and the hash of each word, or character, in order."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    rows = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])[:-1]  # the last has no end of line
    if of == CHARACTERS:
        kinds = np.where(codes == ord("\n"), _GAP, _WHOLE)
    else:
        kinds = np.where(codes < len(_kinds()), _kinds()[np.minimum(codes, len(_kinds()) - 1)], _WHOLE)
    part = np.concatenate([[False], kinds == _PART, [False]])
    whole = kinds == _WHOLE
    begins = np.flatnonzero(whole | (part[1:-1] & ~part[:-2]))
    ends = np.flatnonzero(whole | (part[1:-1] & ~part[2:])) + 1
    with np.errstate(over="ignore"):  # a sum over its characters, each times a power of its place in the word
        sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum((codes + np.uint64(1)) * _powers(_BASE, len(codes)), out=sums[1:])
        return rows[begins], _mixed((sums[ends] - sums[begins]) * _powers(_INVERSE, len(codes))[begins])


def _grams(rows: Array, words: Array, longest: int) -> tuple[Array, int, Array]:
    """The texts, the number of single words and the hashes of all n-grams."""
    in_rows, hashes, gram = [rows], [words], words
    for n in range(1, longest):
        with np.errstate(over="ignore"):
            gram = _mixed(gram[:-1] * np.uint64(_BASE) + words[n:]) if len(gram) else gram
        together = rows[: len(gram)] == rows[n:]
        in_rows.append(rows[: len(gram)][together])
        hashes.append(gram[together])
    places = (np.concatenate(hashes) >> np.uint64(64 - _BITS)).astype(np.int64)
    return np.concatenate(in_rows), len(rows), places


def _powers(base: int, count: int) -> Array:
    """Powers of a number from the 0th on, modulo 2**64."""
    size = 1 << max(10, (count - 1).bit_length()) if count else 1
    return _all_powers(base, size)[:count]


@cache
def _all_powers(base: int, size: int) -> Array:
    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    with np.errstate(over="ignore"):
        return np.multiply.accumulate(factors)


def _mixed(x: Array) -> Array:
    """Numbers whose every bit depends on all bits of the given ones: the finalizer of SplitMix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))


@cache
def _kinds() -> Array:
    """What each character of the basic plane is; those beyond, rare ideographs and emoji, are words by themselves."""
    letters = [c.isalnum() or unicodedata.category(c).startswith("M") for c in map(chr, range(1 << 16))]
    kinds = np.where(letters, _PART, _GAP)
    for low, high in _UNSPACED:
        kinds[low : high + 1] *= _WHOLE
    return kinds

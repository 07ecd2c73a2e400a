"""Labels that have been learnt, found again where another program has written them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values

_WHOLE = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.0*)?|[1-9](?:\.\d+)?[eE]\+?\d{1,2})")
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d*)?")
_FEW = 8  # labels that are found faster one by one


class Levels:
    """Labels with a code each, their place in the order given.

    A label is itself first. One that is not known may be another writer's spelling of one that is: `94110.0` or
    `9.411e4` of `94110`; `0.50` of `0.5`, where all known ones are such numbers; `1234` of `01234`, where all known
    ones have five digits; `TRUE` or `1` of `yes`, where the known ones are a yes and a no. A spelling that two known
    labels could have means neither.

    Parameters
    ----------
    labels : sequence
        Different ones.
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        self.labels = list(labels)
        words = [str(label) for label in self.labels]
        self._index = pd.Index(words, dtype=object)
        self._places = {word: code for code, word in enumerate(words)}
        widths = {len(w) for w in words if w.isdecimal()}
        padded = len(widths) == 1 and all(map(str.isdecimal, words)) and any(w[0] == "0" for w in words)
        self._width = widths.pop() if padded else 0
        self._decimals = all(_DECIMAL.fullmatch(w) and values.label(float(w)) == w for w in words)
        self._flags = values.are_flags(words) and len(words) == 2
        alike: dict[str, int] = {}
        for code, word in enumerate(words):
            spelt = self._spelling(word)
            alike[spelt] = -1 if spelt in alike else code
        self._alike = alike

    def __len__(self) -> int:
        return len(self.labels)

    def codes(self, found: NDArray[np.object_]) -> NDArray[np.intp]:
        """The code of each label, -1 for one that is not known or None."""
        if len(found) <= _FEW:
            return np.array([-1 if v is None else self._code(str(v)) for v in found], np.intp)
        places, words = pd.factorize(found)
        codes = np.append(self._index.get_indexer(pd.Index(words, dtype=object)), -1)
        for i in np.flatnonzero(codes[:-1] < 0):
            codes[i] = self._alike.get(self._spelling(str(words[i])), -1)
        return codes[places].astype(np.intp)

    def _code(self, word: str) -> int:
        return self._places[word] if word in self._places else self._alike.get(self._spelling(word), -1)

    def _spelling(self, word: str) -> str:
        """What a label and its other spellings have in common."""
        if self._flags and word.lower() in values.YES | values.NO:
            return "yes" if word.lower() in values.YES else "no"
        if _WHOLE.fullmatch(word) and (value := float(word)).is_integer() and abs(value) < values.WHOLE:
            return str(int(value)).zfill(self._width)
        if self._decimals and _DECIMAL.fullmatch(word):
            return values.label(float(word))
        return word

"""What a layer that looks tokens up knows of them, and has seen of data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


class Table(NamedTuple):
    """The tokens in the order of their codes, their codes, and the weights of all codes for "tf_idf"."""

    tokens: tuple[Any, ...] = ()
    codes: Mapping[Any, int] = {}
    idf: Array | None = None


class Seen:
    """What was seen of data to adapt to: how often each token occurs, in how many samples, and how many these are."""

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.samples = 0

"""The random words behind dropout: known answers, rates, and independence of how the work is split."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pydl import _core
from tests.specs.norms import philox, random_words

isas = pytest.mark.parametrize("isa", _core.isas())


def kept(
    B: int, O: int, rate: float, *, isa: str, nth: int = 1, dtype: str = "float32", stream: int = 0, **step: int
) -> NDArray:
    """Which elements a dropout layer keeps."""
    x, y = np.ones((B, O), dtype), np.full((B, O), np.nan, dtype)
    _core.call("dropout", dtype=dtype, isa=isa, nth=nth, x=x, y=y, B=B, O=O, stream=stream, rate=rate, step=step)
    return y != 0


def test_reference_knows_the_published_answers() -> None:
    """Known answers of Philox4x32-10 in Random123; the third counter is no first block of a draw."""
    assert random_words(4, 0, 0, 0).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([2**32 - 1] * 4, [2**32 - 1] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0]
    assert philox(pi[:4], pi[4:]) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def word(i: int, seed: int, stream: int, count: int, isa: str) -> int:
    """Word i of a draw, as the kernel has it: the largest rate, in steps of 2^-32, at which the element is kept."""
    low, high = 0, 2**32 - 1
    while low < high:
        middle = (low + high + 1) // 2
        if kept(1, i + 1, middle / 2**32, isa=isa, stream=stream, seed=seed, count=count)[0, i]:
            low = middle
        else:
            high = middle - 1
    return low


@isas
def test_kernel_draws_the_published_words(isa: str) -> None:
    """Key 0, counter 0 of Philox4x32-10 in the known-answer file of Random123."""
    assert [word(i, 0, 0, 0, isa) for i in range(4)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@isas
def test_kernel_uses_every_bit_of_key_and_counter(isa: str) -> None:
    for seed, stream, count in (
        (1, 0, 0),
        (1 << 40, 0, 0),
        (0, 7, 0),
        (0, 0, 9),
        (0, 0, 1 << 40),
        (2**64 - 1, 5, 2**64 - 1),
    ):
        assert word(66, seed, stream, count, isa) == random_words(67, seed, stream, count)[66]


@isas
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate(rate: float, dtype: str, isa: str) -> None:
    B, O = 500, 400
    keep = kept(B, O, rate, isa=isa, dtype=dtype, seed=11, count=3)
    sigma = np.sqrt(rate * (1 - rate))
    assert abs(keep.mean() - (1 - rate)) < 4 * sigma / np.sqrt(B * O)
    assert np.abs(keep.mean(0) - (1 - rate)).max() < 5 * sigma / np.sqrt(B), "a column is favoured"
    assert np.abs(keep.mean(1) - (1 - rate)).max() < 5 * sigma / np.sqrt(O), "a row is favoured"


@isas
def test_streams_seeds_and_steps_are_independent(isa: str) -> None:
    draws = [
        kept(100, 100, 0.5, isa=isa, stream=stream, seed=seed, count=count)
        for stream, seed, count in ((0, 1, 1), (1, 1, 1), (0, 2, 1), (0, 1, 2))
    ]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert abs((a == b).mean() - 0.5) < 4 * 0.5 / 100


@isas
@pytest.mark.parametrize("nth", [2, 3, 7])
def test_the_split_changes_nothing(nth: int, isa: str) -> None:
    draw = {"stream": 4, "seed": 9, "count": 2}
    whole = kept(37, 23, 0.5, isa="baseline", **draw)
    assert (kept(37, 23, 0.5, isa=isa, nth=nth, **draw) == whole).all()
    assert (kept(11, 23, 0.5, isa=isa, nth=nth, **draw) == whole[:11]).all(), "a shorter batch draws other words"


@isas
def test_rate_zero_copies_and_rate_one_drops_all(isa: str) -> None:
    assert kept(50, 50, 0.0, isa=isa, seed=1).all()
    assert not kept(50, 50, 1.0, isa=isa, seed=1).any()


@isas
def test_dropped_elements_are_zero_whatever_they_were(isa: str) -> None:
    x = np.full((20, 20), np.nan, "float32")
    y = np.ones_like(x)
    _core.call("dropout", dtype="float32", isa=isa, x=x, y=y, B=20, O=20, rate=0.5, step={"seed": 1})
    assert set(np.unique(y[~np.isnan(y)])) == {0.0}
    assert 100 < np.isnan(y).sum() < 300

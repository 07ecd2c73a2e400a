"""Lookups, text and hashes on arrays: values by hand, what is learnt, what is saved, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._base.hashes import farmhash64, siphash

TEXT = "The quick brown fox jumps over the lazy dog. " * 5
WORDS = [["b", "a", "b"], ["c", "b", "a"]]


def again(layer: Any) -> Any:
    """A copy through JSON, as a file makes it."""
    return L.deserialize(json.loads(json.dumps(L.serialize(layer))))


# -- hashes -----------------------------------------------------------------------------------------------------------


# By pyfarmhash 0.5.1, which is Google's own code; each branch on the length, at its ends.
@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, 11160318154034397263),
        (1, 1366698271136253306),
        (3, 9622071900453499901),
        (5, 8805132910519014279),
        (8, 5102859526078303239),
        (16, 4320848957565769301),
        (17, 14385391840113208765),
        (32, 13139644296358924898),
        (33, 17464935208016327638),
        (64, 10142713867129616544),
        (65, 8330986144681106620),
        (128, 6548702730867532314),
        (129, 18093668623211604690),
        (200, 640913882323733241),
    ],
)
def test_farmhash(n: int, expected: int) -> None:
    assert farmhash64(TEXT[:n].encode()) == expected


def test_siphash_of_its_paper() -> None:
    key = bytes(range(16))
    halves = (int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little"))
    assert siphash(bytes(range(15)), halves) == 0xA129CA6149BE45E5


def test_hashing_gives_the_bins_of_tensorflow() -> None:
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
    np.testing.assert_array_equal(L.Hashing(3)(letters), [[1], [0], [1], [1], [2]])
    np.testing.assert_array_equal(L.Hashing(3, salt=133)(letters), [[0], [0], [2], [1], [0]])
    np.testing.assert_array_equal(L.Hashing(3, salt=(133, 137))(letters), [[1], [2], [1], [0], [2]])
    for numbers in ([0, 1, 2, 3, 4], np.arange(5.0) + 0.25):
        np.testing.assert_array_equal(L.Hashing(3)(numbers), [1, 0, 1, 0, 2])


def test_hashing_with_a_mask_and_encoded() -> None:
    layer = L.Hashing(3, mask_value="")
    np.testing.assert_array_equal(layer(["A", "B", "", "C"]), [1, 1, 0, 2])
    np.testing.assert_array_equal(L.Hashing(1, mask_value="")(["A", ""]), [0, 0])
    rows = L.Hashing(3, output_mode="count")([["A", "C"], ["A", "B"]])
    np.testing.assert_array_equal(rows, [[0, 2, 0], [1, 1, 0]])
    assert rows.dtype == np.float32
    copy = again(L.Hashing(7, "x", (1, 2), name="h"))
    assert (copy.num_bins, copy.mask_value, copy.salt, copy.name) == (7, "x", [1, 2], "h")


# -- vocabularies -----------------------------------------------------------------------------------------------------


def test_crossed_columns_have_the_bins_of_keras() -> None:
    letters, numbers = np.array(list("ABABA")), np.array([101, 101, 101, 102, 102])
    crossing = L.HashedCrossing(5)
    np.testing.assert_array_equal(crossing((letters, numbers)), [1, 4, 1, 1, 3])
    np.testing.assert_array_equal(crossing([letters[:, None], numbers[:, None]]), [[1], [4], [1], [1], [3]])
    np.testing.assert_array_equal(L.HashedCrossing(5, "one_hot")([letters, numbers]), np.eye(5)[[1, 4, 1, 1, 3]])
    bins = L.HashedCrossing(2**20)([letters, -numbers, letters[::-1]])
    assert len(set(bins.tolist())) == len({*zip(letters, numbers, letters[::-1], strict=True)}) == 4
    x, y = pydl.Input((1,), dtype="string"), pydl.Input((1,), dtype="int64")
    model = pydl.Model([x, y], again(L.HashedCrossing(5, "one_hot"))([x, y]))
    given = [letters[:, None], numbers[:, None]]
    np.testing.assert_array_equal(model.predict(given), np.eye(5)[[1, 4, 1, 1, 3]])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (np.array(["A"]), "at least two inputs"),
        ([np.array(["A"])], "at least two inputs"),
        ([np.ones((2, 2), int), np.ones((2, 2), int)], r"\(batch,\) or \(batch, 1\)"),
        ([np.array(["A"]), np.array([[1]])], "all the same"),
        ([np.array(["A"]), np.array([1.0])], "integer or string dtype, got float64"),
    ],
)
def test_what_cannot_be_crossed(columns: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        L.HashedCrossing(3)(columns)


def test_a_vocabulary_has_frequent_tokens_first() -> None:
    layer = L.StringLookup()
    layer.adapt(WORDS)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "c"]
    assert layer.vocabulary_size() == 4
    assert layer.get_vocabulary(include_special_tokens=False) == ["b", "a", "c"]
    codes = layer([["a", "z"], ["b", "c"]])
    np.testing.assert_array_equal(codes, [[2, 0], [1, 3]])
    assert codes.dtype == np.int64


def test_equal_counts_go_by_the_token_from_the_end() -> None:
    layer = L.StringLookup()
    layer.adapt(["a", "c", "b"])
    assert layer.get_vocabulary() == ["[UNK]", "c", "b", "a"]
    numbers = L.IntegerLookup()
    numbers.adapt([5, 12, 100, 12])
    assert numbers.get_vocabulary() == [-1, 12, 100, 5]


@pytest.mark.parametrize("data", [np.array(WORDS), WORDS, np.array(WORDS, dtype=object), np.array(WORDS, dtype="S")])
def test_it_adapts_to_whatever_holds_tokens(data: Any) -> None:
    layer = L.StringLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "c"]


def test_it_adapts_to_batches() -> None:
    layer = L.StringLookup()
    layer.adapt(np.array(row) for row in WORDS)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "c"]
    layer.adapt((np.array(row) for row in [["z"], ["y"], ["x"]]), steps=1)
    assert layer.get_vocabulary() == ["[UNK]", "z"]


def test_rare_tokens_are_left_out() -> None:
    layer = L.StringLookup(max_tokens=3)
    layer.adapt(WORDS)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


def test_mask_and_several_codes_for_the_unknown() -> None:
    layer = L.StringLookup(num_oov_indices=2, mask_token="", vocabulary=["a", "b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "[UNK]", "a", "b"]
    np.testing.assert_array_equal(layer(["", "a", "b"]), [0, 3, 4])
    np.testing.assert_array_equal(layer(["A", "B"]), [1 + farmhash64(t) % 2 for t in (b"A", b"B")])
    numbers = L.IntegerLookup(num_oov_indices=3, vocabulary=[10, 20])
    np.testing.assert_array_equal(numbers([10, 20, 7, 8, -1]), [3, 4, 1, 2, 2])


def test_what_is_unknown_is_an_error_where_it_has_no_code() -> None:
    layer = L.IntegerLookup(num_oov_indices=0, vocabulary=[3, 5])
    np.testing.assert_array_equal(layer(np.array([5, 3])), [1, 0])
    with pytest.raises(ValueError, match=r"not in the vocabulary: \[4\]"):
        layer([4])


def test_output_modes() -> None:
    rows = [["a", "b", "a"], ["c", "z", "z"]]
    expected = {
        "multi_hot": [[0, 1, 1, 0], [1, 0, 0, 1]],
        "count": [[0, 2, 1, 0], [2, 0, 0, 1]],
    }
    for mode, values in expected.items():
        out = L.StringLookup(vocabulary=["a", "b", "c"], output_mode=mode)(rows)
        np.testing.assert_array_equal(out, values)
        assert out.dtype == np.float32
    one_hot = L.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    np.testing.assert_array_equal(one_hot(["b", "z"]), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(one_hot([["b"], ["z"]]), [[0, 0, 1], [1, 0, 0]])
    assert one_hot.compute_output_shape((None, 4)) == (None, 4, 3)
    padded = L.StringLookup(5, vocabulary=["a"], output_mode="count", pad_to_max_tokens=True)
    np.testing.assert_array_equal(padded([["a", "z"]]), [[1, 1, 0, 0, 0]])
    assert padded.compute_output_shape((None, 2)) == (None, 5)
    masked = L.StringLookup(mask_token="", vocabulary=["a"], output_mode="count")
    np.testing.assert_array_equal(masked([["a", "", "z"]]), [[1, 1]])


def test_tf_idf() -> None:
    """A token in k of n samples weighs log(1 + n / (1 + k)); the unknown weighs the mean."""
    layer = L.StringLookup(output_mode="tf_idf")
    layer.adapt(WORDS)
    known = np.log(1 + 2 / (1 + np.array([2, 2, 1])))
    out = layer([["b", "b", "z"], ["c", "a", "a"]])
    np.testing.assert_allclose(out, [[known.mean(), 2 * known[0], 0, 0], [0, 0, 2 * known[1], known[2]]], rtol=1e-6)
    np.testing.assert_array_equal(again(layer)([["b", "a"]]), layer([["b", "a"]]))
    given = L.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 1.5], output_mode="tf_idf")
    np.testing.assert_array_equal(given([["b", "z", "b"]]), [[1.0, 0, 3.0]])


def test_from_codes_to_tokens() -> None:
    layer = L.StringLookup(vocabulary=["a", "b"], invert=True)
    np.testing.assert_array_equal(layer([[1, 2], [0, 9]]), [["a", "b"], ["[UNK]", "[UNK]"]])
    numbers = L.IntegerLookup(vocabulary=[7, 9], mask_token=0, invert=True)
    np.testing.assert_array_equal(numbers([0, 1, 2, 3]), [0, -1, 7, 9])
    there = L.StringLookup(vocabulary=layer.get_vocabulary())
    np.testing.assert_array_equal(layer(there(["b", "a"])), ["b", "a"])


def test_a_vocabulary_from_a_file_becomes_part_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("a\nb\n")
    layer = L.StringLookup(vocabulary=str(tmp_path / "v.txt"))
    np.testing.assert_array_equal(layer(["b"]), [2])
    config = layer.get_config()
    assert config["vocabulary"] == ["a", "b"]
    with pytest.raises(ValueError, match="not a path"):
        L.deserialize({"class_name": "StringLookup", "config": {**config, "vocabulary": "/etc/passwd"}})


@pytest.mark.parametrize("kind", [L.StringLookup, L.IntegerLookup])
def test_what_was_learnt_is_saved(kind: Any) -> None:
    layer = kind(num_oov_indices=2)
    layer.adapt([3, 1, 3, 2])
    copy = again(layer)
    assert copy.get_vocabulary() == layer.get_vocabulary()
    np.testing.assert_array_equal(copy([1, 2, 3, 4]), layer([1, 2, 3, 4]))
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: L.StringLookup(vocabulary=["a", "b", "a"]), ValueError, r"repeated: \['a'\]"),
        (lambda: L.StringLookup(vocabulary=["a", ""], mask_token=""), ValueError, "reserved"),
        (lambda: L.StringLookup(2, vocabulary=["a", "b"]), ValueError, "max_tokens=2"),
        (lambda: L.StringLookup(1), ValueError, "max_tokens"),
        (lambda: L.StringLookup(invert=True, output_mode="count"), ValueError, "invert"),
        (lambda: L.StringLookup(vocabulary=["a"], output_mode="tf_idf"), ValueError, "idf_weights"),
        (lambda: L.StringLookup(vocabulary=[]), ValueError, "one token at least"),
        (lambda: L.StringLookup(output_mode="some"), ValueError, "output_mode"),
        (lambda: L.StringLookup(sparse=True), ValueError, "sparse"),
        (lambda: L.StringLookup(pad_to_max_tokens=True), ValueError, "max_tokens"),
        (lambda: L.IntegerLookup(salt=1), ValueError, "farmhash"),
        (lambda: L.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "StringLookup"),
        (lambda: L.StringLookup(vocabulary=["a"]).adapt(["a"]), ValueError, "was given"),
        (lambda: L.StringLookup(output_mode="count")([["a"]]), RuntimeError, "adapt"),
        (lambda: L.Hashing(0), ValueError, "num_bins"),
        (lambda: L.Hashing(3, salt="s"), ValueError, "salt"),
        (lambda: L.Hashing(3, dtype="float32"), ValueError, "dtype"),
        (lambda: L.TextVectorization(ngrams="2"), ValueError, "ngrams"),
        (lambda: L.TextVectorization(ragged=True), ValueError, "ragged"),
        (lambda: L.TextVectorization(output_mode="count", output_sequence_length=3), ValueError, "sequence_length"),
        (lambda: L.TextVectorization(vocabulary=["a"])([["a", "b"]]), ValueError, r"\(n, 1\)"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


# -- text -------------------------------------------------------------------------------------------------------------


def test_texts_become_codes_of_their_words() -> None:
    layer = L.TextVectorization()
    layer.adapt(["The cat, the dog!", "A cat."])
    assert layer.get_vocabulary() == ["", "[UNK]", "the", "cat", "dog", "a"]
    np.testing.assert_array_equal(layer(["the Cat sat", "(dog)"]), [[2, 3, 1], [4, 0, 0]])
    np.testing.assert_array_equal(layer([["the cat sat"], ["dog"]]), [[2, 3, 1], [4, 0, 0]])
    np.testing.assert_array_equal(layer("a dog"), [5, 4])
    np.testing.assert_array_equal(again(layer)(["the dog"]), layer(["the dog"]))


def test_texts_of_one_length() -> None:
    layer = L.TextVectorization(output_sequence_length=3, vocabulary=["x", "y"])
    np.testing.assert_array_equal(layer(["x", "y x y x"]), [[2, 0, 0], [3, 2, 3]])
    assert layer.compute_output_shape((None,)) == (None, 3)


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, ["it", "is", "its"]),
        ({"standardize": "lower"}, ["it", "is", "it's!"]),
        ({"standardize": "strip_punctuation"}, ["It", "is", "its"]),
        ({"standardize": None}, ["It", "is", "it's!"]),
        ({"standardize": np.char.upper}, ["IT", "IS", "IT'S!"]),
        ({"split": None}, ["it is its"]),
        ({"split": lambda x: [t.split("i") for t in x.tolist()]}, ["t ", "s ", "ts"]),
        ({"ngrams": 2}, ["it", "is", "its", "it is", "is its"]),
        ({"ngrams": (2,)}, ["it is", "is its"]),
    ],
)
def test_standards_splits_and_neighbours(options: Any, tokens: list[str]) -> None:
    layer = L.TextVectorization(**options)
    layer.adapt(["It is it's!"])
    assert sorted(layer.get_vocabulary()[2:]) == sorted(tokens)


def test_characters_and_counts_of_words() -> None:
    letters = L.TextVectorization(split="character", vocabulary=["a", "b"])
    np.testing.assert_array_equal(letters(["Abc"]), [[2, 3, 1]])
    counts = L.TextVectorization(output_mode="count", vocabulary=["x", "y"])
    np.testing.assert_array_equal(counts(["x z x", "y"]), [[1, 2, 0], [0, 0, 1]])
    assert counts.compute_output_shape((None,)) == (None, 3)


def test_tokens_are_parted_at_blanks_of_ascii() -> None:
    """Others, as between words of web pages, belong to tokens, as in Keras."""
    layer = L.TextVectorization(vocabulary=["a", "b"])
    np.testing.assert_array_equal(layer(["a\xa0b", "a\x85 b", " a\t\x0b\nb "]), [[1, 0], [1, 3], [2, 3]])

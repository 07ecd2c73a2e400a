"""The tokenizer and the helpers for sequences of Keras 2; values are those of Keras 3.15.1's own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pydl import utils
from pydl.preprocessing import sequence, text

TEXTS = ["The cat sat on the mat.", "the dog, the cat!", "It's a DOG"]


def fitted(**options: Any) -> text.Tokenizer:
    tokenizer = text.Tokenizer(**options)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words() -> None:
    assert text.text_to_word_sequence("A b,c--d") == ["a", "b", "c", "d"]
    assert text.text_to_word_sequence("A|b|c d", filters="!", split="|", lower=False) == ["A", "b", "c d"]
    assert text.hashing_trick("the cat sat on the mat", 20, "md5") == [17, 4, 13, 16, 17, 9]
    assert text.one_hot("a b a", 50)[0] == text.hashing_trick("a", 50)[0]
    assert text.hashing_trick("a-b", 9, len, analyzer=lambda t: t.split("-")) == [2, 2]


def test_codes() -> None:
    tokenizer = fitted(oov_token="<OOV>")
    order = ["<OOV>", "the", "cat", "dog", "sat", "on", "mat", "it's", "a"]
    assert list(tokenizer.word_index) == order
    assert tokenizer.word_counts == {"the": 4, "cat": 2, "sat": 1, "on": 1, "mat": 1, "dog": 2, "it's": 1, "a": 1}
    assert (tokenizer.word_docs["the"], tokenizer.document_count) == (2, 3)
    assert tokenizer.texts_to_sequences(["the bird sat", ["The", "CAT"]]) == [[2, 1, 5], [2, 3]]
    assert tokenizer.sequences_to_texts([[2, 3, 99]]) == ["the cat <OOV>"]
    few = fitted(num_words=3)
    assert few.texts_to_sequences(["the dog saw the cat"]) == [[1, 1, 2]]
    assert len(few.word_index) == 8
    assert fitted(char_level=True).texts_to_sequences(["tea"])[0] == [
        fitted(char_level=True).word_index[letter] for letter in "tea"
    ]
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    assert again.get_config() == tokenizer.get_config()
    assert json.loads(tokenizer.to_json())["class_name"] == "Tokenizer"


def test_matrices() -> None:
    tokenizer = fitted(num_words=4)
    np.testing.assert_array_equal(tokenizer.texts_to_matrix(["the the dog"], "count"), [[0, 2, 0, 1]])
    np.testing.assert_array_equal(tokenizer.texts_to_matrix(["the the dog"]), [[0, 1, 0, 1]])
    np.testing.assert_allclose(tokenizer.texts_to_matrix(["the the dog"], "freq"), [[0, 2 / 3, 0, 1 / 3]])
    np.testing.assert_allclose(
        tokenizer.texts_to_matrix(["the the dog", ""], "tfidf"),
        [[0, (1 + np.log(2)) * np.log(2), 0, np.log(2)], [0, 0, 0, 0]],
    )
    with pytest.raises(ValueError, match="Specify a dimension"):
        text.Tokenizer().texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="before mode tfidf"):
        text.Tokenizer(num_words=3).texts_to_matrix(["a"], "tfidf")
    with pytest.raises(ValueError, match="`mode`"):
        tokenizer.texts_to_matrix(["a"], "counts")
    with pytest.raises(TypeError, match="Unrecognized keyword arguments: words"):
        text.Tokenizer(words=3)


def test_pairs_of_words() -> None:
    near, labels = sequence.skipgrams([1, 2, 3, 0, 4, 5], 9, window_size=2, negative_samples=0, shuffle=False)
    assert near == [[1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2], [3, 4], [4, 3], [4, 5], [5, 4]]
    assert labels == [1] * 10
    pairs, labels = sequence.skipgrams([1, 2, 3], 9, window_size=1, categorical=True, seed=0)
    assert sorted(map(tuple, labels)) == [(0, 1)] * 4 + [(1, 0)] * 4
    assert [label == [0, 1] for label in labels].count(True) == 4
    assert all(pair in ([1, 2], [2, 1], [2, 3], [3, 2]) for pair, y in zip(pairs, labels, strict=True) if y == [0, 1])
    table = sequence.make_sampling_table(5000)
    np.testing.assert_allclose(table[[0, 1, 4999]], [0.00315225, 0.00315225, 0.67425049], rtol=1e-5)


def test_windows_of_a_series() -> None:
    data = np.arange(50).reshape(50, 1)
    windows = sequence.TimeseriesGenerator(data, data * 2, length=10, sampling_rate=2, batch_size=2)
    assert len(windows) == 20
    x, y = windows[0]
    np.testing.assert_array_equal(x[..., 0], [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]])
    np.testing.assert_array_equal(y, [[20], [22]])
    backwards = sequence.TimeseriesGenerator(data, data, length=3, stride=2, batch_size=4, reverse=True)
    np.testing.assert_array_equal(backwards[0][0][:2, :, 0], [[2, 1, 0], [4, 3, 2]])
    assert sum(len(backwards[i][1]) for i in range(len(backwards))) == 24
    utils.set_random_seed(1)
    one = sequence.TimeseriesGenerator(data, data, length=3, shuffle=True, batch_size=8)[0][1]
    utils.set_random_seed(1)
    other = sequence.TimeseriesGenerator(data, data, length=3, shuffle=True, batch_size=8)[0][1]
    np.testing.assert_array_equal(one, other)
    assert one.min() >= 3
    with pytest.raises(ValueError, match="a target for each step, got 50 steps and 49"):
        sequence.TimeseriesGenerator(data, data[1:], length=3)
    with pytest.raises(ValueError, match="no window of length 60"):
        sequence.TimeseriesGenerator(data, data, length=60)

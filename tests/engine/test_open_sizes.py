"""Sizes that are None beyond the batch are bound by the data, program by program."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.golden import GOLDEN

Array = np.ndarray[Any, Any]
LENGTHS = GOLDEN["lengths"]


class Batches(pydl.utils.PyDataset):
    """Batches of differing lengths, in order."""

    def __init__(self, batches: list[tuple[Array, Array]]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return self.batches[i]


@pytest.mark.parametrize("mask_zero", [False, True])
def test_figures_over_batches_of_differing_lengths(mask_zero: bool) -> None:
    """As Keras counts: a batch weighs as much as it has rows, however long they are."""
    model = pydl.Sequential([pydl.Input((None,)), L.Embedding(5, 2, mask_zero=mask_zero), L.Dense(1)])
    model.set_weights([np.array(w, np.float32) for w in LENGTHS["init"]])
    model.compile(pydl.optimizers.SGD(0.1), "mse", ["mae"])
    data = Batches([(np.array(x), np.array(y, np.float32)) for x, y in LENGTHS["batches"]])
    case = LENGTHS["cases"][f"mask_zero={mask_zero}"]
    assert model.evaluate(data, verbose=0, return_dict=True) == pytest.approx(case["evaluate"], rel=1e-5)
    history = model.fit(data, shuffle=False, verbose=0).history
    assert history["loss"][0] == pytest.approx(case["fit_loss"], rel=1e-5)
    for got, wanted in zip(model.get_weights(), case["weights_after_fit"], strict=True):
        np.testing.assert_allclose(got, np.array(wanted), 1e-5, 1e-6)


def test_a_program_for_each_length_and_a_bound_on_them() -> None:
    model = pydl.Sequential([pydl.Input((None, 3)), L.Dense(4, "tanh"), L.GlobalAveragePooling1D(), L.Dense(1)])
    x = np.random.default_rng(0).normal(size=(6, 40, 3)).astype(np.float32)
    expected = [model.predict(x[:, :n]) for n in range(1, 41)]
    (workspace,) = model._runner.programs._free
    assert len(workspace.programs) == workspace.LIMIT
    for n, y in enumerate(expected, start=1):
        np.testing.assert_array_equal(model.predict(x[:, :n]), y)
        np.testing.assert_array_equal(model(x[:2, :n]), y[:2])


def test_shapes_and_what_does_not_fit() -> None:
    x = pydl.Input((None,))
    h = L.Dense(5)(L.Embedding(9, 4)(x))
    assert h.shape == (None, None, 5)
    model = pydl.Model(x, h)
    assert model.predict(np.ones((2, 3))).shape == (2, 3, 5)
    with pytest.raises(ValueError, match=r"expected \(batch, None\), got \(2, 3, 2\)"):
        model.predict(np.ones((2, 3, 2)))
    with pytest.raises(ValueError, match=r"expected \(batch, None\), got \(2, 0\)"):
        model.predict(np.ones((2, 0)))
    with pytest.raises(ValueError, match=r"differing shapes, \[\(3, 5\), \(4, 5\)\].* one length at a time"):
        model.predict(iter([np.ones((2, 3)), np.ones((2, 4))]))
    with pytest.raises(ValueError, match=r"Dense .* last size known in advance, got \(None, None\)"):
        L.Dense(1)(L.Flatten()(h))
    with pytest.raises(ValueError, match=r"are open; say which, as in input_shape=\(None, 20\)"):
        model.plan(4)
    assert "(4, 7, 5)" in str(model.plan(4, input_shape=(None, 7)))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"expected shape \(batch, 3, 5\), got \(2, 4, 5\)"):
        model.evaluate(np.ones((2, 3)), np.ones((2, 4, 5)))


def test_views_of_open_sizes() -> None:
    x = pydl.Input((None, 4))
    flat, pairs, fixed = L.Flatten()(x), L.Reshape((-1, 2))(x), L.Reshape((3, 4))(x)
    assert (flat.shape, pairs.shape, fixed.shape) == ((None, None), (None, None, 2), (None, 3, 4))
    model = pydl.Model(x, [flat, L.Dense(3)(pairs)])
    for n in (2, 5):
        data = np.random.default_rng(n).normal(size=(3, n, 4)).astype(np.float32)
        rows, both = model.predict(data)
        np.testing.assert_array_equal(rows, data.reshape(3, -1))
        again = model.predict(data.reshape(1, -1, 4))[1]
        np.testing.assert_array_equal(both.reshape(again.shape), again)
    with pytest.raises(ValueError, match=r"cannot show 8 elements per row as \(3, 4\)"):
        pydl.Model(x, fixed).predict(np.ones((1, 2, 4)))


def test_files_keep_open_sizes(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((None,)), L.Embedding(9, 4, mask_zero=True), L.GlobalAveragePooling1D()])
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.inputs[0].shape == (None, None)
    for n in (3, 8):
        codes = np.random.default_rng(n).integers(0, 9, (4, n))
        np.testing.assert_array_equal(again.predict(codes), model.predict(codes))


def test_a_model_with_open_sizes_as_a_layer() -> None:
    inner = pydl.Sequential([pydl.Input((None, 2)), L.Dense(3, "relu"), L.GlobalAveragePooling1D()])
    x = pydl.Input((4, 2))
    model = pydl.Model(x, L.Dense(1)(inner(x)))
    assert model.layers[1] is inner
    data = np.random.default_rng(0).normal(size=(5, 4, 2)).astype(np.float32)
    kernel, bias = model.layers[2].get_weights()
    np.testing.assert_allclose(model.predict(data), inner.predict(data) @ kernel + bias, 1e-5, 1e-6)


# -- sentences of a review corpus, cut at different lengths --------------------------------------------------------


def sentences(folder: Path) -> tuple[list[list[int]], Array]:
    """Codes of words (1: unknown) of each sentence, and whether it is positive."""
    with (folder / "mr-polarity.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    words = [row["sentence"].split() for row in rows]
    common = Counter(w for sentence in words for w in sentence).most_common(4998)
    code = {word: i + 2 for i, (word, _) in enumerate(common)}
    return [[code.get(w, 1) for w in sentence] for sentence in words], np.array([r["sentiment"] == "pos" for r in rows])


def by_length(codes: list[list[int]], labels: Array, order: Array) -> Iterator[tuple[Array, Array]]:
    """Batches of up to 32 sentences, cut and padded to a multiple of 8 words."""
    groups: dict[int, list[int]] = {}
    for i in order:
        groups.setdefault(min(-(-len(codes[i]) // 8) * 8, 40), []).append(int(i))
    for length, members in sorted(groups.items()):
        for start in range(0, len(members), 32):
            some = members[start : start + 32]
            x = np.zeros((len(some), length), np.int32)
            for row, i in enumerate(some):
                x[row, : min(len(codes[i]), length)] = codes[i][:length]
            yield x, labels[some][:, None].astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2])
def test_sentences_of_all_lengths(data_dir: Path, threads: int) -> None:
    """A bag of words learns what people thought of films: about 3 of 4 unseen sentences are judged rightly."""
    codes, labels = sentences(data_dir)
    order = np.random.default_rng(0).permutation(len(codes))
    train, test = order[1500:], order[:1500]
    pydl.utils.set_random_seed(0)
    pydl.config.set_num_threads(threads)
    try:
        model = pydl.Sequential(
            [
                pydl.Input((None,)),
                L.Embedding(5000, 16, mask_zero=True),
                L.GlobalAveragePooling1D(),
                L.Dense(1, "sigmoid"),
            ]
        )
        model.compile(pydl.optimizers.Adam(0.01), "binary_crossentropy", ["accuracy"])
        model.seed = 3
        batches = Batches(list(by_length(codes, labels, train)))
        lengths = {x.shape[1] for x, _ in batches.batches}
        assert len(lengths) >= 5
        model.fit(batches, epochs=3, verbose=0)
        figures = model.evaluate(Batches(list(by_length(codes, labels, test))), verbose=0, return_dict=True)
    finally:
        pydl.config.set_num_threads(None)
    assert figures["accuracy"] > 0.73

"""Exported layers that make codes of numbers or texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.export.onnx_runs import assert_same, chain

CODES = np.random.default_rng(0).integers(-1, 5, (7, 3)).astype(np.float32)
NUMBERS = np.array([[-1, 0.5], [np.nan, 2], [0.2, 0.19], [7, 1], [1, -0.5], [0, 0], [-9, 3]], np.float32)
WHOLE = np.array([[3], [7], [-2], [0], [4], [100], [9]], np.int64)
TEXTS = np.array([["a"], ["bb"], ["é"], ["A"], [""], ["zz"], ["bb"]])

CASES: dict[str, tuple[Any, Any, str]] = {
    "CategoryEncoding": (lambda: L.CategoryEncoding(4), CODES, "float32"),
    "CategoryEncoding, count": (lambda: L.CategoryEncoding(4, "count"), np.stack([CODES, CODES], -1), "float32"),
    "CategoryEncoding, one_hot": (lambda: L.CategoryEncoding(4, "one_hot"), CODES[:, :1], "float32"),
    "CategoryEncoding of integers": (lambda: L.CategoryEncoding(4, "one_hot"), CODES.astype(np.int32), "int32"),
    "Discretization": (lambda: [L.Discretization([-0.5, 0.2, 1.0]), L.Embedding(4, 2)], NUMBERS, "float32"),
    "Discretization, count": (lambda: L.Discretization([-0.5, 0.2, 1.0], output_mode="count"), NUMBERS, "float32"),
    "IntegerLookup": (lambda: [L.IntegerLookup(vocabulary=[7, -2, 9]), L.Embedding(4, 2)], WHOLE, "int64"),
    "IntegerLookup, unknown ones apart": (
        lambda: L.IntegerLookup(3 + 6, 3, vocabulary=[7, -2], output_mode="one_hot", pad_to_max_tokens=True),
        WHOLE, "int64",
    ),
    "IntegerLookup with a mask": (
        lambda: [L.IntegerLookup(mask_token=0, vocabulary=[7, -2]), L.Embedding(4, 2)], WHOLE, "int64",
    ),
    "IntegerLookup with a mask, counted": (
        lambda: L.IntegerLookup(mask_token=0, vocabulary=[7, -2], output_mode="multi_hot"), WHOLE, "int64",
    ),
    "StringLookup": (lambda: L.StringLookup(vocabulary=["bb", "é"], output_mode="one_hot"), TEXTS, "string"),
    "StringLookup with weights": (
        lambda: L.StringLookup(vocabulary=["bb", "a"], idf_weights=[0.5, 2.0], output_mode="tf_idf"), TEXTS, "string",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_codes(name: str, tmp_path: Path) -> None:
    make, x, dtype = CASES[name]
    made = make()
    model = chain(*(made if isinstance(made, list) else [made]), L.Flatten(), L.Dense(2), shape=x.shape[1:],
                  dtype=dtype)  # fmt: skip
    x = x.astype(object) if dtype == "string" else x
    assert_same(model, tmp_path / "m.onnx", [x], opset=19 if dtype == "string" else 13)


@pytest.mark.parametrize(
    ("layer", "dtype", "why"),
    [
        (lambda: L.StringLookup(vocabulary=["a"], output_mode="one_hot"), "string", "from opset 19 on"),
        (lambda: L.Hashing(3, output_mode="one_hot"), "int32", "its hash of texts has no ONNX form"),
        (lambda: L.TextVectorization(vocabulary=["a"], output_mode="count"), "string", "tidied and split in Python"),
        (lambda: L.IntegerLookup(None, 2, vocabulary=[1], oov_method="farmhash", output_mode="one_hot"), "int32",
         "told apart by a hash"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_named(layer: Any, dtype: str, why: str, tmp_path: Path) -> None:
    made = layer()
    model = chain(made, L.Dense(2), shape=(1,), dtype=dtype)
    with pytest.raises(ValueError, match=f'layer "{made.name}": .*{why}'):
        model.export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_model_within_a_model_that_begins_with_codes(tmp_path: Path) -> None:
    text, number = pydl.Input((1,), dtype="string", name="kind"), pydl.Input((2,), name="size")
    one_hot = L.StringLookup(vocabulary=["a", "bb"], output_mode="one_hot")(text)
    model = pydl.Model([text, number], L.Dense(2)(L.Concatenate()([one_hot, number])))
    numbers = np.nan_to_num(NUMBERS)
    assert_same(model, tmp_path / "m.onnx", [TEXTS.astype(object), numbers], opset=21)

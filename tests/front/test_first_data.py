"""Models that are built from their first data: of one axis, as several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops

CODES = np.array([0, 1, 2, 3])


class Products(pydl.Model):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = (L.Embedding(5, 3, embeddings_initializer="ones") for _ in range(2))

    def call(self, x: Any) -> Any:
        return ops.sum(self.one(x["one"]) * self.other(x["other"]), axis=1)


def test_codes_one_by_one() -> None:
    model, x = Products(), {"one": CODES, "other": CODES}
    np.testing.assert_array_equal(model(x), [3, 3, 3, 3])
    model.compile("sgd", "mse")
    assert model.fit(x, np.zeros(4), verbose=0).history["loss"] == [9.0]
    assert pydl.Sequential([L.Embedding(5, 3)])(CODES).shape == (4, 3)
    assert pydl.Sequential([L.Embedding(5, 3), L.Flatten(), L.Dense(1)]).predict(CODES, verbose=0).shape == (4, 1)


def test_text_one_by_one() -> None:
    model = pydl.Sequential([L.StringLookup(vocabulary=["a", "b"]), L.Embedding(3, 2)])
    assert model.predict(np.array(["a", "b", "c"]), verbose=0).shape == (3, 2)


@pytest.mark.parametrize("rows", [np.arange(4.0), np.arange(4.0)[:, np.newaxis]])
def test_layers_that_need_features_take_numbers_as_a_column(rows: Any) -> None:
    assert pydl.Sequential([L.Dense(2)]).predict(rows, verbose=0).shape == (4, 2)
    assert pydl.Sequential([L.Rescaling(2.0), L.Dense(2)]).predict(rows, verbose=0).shape == (4, 2)


def test_what_no_shape_fits_is_refused_as_it_is() -> None:
    with pytest.raises(ValueError, match="Conv1D"):
        pydl.Sequential([L.Conv1D(2, 3)]).predict(np.arange(4.0), verbose=0)


def test_a_build_for_numbers_one_by_one_that_failed_leaves_nothing(tmp_path: Path) -> None:
    rows = np.arange(12.0) - 5
    model = pydl.Sequential([L.PReLU(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(rows, np.ones((12, 1)), verbose=0)
    assert [w.shape for w in model.get_weights()] == [(1,), (1, 1), (1,)]
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(rows, verbose=0), model.predict(rows, verbose=0))

    class Pair(pydl.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = L.Dense(2), L.Conv1D(2, 1)

        def call(self, x: Any) -> Any:
            return self.other(self.one(x))

    pair = Pair()
    with pytest.raises(ValueError, match="Conv1D"):
        pair.predict(rows, verbose=0)
    assert pair.predict(np.ones((2, 3, 4)), verbose=0).shape == (2, 3, 2)

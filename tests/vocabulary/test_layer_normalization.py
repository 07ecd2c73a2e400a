"""LayerNormalization over other axes than the last, or several: gradients against differences, files, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.differences import check_gradients


@pytest.mark.parametrize("axis", [1, [1, 2], [-1, -2], [3, 1]], ids=str)
@pytest.mark.usefixtures("float64")
def test_gradients_are_those_of_differences(axis: Any) -> None:
    rng = np.random.default_rng(0)
    model = pydl.Sequential([pydl.Input((3, 2, 4)), L.Dense(4), L.LayerNormalization(axis), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    for v in model.weights:
        v.assign(rng.normal(size=v.shape))
    x, y = rng.normal(size=(5, 3, 2, 4)), rng.normal(size=(5, 1))
    check_gradients(model, x, y, rel=1e-6, abs=1e-8)


def test_it_goes_through_a_file(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3, 4)), L.LayerNormalization(axis=[1, 2])])
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    for end in ("safetensors", "keras"):
        model.save(tmp_path / f"m.{end}")
        np.testing.assert_array_equal(pydl.models.load_model(tmp_path / f"m.{end}").predict(x), model.predict(x))


def test_axes_that_are_not_there() -> None:
    for axis in (0, [1, 1], 5, [0, 1]):
        with pytest.raises(ValueError, match=r"LayerNormalization .*: expected an axis of the 3 of the input"):
            L.LayerNormalization(axis)(np.ones((2, 3, 4), "float32"))
    with pytest.raises(TypeError, match="Argument `axis` must be an integer"):
        L.LayerNormalization({"axis": -1})

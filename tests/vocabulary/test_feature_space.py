"""FeatureSpace: on arrays, as the front of models, through configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl.utils import FeatureSpace

DATA: dict[str, Any] = {
    "size": [1.0, 2.0, 3.0, 6.0], "age": [10, 20, 30, 40], "job": ["cook", "clerk", "cook", "nurse"],
    "rooms": [1, 2, 2, 5], "zip": ["a", "b", "c", "d"],
}  # fmt: skip


def space(**options: Any) -> FeatureSpace:
    kinds = {"size": "float_normalized", "age": FeatureSpace.float_discretized(4), "job": "string_categorical",
             "rooms": "integer_categorical", "zip": FeatureSpace.string_hashed(5)}  # fmt: skip
    made = FeatureSpace(kinds, **{"crosses": [("job", "rooms")], "crossing_dim": 8, **options})
    made.adapt(DATA)
    return made


def test_columns_side_by_side() -> None:
    y = space()(DATA)
    assert y.shape == (4, 4 + 4 + 4 + 1 + 5 + 8)  # age, job, rooms, size, zip, the cross
    np.testing.assert_array_equal(y[:, 4:8].argmax(1), [1, 3, 1, 2])  # the most frequent job first, then by name
    size = np.array(DATA["size"])
    np.testing.assert_allclose(y[:, 12], (size - size.mean()) / size.std(), rtol=1e-5)
    assert (np.delete(y, 12, 1).sum(1) == 5).all()
    np.testing.assert_array_equal(space()({c: v[2] for c, v in DATA.items()}), y[2])


def test_columns_by_name() -> None:
    found = space(output_mode="dict")(DATA)
    assert list(found) == ["age", "job", "rooms", "size", "zip", "job_X_rooms"]
    np.testing.assert_array_equal(np.concatenate(list(found.values()), 1), space()(DATA))


def test_the_front_of_a_model(tmp_path: Path) -> None:
    made = space()
    hidden = pydl.layers.Dense(3, "tanh")(made.get_encoded_features())
    whole = pydl.Model(made.get_inputs(), pydl.layers.Dense(1)(hidden))
    whole.compile("adam", "mse")
    columns = {c: np.array(v)[:, None] for c, v in DATA.items()}
    whole.fit(columns, np.ones((4, 1)), epochs=2, verbose=0)
    wanted = whole.predict(columns)
    behind = pydl.Model(made.get_encoded_features(), whole.output)
    np.testing.assert_allclose(behind.predict(made(DATA)), wanted, rtol=1e-5)
    whole.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.safetensors").predict(columns), wanted)


def test_a_configuration_has_what_was_learnt() -> None:
    made = space(name="house")
    again = FeatureSpace.from_config(json.loads(json.dumps(made.get_config())))
    assert again.get_config() == made.get_config()
    np.testing.assert_allclose(again(DATA), made(DATA), rtol=1e-6)


def test_batches_are_learnt_from_together() -> None:
    made = FeatureSpace({"job": "string_categorical"})
    made.adapt({"job": DATA["job"][i : i + 2]} for i in (0, 2))
    assert made.features["job"].preprocessor.get_vocabulary() == ["[UNK]", "cook", "nurse", "clerk"]


def test_errors() -> None:
    with pytest.raises(ValueError, match="call adapt"):
        FeatureSpace({"a": "float_normalized"})({"a": [1.0]})
    with pytest.raises(ValueError, match=r"Invalid value for the kind of 'a'. Expected one of 'float'"):
        FeatureSpace({"a": "number"})
    with pytest.raises(ValueError, match="expected the column 'a', got b"):
        FeatureSpace({"a": "float"})({"b": [1.0]})
    with pytest.raises(ValueError, match="expected names of columns"):
        FeatureSpace({"a": "float"}, crosses=[("a", "b")])
    with pytest.raises(ValueError, match="cannot be None or empty"):
        FeatureSpace({})
    with pytest.raises(ValueError, match="'a' is not encoded"):
        FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": [1]})
    with pytest.raises(ValueError, match=r"'a': output_mode \"one_hot\" needs a layer"):
        FeatureSpace({"a": FeatureSpace.feature("float32", pydl.layers.Rescaling(2.0), "one_hot")})({"a": [1.0]})

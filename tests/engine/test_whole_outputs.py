"""Models whose outputs are whole numbers or truth values return such, as in Keras; they were floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops

X = np.eye(3, dtype="float32")[[2, 0]]


class OfMost(L.Layer):
    """In NumPy."""

    def call(self, x: Any) -> Any:
        return ops.argmax(x, axis=-1)


class Rounded(L.Layer):
    """A graph."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = L.Rescaling(2.0)

    def call(self, x: Any) -> Any:
        return ops.cast(self.scale(x), "int64")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda x: ops.argmax(x, axis=-1), "int32"),
        (lambda x: ops.cast(x, "int32"), "int32"),
        (lambda x: x > 0.5, "bool"),
        (lambda x: ops.logical_and(x > 0.5, x < 2), "bool"),
        (lambda x: ops.sum(x > 0.5, axis=-1), "int32"),
        (lambda x: ops.expand_dims(ops.argmax(x, axis=-1), -1), "int32"),
        (lambda x: ops.argmax(x, axis=-1) + 1, "int32"),
        (lambda x: ops.argmax(x, axis=-1) * 0.5, "float32"),
        (lambda x: ops.cast(ops.argsort(x), "float32"), "float32"),
        (lambda x: ops.mean(ops.argsort(x), axis=-1), "float32"),
        (lambda x: 0 + OfMost()(x), "int32"),
        (lambda x: ops.stop_gradient(Rounded()(x)), "int64"),
    ],
)
def test_outputs_have_the_dtype_of_keras(make: Any, kind: str, tmp_path: Path) -> None:
    x = pydl.Input((3,))
    y = make(x)
    model = pydl.Model(x, y)
    within = pydl.Model(x, model(x))
    two = pydl.Model(x, [L.Dense(2)(x), y])
    wanted = model.predict(X)
    assert wanted.dtype == kind
    for found in (model(X), model.predict_on_batch(X), within.predict(X, batch_size=1), two.predict(X)[1]):
        assert found.dtype == kind
        np.testing.assert_array_equal(found, wanted)
    classes = {"OfMost": OfMost, "Rounded": Rounded}
    again = pydl.Model.from_config(model.get_config(), custom_objects=classes).predict(X)
    assert again.dtype == kind
    np.testing.assert_array_equal(again, wanted)
    names = np.array(["a", "b", "c"])
    if kind == "int32" and wanted.max() < 3:
        assert names[wanted].shape == wanted.shape


def test_what_is_put_where_it_is_told_has_the_dtype_of_that() -> None:
    x = pydl.Input((3,))
    model = pydl.Model(x, ops.argmax(x, axis=-1))
    out = np.empty(2, "float32")
    assert model.predict_on_batch(X, out=out) is out
    np.testing.assert_array_equal(out, [2, 0])


class Means(L.Layer):
    """Gives whole numbers for zeros, and floats for others."""

    def call(self, x: Any) -> Any:
        n = np.count_nonzero(x, axis=-1)
        return x.sum(-1) / n if n.all() else n


def test_floats_stay_floats() -> None:
    """What a layer gave for zeros was taken for its dtype; bounds that are floats make floats."""
    x = pydl.Input((2,))
    np.testing.assert_array_equal(pydl.Model(x, Means()(x)).predict(np.array([[0.5, 0.25], [3, 4]])), [0.375, 3.5])
    x = pydl.Input((3,))
    y = pydl.Model(x, ops.clip(ops.argmax(x, axis=-1), 0.5, 1.5)).predict(np.eye(3))
    np.testing.assert_array_equal(y, [0.5, 1, 1.5])
    i = pydl.Input((1,), dtype="int32")
    y = pydl.Model(i, ops.square(i)).predict(np.array([[98304]]))
    assert y.item() == np.array(98304**2).astype("int32")  # as int32 does


def test_arrays_with_a_row_for_each_sample() -> None:
    """Of the size of the batch that an Input says: where rows are the same they are one."""
    z = L.Dense(6)(pydl.Input((8,), batch_size=4))
    assert (z * ops.ones(z.shape)).shape == (4, 6)
    assert (z + ops.zeros(ops.shape(z))).shape == (4, 6)
    with pytest.raises(ValueError, match="has a row for each of the 4 samples"):
        z + np.arange(24.0).reshape(4, 6)

"""Masked arrays, frames of several types, dtypes with gaps, other byte orders: numbers as they are, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import pydl
from pydl import sklearn as estimators
from pydl._base.frames import as_array
from pydl.metrics import MeanAbsoluteError

pd = pytest.importorskip("pandas")
KERNEL = np.array([[0.5], [2.0]])


def linear() -> pydl.Model:
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.set_weights([KERNEL, np.zeros(1)])
    return model


@pytest.fixture
def model() -> pydl.Model:
    return linear()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", ">f8", ">i2"])
def test_what_is_masked_is_missing(model: pydl.Model, dtype: str) -> None:
    x = np.ma.array([[1, 2], [3, -9999]], mask=[[0, 0], [0, 1]], dtype=dtype)
    for predicted in (model.predict(x, verbose=0), model(x), model.predict_on_batch(x)):
        np.testing.assert_array_equal(np.asarray(predicted)[:, 0], [4.5, np.nan])
    np.testing.assert_array_equal(model.predict(x[:1], verbose=0), [[4.5]])
    y = np.ma.array([1.0, 5.0], mask=[False, True])
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        model.fit(x.data.astype("f4"), y, verbose=0)
    assert np.isnan(float(MeanAbsoluteError()(np.ma.array([1.0, 2.0], mask=[0, 1]), [1.0, 2.0])))


def test_estimators_refuse_what_is_masked() -> None:
    x = np.ma.array(np.arange(20.0).reshape(10, 2), mask=np.arange(20).reshape(10, 2) == 5)
    with pytest.raises(ValueError, match="contains NaN"):
        estimators.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(x, np.arange(10.0))


FRAMES = {
    "truth values beside numbers": lambda f: f.assign(b=f["b"] > 0),
    "nullable": lambda f: f.astype({"a": "Float64", "b": "Int64"}),
    "nullable truth values": lambda f: f.assign(b=(f["b"] > 0).astype("boolean")),
    "Arrow": lambda f: f.astype({"a": "double[pyarrow]", "b": "int64[pyarrow]"}),
    "Arrow truth values": lambda f: f.assign(b=(f["b"] > 0).astype("bool[pyarrow]")),
    "sparse": lambda f: f.astype({"a": pd.SparseDtype(float)}).assign(b=f["b"] > 0),
    "other byte order": lambda f: f.to_numpy().astype(">f8"),
}


@pytest.mark.parametrize("form", FRAMES)
def test_columns_of_several_types_are_numbers(model: pydl.Model, form: str) -> None:
    frame = pd.DataFrame({"a": [0.5, 1.5, -2.0, 4.0], "b": [1, 0, 0, 1]})
    given = FRAMES[form](frame)
    np.testing.assert_array_equal(model.predict(given, verbose=0), frame.to_numpy() @ KERNEL)
    twin = linear()
    model.fit(given, frame["b"].astype("boolean"), verbose=0, shuffle=False)
    twin.fit(frame.to_numpy(), frame["b"].to_numpy(), verbose=0, shuffle=False)
    np.testing.assert_array_equal(model.get_weights()[0], twin.get_weights()[0])


def test_gaps_of_frames_are_missing() -> None:
    frame = pd.DataFrame({
        "a": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean"),
        "c": pd.array([None, 2.5], "double[pyarrow]"), "d": pd.array([None, True], "bool[pyarrow]"),
    })  # fmt: skip
    np.testing.assert_array_equal(as_array(frame), [[1, 1, np.nan, np.nan], [np.nan, np.nan, 2.5, 1]])
    np.testing.assert_array_equal(as_array(frame["b"]), [1, np.nan])


@pytest.mark.parametrize("column", [["u", "v"], pd.to_datetime(["2020-01-01", "2020-01-02"]), ["1.5", "2"]])
def test_a_column_without_numbers_is_named(model: pydl.Model, column: Any) -> None:
    with pytest.raises(TypeError, match=r'expected an array of numbers.*column "town".*encode it first'):
        model.predict(pd.DataFrame({"a": [1.0, 2.0], "town": column}), verbose=0)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dia", "dok", "bsr"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrices(form: str, kind: str) -> None:
    dense = np.random.default_rng(0).random((20, 4))
    dense[dense < 0.7] = 0
    x, y = getattr(scipy.sparse, f"{form}_{kind}")(dense), dense.sum(axis=1)
    found = []
    for given in (x, dense):
        pydl.utils.set_random_seed(0)
        model = pydl.Sequential([pydl.layers.Dense(3, "relu"), pydl.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(given, y, 8, 2, verbose=0, validation_data=(given, y))
        found.append([model.predict(given, verbose=0), model(given), model.evaluate(given, y, verbose=0)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)

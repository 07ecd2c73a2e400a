"""Bad data, one by one: an error that names the object, what was expected, what was given and, if any, the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

N = 8
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype(np.float32)
REAL = RNG.normal(size=(N, 1)).astype(np.float32)
LABELS = RNG.integers(0, 3, N)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
BINARY = (LABELS > 0).astype(np.float32)

Call = Callable[[], Any]


def regression() -> Any:
    return compiled(L.Dense(1, name="out"), "mse")


def compiled(last: Any, loss: Any) -> Any:
    model = pydl.Sequential([pydl.Input((4,), name="rows"), last])
    model.compile("sgd", loss)
    return model


def sparse() -> Any:
    return compiled(L.Dense(3, "softmax", name="out"), "sparse_categorical_crossentropy")


def categorical() -> Any:
    return compiled(L.Dense(3, "softmax", name="out"), "categorical_crossentropy")


def binary() -> Any:
    return compiled(L.Dense(1, "sigmoid", name="out"), "binary_crossentropy")


def sequences() -> Any:
    model = pydl.Sequential([pydl.Input((2, 4)), L.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def images() -> Any:
    model = pydl.Sequential([pydl.Input((16,), name="rows"), L.Dense(1)])
    model.compile("sgd", "mse")
    return model


def two_inputs() -> Any:
    a, b = pydl.Input((4,), name="a"), pydl.Input((1,), name="b")
    h = L.Concatenate()([a, b])
    model = pydl.Model([a, b], [L.Dense(1, name="p")(h), L.Dense(3, "softmax", name="q")(h)])
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"])
    return model


TWO_X, TWO_Y = [X, REAL], [REAL, LABELS]


def with_nan(y: Any, row: int, value: float = np.nan) -> Any:
    y = np.array(y, dtype=np.float64)
    y[row] = value
    return y


class NotNumbers:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(["a", "b"])


def batches(*items: Any) -> Any:
    return iter(items)


def case(kind: type[Exception], *words: str) -> Callable[[Call], tuple[Call, type[Exception], tuple[str, ...]]]:
    return lambda call: (call, kind, words)


CASES: dict[str, tuple[Call, type[Exception], tuple[str, ...]]] = {
    # -- inputs: type and shape
    "x None": case(TypeError, "fit", 'input "rows"', "None")(lambda: regression().fit(None, REAL)),
    "x text": case(TypeError, "fit", 'input "rows"', "numbers", "<U")(lambda: regression().fit("text", REAL)),
    "x bytes": case(TypeError, "fit", 'input "rows"', "numbers")(lambda: regression().fit(b"text", REAL)),
    "x of text": case(TypeError, 'input "rows"', "numbers", "<U1")(lambda: regression().predict(np.array([["a"] * 4]))),
    "x complex": case(TypeError, 'input "rows"', "numbers", "complex64")(lambda: regression().predict(X * 1j)),
    "x objects": case(TypeError, "numbers", "object", "convert")(lambda: regression().predict(X.astype(object))),
    "x dates": case(TypeError, "numbers", "datetime64")(lambda: regression().predict(np.zeros((2, 4), "M8[s]"))),
    "x ragged": case(TypeError, 'input "rows"', "not an array")(lambda: regression().predict([[1, 2], [3]])),
    "x of another __array__": case(TypeError, "numbers", "<U1")(lambda: regression().predict(NotNumbers())),
    "x a number": case(ValueError, "predict", "(batch, 4)", "()")(lambda: regression().predict(3.0)),
    "one row": case(ValueError, "(batch, 4)", "(4,)", "x[None]")(lambda: regression().predict(X[0])),
    "too few columns": case(ValueError, 'input "rows"', "(batch, 4)", "(8, 3)")(lambda: regression().predict(X[:, :3])),
    "too many axes": case(ValueError, "(batch, 4)", "(1, 8, 4)")(lambda: regression().predict(X[None])),
    "images without Flatten": case(ValueError, "(batch, 16)", "(2, 4, 4)", "Flatten()")(
        lambda: images().predict(np.zeros((2, 4, 4)))
    ),
    "no rows to fit": case(ValueError, "fit", "at least 1 row", "got 0")(lambda: regression().fit(X[:0], REAL[:0])),
    "no rows to evaluate": case(ValueError, "evaluate", "at least 1 row")(
        lambda: regression().evaluate(X[:0], REAL[:0])
    ),
    "no rows to predict": case(ValueError, "predict", "at least 1 row")(lambda: regression().predict(X[:0])),
    "no rows in a batch": case(ValueError, "train_on_batch", "at least 1 row")(
        lambda: regression().train_on_batch(X[:0], REAL[:0])
    ),
    # -- targets
    "y None": case(ValueError, "fit", "y is None", "out")(lambda: regression().fit(X)),
    "y missing in evaluate": case(ValueError, "evaluate", "y is None")(lambda: regression().evaluate(X)),
    "y text": case(TypeError, 'targets of output "out"', "numbers")(lambda: regression().fit(X, ["a"] * N)),
    "y complex": case(TypeError, 'targets of output "out"', "complex")(lambda: regression().fit(X, REAL * 1j)),
    "y a number": case(ValueError, 'targets of output "out"', "row per sample")(lambda: regression().fit(X, 1.0)),
    "y shorter": case(ValueError, "one length", "8", "7", "rows", "out")(lambda: regression().fit(X, REAL[:7])),
    "y wider": case(ValueError, "mean_squared_error", "(batch, 1)", "(8, 3)")(lambda: regression().fit(X, ONE_HOT)),
    "y of another rank": case(ValueError, "(batch, 3)", "(8, 3, 1)")(lambda: categorical().fit(X, ONE_HOT[..., None])),
    "one-hot for sparse": case(ValueError, "(batch,)", "(8, 3)", "categorical_crossentropy")(
        lambda: sparse().fit(X, ONE_HOT)
    ),
    "class numbers for categorical": case(
        ValueError, "(batch, 3)", "(8,)", "sparse_categorical_crossentropy", "to_categorical"
    )(lambda: categorical().fit(X, LABELS)),
    "class column for categorical": case(ValueError, "(8, 1)", "sparse_categorical_crossentropy")(
        lambda: categorical().fit(X, LABELS[:, None])
    ),
    "label too large": case(ValueError, "[0, 3)", "3 units", "got 3")(lambda: sparse().fit(X, LABELS * 0 + 3)),
    "label negative": case(ValueError, "[0, 3)", "got -1")(lambda: sparse().evaluate(X, LABELS * 0 - 1)),
    "label fraction": case(ValueError, "class numbers must be whole", "1.5")(
        lambda: sparse().fit(X, with_nan(LABELS, 2, 1.5))
    ),
    "label NaN": case(ValueError, "row 5", "NaN", "impute")(lambda: sparse().fit(X, with_nan(LABELS, 5))),
    "target NaN": case(ValueError, 'targets of output "out"', "row 6", "NaN")(
        lambda: regression().fit(X, with_nan(REAL, 6))
    ),
    "target infinite": case(ValueError, "row 3", "infinity")(lambda: regression().fit(X, with_nan(REAL, 3, np.inf))),
    "binary target of 2": case(ValueError, "binary_crossentropy", "[0, 1]", "2")(lambda: binary().fit(X, BINARY * 2)),
    "binary target of -1": case(ValueError, "[0, 1]", "-1")(lambda: binary().fit(X, 2 * BINARY - 1)),
    "a share just above one": case(ValueError, "[0, 1]", "1.00001")(lambda: binary().fit(X, BINARY * 1.00001)),
    "share above one": case(ValueError, "categorical_crossentropy", "[0, 1]")(
        lambda: categorical().fit(X, ONE_HOT * 9)
    ),
    # -- weights
    "weights of another length": case(ValueError, "sample_weight", "(8,)", "(7,)")(
        lambda: regression().fit(X, REAL, sample_weight=np.ones(7))
    ),
    "weights of two axes": case(ValueError, "sample_weight", "(8,)", "(8, 4)")(
        lambda: regression().fit(X, REAL, sample_weight=X)
    ),
    "weights NaN": case(ValueError, "sample_weight", "finite")(
        lambda: regression().fit(X, REAL, sample_weight=with_nan(np.ones(N), 1))
    ),
    "weights text": case(TypeError, "sample_weight", "numbers")(
        lambda: regression().train_on_batch(X, REAL, sample_weight=["a"] * N)
    ),
    "class_weight a list": case(TypeError, "class_weight", "dict", "[1, 2, 3]")(
        lambda: sparse().fit(X, LABELS, class_weight=[1, 2, 3])
    ),
    "class_weight of no class": case(ValueError, "class_weight", "class 3", "[0, 3)")(
        lambda: sparse().fit(X, LABELS, class_weight={0: 1.0, 3: 2.0})
    ),
    "class_weight by name": case(TypeError, "class_weight", "class numbers", "cat")(
        lambda: sparse().fit(X, LABELS, class_weight={"cat": 2.0})
    ),
    "class_weight of text": case(TypeError, "class_weight[0]", "number", "heavy")(
        lambda: sparse().fit(X, LABELS, class_weight={0: "heavy"})
    ),
    "class_weight NaN": case(ValueError, "class_weight", "finite")(
        lambda: sparse().fit(X, LABELS, class_weight={0: np.nan})
    ),
    "class_weight in regression": case(ValueError, "class_weight", "class numbers", "[0, 2)")(
        lambda: regression().fit(X, REAL, class_weight={0: 2.0})
    ),
    "class_weight of sequences": case(ValueError, "class_weight", "one class per sample", "sample_weight")(
        lambda: sequences().fit(np.zeros((N, 2, 4)), np.zeros((N, 2)), class_weight={0: 2.0})
    ),
    "class_weight of two outputs": case(ValueError, "class_weight", "by output", "sample_weight")(
        lambda: two_inputs().fit(TWO_X, TWO_Y, class_weight={0: 2.0})
    ),
    # -- several inputs and outputs
    "an array for two inputs": case(ValueError, "x", "list of 2", "a", "b")(lambda: two_inputs().fit(X, TWO_Y)),
    "too many inputs": case(ValueError, "x", "list of 2")(lambda: two_inputs().fit([X, REAL, X], TWO_Y)),
    "a wrong input name": case(ValueError, "x", "['a', 'b']", "'c'")(
        lambda: two_inputs().fit({"a": X, "c": REAL}, TWO_Y)
    ),
    "an output name too many": case(ValueError, "y", "['p', 'q']", "'r'")(
        lambda: two_inputs().fit(TWO_X, {"p": REAL, "q": LABELS, "r": LABELS})
    ),
    "a wrong output name": case(ValueError, "y", "['p', 'q']", "'r'")(
        lambda: two_inputs().fit(TWO_X, {"p": REAL, "r": LABELS})
    ),
    "one target for two outputs": case(ValueError, "y", "list of 2", "p", "q")(lambda: two_inputs().fit(TWO_X, REAL)),
    "inputs of two lengths": case(ValueError, "one length", '"a"', '"b"', "8", "5")(
        lambda: two_inputs().predict([X, REAL[:5]])
    ),
    "inputs in the wrong order": case(ValueError, 'input "a"', "(batch, 4)", "(8, 1)")(
        lambda: two_inputs().predict([REAL, X])
    ),
    "a list for one input": case(ValueError, 'input "rows"', "(batch, 4)")(lambda: regression().predict([X, X])),
    "three weights for two outputs": case(ValueError, "sample_weight", "list of 2")(
        lambda: two_inputs().fit(TWO_X, TWO_Y, sample_weight=[np.ones(N)] * 3)
    ),
    "a dict for one input": case(ValueError, "x", "['rows']", "columns")(lambda: regression().predict({"columns": X})),
    # -- batches
    "a batch that is no pair": case(ValueError, "fit", "(x, y)", "ndarray")(lambda: regression().fit(batches(X))),
    "a batch of four": case(ValueError, "fit", "(x, y)")(lambda: regression().fit(batches((X, REAL, X, X)))),
    "a batch of bad rows": case(ValueError, "fit", "(8, 3)")(lambda: regression().fit(batches((X[:, :3], REAL)))),
    "no batches": case(ValueError, "fit", "ran out")(lambda: regression().fit(batches())),
    "no batches to evaluate": case(ValueError, "evaluate", "at least one batch")(
        lambda: regression().evaluate(batches())
    ),
    "no batches to predict": case(ValueError, "predict", "at least one batch")(lambda: regression().predict(batches())),
    "batches and y": case(ValueError, "y", "batches")(lambda: regression().fit(batches((X, REAL)), REAL)),
    "batches and y in evaluate": case(ValueError, "evaluate", "y", "batches")(
        lambda: regression().evaluate(batches((X, REAL)), REAL)
    ),
    "batches and validation_split": case(ValueError, "validation_split", "batches")(
        lambda: regression().fit(batches((X, REAL)), validation_split=0.2)
    ),
    # -- validation data
    "validation_data an array": case(TypeError, "validation_data", "(x, y)", "ndarray")(
        lambda: regression().fit(X, REAL, validation_data=X)
    ),
    "validation_data of one": case(ValueError, "validation_data", "(x, y)")(
        lambda: regression().fit(X, REAL, validation_data=(X,))
    ),
    "validation_data of other columns": case(ValueError, "validation_data", "(batch, 4)", "(8, 3)")(
        lambda: regression().fit(X, REAL, validation_data=(X[:, :3], REAL))
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str) -> None:
    call, kind, words = CASES[name]
    with pytest.raises(kind) as error:
        call()
    message = str(error.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{message!r} does not say {missing}"


def test_bad_input_leaves_the_model_as_it_was() -> None:
    model = sparse()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        model.fit(X, LABELS + 3, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert model.optimizer.iterations == 0
    model.fit(X, LABELS, verbose=0)


# -- what looks odd and has to work -----------------------------------------------------------------------------------


class Frame:
    """What is left of a pandas frame without pandas."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.columns = ["a", "b", "c", "d"]
        self.shape = values.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, column: str) -> Any:
        return self.values[:, self.columns.index(column)]

    def __iter__(self) -> Any:
        return iter(self.columns)


class Capsule:
    """An array that speaks DLPack only."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


def read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x: Any) -> Any:
    raw = bytearray(x.nbytes + 1)
    view = np.frombuffer(raw, x.dtype, x.size, offset=1).reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


WHOLE = RNG.integers(0, 2, (N, 4)).astype(np.float32)
CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "nested lists": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x.tolist())),
    "Fortran order": np.asfortranarray,
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "rows backwards": lambda x: x[::-1].copy()[::-1],
    "columns backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda x: x.astype(">f4"),
    "big-endian integers": lambda x: x.astype(">i8"),
    "frame": Frame,
    "dlpack": Capsule,
    "memoryview": lambda x: memoryview(np.ascontiguousarray(x)),
    "list of rows": list,
    "a list around the array": lambda x: [x],
    "a dict by name": lambda x: {"rows": x},
    "memory-mapped": lambda x: np.asarray(x).view(np.memmap),
    **{
        name: lambda x, name=name: x.astype(name)
        for name in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
                     "float64", "longdouble")
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", CONVERSIONS)
def test_all_of_these_are_the_same_rows(kind: str) -> None:
    model = regression()
    given = CONVERSIONS[kind](WHOLE)
    np.testing.assert_array_equal(model.predict(given), model.predict(WHOLE))
    copies = [regression(), regression()]
    for copy, x in zip(copies, (given, WHOLE), strict=True):
        copy.set_weights(model.get_weights())
        copy.fit(x, REAL, batch_size=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(copies[0].get_weights()[0], copies[1].get_weights()[0])


TARGETS: dict[str, Callable[[Any], Any]] = {
    "list": lambda y: y.tolist(),
    "column": lambda y: y[:, None],
    "bool": lambda y: y.astype(bool),
    "int8": lambda y: y.astype(np.int8),
    "float16": lambda y: y.astype(np.float16),
    "big-endian": lambda y: y.astype(">i4"),
    "every other": lambda y: np.repeat(y, 2)[::2],
    "read-only": read_only,
    "broadcast": lambda y: np.broadcast_to(y[:, None], (N, 3))[:, 0],
}


@pytest.mark.parametrize("kind", TARGETS)
def test_all_of_these_are_the_same_targets(kind: str) -> None:
    for make in (sparse, binary):
        model = make()
        assert model.evaluate(X, TARGETS[kind](BINARY), verbose=0) == model.evaluate(X, BINARY, verbose=0)


def test_inputs_are_left_alone() -> None:
    x, y = read_only(X), read_only(REAL)
    regression().fit(x, y, verbose=0)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, REAL)


def test_a_vector_is_a_column() -> None:
    model = pydl.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[:, 0], REAL[:, 0], verbose=0)
    np.testing.assert_array_equal(model.predict(X[:, 0]), model.predict(X[:, :1]))


def test_nan_inputs_give_nan() -> None:
    assert np.isnan(regression().predict(with_nan(X, 1))[1]).all()


@pytest.mark.parametrize("beyond", [1e-7, -1e-7])
def test_shares_mixed_in_float32_are_probabilities(beyond: float) -> None:
    """1.0 of float64 times a float32 share, and its complement, may miss 0 and 1 by a rounding."""
    targets = BINARY.astype(np.float64) + beyond
    model = binary()
    loss = model.evaluate(X, targets, verbose=0)
    np.testing.assert_allclose(loss, model.evaluate(X, BINARY, verbose=0), rtol=1e-5)
    assert np.isfinite(model.fit(X, targets, verbose=0).history["loss"]).all()

"""Inputs of whole numbers, flags and text; layers that are computed on the data before the engine sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl

L = pydl.layers


class Lookup(L.Layer):
    """The place of each word in a list, 0 for others."""

    on_host = True

    def __init__(self, words: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words

    def preprocess(self, x: Any) -> np.ndarray:
        assert x.dtype.kind == "U"
        places = {word: i + 1 for i, word in enumerate(self.words)}
        return np.array([places.get(str(v), 0) for v in x.ravel()], np.int64).reshape(x.shape)


class OneHot(L.Layer):
    """A column for each whole number below `depth`."""

    on_host = True

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.depth)

    def preprocess(self, x: Any) -> np.ndarray:
        assert x.dtype.kind in "iu"
        return (x == np.arange(self.depth)).astype(np.float32)


WORDS = np.array(["red", "green", "blue", "pink", "red", "green"])
NUMBERS = np.arange(12.0, dtype=np.float32).reshape(6, 2) / 12
CODES = np.array([1, 2, 3, 0, 1, 2])
Y = np.arange(6.0)[:, None]


def column(name: str = "colour") -> tuple[Any, Any]:
    text = pydl.Input((1,), dtype="string", name=name)
    return text, OneHot(4)(Lookup(["red", "green", "blue"])(text))


def mixed() -> pydl.Model:
    """Text through two layers of the host, and numbers as they are."""
    pydl.utils.set_random_seed(3)
    text, coded = column()
    numbers = pydl.Input((2,), name="numbers")
    model = pydl.Model([text, numbers], L.Dense(1, name="d")(L.Concatenate()([coded, numbers])))
    model.compile("sgd", "mse")
    return model


def plain() -> pydl.Model:
    """The same for data that have been coded before."""
    pydl.utils.set_random_seed(3)
    a, b = pydl.Input((4,)), pydl.Input((2,))
    model = pydl.Model([a, b], L.Dense(1, name="d")(L.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    return model


HOT = np.eye(4, dtype=np.float32)[CODES]


@pytest.mark.parametrize(
    "text",
    [WORDS, WORDS[:, None], WORDS.astype("S"), WORDS.astype(object), WORDS.tolist(), [w.encode() for w in WORDS]],
)
def test_text_trains_as_its_codes_do(text: Any) -> None:
    model, other = mixed(), plain()
    arguments: dict[str, Any] = {"epochs": 3, "batch_size": 2, "shuffle": False, "verbose": 0}
    history = model.fit([text, NUMBERS], Y, validation_split=0.5, **arguments).history
    assert history == other.fit([HOT, NUMBERS], Y, validation_split=0.5, **arguments).history
    assert np.array_equal(model.predict([text, NUMBERS]), other.predict([HOT, NUMBERS]))
    assert np.array_equal(model([text, NUMBERS]), other([HOT, NUMBERS]))
    assert model.evaluate([text, NUMBERS], Y, verbose=0) == other.evaluate([HOT, NUMBERS], Y, verbose=0)
    assert model.train_on_batch([text, NUMBERS], Y) == other.train_on_batch([HOT, NUMBERS], Y)
    assert model.count_params() == 7


def test_text_in_dicts_frames_and_batches() -> None:
    model, other = mixed(), plain()
    expected = other.predict([HOT, NUMBERS])
    assert np.array_equal(model.predict({"colour": WORDS, "numbers": NUMBERS}), expected)
    batches = [((WORDS[i : i + 2], NUMBERS[i : i + 2]), Y[i : i + 2]) for i in (0, 2, 4)]
    assert (
        model.fit(iter(batches), verbose=0).history
        == other.fit(iter([((HOT[i : i + 2], NUMBERS[i : i + 2]), Y[i : i + 2]) for i in (0, 2, 4)]), verbose=0).history
    )
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(WORDS)
    assert np.array_equal(model.predict([series, NUMBERS]), other.predict([HOT, NUMBERS]))


def test_the_host_gives_codes_to_an_embedding() -> None:
    text = pydl.Input((), dtype="string")
    model = pydl.Model(text, L.Embedding(4, 2)(Lookup(["red", "green", "blue"])(text)))
    table = model.get_layer(index=-1).get_weights()[0]
    assert np.array_equal(model.predict(WORDS), table[CODES])
    small = pydl.Model(text, L.Embedding(3, 2)(Lookup(["red", "green", "blue"])(text)))
    with pytest.raises(ValueError, match=r"codes must be whole numbers in \[0, 3\).* got 3 in row 2"):
        small.predict(WORDS)


def test_a_model_of_nothing_else() -> None:
    text, coded = column()
    model = pydl.Model(text, coded)
    assert np.array_equal(model.predict(WORDS), HOT)
    assert np.array_equal(model(WORDS), HOT)
    assert model.weights == []
    assert np.array_equal(OneHot(4)(CODES[:, None]), HOT)


def test_a_model_of_such_layers_within_another() -> None:
    text, coded = column()
    encoder = pydl.Model(text, L.Rescaling(2.0)(coded))
    inner = pydl.Sequential([pydl.Input((4,)), L.Dense(2)])
    raw = pydl.Input((1,), dtype="string", name="raw")
    whole = pydl.Model(raw, inner(encoder(raw)))
    assert np.array_equal(whole.predict(WORDS), inner.predict(2 * HOT))
    assert whole.layers[0].name == "raw"


def test_chains_that_begin_with_such_a_layer() -> None:
    chain = pydl.Sequential([Lookup(["red", "green", "blue"]), OneHot(4), L.Dense(1)])
    assert chain.predict(WORDS).shape == (6, 1)
    assert chain.input_shape == (None, 1)
    assert chain.inputs[0].dtype == "string"
    codes = pydl.Sequential([OneHot(4), L.Dense(1)])
    codes.compile("sgd", "mse")
    codes.fit(CODES, Y, verbose=0)
    assert codes.inputs[0].dtype == "int64"


def test_files_and_copies_keep_the_dtypes(tmp_path: Path) -> None:
    model = mixed()
    model.save(tmp_path / "m.safetensors")
    own = {"Lookup": Lookup, "OneHot": OneHot}
    again = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects=own)
    for other in (again, pydl.models.clone_model(model)):
        assert [t.dtype for t in other.inputs] == ["string", "float32"]
        other.set_weights(model.get_weights())
        assert np.array_equal(other.predict([WORDS, NUMBERS]), model.predict([WORDS, NUMBERS]))


@pytest.mark.parametrize(
    ("dtype", "given", "seen"),
    [
        ("int32", np.array([[1.7, -2.2, 3.0]]), [1, -2, 3]), ("int64", np.array([[1, 2, 3]], np.uint8), [1, 2, 3]),
        ("bool", np.array([[1.7, 2.0, 0.0]]), [1, 1, 0]), ("bool", np.array([[True, False, True]]), [1, 0, 1]),
        (np.int32, [[1.5, 2, 3]], [1, 2, 3]), ("uint8", [[1, 2, 3]], [1, 2, 3]),
    ],
)  # fmt: skip
def test_numbers_are_cast_as_the_input_says(dtype: Any, given: Any, seen: list[int]) -> None:
    x = pydl.Input((3,), dtype=dtype)
    model = pydl.Model(x, L.Dense(1, kernel_initializer="ones")(x))
    assert x.dtype == np.dtype(dtype).name
    for _ in range(2):  # a second call finds the predictor ready
        assert model.predict(given).tolist() == [[sum(seen)]]
        assert model(given).tolist() == [[sum(seen)]]
    assert model.dtype == "float32"


def test_codes_of_an_embedding_must_be_whole() -> None:
    x = pydl.Input((2,), dtype="int32")
    model = pydl.Model(x, L.Embedding(5, 3)(x))
    assert model.predict(np.array([[1.0, 4.0]])).shape == (1, 2, 3)
    with pytest.raises(ValueError, match=r"whole numbers in \[0, 5\).* got 1\.5"):
        model.predict(np.array([[1.5, 4.0]]))


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: pydl.Input((1,), dtype="complex64"), ValueError, "Input: dtype must be one of"),
        (lambda: L.Dense(1)(pydl.Input((1,), dtype="string", name="s")), ValueError, '"s" is text; put a layer'),
        (lambda: mixed().predict([CODES, NUMBERS]), TypeError, r"expected text, got int64; use \.astype"),
        (lambda: mixed().predict([None, NUMBERS]), TypeError, "is None"),
        (lambda: mixed().predict([WORDS.reshape(3, 2), NUMBERS]), ValueError, r"expected \(batch, 1\), got \(3, 2\)"),
        (lambda: mixed().predict([WORDS[:2], NUMBERS]), ValueError, "one length"),
        (
            lambda: pydl.Model(x := pydl.Input((1,)), L.StringLookup(vocabulary=["a"], name="late")(L.Dense(1)(x))),
            ValueError, 'layer "late" .* can only stand behind an Input',
        ),
        (
            lambda: pydl.Sequential([pydl.Input((1,), dtype="int8"), L.Dense(1)]).predict([[np.nan]]),
            ValueError, "of int8, got NaN or infinity",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go(call: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize(
    ("wanted", "given"), [((4, 4, 1), (4, 4)), ((4, 4), (4, 4, 1)), ((4, 1), (4,)), ((4,), (4, 1))]
)
def test_a_last_axis_of_size_one_may_be_left_out_or_be_too_many(
    wanted: tuple[int, ...], given: tuple[int, ...]
) -> None:
    model = pydl.Sequential([pydl.Input(wanted), L.Flatten(), L.Dense(2)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((6, *given), np.float32)
    as_wanted = x.reshape(6, *wanted)
    np.testing.assert_array_equal(model(x), model(as_wanted))
    np.testing.assert_array_equal(model.predict(x), model(as_wanted))
    y = np.zeros((6, 2))
    assert model.evaluate(x, y, verbose=0) == model.evaluate(as_wanted, y, verbose=0)
    with pytest.raises(ValueError, match="expected"):
        model(x[:, :3])


def test_layers_that_prepare_data_behind_others() -> None:
    x = pydl.Input((2,))
    bins = L.Discretization([1.0, 2.0, 3.0])
    model = pydl.Model(x, [
        L.CategoryEncoding(4)(bins(x[:, 0:1])), L.CategoryEncoding(6, output_mode="one_hot")(x[:, 1] + 1),
        L.CategoryEncoding(4)(L.Discretization([1.0, 2.0, 3.0])(L.Rescaling(0.5)(x))),
    ])  # fmt: skip
    of_bins, one_hot, halves = model.predict(np.array([[0.5, 4], [2.5, 0]], np.float32), verbose=0)
    np.testing.assert_array_equal(of_bins, [[1, 0, 0, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(one_hot, np.eye(6)[[5, 1]])
    np.testing.assert_array_equal(halves, [[1, 0, 1, 0], [1, 1, 0, 0]])

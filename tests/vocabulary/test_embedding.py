"""Embedding: codes of every kind, codes that name no row, training beside one-hot columns, real categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine import cache, program
from tests.real_data import Array, read

ROWS, WIDTH = 6, 3
CODES = np.array([[0, 5], [2, 2], [1, 0], [5, 4]])
Y = np.ones((4, 1))
CATEGORIES = ("workclass", "education", "marital_status", "occupation", "relationship", "native_country")
THREADS = (1, 2, 3, 7)


def net(shape: tuple[int, ...] = (2,), dtype: str = "float32", **options: Any) -> Any:
    """A model of one input, called "words"."""
    pydl.utils.set_random_seed(3)
    x = pydl.Input(shape, dtype=dtype, name="words")
    h = L.Flatten(dtype=dtype)(L.Embedding(ROWS, WIDTH, dtype=dtype, **options)(x))
    model = pydl.Model(x, L.Dense(1, dtype=dtype)(h))
    model.compile("sgd", "mse")
    return model


def batches(x: Array) -> Iterator[tuple[Array, Array]]:
    yield x, np.ones((len(x), 1))


# -- codes that are fine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_of_any_dtype(dtype: str, isa: str) -> None:
    model = net(dtype=dtype)
    table, kernel = model.layers[1].embeddings.numpy(), model.layers[3].kernel.numpy()
    expected = model.predict(CODES)
    np.testing.assert_allclose(expected, table[CODES].reshape(4, -1) @ kernel, rtol=1e-5)
    for name in cache._SOURCES:
        if name != np.bool_:
            np.testing.assert_array_equal(model.predict(CODES.astype(name)), expected)
            np.testing.assert_array_equal(model(CODES.astype(name)), expected)
    np.testing.assert_array_equal(model.predict(CODES.tolist()), expected)
    np.testing.assert_array_equal(model.predict(CODES > 1), model.predict((CODES > 1).astype(int)))


def test_one_code_per_row_with_and_without_an_axis() -> None:
    model, column = net(()), CODES[:, :1]
    assert model.layers[1](column[:, 0]).shape == (4, WIDTH)
    np.testing.assert_array_equal(model.predict(column), model.predict(column[:, 0]))
    np.testing.assert_array_equal(net((1,)).predict(column[:, 0]), model.predict(column))


def test_a_sequential_learns_the_length_from_the_data() -> None:
    model = pydl.Sequential([L.Embedding(ROWS, WIDTH), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(CODES, Y, verbose=0)
    assert model.layers[0].input_shape == (None, 2)


def test_the_largest_codes_of_float32() -> None:
    """Below 2^24 floats still tell one whole number from the next."""
    layer = L.Embedding(2**24, 1, "zeros")
    layer(np.array([0]))
    layer.embeddings.assign(np.arange(2**24, dtype=np.float32)[:, None])
    last = np.arange(2**24 - 5, 2**24)
    np.testing.assert_array_equal(layer(last)[:, 0], last)


# -- codes that name no row -------------------------------------------------------------------------------------------

ENTRANCES: dict[str, Callable[[Any, Array], Any]] = {
    "fit": lambda m, x: m.fit(x, Y, verbose=0),
    "validation": lambda m, x: m.fit(CODES, Y, validation_data=(x, Y), verbose=0),
    "batches": lambda m, x: m.fit(batches(x), verbose=0),
    "train_on_batch": lambda m, x: m.train_on_batch(x, Y),
    "test_on_batch": lambda m, x: m.test_on_batch(x, Y),
    "gradients": lambda m, x: m.gradients(x, Y),
    "trace": lambda m, x: m.trace(x, Y),
    "evaluate": lambda m, x: m.evaluate(x, Y, verbose=0),
    "predict": lambda m, x: m.predict(x),
    "predict in batches": lambda m, x: m.predict(x, batch_size=2),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
    "call": lambda m, x: m(x),
    "call of the layer": lambda m, x: m.layers[1](x),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("code", [6, -1, 2.5, np.nan, np.inf, 1e300, 2**63 - 1])
def test_a_wrong_code_is_named_before_anything_runs(entrance: str, code: Any) -> None:
    model = net()
    model(CODES)  # a quick path would now be ready
    model.fit(CODES, Y, verbose=0)
    wrong = CODES.astype(type(code))
    wrong[2, 1] = code
    before, steps = model.get_weights(), model.optimizer.iterations
    with pytest.raises(ValueError, match=r'input "(words|input_0)": .*\[0, 6\).*got .* in row 2') as error:
        ENTRANCES[entrance](model, wrong)
    assert f"got {wrong[2, 1]} in" in str(error.value)
    assert model.optimizer.iterations == steps
    for v, w in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(v, w)


def test_the_input_that_brings_it_is_named() -> None:
    a, b = pydl.Input((), name="a"), pydl.Input((2,), name="b")
    parts = [L.Embedding(3, 2)(a), L.Flatten()(L.Embedding(9, 2)(b))]
    model = pydl.Model([a, b], L.Dense(1)(L.Concatenate()(parts)))
    assert model.input_codes == [3, 9]
    model.predict([CODES[:, 1] % 3, CODES])
    with pytest.raises(ValueError, match=r'input "a".*\[0, 3\).*got 5 in row 0'):
        model.predict([CODES[:, 1], CODES])


def test_of_two_tables_the_smaller_one_counts() -> None:
    x = pydl.Input((2,))
    model = pydl.Model(x, L.Add()([L.Embedding(9, 2)(x), L.Embedding(4, 2)(L.Reshape((2,))(x))]))
    assert model.input_codes == [4]
    assert pydl.Sequential([pydl.Input((2,)), model]).input_codes == [4]


def test_codes_that_change_behind_the_check_make_nan_and_no_crash() -> None:
    """Rows are gathered from the user's own array, which a callback may write to."""
    model, x = net(), CODES.astype(np.float32)

    def spoil(epoch: int, logs: Any) -> None:
        x[1] = [-7, 1e30]

    callback = pydl.callbacks.LambdaCallback(on_epoch_end=spoil)
    with pytest.warns(UserWarning, match="the loss of epoch 2 is nan"):
        told = model.fit(x, Y, epochs=2, batch_size=1, callbacks=[callback], verbose=0, shuffle=False)
    losses = told.history["loss"]
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])


# -- training ---------------------------------------------------------------------------------------------------------


def test_nothing_waits_between_gradient_and_step() -> None:
    records = net().plan(4).records
    ops = [r["op"] for r in records]
    assert ops[:2] == ["gather", "embed_fwd"]
    first = ops.index("embed_bwd")
    assert not any(r["barrier"] for r in records[first:])
    assert "V=6" in str(net().plan(4))


def test_frozen() -> None:
    model = net()
    model.layers[1].trainable = False
    before = model.layers[1].embeddings.numpy()
    model.fit(CODES, Y, verbose=0)
    assert "embed_bwd" not in [r["op"] for r in model.plan(4).records]
    np.testing.assert_array_equal(model.layers[1].embeddings.numpy(), before)


def test_regularizer_and_constraint() -> None:
    model = net(embeddings_regularizer=pydl.regularizers.L2(0.5), embeddings_constraint="non_neg")
    table = model.layers[1].embeddings
    assert (table.numpy() < 0).any()
    model.fit(CODES, Y, verbose=0)
    assert (table.numpy() >= 0).all()
    unused = model.gradients(CODES, Y)[table.path][3]
    np.testing.assert_allclose(unused, table.numpy()[3], rtol=1e-6)  # of the penalty alone


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = net(embeddings_initializer="normal", embeddings_regularizer="l2", embeddings_constraint="max_norm")
    model.fit(CODES, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert again.get_config() == model.get_config()
    assert again.input_codes == [ROWS]
    np.testing.assert_array_equal(again.predict(CODES), model.predict(CODES))
    model.fit(CODES, Y, verbose=0)
    again.fit(CODES, Y, verbose=0)
    np.testing.assert_array_equal(again.predict(CODES), model.predict(CODES))


# -- real categories --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adult(data_dir: Path) -> tuple[list[Array], list[int], Array]:
    """Codes of each categorical column of the adult table, how many there are, and who earns more."""
    table = read(data_dir / "adult-train.csv")
    levels, codes = zip(*(np.unique(table[name], return_inverse=True) for name in CATEGORIES), strict=True)
    return list(codes), [len(each) for each in levels], (np.array(table["income"]) == ">50K").astype(np.float32)


def categories(sizes: list[int], width: int, **options: Any) -> Any:
    """A model with a table for each category."""
    pydl.utils.set_random_seed(1)
    xs = [pydl.Input((), name=name) for name in CATEGORIES]
    parts = [L.Embedding(n, width)(x) for n, x in zip(sizes, xs, strict=True)]
    model = pydl.Model(xs, L.Dense(1, "sigmoid")(L.Dense(16, "relu")(L.Concatenate()(parts))))
    model.compile(pydl.optimizers.Adam(0.005), "binary_crossentropy", ["accuracy"])
    return model


def test_any_number_of_threads(adult: Any, isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, sizes, y = adult
    monkeypatch.setattr(program, "choose_threads", lambda work, limit: limit)
    expected: Any = None
    for threads in THREADS:
        pydl.config.set_num_threads(threads)
        try:
            model = categories(sizes, 37)  # shares then end within rows of a table
            losses = model.fit([c[:2000] for c in codes], y[:2000], batch_size=300, epochs=2, verbose=0).history["loss"]
        finally:
            pydl.config.set_num_threads(None)
        got = [losses, *(w.tobytes() for w in model.get_weights())]
        expected = expected or got
        assert got == expected, f"{threads} threads"


def test_learns_from_categories_alone(adult: Any) -> None:
    codes, sizes, y = adult
    model = categories(sizes, 4)
    model.fit([c[:24000] for c in codes], y[:24000], batch_size=64, epochs=3, verbose=0)
    _, accuracy = model.evaluate([c[24000:] for c in codes], y[24000:], verbose=0)
    assert y[24000:].mean() < 0.25, "three quarters are right without looking"
    assert accuracy > 0.81


def test_the_bits_of_one_hot_columns(adult: Any, isa: str) -> None:
    """A table is a Dense kernel whose input has a single one: the other products are zeros, which change no sum."""
    codes, sizes, y = adult
    x, n, rows = codes[3], sizes[3], slice(0, 3000)
    histories = []
    for first, data in ((L.Embedding(n, 5), x), (L.Dense(5, use_bias=False), np.eye(n)[x])):
        pydl.utils.set_random_seed(2)
        model = pydl.Sequential([pydl.Input(data.shape[1:]), first, L.Dense(1, "sigmoid")])
        model.set_weights([np.random.default_rng(4).normal(size=w.shape) for w in model.get_weights()])
        model.compile(pydl.optimizers.SGD(0.1), "binary_crossentropy")
        histories.append([*model.fit(data[rows], y[rows], epochs=2, verbose=0).history["loss"], *model.get_weights()])
    for embedded, one_hot in zip(*histories, strict=True):
        np.testing.assert_array_equal(embedded, one_hot)


def test_numbers_learnt_elsewhere() -> None:
    table = np.arange(10.0).reshape(5, 2)
    for weights in (table, [table]):
        layer = L.Embedding(5, 2, weights=weights, trainable=False)
        np.testing.assert_array_equal(layer(np.array([[1, 4]])), [[[2, 3], [8, 9]]])
    assert "weights" not in layer.get_config()
    again = L.Embedding.from_config(layer.get_config())
    again.build()
    assert again.embeddings.shape == (5, 2)
    with pytest.raises(ValueError, match=r"expected an array of shape \(5, 2\)"):
        L.Embedding(5, 2, weights=table[:3])


BETWEEN: dict[str, Any] = {
    "a slice": lambda x: x[:, 0], "a cast": lambda x: pydl.ops.cast(x[:, 1], "int32"), "a sum": lambda x: x + 1,
    "a layer": L.RepeatVector(2), "a choice": lambda x: pydl.ops.where(x > 2, 0.0, x),
    "a model": pydl.Sequential([pydl.Input((2,)), L.Permute((1,))]), "dropout": L.Dropout(0.5),
}  # fmt: skip


@pytest.mark.parametrize("between", BETWEEN)
def test_codes_that_a_layer_computes(between: str) -> None:
    x = pydl.Input((2,))
    codes = BETWEEN[between](x)
    table = L.Embedding(7, 3)
    model = pydl.Model(x, [codes, table(codes)])
    given = np.array([[1, 2], [3, 4], [0, 6]], np.float32) - (between == "a sum")
    given = np.abs(given)
    made, found = model.predict(given, verbose=0)
    np.testing.assert_array_equal(found, table.embeddings.numpy()[made.astype(int)])


def test_what_a_layer_computes_and_is_no_code() -> None:
    x = pydl.Input((2,))
    model = pydl.Model(x, L.Embedding(4, 3, name="e")(x[:, 0]))
    model.compile("sgd", "mse")
    with pytest.raises(
        ValueError, match=r'"e": expected codes, whole numbers in \[0, 4\), its input_dim; got 4.0 in row 1'
    ):
        model.predict(np.array([[1, 0], [4, 0]], np.float32), verbose=0)
    with pytest.raises(ValueError, match=r"got 1\.5 in row 0"):
        model.fit(np.array([[1.5, 0]], np.float32), np.zeros((1, 3)), verbose=0)


def test_a_recommender_that_takes_its_input_apart() -> None:
    class Recommender(pydl.Model):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.films = L.Embedding(5, 2), L.Embedding(6, 2)

        def call(self, inputs: Any) -> Any:
            of_both = self.users(inputs[:, 0]) * self.films(inputs[:, 1])
            return pydl.ops.nn.sigmoid(pydl.ops.sum(of_both, axis=1, keepdims=True))

    model, x = Recommender(), np.array([[0, 5], [4, 1]], np.float32)
    model(x)
    users, films = model.users.embeddings.numpy(), model.films.embeddings.numpy()
    model.compile(pydl.optimizers.SGD(1.0), "mse")
    model.fit(x, np.array([0.0, 1.0]), batch_size=2, verbose=0)
    u, f = users[[0, 4]].astype(float), films[[5, 1]].astype(float)
    p = 1 / (1 + np.exp(-(u * f).sum(1)))
    slope = (p - [0, 1]) * p * (1 - p)
    users[[0, 4]] -= slope[:, None] * f
    np.testing.assert_allclose(model.users.embeddings.numpy(), users, rtol=1e-5, atol=1e-7)

"""The quick path of `model(x)`: the bits of `predict`, whatever it is given; and who may take it."""

from __future__ import annotations

import gc
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L
from pydl._engine.pace import Pace
from tests.model_cases import draw_weights
from tests.numpy_forward import ACTIVATIONS
from tests.process import says

Array = np.ndarray[Any, Any]
Model = Any

SHORT, LONG = (8, 16, 3), (784, 512, 10)  # widths of nets that run with the GIL held, and without


def net(widths: tuple[int, ...] = SHORT, activation: str = "tanh", dtype: str = "float32") -> Model:
    hidden = [L.Dense(n, activation, dtype=dtype) for n in widths[1:]]
    model = pydl.Sequential([pydl.Input(widths[:1], dtype=dtype), *hidden])
    draw_weights(model, np.random.default_rng(1))
    return model


def rows(n: int, columns: int = 8, dtype: Any = "float32") -> Array:
    return np.random.default_rng(2).normal(0, 2, (n, columns)).astype(dtype)


def quick(model: Model, x: Any, out: Any = None) -> Any:
    """The output where the quick path takes the call, else None."""
    return model._runner.programs.predictor.run(x, out)


@pytest.fixture
def model() -> Model:
    """A model that has seen three rows, once."""
    model = net()
    model(rows(3))
    assert quick(model, rows(3)) is not None
    return model


# -- bits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 33])
def test_same_bits_as_predict_in_one_batch(isa: str, dtype: str, n: int) -> None:
    model, x = net((8, 37, 130, 3), dtype=dtype), rows(40, dtype=dtype)
    expected = model.predict(x, batch_size=40, callbacks=[pydl.callbacks.Callback()])  # callbacks: the long way
    for _ in range(3):
        np.testing.assert_array_equal(model(x[:n]), expected[:n])
    assert quick(model, x[:n]) is not None
    np.testing.assert_array_equal(model.predict_on_batch(x[:n]), expected[:n])
    np.testing.assert_array_equal(model.predict(x[:n]), expected[:n])
    np.testing.assert_array_equal(model.predict(x, batch_size=n), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    model, x = net(activation=activation), rows(2)
    expected = model.predict(x, steps=1)  # steps: the long way
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(quick(model, x), expected)


def test_results_are_the_callers_own(model: Model) -> None:
    x = rows(3)
    first = model(x)
    kept = first.copy()
    assert first.flags.owndata
    assert first.flags.writeable
    second = model(-x)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    first[...] = 7
    np.testing.assert_array_equal(model(x), kept)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "?"])
def test_other_dtypes_are_converted(model: Model, dtype: str) -> None:
    x = np.abs(rows(3) * 20).astype(dtype)
    got = quick(model, x)
    np.testing.assert_array_equal(got, model(x.astype("f4")))


def views() -> dict[str, Array]:
    wide, unaligned = rows(6, 16), np.zeros(3 * 8 * 4 + 1, np.uint8)[1:].view("f4").reshape(3, 8)
    unaligned[...] = rows(3)
    frozen = rows(3)
    frozen.flags.writeable = False
    return {
        "rows apart": wide[::2, :8],
        "rows backwards": rows(3)[::-1],
        "a row repeated": np.broadcast_to(rows(1), (3, 8)),
        "read-only": frozen,
        "columns apart": wide[:3, ::2],
        "Fortran's order": np.asfortranarray(rows(3)),
        "unaligned": unaligned,
        "the other byte order": rows(3).astype(">f4"),
        "half precision": rows(3).astype("f2"),
        "a subclass": rows(3).view(np.ma.MaskedArray),
    }


@pytest.mark.parametrize("name", views())
def test_layouts(model: Model, name: str) -> None:
    x = views()[name]
    plain = np.array(x, "f4", order="C", subok=False)
    np.testing.assert_array_equal(model(x), model(plain))
    known = ("rows apart", "rows backwards", "a row repeated", "read-only")
    assert (quick(model, x) is not None) == (name in known)


def test_lists_and_other_numbers_of_rows(model: Model) -> None:
    x = rows(5)
    expected = model.predict(x, steps=1)
    np.testing.assert_array_equal(model(x[:3].tolist()), expected[:3])
    for n in (5, 1, 4, 2, 3):
        np.testing.assert_array_equal(model(x[:n]), expected[:n])


def test_inputs_of_higher_rank() -> None:
    model = pydl.Sequential([pydl.Input((2, 3)), L.Dense(4, "relu"), L.Flatten(), L.Dense(5)])
    x = np.random.default_rng(0).normal(size=(2, 2, 3)).astype("f4")
    expected = model.predict(x, steps=1)
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(quick(model, x), expected)
    assert quick(model, x.reshape(2, 6)) is None
    assert quick(model, x.reshape(2, 3, 2)) is None


# -- what changes between calls ---------------------------------------------------------------------------------------


def test_weights_may_change(model: Model) -> None:
    x = rows(3)
    before = model(x)
    model.set_weights([w * 0.5 for w in model.get_weights()])
    after = model(x)
    assert quick(model, x) is not None
    assert (before != after).any()
    np.testing.assert_array_equal(after, model.predict(x, steps=1))
    model.compile("sgd", "mse")
    model.fit(rows(20), np.ones((20, 3)), verbose=0)
    assert (model(x) != after).any()
    np.testing.assert_array_equal(model(x), model.predict(x, steps=1))


def test_the_graph_may_grow_and_shrink(model: Model) -> None:
    x = rows(3)
    first = model(x)
    model.predict(rows(50))
    model.add(L.Dense(2))
    assert model(x).shape == (3, 2)
    assert model.predict(rows(50)).shape == (50, 2)
    kernel, bias = model.get_weights()[-2:]
    np.testing.assert_allclose(model(x), first @ kernel + bias, rtol=1e-5, atol=1e-6)
    model.pop()
    np.testing.assert_array_equal(model(x), first)


def test_another_instruction_set_is_obeyed(model: Model) -> None:
    x = rows(3)
    for name in [*_core.isas(), *_core.isas()]:
        previous = _core.set_isa(name)
        try:
            assert quick(model, x) is None or name == previous
            expected = net()(x)  # a new model has plans of this instruction set only
            np.testing.assert_array_equal(model(x), expected)
            np.testing.assert_array_equal(quick(model, x), expected)
        finally:
            _core.set_isa(previous)


def test_work_for_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the setting allows at the moment, one first, with the bits of one."""
    model, x = net((784, 256, 10)), rows(64, 784)
    expected, seen = model.predict(x), []
    threads = Pace.threads

    def spy(self: Pace) -> int:
        seen.append(threads(self))
        return seen[-1]

    monkeypatch.setattr(Pace, "threads", spy)
    try:
        for n in (1, 3, 2):
            pydl.config.set_num_threads(n)
            assert quick(model, x) is None, "made for another number of threads"
            seen.clear()
            for _ in range(60):
                np.testing.assert_array_equal(model(x), expected)
            assert quick(model, x) is not None
            assert set(seen) == {1, n}
    finally:
        pydl.config.set_num_threads(None)


def test_what_would_take_much_memory_is_not_kept() -> None:
    model = net((784, 256, 10))
    for n, kept in ((200, True), (1000, False)):
        x = rows(n, 784)
        model(x)
        assert (x in model._runner.programs.predictor) == kept


def test_thread_counts_do_not_matter(model: Model) -> None:
    x = rows(3)
    expected = model(x)
    try:
        for n in (1, 3):
            pydl.config.set_num_threads(n)
            np.testing.assert_array_equal(quick(model, x), expected)
    finally:
        pydl.config.set_num_threads(None)


# -- out --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["array", "list"])
def test_out_is_written_and_returned(model: Model, given: str) -> None:
    x, out = rows(3), np.full((3, 3), np.nan, "f4")
    expected = model(x)
    argument = x if given == "array" else x.tolist()
    for call in (model, model.predict_on_batch):
        out[...] = np.nan
        assert call(argument, out=out) is out
        np.testing.assert_array_equal(out, expected)
    assert quick(model, x, out) is out


def test_out_may_be_strided_or_the_input_itself() -> None:
    model = net((8, 16, 8))
    x = rows(3)
    expected = model(x)
    wide = np.full((3, 16), np.nan, "f4")
    assert model(x, out=wide[:, ::2]).base is wide
    np.testing.assert_array_equal(wide[:, ::2], expected)
    assert np.isnan(wide[:, 1::2]).all()
    assert model(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_out_of_several_outputs() -> None:
    x = pydl.Input((8,))
    model = pydl.Model(x, [L.Dense(2)(x), L.Dense(3)(x)])
    given = rows(4)
    expected = model(given)
    out = [np.empty((4, 2), "f4"), np.empty((4, 3), "f4")]
    assert model(given, out=out) is out
    for a, b in zip(out, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="each of 2 outputs, got 1"):
        model(given, out=out[0])


FROZEN = np.empty((3, 3), "f4")
FROZEN.flags.writeable = False


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(
    ("out", "kind", "words"),
    [
        ([[0.0] * 3] * 3, ValueError, ("each of 1 outputs, got 3",)),
        ("text", TypeError, ("NumPy array to write into", "str")),
        (np.empty((3, 3)), ValueError, ("float32 of shape (3, 3)", "float64")),
        (np.empty((3, 3), ">f4"), ValueError, ("float32 of shape (3, 3)", ">f4")),
        (np.empty((3, 4), "f4"), ValueError, ("(3, 3)", "(3, 4)")),
        (np.empty((1, 3), "f4"), ValueError, ("(3, 3)", "(1, 3)")),
        (np.empty((9,), "f4"), ValueError, ("(3, 3)", "(9,)")),
        (FROZEN, ValueError, ("writable", "read-only")),
    ],
)  # fmt: skip
def test_out_refused(out: Any, kind: Any, words: tuple[str, ...], prepared: bool) -> None:
    model = net()
    if prepared:
        model(rows(3))
    for call in (model, model.predict_on_batch):
        with pytest.raises(kind) as error:
            call(rows(3), out=out)
        for word in words:
            assert word in str(error.value)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "kind", "words"),
    [
        (None, TypeError, "is None"),
        ("text", TypeError, "array of numbers"),
        (np.float32(3), ValueError, r"expected \(batch, 8\), got \(\)"),
        (np.array(3, "f4"), ValueError, r"expected \(batch, 8\), got \(\)"),
        (np.zeros(8, "f4"), ValueError, "a single row needs a batch axis"),
        (np.zeros((3, 9), "f4"), ValueError, r"got \(3, 9\)"),
        (np.zeros((3, 8, 2), "f4"), ValueError, r"got \(3, 8, 2\)"),
        (np.zeros((0, 8), "f4"), ValueError, "at least 1 row"),
        (np.zeros((3, 8), complex), TypeError, "complex128"),
        (np.zeros((3, 8), object), TypeError, "object"),
        (np.zeros((3, 8), "M8[s]"), TypeError, "datetime64"),
    ],
)
def test_bad_input_meets_the_checks(model: Model, x: Any, kind: Any, words: str) -> None:
    assert quick(model, x) is None
    for method in (model, model.predict_on_batch, model.predict):
        with pytest.raises(kind, match=words):
            method(x)
    assert quick(model, rows(3)) is not None


class Fragile(L.Layer):  # type: ignore[misc]
    """A layer in NumPy that refuses negative numbers, and calls `hook`."""

    hook: Any = None

    def call(self, x: Array) -> Array:
        if self.hook is not None:
            self.hook()
        if (x < 0).any():
            raise ArithmeticError("negative")
        return np.sqrt(x)


def test_exceptions_of_python_layers_come_through() -> None:
    model = pydl.Sequential([pydl.Input((8,)), Fragile(), L.Dense(2)])
    good = np.abs(rows(2))
    expected = model(good)
    for _ in range(3):
        with pytest.raises(ArithmeticError, match="negative"):
            model(rows(2))
        np.testing.assert_array_equal(model(good), expected)
    assert quick(model, good) is not None


def test_a_layer_may_call_its_own_model() -> None:
    layer = Fragile()
    model = pydl.Sequential([pydl.Input((8,)), layer, L.Dense(2)])
    x, inner = np.abs(rows(2)), []

    def hook() -> None:
        layer.hook = None
        inner.append(model(x))  # its plan is running: another one has to be made

    expected = model(x)
    layer.hook = hook
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(inner[0], expected)


# -- threads, processes, memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [SHORT, LONG])
def test_many_threads_at_once(widths: tuple[int, ...]) -> None:
    model, x = net(widths), rows(24, widths[0])
    expected = model.predict(x, steps=1)
    wrong: list[int] = []

    def work(k: int) -> None:
        for i in range(150):
            n = 1 + (i + k) % 3
            first = (i * 7 + k) % 20
            if not np.array_equal(model(x[first : first + n]), expected[first : first + n]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


FORK = """
import os, sys
import numpy as np, pydl
widths = [int(a) for a in sys.argv[1:]]
model = pydl.Sequential([pydl.Input(widths[:1]), *(pydl.layers.Dense(n, "tanh") for n in widths[1:])])
x = np.random.default_rng(0).normal(size=(2, widths[0])).astype("f4")
expected = model(x)
pid = os.fork()
same = np.array_equal(model(x), expected)
if pid == 0:
    os._exit(0 if same else 1)
print(same, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("widths", [SHORT, LONG])
def test_after_a_fork(widths: tuple[int, ...]) -> None:
    assert says(FORK, *widths).split() == ["True", "0"]


def test_nothing_is_kept(model: Model) -> None:
    x, out = rows(3), np.empty((3, 3), "f4")
    counts = sys.getrefcount(x), sys.getrefcount(out), sys.getrefcount(None)
    for _ in range(1000):
        model(x)
        model(x, out=out)
        quick(model, "text")
        quick(model, x, x)
    after = sys.getrefcount(x), sys.getrefcount(out), sys.getrefcount(None)
    assert after[:2] == counts[:2]
    assert abs(after[2] - counts[2]) < 100
    sizes = [rows(n) for n in range(1, 60)]
    for a in sizes:
        model(a)
    assert sum(x in model._runner.programs.predictor for x in sizes) == model._runner.programs.LIMIT
    assert quick(model, sizes[-1]) is not None


def test_models_are_freed() -> None:
    class Mark:
        gone = 0

        def __del__(self) -> None:
            Mark.gone += 1

    for layer in (L.Dense(2), Fragile()):
        model = pydl.Sequential([pydl.Input((8,)), layer])
        model(np.abs(rows(2)))
        model.mark = Mark()
        del model, layer
    gc.collect()
    assert Mark.gone == 2


DEBUG = """
import numpy as np, pydl
model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(2)])
x = np.ones((1, 3), "f4")
model(x)
assert model._runner.programs.predictor.run(x) is None
model.set_weights([np.full((3, 2), np.nan), np.zeros(2)])
try:
    model(x)
except FloatingPointError as error:
    print(error)
"""


def test_debug_mode_looks_at_every_record() -> None:
    assert "record 1, gemm_fwd, is the first to write NaN" in says(DEBUG, PYDL_DEBUG="1")


# -- time -------------------------------------------------------------------------------------------------------------


def seconds(function: Any, *arguments: Any) -> float:
    """The best of some rounds of calls: another load of the machine comes and goes."""
    best = float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(20):
            function(*arguments)
        best = min(best, (time.perf_counter() - begin) / 20)
    return best


@pytest.mark.long  # thousands of models
@pytest.mark.alone
def test_the_last_of_many_models_is_made_as_fast_as_the_first() -> None:
    x, y = rows(4), np.zeros((4, 3), "f4")

    def one() -> None:
        model = net()
        model.compile("adam", "mse")
        model.fit(x, y, verbose=0)
        model(x)

    first = seconds(one)
    for _ in range(200):
        one()
    assert min(seconds(one) / first for _ in range(3)) < 2


@pytest.mark.alone
def test_one_row_takes_less_than_numpy() -> None:
    """Measured: a fifth. NumPy needs three calls per layer, this is one call in all."""
    model, x = net((20, 64, 64, 1), "relu"), rows(1, 20)
    pairs = list(zip(*[iter(model.get_weights())] * 2, strict=True))

    def by_hand(x: Array) -> Array:
        for w, b in pairs:
            x = np.maximum(x @ w + b, 0)
        return x

    np.testing.assert_allclose(model(x), by_hand(x), rtol=1e-4, atol=1e-4)
    assert min(seconds(model, x) / seconds(by_hand, x) for _ in range(3)) < 0.8


@pytest.mark.parametrize("opened", [False, True])
def test_models_of_open_sizes_have_a_plan_for_each_shape(opened: bool) -> None:
    first = [] if opened else [pydl.Input((None, 4))]
    model = pydl.Sequential([*first, pydl.layers.Dense(8, "relu"), pydl.layers.Dense(3)])
    given = [np.random.default_rng(n).random((1 + n % 2, n, 4), np.float32) for n in (5, 6, 7, 9)]
    for x in given:
        model(x)
    found = [model.predict(x, verbose=0) for x in given]
    for x, y in zip(given, found, strict=True):
        np.testing.assert_array_equal(model(x), y)
        np.testing.assert_array_equal(quick(model, x), y)
    assert quick(model, given[0][:, :3]) is None


def test_attributes_that_change_are_heeded() -> None:
    """As programs do that take the activation of the last layer away: the model gave what it had given before."""
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dropout(0.5), last := pydl.layers.Dense(4, "softmax")])
    x = rows(5, 3)
    for call in (model, lambda given: model.predict(given, verbose=0)):
        last.activation = "softmax"
        np.testing.assert_allclose(call(x).sum(axis=1), 1, rtol=1e-5)
        assert quick(model, x) is not None or call is not model
        last.activation = None
        np.testing.assert_allclose(call(x), x @ last.kernel.numpy(), rtol=1e-4, atol=1e-5)
    model.layers[0].rate = 0.0
    np.testing.assert_array_equal(model(x, training=True), model(x))


def test_attributes_that_change_while_others_predict() -> None:
    """A program of the time before could be kept for good."""
    model = pydl.Sequential([pydl.Input((None, 3)), layer := pydl.layers.Dense(4, "tanh")])
    given = [np.random.default_rng(n).random((1, n, 3), np.float32) for n in range(1, 7)]
    stop = threading.Event()

    def predict() -> None:
        while not stop.is_set():
            for x in given:
                model(x)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for t in threads:
        t.start()
    for i in range(30):
        layer.activation = ["tanh", None][i % 2]
    stop.set()
    for t in threads:
        t.join()
    for x in given:
        np.testing.assert_allclose(model(x), x @ layer.kernel.numpy() + layer.bias.numpy(), rtol=1e-4, atol=1e-5)


def test_weights_of_built_layers_cannot_be_exchanged() -> None:
    """The layer and models it was in computed different things then."""
    first, second = pydl.layers.Dense(3), pydl.layers.Dense(3)
    model = pydl.Sequential([pydl.Input((3,)), first, second])
    for name, value in (("bias", None), ("kernel", first.kernel)):
        with pytest.raises((ValueError, AttributeError), match=r"cannot be exchanged|no setter|can.t set"):
            setattr(second, name, value)
    model(rows(2, 3))

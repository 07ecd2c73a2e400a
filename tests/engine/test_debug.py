"""Divergence is named, and PYDL_DEBUG=1 names the record that caused it, and the one that writes where it must not."""

from typing import Any

import numpy as np
import pytest

import pydl
from tests.process import python, says

MAKE = """
import numpy as np
import pydl

x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
y = (x @ np.float32([[1], [-2], [3], [0.5]])).astype(np.float32)

def make(rate=0.05):
    pydl.utils.set_random_seed(4)
    layers = pydl.layers
    net = pydl.Sequential([pydl.Input((4,)), layers.Dense(8, "gelu"), layers.Dropout(0.2), layers.Dense(1)])
    net.compile(pydl.optimizers.SGD(rate), "mse", metrics=["mae"])
    return net

def result():
    net = make()
    history = net.fit(x, y, batch_size=16, epochs=3, validation_split=0.2, verbose=0).history
    return repr((history, net.evaluate(x, y, verbose=0), net.optimizer.iterations, net.predict(x).tobytes(),
                 [w.tobytes() for w in net.get_weights()]))
"""


def test_a_trace_names_the_first_record() -> None:
    net = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(8, "relu"), pydl.layers.Dense(1)])
    net.compile(pydl.optimizers.SGD(0.01), "mse")
    x, y = np.ones((16, 4), np.float32), np.ones((16, 1), np.float32)
    trace = net.trace(x, y)
    assert trace.first_nonfinite is None
    assert [op for op, _ in trace.records] == [r["op"] for r in net.plan(16).records]
    assert all(seconds >= 0 for _, seconds in trace.records)
    weights = net.get_weights()
    weights[2][...] = np.inf
    net.set_weights(weights)
    trace = net.trace(x, y)
    records = [i for i, (op, _) in enumerate(trace.records) if op == "gemm_fwd"]
    assert trace.first_nonfinite == f"record {records[1]}, gemm_fwd"
    assert "first NaN or infinity: record" in str(trace)


def test_debug_mode_changes_no_bit() -> None:
    results = [says(MAKE + "print(result())", PYDL_DEBUG=value) for value in ("", "0", "1")]
    assert results[0] == results[1] == results[2]


def test_divergence_stops_at_its_record() -> None:
    program = (
        MAKE
        + """
net = make(1e20)
try:
    net.fit(x, y, batch_size=16, epochs=9, verbose=0)
except FloatingPointError as error:
    print(error)
assert net.optimizer.iterations < 20
assert net.first_nonfinite() is None, "the optimizer must not have seen that gradient"
net.set_weights([np.zeros_like(w) for w in net.get_weights()])
net.predict(x)
"""
    )
    said = says(program, PYDL_DEBUG="1")
    assert said.startswith("PYDL_DEBUG: record ")
    assert "is the first to write NaN or infinity; print(model.plan(16)) lists the records" in said


@pytest.mark.parametrize(
    "call", ["fit(x, y)", "evaluate(x, y)", "predict(x)", "gradients(x, y)", "train_on_batch(x, y)"]
)
def test_bad_input_is_named(call: str) -> None:
    program = (
        MAKE
        + f"""
net = make()
x[3, 2] = np.nan
net.{call}
"""
    )
    done = python(program, PYDL_DEBUG="1")
    assert "FloatingPointError: PYDL_DEBUG: record 0, gather," in done.stderr


def test_writes_behind_a_buffer_are_found() -> None:
    program = (
        MAKE
        + """
import ctypes
from pydl import _core

buffer = _core.Buffer((3, 5), "float32")
array = np.asarray(buffer)
array[...] = np.nan
assert buffer.intact()
ctypes.memset(array.ctypes.data + array.nbytes, 0, 1)
assert not buffer.intact()

class Scribbler(pydl.losses.Loss):
    def call(self, y_true, y_pred):
        ctypes.memset(y_pred.ctypes.data + y_pred.nbytes + 63, 0, 1)
        return (y_true - y_pred)[:, 0] ** 2
    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true)

net = make()
net.compile("sgd", Scribbler())
try:
    net.fit(x, y, verbose=0)
except RuntimeError as error:
    print(error)
"""
    )
    said = says(program, PYDL_DEBUG="1")
    assert "wrote behind a buffer" in said


def test_no_canaries_without_debug_mode() -> None:
    assert "True" in says("from pydl import _core; print(_core.Buffer((3,), 'float32').intact(), _core.debug())")


@pytest.mark.parametrize("value", ["2", "true", "yes"])
def test_other_values_are_refused(value: str) -> None:
    done = python("import pydl", PYDL_DEBUG=value)
    assert f"ImportError: PYDL_DEBUG='{value}': expected '0' or '1'" in done.stderr


def test_terminate_on_nan_names_epoch_step_and_tensor(capsys: Any) -> None:
    net = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(3, name="first"), pydl.layers.Dense(1)])
    net.compile(pydl.optimizers.SGD(1e30), "mse")
    x, y = np.ones((64, 4), np.float32), np.ones((64, 1), np.float32)
    net.fit(x, y, batch_size=16, epochs=3, callbacks=[pydl.callbacks.TerminateOnNaN()], verbose=0)
    said = capsys.readouterr().out
    assert said.startswith("Epoch 1, batch ")
    assert 'the first tensor that is not finite is "first/kernel"' in said

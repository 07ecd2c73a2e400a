"""Reading ahead: order, bounds, exceptions, and threads that end with whoever wanted the items."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import pydl
from pydl import data
from tests.process import says

pytestmark = pytest.mark.alone


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "pydl-prefetch"]


def endless(made: list[int]) -> Iterator[int]:
    try:
        while True:
            made.append(len(made))
            yield made[-1]
    finally:
        made.append(-1)


def settled(made: list[int]) -> int:
    """How many items there are once the thread waits."""
    while True:
        n = len(made)
        time.sleep(0.05)
        if n == len(made):
            return n


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_order_and_bound(depth: int) -> None:
    made: list[int] = []
    items = data.ahead(endless(made), depth)
    assert not threads()
    assert [next(items) for _ in range(10)] == list(range(10))
    assert settled(made) == 10 + depth - 1
    items.close()
    assert made[-1] == -1
    assert not threads()


def test_an_end() -> None:
    assert list(data.ahead(iter(range(100)))) == list(range(100))
    assert not threads()


def test_garbage_ends_the_thread() -> None:
    made: list[int] = []
    items = data.ahead(endless(made))
    next(items)
    assert len(threads()) == 1
    del items
    gc.collect()
    assert not threads()
    assert made[-1] == -1


def test_exceptions_come_where_the_item_would() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    items = data.ahead(broken())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert not threads()


def chunks(n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in range(n):
        yield np.full((50, 4), i, np.float32), np.full((50, 1), i, np.float32)


def network() -> pydl.Sequential:
    pydl.utils.set_random_seed(5)
    model = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(8, "relu"), pydl.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Fails(pydl.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if batch == 3:
            raise KeyError("callback")


class Stops(pydl.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.model.stop_training = batch == 3


def test_threads_end_with_the_fit() -> None:
    source = data.IteratorSource(lambda: chunks(100), rows=5000)
    model = network()
    with pytest.raises(KeyError) as kept:  # the traceback lives on
        model.fit(source, verbose=0, callbacks=[Fails()])
    assert kept.value.args == ("callback",)
    assert not threads()
    model.fit(source, verbose=0, callbacks=[Stops()])
    assert not threads()
    model.evaluate(source, verbose=0, steps=2)
    assert not threads()
    model.predict(source, steps=2)
    assert not threads()

    def broken() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield from chunks(2)
        raise ValueError("row 100 is broken")

    with pytest.raises(ValueError, match="row 100 is broken"):
        model.fit(data.IteratorSource(broken, buffer=1), verbose=0)
    assert not threads()


def test_reading_goes_on_while_a_step_runs() -> None:
    """The batch after the running one is read by another thread before anyone asks for it."""
    seen: list[tuple[int, bool]] = []

    def watched() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for i, chunk in enumerate(chunks(20)):
            seen.append((i, threading.current_thread() is threading.main_thread()))
            yield chunk

    class Waits(pydl.callbacks.Callback):
        ahead = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if batch == 5:
                time.sleep(0.2)
                Waits.ahead = len(seen)

    network().fit(data.IteratorSource(watched, buffer=1), batch_size=50, shuffle=False, verbose=0, callbacks=[Waits()])
    assert not any(main for _, main in seen)
    assert 7 <= Waits.ahead <= 10


INTERRUPT = """
import os, signal, threading, time
import numpy as np
import pydl
from pydl import data

def chunks():
    while True:
        time.sleep(0.002)
        yield np.ones((32, 4), np.float32), np.ones((32, 1), np.float32)

assert threading.active_count() == 1
model = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(1)])
model.compile("sgd", "mse")
for _ in range(3):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        model.fit(data.IteratorSource(chunks), verbose=0)
    except KeyboardInterrupt as error:
        kept = error
        names = [t.name for t in threading.enumerate()]
        assert "pydl-prefetch" not in names, names
    else:
        raise SystemExit("not interrupted")
    timer.join()
print("done")
"""


def test_ctrl_c_ends_the_thread() -> None:
    assert says(INTERRUPT) == "done\n"


def test_a_forked_child_says_so() -> None:
    items = data.ahead(endless([]), 1)
    next(items)
    child = os.fork()
    if not child:
        code = 1
        try:
            for _ in range(5):
                next(items)
        except RuntimeError as error:
            code = 0 if "forked" in str(error) else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    items.close()

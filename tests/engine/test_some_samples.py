"""Records that are run on some samples after the other: which, that no bit depends on it, and where they are cut."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L


@pytest.fixture
def l2() -> Iterator[Any]:
    """A function that sets the size of L2."""
    found = _core.caches()

    def choose(size: int) -> None:
        caches = copy.deepcopy(found)
        caches["l2"]["bytes"] = size
        _core.set_caches(caches)

    yield choose
    _core.set_caches(found)


def net() -> Any:
    pydl.utils.set_random_seed(5)
    model = pydl.Sequential([
        pydl.Input((24, 24, 2)), L.Conv2D(8, 3, padding="same", activation="relu"), L.Dropout(0.3),
        L.Conv2D(8, 3, activation="tanh"), L.Conv2D(4, 3, 2), L.Flatten(), L.Dense(3, "softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def deep(plan: Any) -> list[tuple[str, int]]:
    return [(r["op"], r["deep"]) for r in plan.records if r["deep"]]


def test_layers_of_images_run_together_and_dense_ones_on_all_rows(l2: Any) -> None:
    l2(1 << 18)
    found = deep(net().plan(64))
    assert found[0] == ("gather", 5)  # and three convolutions with the dropout between them; not the Dense layer
    assert found[1][0] == "conv_dx"
    l2(1 << 40)
    assert deep(net().plan(64)) == []  # everything stays in such a cache
    l2(1 << 18)
    dense = pydl.Sequential([pydl.Input((5000,)), L.Dense(6000, "relu"), L.Dense(6000, "relu"), L.Dense(10)])
    dense.compile("adam", "mse")
    assert deep(dense.plan(64)) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_no_bit_depends_on_it(l2: Any, threads: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(75, 24, 24, 2)).astype(np.float32), rng.integers(0, 3, 75)
    results = []
    for size in (1 << 40, 1 << 15, 1 << 18):
        l2(size)
        with pydl.config.limit_threads(threads):
            model = net()
            model.fit(x, y, batch_size=30, epochs=2, verbose=0)
            results.append([*model.get_weights(), model.predict(x, batch_size=70, verbose=0)])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def wide_net(rows: int) -> tuple[Any, Any]:
    pydl.utils.set_random_seed(6)
    model = pydl.Sequential([
        pydl.Input((64, 64, 2)), *(L.Conv2D(8, 3, padding="same", activation="relu") for _ in range(4)), L.Conv2D(1, 3),
    ])  # fmt: skip
    return model, np.random.default_rng(1).normal(size=(rows, 64, 64, 2)).astype(np.float32)


def test_buffers_of_records_that_run_together_share_no_memory(l2: Any) -> None:
    """On one thread, where those of others do."""
    l2(1 << 18)
    model, x = wide_net(40)
    with pydl.config.limit_threads(1):
        assert deep(model.plan(40, "predict"))
        together, apart = (model.predict(x, batch_size=n, verbose=0) for n in (40, 1))
    np.testing.assert_array_equal(together, apart)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_only_they_touch_holds_no_more_than_those(l2: Any, threads: int) -> None:
    """A prediction of 160 images needs memory for the few that threads are at, not for 84 MB of each layer's."""
    l2(1 << 18)
    model, x = wide_net(160)
    with pydl.config.limit_threads(threads):
        plan = model.plan(160, "predict")
        assert deep(plan) == [("gather", 7)]
        assert sum(b.nbytes for r in plan.records for b in r["writes"]) > 80 << 20
        assert plan.nbytes < threads << 20
        found = model.predict(x, batch_size=160, verbose=0)
    np.testing.assert_array_equal(found, model.predict(x, batch_size=1, verbose=0))


def branched() -> Any:
    """What is folded and what is kept, side by side: branches, pooling, normalization, an output in the middle."""
    pydl.utils.set_random_seed(7)
    x = pydl.Input((24, 24, 3))
    a = L.Conv2D(8, 3, padding="same", activation="relu")(x)
    b = L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(a))
    c = L.Concatenate()(
        [L.MaxPooling2D(2)(L.Conv2D(8, 3, padding="same", activation="relu")(b)), L.AveragePooling2D(2)(a)]
    )
    d = L.Add()([c, L.Conv2D(16, 1, activation="tanh")(c)])
    model = pydl.Model(
        x, [L.Dense(3, "softmax")(L.GlobalAveragePooling2D()(d)), L.Flatten(name="seen")(L.MaxPooling2D(4)(c))]
    )
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    return model


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_bit_of_a_graph_depends_on_it(l2: Any, threads: int) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(41, 24, 24, 3)).astype(np.float32), rng.integers(0, 3, 41)
    z = rng.normal(size=(41, 144)).astype(np.float32)
    results = []
    for size in (1 << 40, 1 << 15, 1 << 18):
        l2(size)
        with pydl.config.limit_threads(threads):
            model = branched()
            model.fit(x, [y, z], batch_size=20, epochs=2, verbose=0)
            results.append([*model.get_weights(), *model.predict(x, batch_size=41, verbose=0)])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_traced_step_shows_every_record_and_changes_no_bit(l2: Any) -> None:
    l2(1 << 16)
    rng = np.random.default_rng(3)
    x, y, z = rng.normal(size=(20, 24, 24, 3)), rng.integers(0, 3, 20), rng.normal(size=(20, 144))
    one, other = branched(), branched()
    assert deep(one.plan(20))
    trace = one.trace(x, [y, z])
    assert [op for op, _ in trace.records] == [r["op"] for r in one.plan(20).records]
    assert trace.first_nonfinite is None
    other.train_on_batch(x, [y, z])
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rows", [1, 2])
def test_fewer_images_than_threads_are_divided_by_rows_of_windows(rows: int) -> None:
    """Convolutions, depthwise ones, pooling: the bits of one thread, with an uneven number of rows for each."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, 65, 61, 3)).astype(np.float32)

    def found(threads: int) -> Any:
        pydl.utils.set_random_seed(8)
        model = pydl.Sequential([
            pydl.Input((65, 61, 3)), L.Conv2D(8, 5, 2, padding="same", activation="relu"), L.MaxPooling2D(3, 2, "same"),
            L.BatchNormalization(), L.DepthwiseConv2D(3, padding="same", activation="tanh"), L.Activation("softmax"),
            L.AveragePooling2D(2, 1), L.Conv2D(16, 3, dilation_rate=2, activation="softmax"), L.Conv2D(4, 1, groups=2),
            L.GlobalAveragePooling2D(), L.Dense(3),
        ])  # fmt: skip
        with pydl.config.limit_threads(threads):
            divided = [r["op"] for r in model.plan(rows, "predict").records if r["barrier"]]
            assert threads == 1 or (len(divided) > 1) == (threads > rows)  # one thread has none to wait for
            return model.predict(x, verbose=0)

    one = found(1)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(found(threads), one)

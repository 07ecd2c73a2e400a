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


def test_a_plan_that_is_large_uses_memory_again_instead(l2: Any) -> None:
    l2(1 << 18)
    model, x = wide_net(160)
    plan = model.plan(160, "predict")
    assert deep(plan) == []
    assert plan.nbytes < 64 << 20
    assert sum(b.nbytes for r in plan.records for b in r["writes"]) > 80 << 20
    np.testing.assert_array_equal(
        model.predict(x, batch_size=160, verbose=0), model.predict(x, batch_size=4, verbose=0)
    )

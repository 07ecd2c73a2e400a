"""Programs share memory where they never run at the same time, and nobody can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L
from pydl._engine.cache import ProgramCache, Workspace

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
Y = X[:, :2]


def build() -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential(
        [
            pydl.Input((6,)), L.Dense(33, "gelu"), L.BatchNormalization(trainable=False), L.Dropout(0.3),
            L.LayerNormalization(), L.Dense(17, "tanh"), L.Dense(2),
        ]
    )  # fmt: skip
    model.compile("adam", "mse", ["mae", lambda t, y: np.abs(t - y).max(axis=-1)])
    return model


def disturb(model: Any) -> None:
    """Run programs of other kinds and sizes."""
    model.evaluate(X[:30] * 1e9, Y[:30], verbose=0)
    model.predict(X[:7] * np.inf)
    model.gradients(X[:9], Y[:9] * np.float32(1e9))


def test_what_other_programs_left_changes_no_bit() -> None:
    alone = build()
    for _ in range(3):
        alone.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    expected = alone.get_weights(), alone.evaluate(X, Y, verbose=0)
    disturbed = build()
    for _ in range(3):
        disturb(disturbed)
        disturbed.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
        disturb(disturbed)
    for a, b in zip(expected[0], disturbed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert expected[1] == disturbed.evaluate(X, Y, verbose=0)


def workspaces(model: Any) -> list[Workspace]:
    cache: ProgramCache = model._runner.programs
    return cache._free


def memory(model: Any) -> int:
    return sum(w.memory.nbytes for w in workspaces(model) if w.memory is not None)


def test_smaller_programs_take_the_memory_of_the_largest() -> None:
    model = build()
    model.train_on_batch(X, Y)
    before = memory(model)
    model.fit(X, Y, batch_size=32, verbose=0, validation_split=0.3)
    model.predict(X)
    disturb(model)
    assert len(workspaces(model)) == 1
    assert memory(model) < 1.1 * before


def test_memory_of_many_batch_sizes_is_bounded() -> None:
    model = build()
    for n in range(1, len(X) + 1):
        model.train_on_batch(X[:n], Y[:n])
    (workspace,) = workspaces(model)
    assert len(workspace.programs) == Workspace.LIMIT
    largest = build()
    largest.train_on_batch(X, Y)
    assert memory(model) <= 1.1 * Workspace.LIMIT * memory(largest)


def test_a_run_within_a_run_has_memory_of_its_own() -> None:
    expected = build().fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0).history
    watched, predictions = build(), []
    watcher = pydl.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: predictions.append(watched.predict(X[:8] * 1e6))
    )
    assert watched.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0, callbacks=[watcher]).history == expected
    assert len(workspaces(watched)) == 2
    np.testing.assert_array_equal(predictions[-1], watched.predict(X[:8] * 1e6))


def test_compiling_forgets_programs_in_use() -> None:
    model = build()
    with model._runner.program_for("predict", 4):
        model.compile("sgd", "mae")
    assert workspaces(model) == []


def test_a_view_keeps_its_memory() -> None:
    base = _core.Buffer((4, 5), "float32")
    view = base.view((3, 2), 4)
    np.asarray(view)[...] = 7
    array = np.asarray(view)
    assert np.asarray(base).ravel()[4:10].tolist() == [7] * 6
    del base, view
    assert array.tolist() == [[7, 7]] * 3
    with pytest.raises(ValueError, match=r"view of Buffer\(shape=\(4, 5\).*: 6 elements from 15 on are not in it"):
        _core.Buffer((4, 5), "float32").view((6,), 15)


def test_arrays_of_a_plan_outlive_its_memory() -> None:
    """What a plan is bound to may change while somebody still looks at a buffer."""
    plan = _core.Plan("float32")
    buffer = plan.buffer((100,))
    with pytest.raises(BufferError, match="not bound"):
        memoryview(buffer)
    plan.emit("affine", x=np.ones(100, np.float32), y=buffer, B=1, O=100, a=2.0, c=1.0)
    plan.run(1, 1)
    array = np.asarray(buffer)
    plan.bind(_core.Buffer((plan.nbytes,), "uint8"))
    assert array.tolist() == [3.0] * 100
    assert np.asarray(buffer).tolist() == [0.0] * 100


def test_a_buffer_of_another_plan_is_refused() -> None:
    stranger = _core.Plan("float32").buffer((4,))
    with pytest.raises(ValueError, match="is a buffer of another plan"):
        _core.Plan("float32").emit("affine", x=stranger, y=np.ones(4, np.float32), B=1, O=4)

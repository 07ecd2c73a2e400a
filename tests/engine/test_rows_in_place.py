"""The first product reads rows where they lie, if they are of its dtype: the same bits as from a copy, and only where
nothing else wants the copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

Array = np.ndarray[Any, Any]
ROWS, COLUMNS, BATCH = 600, 784, 32


@pytest.fixture(scope="module")
def digits(data_dir: Path) -> tuple[Array, Array]:
    """Some rows of MNIST in [0, 1], float32, and their class numbers."""
    with np.load(data_dir / "mnist.npz") as f:
        return f["x_train"][:ROWS].reshape(ROWS, -1).astype(np.float32) / 255, f["y_train"][:ROWS]


def widened(x: Array) -> Array:
    """The same rows, further apart than they are long."""
    wide = np.full((len(x), COLUMNS + 5), np.nan, x.dtype)
    wide[:, 3 : 3 + COLUMNS] = x
    return wide[:, 3 : 3 + COLUMNS]


def on_disk(x: Array, folder: Path) -> Array:
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


PLACES: dict[str, Callable[[Array, Path], Array]] = {
    "float32": lambda x, folder: x,
    "rows apart": lambda x, folder: widened(x),
    "on disk": on_disk,
}


def net(*hidden: int) -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential([pydl.Input((COLUMNS,)), *(L.Dense(n, "relu") for n in hidden), L.Dense(10)])
    model.compile("adam", pydl.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return model


def trained(x: Array, y: Array, hidden: tuple[int, ...], shuffle: bool) -> list[bytes]:
    """Bytes of the weights after two epochs, of the losses and of predictions."""
    model = net(*hidden)
    seen = model.fit(x, y, batch_size=BATCH, epochs=2, shuffle=shuffle, validation_split=0.1, verbose=0).history
    outputs = [model.predict(x, batch_size=100), model(x[:1]), model(x[:3]), np.array(model.evaluate(x, y))]
    return [a.tobytes() for a in (*model.get_weights(), np.array([*seen.values()]), *outputs)]


def in_place(model: Any, kind: str = "train", rows: int = BATCH) -> set[str]:
    """The records of a plan that read an input's rows where they lie."""
    return {r["op"] for r in model.plan(rows, kind).records if r["fields"].get("in_place")} - {"gather"}


@pytest.mark.parametrize("hidden", [(128,), (64, 33), (5,)], ids=str)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("place", PLACES)
def test_the_bits_of_a_copy(
    digits: tuple[Array, Array], place: str, shuffle: bool, hidden: tuple[int, ...], tmp_path: Path
) -> None:
    x, y = digits
    assert in_place(net(*hidden)) >= {"gemm_dw"}
    copied = trained(x.astype(np.float64), y, hidden, shuffle)  # another dtype has to be gathered
    assert trained(PLACES[place](x, tmp_path), y, hidden, shuffle) == copied


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_bits_of_one_thread(digits: tuple[Array, Array], threads: int) -> None:
    x, y = digits
    found = []
    for n in (1, threads):
        pydl.config.set_num_threads(n)
        found.append(trained(x, y, (256,), True))
    assert found[0] == found[1]


@pytest.fixture(autouse=True)
def _threads_as_before() -> Any:
    before = pydl.config.get_num_threads()
    yield
    pydl.config.set_num_threads(before)


def compiled(outputs: Any, *inputs: Any) -> Any:
    model = pydl.Model([*inputs], outputs)
    model.compile("sgd", "mse")
    return model


def test_where_products_are_the_only_readers() -> None:
    x = pydl.Input((6,))
    both = compiled(L.Add()([L.Dense(8)(x), L.Dense(8, "tanh")(x)]), x)
    assert in_place(both) == {"gemm_fwd", "gemm_dw"}
    images = pydl.Input((4, 3))
    assert in_place(compiled(L.Dense(8)(L.Flatten()(images)), images)) == {"gemm_fwd", "gemm_dw"}
    assert in_place(both, "predict") == in_place(both, "test") == {"gemm_fwd"}


def test_not_where_a_copy_serves_better_or_somebody_else() -> None:
    x, steps = pydl.Input((6,)), pydl.Input((4, 6))
    assert in_place(compiled(L.Add()([L.Dense(6)(x), x]), x)) == set()
    assert in_place(compiled(L.Dense(8)(L.BatchNormalization()(x)), x)) == set()
    assert in_place(compiled(L.Dense(8)(steps), steps)) == set()  # rows of the product are not rows of the source
    narrow = compiled(L.Dense(1)(x), x)
    assert in_place(narrow) == set()
    assert in_place(narrow, "predict") == {"gemm_fwd"}


def test_two_inputs_each_from_its_own_source() -> None:
    a, b = pydl.Input((6,)), pydl.Input((9,))
    model = compiled(L.Dense(8)(L.Concatenate()([L.Dense(8)(a), L.Dense(8)(b)])), a, b)
    assert in_place(model, "predict") == {"gemm_fwd"}
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((50, n)).astype(np.float32) for n in (6, 9)]
    copies = [x.astype(np.float64) for x in xs]
    assert model.predict(xs).tobytes() == model.predict(copies).tobytes() == model.predict([xs[0], copies[1]]).tobytes()


def test_a_trace_looks_at_rows_in_place(digits: tuple[Array, Array]) -> None:
    x, y = digits[0][:BATCH].copy(), digits[1][:BATCH]
    model = net(128)
    model.test_on_batch(np.full(x.shape, np.inf), y)  # of another dtype: the buffer holds infinity now
    assert model.trace(x, y).first_nonfinite is None
    x[3, 700] = np.nan
    assert model.trace(x, y).first_nonfinite == "record 0, gather"

"""Streams: the same rows each pass, shuffled well, resumable at any batch; Parquet, iterators, shards, frames."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pydl
from pydl import data
from tests.process import says

pytestmark = pytest.mark.long  # large files; test_arrays stays

ROWS = 3257
Made = Callable[[int], data.Source]


def table() -> pa.Table:
    numbers = np.arange(ROWS)
    return pa.table({"a": numbers.astype(np.float64), "b": -numbers.astype(np.int16), "row": numbers})


@pytest.fixture(params=["parquet", "iterator", "shards"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """A function from the size of the buffer to a source whose targets are the numbers of the rows."""
    if request.param == "parquet":
        pq.write_table(table(), tmp_path / "t.parquet", row_group_size=400)
        return lambda buffer: data.ParquetSource(tmp_path / "t.parquet", "row", buffer=buffer)
    x, y = np.stack([np.arange(ROWS), -np.arange(ROWS)], 1).astype(np.float32), np.arange(ROWS)
    cuts = [0, 100, 101, 900, 2000, 2000, ROWS]
    pieces = [(x[a:b], y[a:b]) for a, b in itertools.pairwise(cuts)]
    if request.param == "iterator":
        return lambda buffer: data.IteratorSource(lambda: iter(pieces), rows=ROWS, buffer=buffer)
    writer = data.ShardWriter(tmp_path / "shards")
    for piece in pieces:
        writer.write(*piece)
    with pytest.raises(ValueError, match="not a finished folder"):
        data.ShardSource(tmp_path / "shards")
    writer.close()
    return lambda buffer: data.ShardSource(tmp_path / "shards", buffer=buffer)


def order(source: data.Source, size: int = 100, **how: Any) -> np.ndarray:
    """The numbers of the rows as they come; inputs must belong to them, batches be full but for the last."""
    batches = list(source.batches(size, **how))
    assert all(len(y) == size for _, y in batches[:-1])
    for x, y in batches:
        np.testing.assert_array_equal(x, np.stack([y, -y], 1))
        assert x.dtype == np.float32
    return np.concatenate([y for _, y in batches])


@pytest.mark.parametrize("buffer", [1, 700, 10_000])
def test_every_row_once_and_any_place_to_start(made: Made, buffer: int) -> None:
    source = made(buffer)
    assert len(source) == ROWS
    assert source.batch_count(100) == 33
    np.testing.assert_array_equal(order(source), np.arange(ROWS))
    for seed in (0, 1 << 61):
        whole = order(source, seed=seed)
        np.testing.assert_array_equal(np.sort(whole), np.arange(ROWS))
        np.testing.assert_array_equal(whole, order(source, 64, seed=seed))
        for start in (1, 4, 7, 20, 32):
            np.testing.assert_array_equal(whole[100 * start :], order(source, start=start, seed=seed))
        np.testing.assert_array_equal(whole[700:900], order(source, start=7, stop=9, seed=seed))
    for start in (1, 9, 32):
        np.testing.assert_array_equal(np.arange(ROWS)[100 * start :], order(source, start=start))


def test_shuffles(made: Made) -> None:
    source = made(10_000)
    first, second = order(source, seed=0), order(source, seed=1)
    for a, b in ((first, np.arange(ROWS)), (second, np.arange(ROWS)), (first, second)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


def test_groups_come_in_a_random_order(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "t.parquet", row_group_size=100)
    rows = order(data.ParquetSource(tmp_path / "t.parquet", "row", buffer=200), seed=1)
    assert abs(np.corrcoef(rows, np.arange(ROWS))[0, 1]) < 0.5


class Killed(pydl.callbacks.Callback):
    def __init__(self, at: int) -> None:
        self.left = at

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_a_run_resumes_to_the_same_bits(made: Made, tmp_path: Path) -> None:
    def run(*callbacks: pydl.callbacks.Callback) -> tuple[list[np.ndarray], dict[str, list[float]]]:
        pydl.utils.set_random_seed(2)
        model = pydl.Sequential(
            [pydl.Input((2,)), pydl.layers.Rescaling(1e-3), pydl.layers.Dense(8, "relu"), pydl.layers.Dense(1)]
        )
        model.compile("adam", "mae")
        kept = pydl.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=5)
        history = model.fit(made(700), batch_size=100, epochs=3, verbose=0, callbacks=[kept, *callbacks])
        return model.get_weights(), history.history

    whole, told = run()
    for at in (13, 33, 40):  # in an epoch, at its end, in the next one of the run that went on
        with pytest.raises(KeyboardInterrupt):
            run(Killed(at))
    resumed, told_again = run()
    assert told == told_again
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_takes_its_shape_from_a_source(made: Made) -> None:
    model = pydl.Sequential([pydl.layers.Dense(1)])
    model.compile("sgd", "mae")
    model.fit(made(100), verbose=0, steps_per_epoch=2)
    assert model.inputs[0].shape == (None, 2)
    assert model.predict(made(100), batch_size=50).shape == (ROWS, 1)


def test_iterators_of_unknown_length() -> None:
    source = data.IteratorSource((np.ones((5, 2)), np.ones(5)) for _ in range(3))
    with pytest.raises(TypeError, match="not known"):
        len(source)
    assert source.batch_count(4) is None
    assert [len(y) for _, y in source.batches(4)] == [4, 4, 4, 3]
    with pytest.raises(ValueError, match="used up"):
        list(source.batches(4))
    with pytest.raises(TypeError, match="iterable"):
        data.IteratorSource(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tuple of 4"):
        next(data.IteratorSource([(1, 2, 3, 4)]).batches())
    with pytest.raises(ValueError, match="one length, got 2, 3"):
        next(data.IteratorSource([(np.ones(2), np.ones(3))]).batches())


@pytest.mark.parametrize(
    "kind", [pa.Table.to_pandas, polars.from_arrow, lambda t: t], ids=["pandas", "polars", "arrow"]
)
def test_frames(kind: Callable[[pa.Table], Any]) -> None:
    source = data.FrameSource(kind(table()), "row")
    np.testing.assert_array_equal(order(source), np.arange(ROWS))
    np.testing.assert_array_equal(np.sort(order(source, seed=3)), np.arange(ROWS))
    (x,) = next(data.FrameSource(kind(table()), features=["b"]).batches(2))
    np.testing.assert_array_equal(x, [[0], [-1]])


def test_wrong_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1, 2], "name": ["x", "y"], "income": [0, 1]})
    with pytest.raises(ValueError, match=r'no column "incme"; did you mean "income"'):
        data.FrameSource(frame, "incme")
    with pytest.raises(TypeError, match='column "name": expected numbers'):
        data.FrameSource(frame, "income")
    with pytest.raises(ValueError, match="at least one column"):
        data.FrameSource(frame, "income", features=[])
    with pytest.raises(ValueError, match=r'several columns "age"'):
        data.FrameSource(frame.set_axis(["age", "age", "income"], axis=1), "income")
    with pytest.raises(TypeError, match="got dict"):
        data.FrameSource({"age": [1]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TypeError, match='column "name": expected numbers'):
        list(data.ParquetSource(tmp_path / "t.parquet", "income").batches())
    (tmp_path / "bad.parquet").write_text("age,income")
    with pytest.raises(ValueError, match="not a Parquet file"):
        data.ParquetSource(tmp_path / "bad.parquet")
    with pytest.raises(FileNotFoundError):
        data.ParquetSource(tmp_path / "none.parquet")


# argv: file. Trains on Adult with text columns, through a transform.
ADULT = """
import json, sys
import numpy as np
import pydl
from pydl import data

EDUCATION = {name: i for i, name in enumerate(json.loads(sys.argv[2]))}

def rows(frame):
    x = np.zeros((len(frame), 4 + len(EDUCATION)), np.float32)
    x[:, :4] = frame[["age", "hours_per_week", "education_num", "capital_gain"]] / [40, 40, 10, 10_000]
    x[np.arange(len(frame)), 4 + frame["education"].map(EDUCATION)] = 1
    return x, (frame["income"] == ">50K").to_numpy(np.float32)

source = data.ParquetSource(sys.argv[1], transform=rows, buffer=8192)
pydl.utils.set_random_seed(1)
model = pydl.Sequential([pydl.layers.Dense(32, "relu"), pydl.layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(source, batch_size=64, epochs=2, verbose=0)
print(model.evaluate(source, verbose=0, return_dict=True)["accuracy"])
"""


def test_adult_as_parquet(data_dir: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(data_dir / "adult-train.csv", skipinitialspace=True)
    frame.to_parquet(tmp_path / "adult.parquet", row_group_size=3000)
    accuracy = float(says(ADULT, tmp_path / "adult.parquet", json.dumps(sorted(set(frame["education"])))))
    assert accuracy > 0.80  # 75.9 % are <=50K


MEMORY = """
import json, sys
import numpy as np
import pydl
from pydl import data

def status(name):
    with open("/proc/self/status") as f:
        return 1024 * next(int(line.split()[1]) for line in f if line.startswith(name))

model = pydl.Sequential([pydl.Input((20,)), pydl.layers.Dense(1)])
model.compile("sgd", "mae")
def train(path):
    model.fit(data.ParquetSource(path, "y", buffer=16_384), batch_size=1024, verbose=0)
train(sys.argv[1])
before = status("VmRSS")
train(sys.argv[2])
print(status("VmHWM") - before)
"""


def test_a_large_parquet_file_stays_on_disk(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(20)] + [("y", pa.float64())])
    for name, rows in (("small", 50_000), ("large", 1_000_000)):  # one group of rows each
        table = pa.table([draw.normal(size=rows) for _ in schema], schema=schema)
        pq.write_table(table, tmp_path / f"{name}.parquet", compression="none", use_dictionary=False)
    assert (tmp_path / "large.parquet").stat().st_size > 160e6
    grown = int(says(MEMORY, tmp_path / "small.parquet", tmp_path / "large.parquet"))
    assert grown < 80e6  # the allocator keeps some 50 MB; the file has 168 MB

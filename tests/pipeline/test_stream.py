"""Files larger than memory: bounded memory, the same rows in the same parts, and Ctrl-C at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline import stream, table
from pydl.pipeline.stream import prepare
from tests.process import python, says

pytestmark = pytest.mark.long  # files of many rows; data/test_arrays and test_table stay


@pytest.fixture(scope="module")
def adult(data_dir: Path) -> Path:
    return data_dir / "adult-train.csv"


def rows(source: stream.ShardSource) -> tuple[np.ndarray, np.ndarray]:
    batches = list(source.batches(1000))
    return np.concatenate([x["features"] for x, _ in batches]), np.concatenate([y for _, y in batches])


def test_adult(adult: Path, tmp_path: Path) -> None:
    """All rows are there, in parts of the right size, prepared as a table in memory would be."""
    found = prepare(adult, "income", tmp_path / "s")
    assert sum(found.rows.values()) == 32_561
    assert abs(found.rows["test"] / 32_561 - 0.1) < 0.005
    assert abs(found.rows["validation"] / 32_561 - 0.1) < 0.005
    assert len(found.train_sample) == found.rows["train"]  # fewer than a sample may have
    x, y = rows(found.train)
    np.testing.assert_array_equal(x, found.preparation.transform(found.train_sample)["features"])
    np.testing.assert_array_equal(y, found.target.encode(found.train_sample["income"])[0])
    assert found.test is not None
    np.testing.assert_array_equal(rows(found.test)[0], found.preparation.transform(found.test_sample)["features"])


def test_chunks_change_nothing(adult: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 3000)
    a = prepare(adult, "income", tmp_path / "a")
    monkeypatch.setattr(table, "_CHUNK_BYTES", 200_000)
    b = prepare(adult, "income", tmp_path / "b")
    assert len(a.train.sizes) < len(b.train.sizes)
    assert len(a.test_sample) == 3000
    assert 3000 <= len(a.train_sample) <= 3002
    pd.testing.assert_frame_equal(a.train_sample, b.train_sample)
    for one, other in zip(rows(a.train), rows(b.train), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_there_is_used_again(adult: Path, tmp_path: Path) -> None:
    said: list[str] = []
    prepare(adult, "income", tmp_path / "s", say=said.append)
    assert len(said) == 3
    prepare(adult, "income", tmp_path / "s", say=said.append)
    assert len(said) == 3
    prepare(adult, "income", tmp_path / "s", seed=1, say=said.append)
    assert len(said) == 6


def test_a_pass_that_ended_is_not_repeated(adult: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass is interrupted once: the next call begins with it, and finds what one call would have found."""
    whole = prepare(adult, "income", tmp_path / "whole")
    said: list[str] = []

    def interrupt(*given: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    for name in ("scan", "sample", "lay_down"):
        with monkeypatch.context() as patch:
            patch.setattr(stream, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                prepare(adult, "income", tmp_path / "cut", say=said.append)
    cut = prepare(adult, "income", tmp_path / "cut", say=said.append)
    assert [next(w for w in ("what its", "sample", "prepare") if w in line) for line in said] == [
        "what its", "what its", "sample", "sample", "prepare", "prepare",
    ]  # fmt: skip
    assert cut.rows == whole.rows
    pd.testing.assert_frame_equal(cut.train_sample, whole.train_sample)
    for one, other in zip(rows(cut.train), rows(whole.train), strict=True):
        np.testing.assert_array_equal(one, other)


def train(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert cli.main(["train", *map(str, arguments), "--epochs", "3", "--hidden", "16", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("own_test", [False, True])
def test_all_rows_held_out_are_judged(
    adult: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_test: bool
) -> None:
    """However small the sample, with the figures that a run in memory has."""
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 2000)
    monkeypatch.setattr(table, "_CHUNK_BYTES", 200_000)
    test = adult.with_name("adult-test.csv") if own_test else adult
    options = [adult, "--target", "income", *(["--test", test] if own_test else [])]
    memory = train(capsys, *options, "--out", tmp_path / "memory")
    streamed = train(capsys, *options, "--stream", "--out", tmp_path / "run")
    assert list(streamed) == list(memory)
    for part in memory.keys() - {"baselines"}:
        assert streamed[part].keys() == memory[part].keys()
    counts = {part: streamed[part]["rows"] for part in ("train", "validation", "test")}
    for name in ("constant", "boosting"):
        assert streamed["baselines"][name]["rows"] == counts["test"]
    assert counts["train"] == pytest.approx(2000, abs=2)
    assert counts["validation"] == pytest.approx(memory["validation"]["rows"], rel=0.05)
    assert counts["test"] == (16_281 if own_test else pytest.approx(memory["test"]["rows"], rel=0.05))
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    best = history.loc[history["val_loss"].idxmin(), "val_accuracy"]
    assert best == pytest.approx(streamed["validation"]["accuracy"]), "the same rows as in training"
    predicted = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert len(predicted) == counts["test"]
    truth = table.read_table(test)["income"].to_numpy()[predicted["row"]]
    assert predicted["truth"].tolist() == truth.tolist()
    assert (predicted["truth"] == predicted["prediction"]).mean() == pytest.approx(streamed["test"]["accuracy"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "of the training rows, 2,000 drawn by chance" in page
    assert (
        f"of 2,000 test rows, {'the first of the file' if own_test else 'drawn by chance'}; the figures: of all" in page
    )
    assert not (tmp_path / "run" / "stream").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"income": None}, 'target "income" is not in the table'),
        ({"income": ""}, "no row has a usable value of income"),
    ],
)
def test_a_test_file_is_looked_through_before_the_training(
    adult: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    test, run = tmp_path / "t.csv", tmp_path / "run"
    frame = pd.read_csv(adult, nrows=100, dtype=str).assign(**changes)
    frame.drop(columns=[name for name, value in changes.items() if value is None]).to_csv(test, index=False)
    arguments = ["train", adult, "--target", "income", "--stream", "--test", test, "--out", run]
    assert cli.main([str(argument) for argument in arguments]) == 1
    assert message in capsys.readouterr().err
    assert not run.exists()


def test_what_cannot_be_read_in_a_test_file_is_missing_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400).round(3).astype(str), "c": rng.choice(["a", "b"], 400)})
    frame["y"] = np.where(frame["c"] == "a", "yes", "no")
    frame[:300].to_csv(tmp_path / "t.csv", index=False)
    test = frame[300:].reset_index(drop=True)
    test.loc[99, "x"] = "old"
    test.to_csv(tmp_path / "test.csv", index=False)
    arguments = ["train", tmp_path / "t.csv", "--target", "y", "--stream", "--test", tmp_path / "test.csv",
                 "--epochs", "2", "--hidden", "4", "--out", tmp_path / "run"]  # fmt: skip
    assert cli.main([str(argument) for argument in arguments]) == 0
    note = 'test rows: "x": 1 of 100 rows: "old" is no number and taken as missing'
    assert capsys.readouterr().err.count(note) == 1
    assert note in json.loads((tmp_path / "run" / "info.json").read_text())["notes"]


def test_a_rare_class_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 100)
    y = np.array(["often", "rarely"])[(np.arange(5000) == 4000).astype(int)]
    pd.DataFrame({"x": np.arange(5000) % 7, "y": y}).to_csv(tmp_path / "t.csv", index=False)
    found = prepare(tmp_path / "t.csv", "y", tmp_path / "s", validation=0, test=0)
    assert found.target.classes == ["often", "rarely"]
    assert found.validation is found.test is None
    assert rows(found.train)[1].sum() == 1


def test_wrong_files(adult: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        prepare(tmp_path / "none.csv", "income", tmp_path / "s")
    with pytest.raises(ValueError, match='target "incom" is not in the table; did you mean income'):
        prepare(adult, "incom", tmp_path / "s")


# argv: file, folder, epochs, optionally a small file to have everything loaded by, and a factor for what is held in
# memory. Prints the figures of the run; on stderr what begins and last, by how much memory grew after the small file.
TRAIN = """
import sys, json
import numpy as np
import pydl
from pydl import layers
from pydl.callbacks import BackupAndRestore
from pydl.pipeline import stream, table

def status(name):
    with open("/proc/self/status") as f:
        return 1024 * next(int(line.split()[1]) for line in f if line.startswith(name))

def train(path, folder, epochs):
    found = stream.prepare(path, "y", folder + "/rows", say=lambda line: print(line, file=sys.stderr, flush=True))
    pydl.utils.set_random_seed(0)
    width = found.preparation.inputs[0].width
    x = pydl.Input((width,), name="features")
    model = pydl.Model(x, layers.Dense(2, "softmax")(layers.Dense(32, "relu")(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    saved = BackupAndRestore(folder + "/backup", save_freq=50)
    print("training", file=sys.stderr, flush=True)
    told = model.fit(
        found.train, batch_size=256, epochs=epochs, validation_data=found.validation, callbacks=[saved], verbose=0
    )
    judged = model.evaluate(found.test, verbose=0, return_dict=True)
    return {"history": told.history, "test": judged, "weights": [float(np.abs(w).sum()) for w in model.get_weights()]}

if __name__ == "__main__":
    path, folder, epochs = sys.argv[1:4]
    if len(sys.argv) > 4:
        for module, name in ((stream, "SAMPLE_ROWS"), (table, "_CHUNK_BYTES"), (stream, "_BUFFER_BYTES")):
            setattr(module, name, int(getattr(module, name) * float(sys.argv[5])))
        train(sys.argv[4], folder + "/small", 1)
    before = status("VmRSS")
    print(json.dumps(train(path, folder, int(epochs)), sort_keys=True))
    print(status("VmHWM") - before, file=sys.stderr)
"""


def written(path: Path, n: int) -> Path:
    """Twelve numbers and a city of thirty, which say together what `y` is."""
    draw = np.random.default_rng(0)
    x, city = draw.normal(size=(n, 12)), draw.integers(30, size=n)
    frame = pd.DataFrame(x.round(6), columns=[f"x{i}" for i in range(12)]).assign(city=[f"city {c}" for c in city])
    frame["y"] = np.where(x[:, 0] + city % 3 - 1 + 0.3 * draw.normal(size=n) > 0, "yes", "no")
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_is_bounded(tmp_path: Path, form: str) -> None:
    large, small = written(tmp_path / "large.csv", 400_000), written(tmp_path / "small.csv", 8000)
    assert large.stat().st_size > 48e6
    if form == "parquet":
        for path in (large, small):
            pd.read_csv(path).to_parquet(path.with_suffix(".parquet"), row_group_size=20_000, compression=None)
        large, small = large.with_suffix(".parquet"), small.with_suffix(".parquet")
    done = python(TRAIN, large, tmp_path, 1, small, 1 / 16)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 30e6


def test_ctrl_c_and_the_same_command_again(tmp_path: Path) -> None:
    path, folder = written(tmp_path / "t.csv", 60_000), tmp_path / "cut"
    backup = folder / "backup" / "backup.safetensors"
    whole = says(TRAIN, path, tmp_path / "whole", 10)
    for line in ("for a sample", "to prepare", "training", "training"):
        seen = backup.stat().st_mtime_ns if backup.exists() else 0
        command = [sys.executable, "-c", TRAIN, str(path), str(folder), "10"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            assert run.stderr is not None
            while (said := run.stderr.readline()) and line not in said:
                pass
            while (
                line == "training" and run.poll() is None and (not backup.exists() or backup.stat().st_mtime_ns == seen)
            ):
                time.sleep(0.005)
            time.sleep(0.05)
            run.send_signal(signal.SIGINT)
            _, told = run.communicate(timeout=60)
            assert run.returncode != 0
            assert "KeyboardInterrupt" in told
    assert backup.exists()
    assert says(TRAIN, path, folder, 10) == whole


CLI = """
import sys
from pydl.pipeline import stream_run
stream_run._SAVE_FREQ = 50
from pydl.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_command_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    """Through `pydl train`: the run that was interrupted ends in the bytes of one that was not, on one thread."""
    path = written(tmp_path / "t.csv", 60_000)

    def command(out: str, threads: int) -> list[str]:
        words = ["train", path, "--target", "y", "--stream", "--epochs", 8, "--hidden", 32, "--threads", threads]
        return [sys.executable, "-c", CLI, *map(str, words), "--out", str(tmp_path / out)]

    subprocess.run(command("whole", 1), check=True, capture_output=True, timeout=120)
    backups = partial(tmp_path.glob, ".cut.*.tmp/stream/backup/backup.safetensors")
    with subprocess.Popen(command("cut", 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and not any(backups()):
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        assert run.returncode == 130
    subprocess.run(command("cut", 2), check=True, capture_output=True, timeout=120)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert not any(backups())
    assert (whole / "metrics.json").read_bytes() == (cut / "metrics.json").read_bytes()
    assert (whole / "history.csv").read_bytes() == (cut / "history.csv").read_bytes()
    assert json.loads((cut / "metrics.json").read_text())["test"]["accuracy"] > 0.8

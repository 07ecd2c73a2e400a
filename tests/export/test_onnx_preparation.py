"""A run as an ONNX file with its preparation: columns as they stand in a table in, what `pydl predict` says out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator

from pydl import cli, utils
from pydl.pipeline.columns import guess
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.onnx_run import export_prepared
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.reading import Reading
from pydl.pipeline.target import Target
from tests.export.onnx_runs import session

RNG = np.random.default_rng(0)
N = 400
TABLE = pd.DataFrame({
    "size": RNG.normal(50, 9, N).round(2),
    "skewed": np.where(RNG.random(N) < 0.1, -3, np.exp(RNG.normal(3, 2, N)).round(3)),
    "gaps": np.where(RNG.random(N) < 0.2, np.nan, RNG.integers(0, 99, N)),
    "colour": RNG.choice(["red", "green", "Light blue", "?", ""], N),
    "town": [f"town {i}" for i in RNG.integers(0, 90, N)],
    "member": RNG.choice(["yes", "no", "n/a"], N, p=[0.5, 0.4, 0.1]),
    "paid": RNG.choice([0, 1], N),
    "kind": RNG.choice(["a", "b"], N),
    "grade": RNG.choice(["low", "middle", "high"], N),
    "price": np.exp(RNG.normal(5, 1, N)),
})  # fmt: skip
#: What training has not seen: levels, other spellings of what is missing, numbers far away.
ODD = pd.DataFrame({
    "size": [1e9, np.nan, np.inf, 41.5], "skewed": [-1e7, 0.0, np.nan, 5.0], "gaps": [np.nan, 1.0, 1e300, -2.5],
    "colour": ["violet", "NaN", "red", "RED"], "town": ["town 3", "Nowhere", "N/A", "town 5"],
    "member": ["TRUE", "F", "", "0"], "paid": [1, 0, 1, 0],
})  # fmt: skip


def fitted(target: str, **options: Any) -> Fitted:
    """What a run would hold that has not been trained: its weights are as good as any."""
    threshold, reading = options.pop("threshold", None), Reading(missing=options.pop("missing", ()))
    frame = TABLE.drop(columns=[c for c in ("kind", "grade", "price") if c != target])
    prepared = Preparation(guess(frame, target), clip=options.pop("clip", None)).fit(frame)
    found = Target.fit(frame[target], **options).scaled(frame[target])
    found = found if threshold is None else found.parted_at(threshold)
    utils.set_random_seed(0)
    network = build(prepared.inputs, found, TrainOptions("", hidden=(16,)))
    return Fitted(prepared, found, network, reading)


def fed(run: Any, frame: pd.DataFrame) -> dict[str, Any]:
    """A table as the inputs of a file take it: text without blanks around, and numbers."""
    columns = {}
    for i in run.get_inputs():
        cells = frame[i.name]
        if i.type == "tensor(string)":
            columns[i.name] = cells.astype(object).map(lambda v: str(v).strip()).to_numpy(object)[:, None]
        else:
            columns[i.name] = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)[:, None]
    return columns


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("kind", {}), ("kind", {"threshold": 0.45, "clip": 0.05}), ("kind", {"positive": "a"}), ("grade", {}),
        ("price", {"task": "regression"}), ("price", {"task": "regression", "log": True}),
    ],
)  # fmt: skip
def test_it_says_what_predict_says(target: str, options: dict[str, Any], tmp_path: Path) -> None:
    learnt = fitted(target, **options)
    export_prepared(learnt, tmp_path / "m.onnx")
    message = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(message, full_check=True)
    run = session(tmp_path / "m.onnx")
    for frame in (TABLE, TABLE[:1], ODD):
        wanted, feed = learnt.predict(frame), fed(run, frame)
        for found in (run.run(None, feed), ReferenceEvaluator(message).run(None, feed)):
            if wanted.probabilities is None:
                largest = np.abs(wanted.values).max()  # of which ADR 20 promises 1e-6: terms cancel
                np.testing.assert_allclose(found[0], wanted.values, rtol=1e-5, atol=1e-6 * largest)
            else:
                assert np.asarray(found[0]).tolist() == wanted.values.tolist()
                np.testing.assert_allclose(found[1], wanted.probabilities, rtol=0, atol=1e-6)


def test_its_inputs_and_outputs(tmp_path: Path) -> None:
    learnt = fitted("grade")
    export_prepared(learnt, tmp_path / "m.onnx", opset=21)
    run = session(tmp_path / "m.onnx")
    kinds = {i.name: (i.type, i.shape) for i in run.get_inputs()}
    assert kinds["size"] == ("tensor(double)", ["batch", 1])
    assert kinds["colour"] == kinds["town"] == kinds["member"] == ("tensor(string)", ["batch", 1])
    assert [(o.name, o.type, o.shape) for o in run.get_outputs()] == [
        ("grade predicted", "tensor(string)", ["batch"]), ("grade probabilities", "tensor(float)", ["batch", 3]),
    ]  # fmt: skip
    about = run.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == ["high", "low", "middle"]
    assert json.loads(about["pydl.columns"])["town"] == "text"
    assert {n.domain for n in onnx.load(tmp_path / "m.onnx").graph.node} == {""}


def test_words_that_the_run_was_told_to_take_for_missing(tmp_path: Path) -> None:
    learnt = fitted("kind", missing=("red", "0"))
    export_prepared(learnt, tmp_path / "m.onnx")
    run = session(tmp_path / "m.onnx")
    gone = TABLE.assign(colour=TABLE.colour.replace("red", ""), gaps=TABLE.gaps.replace(0, np.nan))
    for name in ("size", "skewed"):
        gone[name] = gone[name].replace(0, np.nan)
    np.testing.assert_allclose(run.run(None, fed(run, TABLE))[1], learnt.predict(gone).probabilities, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (pd.date_range("2024-01-31", periods=N).astype(str), "dates"),
        ([f"{i % 7},{i % 10}" for i in range(N)], "numbers in a notation of their own"),
    ],
)
def test_columns_that_onnx_cannot_read(column: Any, what: str, tmp_path: Path) -> None:
    frame = TABLE[["size", "kind"]].assign(odd=column)
    prepared = Preparation(guess(frame, "kind")).fit(frame)
    target = Target.fit(frame["kind"])
    learnt = Fitted(prepared, target, build(prepared.inputs, target, TrainOptions("", hidden=(4,))))
    with pytest.raises(ValueError, match=f'column "odd" holds {what}'):
        export_prepared(learnt, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="--opset: expected 19 to 21"):
        export_prepared(fitted("kind"), tmp_path / "m.onnx", opset=17)
    assert not list(tmp_path.iterdir())


@pytest.mark.long  # trains on 32,000 rows; those above stay
def test_adult(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, data, to = str(tmp_path / "run"), str(data_dir / "adult-test.csv"), tmp_path / "m.onnx"
    train = [str(data_dir / "adult-train.csv"), "--target", "income", "--epochs", "2", "--hidden", "16"]
    assert cli.main(["train", *train, "--out", run, "--json"]) == 0
    assert cli.main(["export", run, "--to", str(to), "--with-preparation"]) == 0
    assert cli.main(["export", run, "--to", str(tmp_path / "net.onnx")]) == 0
    assert cli.main(["predict", run, data, "--out", str(tmp_path / "p.csv")]) == 0
    assert cli.main(["export", run, "--to", str(tmp_path / "m.h5"), "--with-preparation"]) == 1
    assert "ends in .onnx" in capsys.readouterr().err
    raw = pd.read_csv(data, dtype=str, keep_default_na=False)
    assert len(raw) == 16281
    engine = session(to)
    labels, probabilities = engine.run(None, fed(engine, raw))
    wanted = pd.read_csv(tmp_path / "p.csv", dtype=str)
    assert (labels != wanted["income predicted"].to_numpy()).sum() == 0
    np.testing.assert_allclose(probabilities[:, 1], wanted["probability >50K"].astype(float), rtol=0, atol=1e-6)

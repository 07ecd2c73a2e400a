"""A run as C: rows are prepared as pydl prepares them."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline.c_run import export_prepared
from pydl.pipeline.columns import guess
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import MISSING_LEVEL, Preparation
from pydl.pipeline.target import Target
from tests.files.c_programs import COMPILERS, STRICT, pointers, run

ROWS = 300


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, ROWS).round(1),
            "fare": np.where(rng.random(ROWS) < 0.2, np.nan, np.exp(rng.normal(2, 2, ROWS))),
            "alone": rng.choice(["yes", "no"], ROWS),
            "port": rng.choice(["S", "C", "Q", None], ROWS),
            "street": [f"street {n}" for n in rng.integers(0, 80, ROWS)],
            "y": rng.choice(["lost", "saved"], ROWS),
        }
    )


def fitted_to(frame: pd.DataFrame, clip: float | None = None) -> Fitted:
    columns = guess(frame.drop(columns="y"))
    preparation = Preparation(columns, clip).fit(frame)
    target = Target.fit(frame["y"])
    return Fitted(preparation, target, build(preparation.inputs, target, TrainOptions("", hidden=(8,))))


def cells(fitted: Fitted, row: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """What a C program would give for a row."""
    p: Any = fitted.preparation
    numbers = [float(row["age"]), float(row["fare"]), float(row["alone"] == "yes")]
    ports, streets = p._one_hot[0].labels, p._levels["street"]
    port = MISSING_LEVEL if pd.isna(row["port"]) else row["port"]
    found = [ports.index(port) if port in ports else -1]
    found.append(streets.index(row["street"]) if row["street"] in streets else -1)
    return np.array(numbers), np.array(found, np.int32)


@pytest.mark.skipif(not COMPILERS, reason="no C compiler")
@pytest.mark.parametrize("clip", [None, 0.1])
def test_rows_are_prepared_and_predicted(clip: float | None, tmp_path: Path) -> None:
    frame = table()
    fitted = fitted_to(frame, clip)
    kinds = {c.name: c.kind for c in fitted.preparation.columns}  # type: ignore[union-attr]
    assert kinds == {"age": "number", "fare": "number", "alone": "flag", "port": "category", "street": "many"}
    export_prepared(fitted, tmp_path / "m.c")
    assert run(COMPILERS[0], *STRICT, "-shared", "-fPIC", "m.c", "-o", "m.so", "-lm", cwd=tmp_path) == 0
    library = ctypes.CDLL(str(tmp_path / "m.so"))
    rows = frame[:20].to_dict("records")
    rows += [rows[0] | {"age": -1e9, "fare": 1e9, "port": "X", "street": "nowhere"}, rows[1] | {"fare": -3.0}]
    arrays = list(fitted.preparation.transform(pd.DataFrame(rows)).values())
    wanted = fitted.predict(rows)
    for i, row in enumerate(rows):
        made = [np.full(a.shape[1:] or (1,), 7, "float32") for a in arrays]
        y = np.empty(1, "float32")
        library.m_prepare(*pointers([*cells(fitted, row), *made]))
        for x, a in zip(made, arrays, strict=True):
            np.testing.assert_allclose(x, np.atleast_1d(a[i]), 1e-6, 1e-6)
        library.m_predict(*pointers([*made, y]))
        np.testing.assert_allclose(y[0], wanted.probabilities[i, 1], 1e-5)


def test_the_file_says_what_columns_are(tmp_path: Path) -> None:
    export_prepared(fitted_to(table()), tmp_path / "m.c")
    text = (tmp_path / "m.c").read_text()
    assert "numbers[1]  fare" in text
    assert f"levels[0]  port: 0 {MISSING_LEVEL}, 1 C, 2 Q, 3 S" in text
    assert "y  y: the probability of saved, else lost" in text


def test_dates_are_refused(tmp_path: Path) -> None:
    frame = table().assign(day=pd.date_range("2026-01-01", periods=ROWS).astype(str))
    with pytest.raises(ValueError, match='column "day" holds dates'):
        export_prepared(fitted_to(frame), tmp_path / "m.c")


@pytest.mark.long  # a run, exported and compiled; the writers' own tests stay
@pytest.mark.skipif(not COMPILERS, reason="no C compiler")
@pytest.mark.usefixtures("no_pictures")
def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table().drop(columns="street").to_csv(tmp_path / "table.csv", index=False)
    options = ["--target", "y", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "run")]
    assert cli.main(["train", str(tmp_path / "table.csv"), *options]) == 0
    for more in ([], ["--with-preparation"]):
        assert cli.main(["export", str(tmp_path / "run"), "--to", str(tmp_path / "m.c"), *more]) == 0
        assert ("m_prepare" in (tmp_path / "m.c").read_text()) == bool(more)
        assert run(COMPILERS[0], *STRICT, "-DM_TEST", "m.c", "-lm", "-o", "m", cwd=tmp_path) == 0
        assert run("./m", cwd=tmp_path) == 0
    for name, option in (("m.h5", ["--with-preparation"]), ("m.c", ["--opset", "17"])):
        assert cli.main(["export", str(tmp_path / "run"), "--to", str(tmp_path / name), *option]) == 1
        assert "expected a FILE that ends in .onnx" in capsys.readouterr().err

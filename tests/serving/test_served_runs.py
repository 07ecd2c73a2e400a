"""Runs that are served: columns as they stand in a table, and a form for people."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline.run import Run
from pydl.serving import App
from tests.serving.asking import app_of, ask

INFER = "/v2/models/run/infer"
ROWS = 80

# long: trains whole runs; test_protocol and test_repository stay
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(ROWS)
    return pd.DataFrame({
        "size": np.where(rng.random(ROWS) < 0.2, np.nan, x).round(3),
        "colour": rng.choice(["red", "green", None], ROWS),
        "money": [f"${v:,.2f}" for v in rng.uniform(1, 5000, ROWS)],
        "new": rng.choice(["yes", "no"], ROWS),
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 400, ROWS), "D"),
        "y": np.where(x > 0, "big", "small"), "cost": (3 * x + 1).round(2),
    })  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.csv"
    frame().to_csv(path, index=False)
    return path


def train(table: Path, out: Path, *more: str) -> Path:
    assert cli.main(["train", str(table), "--epochs", "2", "--hidden", "4", "--out", str(out), *more]) == 0
    return out


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(table, tmp_path_factory.mktemp("of") / "run", "--target", "y", "--drop", "cost")


@pytest.fixture(scope="module")
def app(run: Path) -> App:
    return app_of(run)


def column(name: str, values: list[Any], datatype: str = "BYTES") -> dict[str, Any]:
    return {"name": name, "shape": [len(values), 1], "datatype": datatype, "data": values}


def columns(table: Path, rows: int) -> list[dict[str, Any]]:
    cells = pd.read_csv(table, dtype=str, keep_default_na=False, nrows=rows)
    return [column(name, [v or None for v in cells[name]]) for name in ("size", "colour", "money", "new", "day")]


def test_inputs_are_columns_and_outputs_those_of_predict(app: App) -> None:
    about = ask(app, "GET", "/v2/models/run").json
    assert {i["name"]: i["datatype"] for i in about["inputs"]} == {
        "size": "FP64", "colour": "BYTES", "money": "FP64", "new": "BYTES", "day": "BYTES"
    }  # fmt: skip
    assert [o["name"] for o in about["outputs"]] == ["y predicted", "probability big", "probability small"]
    assert {tuple(t["shape"]) for t in about["inputs"] + about["outputs"]} == {(-1, 1)}


@pytest.mark.parametrize("rows", [1, 5, 60])
def test_cells_as_text_or_as_numbers_predict_what_the_file_does(
    app: App, run: Path, table: Path, tmp_path: Path, rows: int
) -> None:
    assert cli.main(["predict", str(run), str(table), "--out", str(tmp_path / "p.csv")]) == 0
    expected = pd.read_csv(tmp_path / "p.csv")[:rows]
    texts = columns(table, rows)
    size = [None if v is None else float(v) for v in texts[0]["data"]]
    for inputs in (texts, texts[::-1], [column("size", size, "FP64"), *texts[1:]]):
        said = ask(app, "POST", INFER, {"inputs": inputs})
        assert said.status == 200, said.body
        for output in said.json["outputs"]:
            assert output["shape"] == [rows, 1]
            assert output["data"] == expected[output["name"]].tolist()
    flat = [one | {"shape": [rows]} for one in texts]
    assert ask(app, "POST", INFER, {"inputs": flat}).json["outputs"] == said.json["outputs"]


def test_bytes_of_text_and_of_numbers(app: App, table: Path) -> None:
    texts = columns(table, 1)
    expected = ask(app, "POST", INFER, {"inputs": [column("size", [1.5], "FP64"), *texts[1:]]}).json["outputs"]
    tails = [np.float64(1.5).tobytes()] + [
        len(one["data"][0] or "").to_bytes(4, "little") + (one["data"][0] or "").encode() for one in texts[1:]
    ]
    inputs = [column("size", [], "FP64"), *texts[1:]]
    for one, tail in zip(inputs, tails, strict=True):
        one["shape"] = [1, 1]
        one["parameters"] = {"binary_data_size": len(tail)}
        del one["data"]
    head = json.dumps({"inputs": inputs}).encode()
    said = ask(app, "POST", INFER, b"".join([head, *tails]), {"inference-header-content-length": str(len(head))})
    assert said.json["outputs"] == expected


def test_what_was_clipped_unknown_or_missing_is_said_if_that_is_asked(app: App, table: Path) -> None:
    inputs = columns(table, 1)
    for one, cell in zip(inputs, ["1e9", "mauve", None, "perhaps", "2020-03-01"], strict=True):
        one["data"] = [cell]
    said = ask(app, "POST", INFER, {"inputs": inputs, "parameters": {"notes": True}})
    assert said.status == 200, said.body
    notes = " ".join(said.json["parameters"]["notes"])
    for words in (
        '"size": 1 of 1 row lies far outside',
        '"mauve" did not occur',
        '"money" is empty',
        '"perhaps" is no',
    ):
        assert words in notes
    strict = ask(app, "POST", INFER, {"inputs": inputs})
    assert strict.status == 400
    assert "perhaps" in strict.json["error"]
    inputs[3]["data"] = ["yes"]
    without = ask(app, "POST", INFER, {"inputs": inputs})
    assert (without.status, "parameters" in without.json) == (200, False)


def test_columns_that_lack_or_do_not_fit(app: App, table: Path) -> None:
    inputs = columns(table, 2)
    for wrong, words in (
        (inputs[1:], '"size"'), ([*inputs, column("y", ["big", "big"])], '"y"'), ([], "inputs"),
        ([inputs[0] | {"shape": [2, 2], "data": ["1"] * 4}, *inputs[1:]], "shape [2, 1]"),
        ([inputs[0] | {"data": ["1"]}, *inputs[1:]], "has 2 values, data has 1"),
        ([column("size", ["1", "2"], "FP64"), *inputs[1:]], "expected FP64"),
        ([column("size", [True, False], "FP64"), *inputs[1:]], "expected FP64"),
        ([column("size", [1, 2], "BYTES"), *inputs[1:]], "expected BYTES"),
        ([column("size", ["1"]), *inputs[1:]], "rows"),
        ([one | {"shape": [0, 1], "data": []} for one in inputs], "row"),
    ):  # fmt: skip
        said = ask(app, "POST", INFER, {"inputs": wrong})
        assert (said.status, words in said.json["error"]) == (400, True), said.json


def test_several_targets(table: Path, tmp_path: Path) -> None:
    run = train(table, tmp_path / "run", "--target", "y", "--target", "cost")
    app = app_of(run)
    said = ask(app, "POST", INFER, {"inputs": columns(table, 3)})
    found = {o["name"]: o["data"] for o in said.json["outputs"]}
    cells = pd.read_csv(table, nrows=3, dtype=str)
    expected = Run.open(str(run)).fitted().predict(cells.where(cells.notna(), None).to_dict("records"))
    assert found["y predicted"] == expected["y"].values.tolist()
    assert found["cost predicted"] == expected["cost"].values.tolist()
    assert found["probability y = big"] == expected["y"].probabilities[:, 0].tolist()


def test_images(tmp_path: Path) -> None:
    arguments = ["train", "digits", "--task", "image", "--epochs", "1", "--hidden", "8", "--out", str(tmp_path / "run")]
    assert cli.main(arguments) == 0
    app = app_of(tmp_path / "run")
    (given,) = ask(app, "GET", "/v2/models/run").json["inputs"]
    assert (given["name"], given["datatype"]) == ("image", "UINT8")
    x = np.random.default_rng(0).integers(0, 17, (2, *given["shape"][1:])).astype(np.uint8)
    asks = {"inputs": [{"name": "image", "shape": list(x.shape), "datatype": "UINT8", "data": x.ravel().tolist()}]}
    said = ask(app, "POST", INFER, asks)
    expected = Run.open(str(tmp_path / "run")).fitted().predict(x)
    assert said.json["outputs"][0]["data"] == expected.values.tolist()
    assert [o["data"][0] for o in said.json["outputs"][1:]] == expected.probabilities[0].tolist()


# -- the page ---------------------------------------------------------------------------------------------------------


def test_the_form_says_what_to_fill_in(app: App) -> None:
    (model,) = ask(app, "GET", "/form").json
    fields = {field["name"]: field for field in model["fields"]}
    assert fields["colour"]["levels"] == ["green", "red"]
    known = frame()["size"]
    assert (fields["size"]["least"], fields["size"]["most"]) != (None, None)
    assert known.min() <= fields["size"]["least"] < fields["size"]["most"] <= known.max()
    assert [fields[name]["kind"] for name in ("money", "new", "day")] == ["number", "flag", "date"]


def test_the_page_runs_its_own_script_only_and_names_nothing_elsewhere(app: App) -> None:
    page = ask(app, "GET", "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text, policy = page.body.decode(), page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|\bsrc=|\bhref=|url\(|style=|\son\w+=|innerHTML|eval", text)
    assert "unsafe" not in policy

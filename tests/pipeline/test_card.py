"""A run for others: a folder without rows of the data, with a model card, and what MLflow reads."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl import cli
from pydl import layers as L
from pydl.pipeline.card import save_pretrained
from pydl.pipeline.fitting import Trained
from pydl.pipeline.run import Run

RNG = np.random.default_rng(0)
SECRET = "Zanzibar"  # the cell of a single row

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x = RNG.standard_normal(80)
    words = RNG.choice(["red", "gr|een`<b>"], 80)
    frame = pd.DataFrame({"x": x, "col_our": words, "who": [f"{SECRET}{i}" for i in range(80)]})
    frame["y"], frame["z"] = np.where(x > 0, "yes", "no"), x + 1
    path = tmp_path_factory.mktemp("private folder") / "data.csv"
    frame.to_csv(path, index=False)
    return path


def train(table: Path, out: Path, *more: str) -> Path:
    soon = ["--epochs", "2", "--hidden", "4"]
    assert cli.main(["train", str(table), *soon, "--out", str(out), "--drop", "who", *more]) == 0
    return out


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(table, tmp_path_factory.mktemp("of") / "run", "--target", "y", "--drop", "z")


def header(folder: Path) -> dict[str, Any]:
    """The YAML of a model card, each value of which is JSON."""
    _, text, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    pairs = (line.partition(": ") for line in text.splitlines())
    return {key: json.loads(value) for key, _, value in pairs}


def test_the_folder_predicts_as_the_run_and_holds_no_row(run: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    assert cli.main(["export", str(run), "--to", str(out)]) == 0
    for folder in (run, out):
        assert cli.main(["predict", str(folder), str(table), "--out", str(tmp_path / f"{folder.name}.csv")]) == 0
    assert (tmp_path / "mine.csv").read_bytes() == (tmp_path / "run.csv").read_bytes()
    assert cli.main(["show", str(out)]) == 0
    content = b"".join(path.read_bytes() for path in out.iterdir())
    assert SECRET.encode() not in content
    assert b"private folder" not in content
    assert SECRET.encode() in table.read_bytes()
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in out.iterdir()}


def test_the_card_says_task_and_figures(run: Path, tmp_path: Path) -> None:
    folder = Trained(Run.open(str(run))).save_pretrained(tmp_path / "my-net")
    about, figures = header(folder), json.loads((run / "metrics.json").read_text())
    assert about["library_name"] == "pydl"
    assert about["pipeline_tag"] == "tabular-classification"
    assert about["tags"] == ["pydl", "tabular-classification"]
    (model,) = about["model-index"]
    (result,) = model["results"]
    assert (model["name"], result["dataset"]["name"]) == ("my-net", "data.csv")
    found = {m["type"]: m["value"] for m in result["metrics"]}
    assert found["accuracy"] == figures["test"]["accuracy"]
    assert about["metrics"] == list(found)
    text = (folder / "README.md").read_text()
    assert f"| accuracy | {figures['test']['accuracy']:.4g} |" in text
    assert "| col\\_our | category |" in text
    code = text.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")


def test_several_targets_of_two_tasks(table: Path, tmp_path: Path) -> None:
    run = train(table, tmp_path / "run", "--target", "y", "--target", "z")
    about = header(save_pretrained(Run.open(str(run)), tmp_path / "out"))
    assert about["tags"] == ["pydl", "tabular-classification", "tabular-regression"]
    kinds = [[m["type"] for m in result["metrics"]] for result in about["model-index"][0]["results"]]
    assert "accuracy" in kinds[0]
    assert "r2" in kinds[1]


def test_nothing_is_written_over_and_what_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="empty folder"):
        save_pretrained(Run.open(str(run)), tmp_path)
    with pytest.raises(ValueError, match="empty folder"):
        save_pretrained(Run.open(str(run)), tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ValueError, match="expected the folder of a run"):
        save_pretrained(Run.open(str(tmp_path)), tmp_path / "out")


# -- MLflow -----------------------------------------------------------------------------------------------------------


class Recorded:
    """What stands in for `mlflow.models.Model`: MLflow is too large to be installed for tests."""

    def __init__(self) -> None:
        self.flavors: dict[str, Any] = {}
        self.signature: Any = "given"

    def add_flavor(self, name: str, **config: Any) -> None:
        self.flavors[name] = config

    def save(self, path: str) -> None:
        Path(path).write_text(json.dumps(self.flavors))


def net() -> Any:
    return pydl.Sequential([pydl.Input((3,)), L.Dense(4, "relu"), L.Dense(1)])


def loaded(path: Path) -> Any:
    """What `mlflow.pyfunc` makes of a folder: it imports the loader and gives it the path of the data."""
    flavor = json.loads((path / "MLmodel").read_text())["python_function"]
    assert flavor["loader_module"] == "pydl.mlflow"
    return pydl.mlflow._load_pyfunc(str(path / flavor["data"]))


def test_a_model_in_mlflow(tmp_path: Path) -> None:

    model, x = net(), RNG.normal(size=(5, 3)).astype(np.float32)
    recorded = Recorded()
    pydl.mlflow.save_model(model, tmp_path / "logged", recorded)
    assert recorded.flavors["pydl"] == {"data": "model.safetensors", "pydl_version": pydl.__version__}
    assert f"pydl=={pydl.__version__}" in (tmp_path / "logged" / "requirements.txt").read_text().splitlines()
    flavor = recorded.flavors["python_function"]
    assert (tmp_path / "logged" / flavor["env"]["virtualenv"]).is_file()
    expected = model.predict(x)
    wrapped = loaded(tmp_path / "logged")
    for rows in (x, pd.DataFrame(x), pd.DataFrame(x.astype(float)), {model.inputs[0].name: x}):
        np.testing.assert_array_equal(wrapped.predict(rows), expected)


def test_a_run_in_mlflow(run: Path, table: Path, tmp_path: Path) -> None:

    pydl.mlflow.save_model(run, tmp_path / "logged", Recorded())
    rows = pd.read_csv(table)[5:9]
    found = loaded(tmp_path / "logged").predict(rows)
    expected = Run.open(str(run)).fitted().predict(rows)
    assert list(found) == ["y predicted", "probability no", "probability yes"]
    assert found["y predicted"].tolist() == expected.values.tolist()
    assert found.index.tolist() == rows.index.tolist()
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_a_training_is_logged_by_epochs(monkeypatch: pytest.MonkeyPatch) -> None:

    params: dict[str, Any] = {}
    steps: list[tuple[int, dict[str, float]]] = []
    fake: Any = types.ModuleType("mlflow")
    fake.log_params, fake.log_metrics = params.update, lambda values, step: steps.append((step, values))
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    model, x = net(), RNG.normal(size=(20, 3)).astype(np.float32)
    model.compile(pydl.optimizers.SGD(0.25), "mse", metrics=["mae"])
    history = model.fit(
        x, x[:, :1], epochs=3, verbose=0, validation_split=0.5, callbacks=[pydl.mlflow.MLflowLogger()]
    ).history
    assert [step for step, _ in steps] == [0, 1, 2]
    assert steps[2][1] == {name: values[2] for name, values in history.items()}
    assert params["optimizer learning_rate"] == 0.25
    assert params["epochs"] == 3

"""Which models a server has, and what happens when their files change."""

from __future__ import annotations

import gc
import json
import os
import shutil
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl.serving import Repository
from pydl.serving.protocol import read_request
from tests.serving.asking import app_of, ask, tensor

X = np.ones((1, 4), np.float32)


def net(path: Path, value: float, width: int = 4) -> Path:
    """A model whose only output is `width * value`, in its place in one step."""
    model = pydl.Sequential([pydl.Input((width,), name="x"), L.Dense(1, name="y")])
    model.set_weights([np.full((width, 1), value), np.zeros(1)])
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return path


def says(app: Any, path: str) -> Any:
    return ask(app, "POST", path, {"inputs": [tensor(X)]}).json


def value(app: Any, path: str) -> float:
    found: float = says(app, path)["outputs"][0]["data"][0]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for version in (2, 10):
        net(tmp_path / "models" / "a" / str(version) / "model.safetensors", version)
    net(tmp_path / "models" / "b" / "model.safetensors", 3)
    (tmp_path / "models" / "empty").mkdir()
    (tmp_path / "models" / ".hidden").mkdir()
    return tmp_path / "models"


def test_names_and_versions(folder: Path) -> None:
    app = app_of(folder)
    assert value(app, "/v2/models/a/infer") == 40  # 10 is newer than 2
    assert value(app, "/v2/models/a/versions/2/infer") == 8
    assert value(app, "/v2/models/b/infer") == 12
    assert says(app, "/v2/models/a/infer")["model_version"] == "10"
    assert sorted(ask(app, "GET", "/v2/models/a").json["versions"]) == ["10", "2"]
    index = ask(app, "POST", "/v2/repository/index").json
    assert {(e["name"], e["version"], e["state"]) for e in index} == {
        ("a", "2", "READY"), ("a", "10", "READY"), ("b", "1", "READY")
    }  # fmt: skip


def test_load_and_unload(folder: Path) -> None:
    app = app_of(folder)
    triton = {"parameters": {"unload_dependents": False}}  # what Triton's client says
    assert ask(app, "POST", "/v2/repository/models/b/unload", triton).json == {}
    gone = ask(app, "POST", "/v2/models/b/infer", {"inputs": [tensor(X)]})
    assert (gone.status, list(gone.json)) == (503, ["error"])
    assert ask(app, "GET", "/v2/models/b/ready").status == 503
    assert ask(app, "GET", "/v2/health/ready").status == 200  # nobody wants it loaded
    index = ask(app, "POST", "/v2/repository/index", {"ready": True}).json
    assert {e["name"] for e in index} == {"a"}
    net(folder / "b" / "model.safetensors", 5)
    app.repository.refresh()
    assert ask(app, "GET", "/v2/models/b/ready").status == 503
    assert ask(app, "POST", "/v2/repository/models/b/load").json == {}
    assert value(app, "/v2/models/b/infer") == 20
    refused = ask(app, "POST", "/v2/repository/models/b/load", {"parameters": {"config": "{}"}})
    assert refused.status == 400
    assert ask(app, "POST", "/v2/repository/models/b/load", b"[]").status == 400


def test_a_file_in_its_place_is_served_and_the_old_model_answers_those_who_began_with_it(folder: Path) -> None:
    app = app_of(folder / "b")
    entry, before = app.repository.served("b", None)
    app.repository.refresh()
    assert entry.served is before  # nothing has changed
    net(folder / "b" / "model.safetensors", 7)
    app.repository.refresh()
    assert entry.served is not before
    assert value(app, "/v2/models/b/infer") == 28
    asked = read_request(json.dumps({"inputs": [tensor(X)]}).encode(), None, before.inputs)
    assert before.infer(asked, False).outputs[0][1] == 12  # of a request that began before
    old = weakref.ref(before._model)
    del before
    net(folder / "b" / "model.safetensors", 8)
    gc.disable()  # by itself it would come some day
    try:
        app.repository.refresh()
        assert old() is None
    finally:
        gc.enable()


def test_a_bad_file_leaves_what_is_served(folder: Path) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    repository = Repository(folder, lambda event, **more: told.append((event, more)))
    repository.load_all()
    path = folder / "b" / "model.safetensors"
    path.write_bytes(b"nonsense")
    repository.refresh()
    entry = repository.entry("b", None)
    assert (entry.state, bool(entry.reason)) == ("READY", True)
    assert [(event, more["model"]) for event, more in told][-1] == ("not loaded", "b")
    tries = len(told)
    repository.refresh()
    assert len(told) == tries  # once is enough, until the file changes again
    net(path, 9)
    repository.refresh()
    assert (entry.state, entry.reason) == ("READY", "")
    path.unlink()
    repository.refresh()
    assert entry.state == "READY"  # its successor may be on its way
    net(path, 10)
    repository.refresh()
    assert repository.served("b", None)[0] is entry


def test_what_is_removed_is_served_no_longer(folder: Path) -> None:
    app = app_of(folder)
    assert value(app, "/v2/models/a/infer") == 40
    assert value(app, "/v2/models/b/infer") == 12
    shutil.rmtree(folder / "a" / "10")
    shutil.rmtree(folder / "b")
    for _ in range(2):
        app.repository.refresh()
    assert value(app, "/v2/models/a/infer") == 8
    assert app.repository.versions("a") == ["2"]
    assert ask(app, "POST", "/v2/models/b/infer", b"{}").status == 404
    assert ask(app, "GET", "/v2/health/ready").status == 200
    shutil.rmtree(folder)  # a disk that is gone: what is in memory is served on
    for _ in range(3):
        app.repository.refresh()
    assert value(app, "/v2/models/a/infer") == 8


def test_the_only_model_is_served_though_its_file_is_gone(tmp_path: Path) -> None:
    app = app_of(net(tmp_path / "net.safetensors", 2))
    (tmp_path / "net.safetensors").unlink()
    for _ in range(3):
        app.repository.refresh()
    assert value(app, "/v2/models/net/infer") == 8


def test_a_new_version_is_found_and_a_bad_one_left_out(folder: Path) -> None:
    app = app_of(folder)
    bad = folder / "a" / "11" / "model.safetensors"
    bad.parent.mkdir()
    bad.write_bytes(b"nonsense")
    app.repository.refresh()
    assert value(app, "/v2/models/a/infer") == 40
    assert ask(app, "GET", "/v2/health/ready").status == 503
    net(bad, 11)
    app.repository.refresh()
    assert value(app, "/v2/models/a/infer") == 44
    assert ask(app, "GET", "/v2/health/ready").status == 200


def test_nothing_to_serve(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ValueError, match="expected a run"):
            Repository(path)
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"bad\.safetensors"):
        Repository(tmp_path / "bad.safetensors").load_all()


def test_a_model_of_open_sizes_and_one_whose_time_is_long(tmp_path: Path) -> None:
    x = pydl.Input((None, 2), name="x")
    pydl.Model(x, L.GlobalAveragePooling1D()(x)).save(tmp_path / "series.safetensors")
    app = app_of(tmp_path / "series.safetensors")
    assert ask(app, "GET", "/v2/models/series").json["inputs"][0]["shape"] == [-1, -1, 2]
    for steps in (1, 5):
        said = ask(app, "POST", "/v2/models/series/infer", {"inputs": [tensor(np.ones((1, steps, 2)))]})
        assert said.json["outputs"][0]["data"] == [1, 1]
    assert ask(app, "POST", "/v2/models/series/infer", {"inputs": [tensor(np.ones((1, 5, 3)))]}).status == 400
    assert app.repository.served("series", None)[1].rows_at_once == 0  # it is not known how long it takes


@pytest.mark.parametrize("times", [1, 100])
def test_files_that_change_while_they_are_read_are_read_again(
    times: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    from pydl.serving import repository as module

    repository = Repository(folder / "b")
    path, load = folder / "b" / "model.safetensors", module.load

    moments = list(range(times))

    def slowly(where: Path) -> Any:
        found = load(where)
        if moments:
            os.utime(path, (1, moments.pop()))
        return found

    monkeypatch.setattr(module, "load", slowly)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    if times == 1:
        repository.load_all()
    else:  # for as long as it takes
        with pytest.raises(ValueError, match="changed while"):
            repository.load_all()
        monkeypatch.setattr(module, "load", load)
        repository.refresh()
    assert repository.ready

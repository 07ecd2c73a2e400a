"""Keras's own files that mean nothing, hold links or lack a package: an error that says so."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import pydl
from tests.files.test_keras_files import GOLDEN, dense

h5py = pytest.importorskip("h5py")
L = pydl.layers


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rewritten(path: Path, change: Any, source: str | Path = "words.keras") -> Path:
    """A copy of a golden file whose config is another."""
    parts = parts_of(GOLDEN / source)
    config = json.loads(parts["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in (parts | {"config.json": json.dumps(config).encode()}).items():
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["config"]["layers"][1].update(class_name="Lambda"), "Lambda"),
        (lambda c: c["config"]["layers"][1]["config"].update(no_such=4), "no_such=4 is Keras's"),
        (lambda c: c["config"]["layers"][1]["config"].update(output_dim=10**9), "larger than what the file holds"),
        (lambda c: c["config"].update(layers=3), "expected the layers"),
        (lambda c: c["config"]["layers"].__setitem__(1, 7), "expected the layers"),
        (lambda c: c.update(class_name="os.system"), "expected the config of a Keras model"),
        (lambda c: c.clear(), "expected the config"),
    ],
)
def test_configs_that_mean_nothing(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(pydl.FormatError, match=told):
        pydl.models.load_model(rewritten(tmp_path / "m.keras", change))


def test_files_that_are_none(tmp_path: Path) -> None:
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(pydl.FormatError, match=name):
            dense(1).load_weights(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        pydl.models.load_model(tmp_path / "other.keras")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    model = dense(2)
    model.save_weights(tmp_path / "secret.weights.h5")
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret.weights.h5"), "/layers/dense/vars/0")
    with pytest.raises(pydl.FormatError, match="in the file"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "pydl\[keras\]"'):
        dense(1).save(tmp_path / "m.keras")

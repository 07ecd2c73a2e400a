"""`Model.export` goes by the ending of a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pydl
from pydl.models import exporting


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the writer of a format called ".two.parts" was called with."""
    calls: list[Any] = []
    monkeypatch.setitem(exporting.WRITERS, ".two.parts", lambda *given, **options: calls.append((given, options)))
    return calls


def test_the_ending_says_the_format(written: list[Any], tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1)])
    model.export(tmp_path / "M.Two.Parts", deep=3)
    model.export(str(tmp_path / "m.bin"), format="two.parts")
    assert written == [((model, tmp_path / "M.Two.Parts"), {"deep": 3}), ((model, tmp_path / "m.bin"), {})]


@pytest.mark.parametrize(("name", "format"), [("m.parts", None), ("m.two.parts", "parts"), ("m", None)])
def test_another_ending(written: list[Any], name: str, format: str | None) -> None:
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"expected a name that ends in .*\.two\.parts"):
        model.export(name, format)
    assert not written


def test_a_model_without_shapes() -> None:
    with pytest.raises(ValueError, match=r"export: model .* is not built"):
        pydl.Sequential([pydl.layers.Dense(1)]).export("m.two.parts")

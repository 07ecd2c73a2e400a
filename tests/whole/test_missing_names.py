"""Attributes that a public module lacks: the error tells what Keras has from what was misspelt."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import pydl


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (pydl.layers, "Conv3D"), (pydl.layers, "LSTM"), (pydl.utils, "Config"), (pydl, "distribution"),
        (pydl.callbacks, "OrbaxCheckpoint"), (pydl.ops, "view_as_complex"), (pydl.utils, "get_source_inputs"),
        (pydl.saving, "KerasFileEditor"),
    ],
)  # fmt: skip
def test_what_keras_has_is_said_to_be_lacking(module: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"module '{module.__name__}' has no attribute '{name}': Keras has it"):
        getattr(module, name)
    assert not hasattr(module, name)


@pytest.mark.parametrize(
    ("module", "name", "meant"),
    [
        (pydl.layers, "Desne", "'Dense'?"), (pydl.layers, "DropOut", "'Dropout'?"),
        (pydl, "sequential", "'Sequential'?"),
        (pydl.metrics, "Percision", "'Precision'?"), (pydl.optimizers, "RMSPorp", "'RMSprop'?"),
        (pydl.callbacks, "EarlyStoping", "'EarlyStopping'?"),
        (pydl.layers, "Lstm", "'LSTM'? Keras has it, pydl does not"),
        (pydl.optimizers.schedules, "CosineDecai", "'CosineDecay'?"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_said_to_be_meant(module: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(module, name)
    assert str(raised.value).partition("did you mean ")[2].startswith(meant)


@pytest.mark.parametrize("name", ["Foo", "__path__x", "_private"])
def test_anything_else_is_plainly_not_there(name: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(pydl.metrics, name)
    assert str(raised.value) == f"module 'pydl.metrics' has no attribute '{name}'"


def test_every_public_name_is_there() -> None:
    for name in pydl.__all__:
        for inner in getattr(getattr(pydl, name), "__all__", ()):
            assert getattr(getattr(pydl, name), inner) is not None


def test_who_asks_every_module_for_a_name_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that look for a function's module ask thousands of times; the guess is for those who read the error."""
    sought: list[str] = []
    monkeypatch.setattr("pydl._base.missing._remark", lambda name, *_: sought.append(name) or "")
    assert getattr(pydl.layers, "Dens", None) is None
    assert sought == []
    with pytest.raises(AttributeError, match="has no attribute 'Dens'") as caught:
        _ = pydl.layers.Dens
    assert sought == ["Dens"]
    monkeypatch.undo()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301

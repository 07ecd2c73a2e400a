"""Models inside pickled estimators: as the bytes of pydl's own file, which hold no code."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pydl


def to_bytes(model: pydl.Model) -> bytes:
    """The file that `model.save` writes: architecture, weights, optimizer and its state."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        return path.read_bytes()


def from_bytes(content: bytes, custom_objects: dict[str, Any] | None = None) -> pydl.Model:
    """The model of `to_bytes`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(content)
        return pydl.models.load_model(path, custom_objects=custom_objects)

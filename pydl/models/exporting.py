"""What a model can become for programs other than pydl: kinds of files, by the ending of their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydl.models.model import Model


def _c(model: Model, path: Path, **options: Any) -> None:
    from pydl import _c

    _c.export(model, path, **options)


def _onnx(model: Model, path: Path, **options: Any) -> None:
    from pydl._onnx.exporting import export  # few programs export

    export(model, path, **options)


def _plan(model: Model, path: Path, **options: Any) -> None:
    from pydl.models.plan_file import write

    write(model, path, **options)


#: By ending, what writes such a file: it gets the model, the path and the options that its format has.
WRITERS: dict[str, Callable[..., None]] = {
    ".onnx": _onnx,
    ".plan.safetensors": _plan,
    ".c": _c,
}


def export(model: Model, filepath: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
    """Write what `Model.export` describes."""
    path = Path(filepath)
    ending = path.name.lower() if format is None else f".{format}"
    found = [write for known, write in WRITERS.items() if ending.endswith(known)]
    if not found:
        raise ValueError(
            f"export: {path}: expected a name that ends in {' or '.join(WRITERS)}, or one of these as format, "
            f"got {path.name if format is None else format!r}; model.save writes what pydl reads"
        )
    found[0](model, path, **options)

"""Files that layers of one's own keep in a `.keras` file: `save_assets` and `load_assets`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydl._base.errors import FormatError
from pydl._keras.placing import Form, placed
from pydl.layers.weighted import Weighted

if TYPE_CHECKING:
    from pydl.models.model import Model


def write(packed: zipfile.ZipFile, model: Model) -> None:
    """Take in the files of all layers that have some."""
    for group, layer in _having(model):
        with TemporaryDirectory() as folder:
            layer.save_assets(folder)
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    packed.write(path, f"assets/{group}/{path.relative_to(folder).as_posix()}")


def load(packed: zipfile.ZipFile, model: Model, most: int) -> None:
    """Give each layer its files, in a folder that is gone afterwards; of at most so many bytes each."""
    for group, layer in _having(model):
        with TemporaryDirectory() as folder:
            for info in packed.infolist():
                if info.filename.startswith(f"assets/{group}/") and not info.is_dir():
                    _unpack(
                        packed, info, Path(folder), PurePosixPath(info.filename).relative_to(f"assets/{group}"), most
                    )
            layer.load_assets(folder)


def _having(model: Model) -> Iterator[tuple[str, Any]]:
    for group, layer in placed(model, Form()):
        if type(layer).save_assets is not Weighted.save_assets:
            yield group, layer


def _unpack(packed: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, name: PurePosixPath, most: int) -> None:
    if name.is_absolute() or any(part in ("..", "") or "\\" in part or ":" in part for part in name.parts):
        raise FormatError(f"expected names of files below its assets, got {info.filename!r}")
    if info.file_size > most:
        raise FormatError(f"expected at most {most} bytes in its {info.filename}, got {info.file_size}")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed.read(info))

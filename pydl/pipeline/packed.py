"""Files that hold another one: what gzip, bzip2 or xz packed, or a zip archive of one table."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_METHODS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_OPENERS: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
_ENDINGS = (".gz", ".bz2", ".xz", ".zip")
_TABLES = (".csv", ".tsv", ".tab", ".data", ".jsonl", ".ndjson", ".arff")  # not .txt: what is told beside them
ZIP = b"PK\x03\x04"


def is_packed(head: bytes) -> str | None:
    """By what a file that begins so is packed: "gzip", "bzip2", "xz", or None."""
    return next((method for start, method in _METHODS.items() if head.startswith(start)), None)


def opened(path: Path) -> IO[bytes]:
    """The contents, unpacked on the way, whatever the file's name."""
    with path.open("rb") as file:
        head = file.read(6)
    method = is_packed(head)
    if method is not None:
        return _OPENERS[method](path)
    if head.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:  # its open members keep the file open
            return archive.open(member(path))
    return path.open("rb")


def inner_name(path: Path) -> Path:
    """The name that tells the format of the contents: of `t.csv.gz` it is `t.csv`, of an archive its one member's."""
    if zipfile.is_zipfile(path):
        return Path(member(path))
    return path.with_suffix("") if path.suffix.lower() in _ENDINGS else path


def member(path: Path) -> str:
    """The one file in an archive, leaving aside what file managers add; of several the one that is called a table.

    Raises
    ------
    ValueError
        There are several.
    """
    found = names(path)
    tables = [name for name in found if name.lower().endswith(_TABLES)]
    if len(tables) == 1:
        return tables[0]
    if len(found) != 1:
        shown = ", ".join(found[:5]) + " ..." * (len(found) > 5) if found else "none"
        raise ValueError(f"{path}: expected an archive of one table, this one has {len(found)} files ({shown})")
    return found[0]


def noticed(path: Path) -> list[str]:
    """What to say of an archive of more files than the one that is read."""
    count = len(names(path)) if zipfile.is_zipfile(path) else 1
    return [f"of the {count} files in the archive, {member(path)} is read"] if count > 1 else []


def names(path: Path) -> list[str]:
    """The files in an archive that somebody put there."""
    with zipfile.ZipFile(path) as archive:
        return [
            name for name in archive.namelist()
            if not (name.endswith("/") or name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("."))
        ]  # fmt: skip

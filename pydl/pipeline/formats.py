"""What format a file has, by what it begins with or else by its name, and errors about its contents in one line."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pyarrow

from pydl.pipeline.databases import is_duckdb, is_sqlite
from pydl.pipeline.packed import ZIP, inner_name
from pydl.pipeline.packed import names as members
from pydl.pipeline.places import located, part

SUFFIXES = {
    ".csv": "delimited", ".txt": "delimited", ".data": "delimited", ".dat": "delimited", ".tsv": "delimited",
    ".tab": "delimited", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet",
    ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".npz": "npz",
}  # fmt: skip
_READ_ONLY = {".arff": "arff"}  # formats that are not written
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xd0\xcf\x11\xe0": "sheet"}
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|\?xml|table)\b", re.IGNORECASE)
FORMATS = "CSV, TSV, Parquet, JSON lines, Arrow, NPZ, ARFF, a spreadsheet or a database"


def suffix(path: Path) -> str:
    """The ending that tells a file's format: of `t.csv.gz` it is `.csv`."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def format_of(path: str | Path) -> str:
    """The format of a file: delimited, json, parquet, arrow or npz."""
    return kind_of(located(path))


def kind_of(path: Path) -> str:
    """The format: by what the file begins with, else by its name."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file ({FORMATS}); a folder of pictures needs --task image")
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not head:
        raise ValueError(f"{path} is empty; expected a table with a header and at least one row")
    if _PAGE.match(head):
        raise ValueError(f"{path} is a page (HTML) or XML and no table; get the file itself, or save it as CSV")
    magic = next((kind for start, kind in _MAGIC.items() if head.startswith(start)), None)
    if head.startswith(ZIP):
        with plain_errors(path):
            magic = _kind_of_archive(path)
    elif is_sqlite(path) or is_duckdb(path):
        magic = "database"
    kind = magic or (SUFFIXES | _READ_ONLY).get(inner_name(path).suffix.lower(), "delimited")
    if part(path) and kind not in ("database", "sheet"):
        raise ValueError(f"{path}: not a database of SQLite or DuckDB, nor a spreadsheet; expected one before ::")
    if kind in ("parquet", "arrow", "npz") and magic != kind and not (kind == "arrow" and head[:4] == b"\xff" * 4):
        raise ValueError(f"{path}: not a {suffix(path)} file, whatever its name says; expected {FORMATS}")
    return kind


_UNREADABLE = (
    ValueError, OSError, NotImplementedError, zlib.error, BadZipFile, EOFError, KeyError, pyarrow.ArrowException,
    RecursionError,
)  # fmt: skip


def _kind_of_archive(path: Path) -> str:
    found = members(path)
    if any(name in ("[Content_Types].xml", "xl/workbook.xml", "content.xml") for name in found):
        return "sheet"
    if not found or any(name.endswith(".npy") for name in found):
        return "npz"
    kind = (SUFFIXES | _READ_ONLY).get(inner_name(path).suffix.lower(), "delimited")
    if kind not in ("delimited", "json", "arff"):
        raise ValueError(f"{path}: expected CSV or JSON lines in an archive, got {found[0]}; unpack it first")
    return kind


class plain_errors:
    """Whatever a reader raises about the contents of a file, as a ValueError of one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ValueError) and str(error).startswith(str(self.path)):
            return
        if isinstance(error, _UNREADABLE):
            why = " ".join(str(error).split())[:160]
            if isinstance(error, zipfile.BadZipFile):
                why = f"its archive is damaged or cut off ({why})"
            raise ValueError(f"{self.path}: cannot be read as a table: {why}; expected {FORMATS}") from None

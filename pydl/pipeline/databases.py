"""Tables and queries of SQLite and DuckDB files, which are opened to be read only."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from pydl.pipeline.encodings import OTHERS
from pydl.pipeline.places import part
from pydl.pipeline.reading import AS_FOUND, Reading

SQLITE = b"SQLite format 3\0"  # how files begin
DUCKDB = (b"DUCK", 8)  # what stands in files, and where
_QUERY = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_LOG_BYTE = 18  # of a file, 2 where changes go to a log beside it
_ALL = 1 << 16  # rows at a time where all are read
# What a query may do: look at tables, call functions. Not attach files, load extensions, or set anything.
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33)  # 33: WITH RECURSIVE


class Database:
    """The table or query of a database that a place names; without a name, its only table.

    Parameters
    ----------
    path : Path
        With `places.part`: the name of a table or view, or a query that begins with SELECT or WITH.
    reading : Reading
        Nothing in it concerns a database.

    Attributes
    ----------
    notes, notation, codes, levels
        As of `arff.Arff`.

    Raises
    ------
    ValueError
        No such table, or several and no name; a query that does not only read; a file that is none.
    """

    _other: str | None = None  # the encoding of texts that are not UTF-8, once it is looked for
    notation = None
    codes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def __init__(self, path: Path, reading: Reading = AS_FOUND) -> None:
        self.path, self.notes = path, list[str]()
        self.connect = _connect_sqlite if is_sqlite(path) else _connect_duckdb
        asked = part(path)
        if _QUERY.match(asked):
            self.query = asked
        else:
            self.query = f"SELECT * FROM {_name(self._table(asked))}"

    def read(self) -> pd.DataFrame:
        """All rows."""
        return pd.concat(list(self.chunks(_ALL)), ignore_index=True)

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows in tables of at most `rows`, at least one."""
        with closing(self.connect(self.path)) as connection:
            if self.connect is _connect_sqlite:
                connection.text_factory = self._text
            found = _asked(self.path, connection.execute, self.query)
            names = [column[0] for column in found.description]
            some = _asked(self.path, found.fetchmany, rows)
            while True:
                yield pd.DataFrame([list(map(_plain, row)) for row in some], columns=names, dtype=object)
                if not (some := _asked(self.path, found.fetchmany, rows)):
                    return

    def _text(self, text: bytes) -> str:
        """A value of SQLite, which keeps whatever bytes it is given."""
        try:
            return text.decode()
        except UnicodeDecodeError:
            if self._other is None:
                self._other = self._find_other()
                self.notes.append(f"texts of the database are not UTF-8; read as {OTHERS[self._other]}")
            return text.decode(self._other)

    def _find_other(self) -> str:
        """The encoding in which all texts can be read that are not UTF-8."""
        left = list(OTHERS)
        with closing(self.connect(self.path)) as connection:
            connection.text_factory = bytes
            for row in connection.execute(self.query):
                for text in row:
                    if isinstance(text, bytes) and _fails(text, "utf-8"):
                        left = [name for name in left if name == left[-1] or not _fails(text, name)]
        return left[0]

    def _table(self, asked: str) -> str:
        with closing(self.connect(self.path)) as connection:
            found = _asked(self.path, connection.execute, _TABLES[self.connect])
            names = [row[0] for row in _asked(self.path, found.fetchall)]
        if asked in names:
            return asked
        shown = ", ".join(names[:8]) + " ..." * (len(names) > 8) if names else "none"
        file = os.path.basename(str(self.path).partition("::")[0])
        if asked:
            raise ValueError(f"{self.path}: expected the name of a table, or SELECT ...; there are {shown}")
        if len(names) != 1:
            raise ValueError(
                f"{self.path}: has {len(names)} tables ({shown}); expected which one, as {file}::{names[0]}"
                if names
                else f"{self.path}: has no table; expected a database with one"
            )
        return str(names[0])


def _fails(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False


def is_sqlite(path: Path) -> bool:
    """Whether a file is of SQLite, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def is_duckdb(path: Path) -> bool:
    """Whether a file is of DuckDB, whatever its name."""
    word, place = DUCKDB
    with path.open("rb") as file:
        return file.read(place + len(word))[place:] == word


def _connect_sqlite(path: Path) -> Any:
    name = os.path.abspath(path)
    with path.open("rb") as file:
        has_log = file.read(_LOG_BYTE + 1)[_LOG_BYTE:] == b"\2"
    # Nobody has a file open whose log is not there, and to read it as others would make one beside it.
    kept = "&immutable=1" if has_log and not os.path.exists(f"{name}-wal") else ""
    try:
        connection = sqlite3.connect(f"file:{quote(name)}?mode=ro{kept}", uri=True)
        connection.text_factory = lambda text: text.decode(errors="replace")
        connection.set_authorizer(
            lambda action, first, second, *_: (
                sqlite3.SQLITE_OK if action in _READING and second != "load_extension" else sqlite3.SQLITE_DENY
            )
        )
    except sqlite3.Error as error:
        raise ValueError(f"{path}: cannot be opened: {error}") from None
    return connection


def _connect_duckdb(path: Path) -> Any:
    try:
        import duckdb
    except ImportError:
        raise ValueError(f"{path}: a DuckDB file needs duckdb: pip install duckdb; or save it as Parquet") from None
    # Queries must not read other files or the web, nor bring extensions; the lock keeps them from changing that.
    safe: dict[str, Any] = {
        "enable_external_access": "false", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false", "lock_configuration": "true",
    }  # fmt: skip
    try:
        return duckdb.connect(os.path.abspath(path), read_only=True, config=safe)
    except duckdb.Error as error:
        raise ValueError(f"{path}: cannot be opened: {_one_line(error)}") from None


_TABLES = {
    _connect_sqlite: (
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY type, name"
    ),
    _connect_duckdb: (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_type, table_name"
    ),
}


def _asked(path: Path, call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except MemoryError:
        raise
    except Exception as error:  # the classes of duckdb are known only where it is there
        raise ValueError(f"{path}: {_one_line(error)}; expected a table or a query that only reads") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(cell: Any) -> Any:
    """Days and times as text, as they stand in other files; bytes and whatever else is left to the table."""
    return cell.isoformat() if hasattr(cell, "isoformat") else cell

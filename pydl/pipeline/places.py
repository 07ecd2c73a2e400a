"""Where rows are: in a file, on standard input, at an address on the web, in a table of a database."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PosixPath
from tempfile import TemporaryDirectory
from typing import Any

STANDARD_INPUT = "-"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DATABASE = re.compile(r"(.+?\.(?:db3?|sqlite3?|duckdb|ddb))::(.+)", re.IGNORECASE | re.DOTALL)


class Place(PosixPath):
    """A file under the name that its user gave it: shown is that name, opened the file.

    Attributes
    ----------
    shown : str
        The name; without it, the path.
    part : str
        The table of a database that is meant, or a query.
    given : str
        How to ask for it again: `-`, or where it was fetched from, without what only its user may know.
    notes : tuple of str
        What was noticed while it was fetched.
    """

    shown: str = ""
    part: str = ""
    given: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: Path, shown: str, part: str = "", given: str = "", notes: tuple[str, ...] = ()) -> Place:
        """A file and what else is known of it."""
        place = cls(file)
        place.shown, place.part, place.given, place.notes = shown, part, given, notes
        return place

    def __str__(self) -> str:
        return self.shown or super().__str__()

    def __fspath__(self) -> str:
        return super().__str__()


def located(name: str | os.PathLike[str]) -> Path:
    """The file of a name, which may end in `::` and a table of it."""
    if isinstance(name, Path):
        return name
    name = os.fspath(name)
    file, part = _parted(name)
    return Place.of(Path(file), name, part) if part else Path(name)


@contextmanager
def at_hand(*names: Any, say: Callable[[str], None] = lambda line: None) -> Iterator[list[Any]]:
    """The same names, but for standard input (`-`), pipes and addresses, which are files as long as the context lasts.

    Parameters
    ----------
    *names : str, Path or None
    say : callable
        Told what is waited for.

    Raises
    ------
    ValueError
        One line: nothing comes, or not all of it; standard input twice.
    """
    if names.count(STANDARD_INPUT) > 1:
        raise ValueError("standard input can be read once only; expected a file for one of DATA and --test")
    with ExitStack() as stack:
        # A table in memory, `Held`, is a str of its own kind.
        yield [_brought(name, stack, say) if type(name) is str else name for name in names]


def shown(name: str) -> str:
    """What to call DATA where it is shown: an address without its secrets."""
    if name == STANDARD_INPUT:
        return "standard input"
    if not _ADDRESS.match(name):
        return name
    from pydl.pipeline.fetching import public  # here: most runs need no network

    url, table = _address(name)
    return public(url) + f"::{table}" * bool(table)


def origin(name: str | Path) -> dict[str, str]:
    """What a run notes of where its data came from: the `url`, where there is one."""
    return {"url": name.given} if isinstance(name, Place) and _ADDRESS.match(name.given) else {}


def recorded(name: Any) -> str:
    """How a run's options name its data, or any other value."""
    return (name.given if isinstance(name, Place) else "") or str(name)


def notes(path: Path) -> list[str]:
    """What was noticed about a file before it was read."""
    return list(path.notes) if isinstance(path, Place) else []


def part(path: Path) -> str:
    """The table or query that is meant; nothing: the only one."""
    return path.part if isinstance(path, Place) else ""


def _parted(name: str) -> tuple[str, str]:
    """A file and what follows `::`, unless there is a file of the whole name."""
    found = _DATABASE.fullmatch(name)
    if found and not Path(name).exists():
        return found[1], found[2].strip()
    file, _, rest = name.partition("::")
    return (file, rest.strip()) if rest and Path(file).is_file() and not Path(name).exists() else (name, "")


def _brought(name: str, stack: ExitStack, say: Callable[[str], None]) -> str | Place:
    if name == STANDARD_INPUT:
        file = Path(stack.enter_context(TemporaryDirectory(prefix="pydl-"))) / "table"
        _read_standard_input(file)
        return Place.of(file, shown(name), given=name)
    if _is_stream(name):
        file = Path(stack.enter_context(TemporaryDirectory(prefix="pydl-"))) / "table"
        with open(name, "rb") as pipe:
            _copy(pipe, file, name)
        return Place.of(file, name, given=name)
    if not _ADDRESS.match(name):
        return name
    from pydl.pipeline.fetching import fetched

    say(f"fetching {shown(name)}")
    url, table = _address(name)
    file, noticed = fetched(url, Path(stack.enter_context(TemporaryDirectory(prefix="pydl-"))))
    return Place.of(file, shown(name), table, shown(name), tuple(noticed))


def _address(name: str) -> tuple[str, str]:
    """An address and the table of a database that follows it."""
    found = _DATABASE.fullmatch(name)
    return (found[1], found[2].strip()) if found else (name, "")


def _read_standard_input(file: Path) -> None:
    stream = sys.stdin
    if stream is None or stream.closed:
        raise ValueError("standard input is closed; expected a table, as in pydl train - < table.csv")
    if stream.isatty():
        raise ValueError("standard input is a terminal; expected a table, as in pydl train - < table.csv")
    _copy(stream.buffer, file, "standard input")


def _is_stream(name: str) -> bool:
    """Whether what has the name can be read once only: a named pipe, `/dev/stdin`, what a shell makes of `<(...)`."""
    try:
        kind = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)


def _copy(source: Any, file: Path, called: str) -> None:
    try:
        with file.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise ValueError(f"{called} cannot be read: {error.strerror or error}") from None

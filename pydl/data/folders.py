"""The files in a folder or a zip archive: their names, and their bytes."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_MOST_BYTES = 1 << 30
_OF_SYSTEMS = ("Thumbs.db", "desktop.ini")  # which they leave in folders
# What damaged, encrypted or oddly packed files raise.
UNREADABLE = (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


def opened(path: Path, of: str) -> zipfile.ZipFile | None:
    """The archive, or None for a folder; `of` says what is expected in it."""
    if path.is_dir():
        return None
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise ValueError(f'"{path}": expected a folder or a zip archive of {of}') from None


def content(path: Path, archive: zipfile.ZipFile | None, name: str) -> bytes:
    """A file as it is, or unpacked, if it is not too large."""
    size = archive.getinfo(name).file_size if archive else (path / name).stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(f"{size:,} bytes; expected at most {_MOST_BYTES:,}")
    return archive.read(name) if archive else (path / name).read_bytes()


def files(path: str | os.PathLike[str], suffixes: Sequence[str], of: str) -> list[str]:
    """The files of some endings anywhere in a folder or zip archive, in the order of their names."""
    archive = opened(Path(path), of)
    try:
        return ending(Path(path), archive, suffixes)
    finally:
        if archive is not None:
            archive.close()


def ending(path: Path, archive: zipfile.ZipFile | None, suffixes: Sequence[str]) -> list[str]:
    """`files` of an archive that is open."""
    return sorted({n for n in _every(path, archive) if n.lower().endswith(tuple(suffixes))})


def left_aside(path: str | os.PathLike[str], suffixes: Sequence[str], of: str) -> list[str]:
    """What is not read: files of other endings, and all but one of those of one name in an archive; a sentence each."""
    archive = opened(Path(path), of)
    try:
        every = _every(Path(path), archive)
    finally:
        if archive is not None:
            archive.close()
    counts = Counter(every)
    others = sorted(
        n for n in counts if not n.lower().endswith(tuple(suffixes)) and n.rsplit("/", 1)[-1] not in _OF_SYSTEMS
    )
    twice = sorted(n for n, count in counts.items() if count > 1)
    said = []
    if others:
        said.append(f'{len(others):,} file{"s" * (len(others) > 1)} of other kinds not read, such as "{others[0]}"')
    if twice:
        said.append(f'{len(twice):,} name{"s" * (len(twice) > 1)} more than once in the archive, such as "{twice[0]}": '
                    "the last file of each is read")  # fmt: skip
    return said


def below(path: str | os.PathLike[str], part: str, of: str) -> list[str]:
    """The folders directly below one, "" for the outermost, in a folder or an archive that lists its folders."""
    place = Path(path)
    archive = opened(place, of)
    if archive is None:
        return sorted(each.name for each in (place / part).iterdir() if each.is_dir() and not _hidden(each.name))
    with archive:
        names = [m.filename.rstrip("/") for m in archive.infolist() if m.is_dir()]
    front = f"{part}/" if part else ""
    inner = (name.removeprefix(front) for name in names if name.startswith(front))
    return sorted(name for name in inner if name and "/" not in name and not _hidden(name))


def _every(path: Path, archive: zipfile.ZipFile | None) -> list[str]:
    """All files but hidden ones; folders that are links are entered, but for those that lead back."""
    every: list[str] = []
    if archive is not None:
        every += [m.filename for m in archive.infolist() if not m.is_dir()]
    else:
        ways: dict[str, tuple[str, ...]] = {os.fspath(path): (os.path.realpath(path),)}  # to each folder
        for at, folders, names in os.walk(path, followlinks=True):
            every += [Path(at, name).relative_to(path).as_posix() for name in names]
            way = ways.pop(at)
            places = {name: os.path.realpath(os.path.join(at, name)) for name in folders}
            folders[:] = [name for name in folders if places[name] not in way]
            ways |= {os.path.join(at, name): (*way, places[name]) for name in folders}
    return [n for n in every if not _hidden(n)]


def _hidden(name: str) -> bool:
    return any(piece.startswith((".", "__MACOSX")) and piece != "." for piece in name.split("/"))

"""The models of a server, by name and version: found in folders, loaded, and loaded anew when their files change."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydl.serving.served import MODEL, Served, files_of, is_run, load
from pydl.serving.tensors import Refused

Stamp = tuple[Any, ...]
Told = Callable[..., None]

_AGAIN = 5  # times to load a model at the start whose files change meanwhile
LOADING, READY, UNAVAILABLE = "LOADING", "READY", "UNAVAILABLE"


class Entry:
    """A version of a model.

    Attributes
    ----------
    name, version : str
    key : (name, version)
    path : Path
        A run, a folder with a model in it, or a model's file.
    served : Served or None
        What answers; None while it is not loaded. Whoever answers a request keeps what he began with.
    reason : str
        Why it is not loaded, or the last file was not taken.
    wanted : bool
        Whether it is to be loaded: not after it was asked to unload.
    load_seconds : float
    """

    def __init__(self, name: str, version: str, path: Path) -> None:
        self.name, self.version, self.path = name, version, path
        self.key = (name, version)
        self.served: Served | None = None
        self.reason, self.wanted, self.load_seconds = "", True, 0.0
        self._stamp: Stamp = ()
        self._missed = 0  # looks in a row that found none of its files
        self._lock = threading.Lock()

    @property
    def state(self) -> str:
        """As the repository extension calls it."""
        return READY if self.served is not None else LOADING if self.wanted and not self.reason else UNAVAILABLE

    def load(self) -> None:
        """Read the files, check that they predict, then serve them in place of what was served.

        Raises
        ------
        ValueError, OSError
            As `served.load`; what was served goes on.
        """
        with self._lock:
            start, stamp = time.perf_counter(), _stamp(self.path)
            self._stamp, self.wanted = stamp, True
            try:
                found = load(self.path)
                if _stamp(self.path) != stamp:
                    self._stamp = ()  # so that the next look finds another
                    raise ValueError(f"{self.path}: the files changed while they were read")
            except Exception as error:
                self.reason = str(error) or type(error).__name__
                raise
            replaced, self.served = self.served is not None, found
            self.reason, self.load_seconds = "", time.perf_counter() - start
            if replaced:
                gc.collect()  # layers and models know each other, so that no old model goes by itself

    def unload(self) -> None:
        """Serve it no longer; requests under way are answered."""
        self.served, self.wanted, self.reason = None, False, "unloaded"

    @property
    def changed(self) -> bool:
        """Whether its files are others than those that were read last, and are there."""
        stamp = _stamp(self.path)
        return self.wanted and stamp != self._stamp and any(stamp)

    def look_for_files(self) -> bool:
        """Whether its files are there, or were at the look before: who replaces them may delete the old ones first."""
        self._missed = 0 if _stamp(self.path) else self._missed + 1
        return self._missed < 2


def _stamp(path: Path) -> Stamp:
    """What changes when files are replaced, or written to."""
    found = []
    for file in files_of(path):
        with contextlib.suppress(OSError):
            about = os.stat(file)
            found.append((file.name, about.st_mtime_ns, about.st_size, about.st_ino))
    return tuple(found)


class Repository:
    """The models below a path.

    Parameters
    ----------
    path : str or Path
        A run, a model's file, a folder with `model.safetensors` in it; or a folder of such, by name, or by name and
        version (a whole number).
    tell : callable, optional
        Is called with what happens, as an event and keywords.

    Raises
    ------
    ValueError
        Nothing that could be served.
    """

    def __init__(self, path: str | Path, tell: Told = lambda event, **more: None) -> None:
        self.path, self._tell = Path(path), tell
        self.entries: dict[tuple[str, str], Entry] = {}
        self._newest: dict[str, Entry] = {}
        self._find()
        if not self.entries:
            raise ValueError(
                f"{path}: expected a run, a .safetensors file of a model, or a folder of them as name/version/{MODEL}"
            )

    def _find(self) -> None:
        """Add what is there and was not."""
        for name, version, path in _found(self.path):
            if (name, version) not in self.entries:
                self.entries[name, version] = Entry(name, version, path)
        newest = sorted(self.entries.values(), key=lambda e: (e.served is not None, _number(e.version)))
        self._newest = {entry.name: entry for entry in newest}

    def load_all(self) -> None:
        """Load all; what cannot be is left out, with its reason.

        Raises
        ------
        ValueError
            None of them can be.
        """
        for entry in self.entries.values():
            self._load(entry)
            for _ in range(_AGAIN):  # while somebody replaces it
                if entry.served is None and entry.changed:
                    time.sleep(0.2)
                    self._load(entry)
        self._find()
        if not any(entry.served for entry in self.entries.values()):
            raise ValueError(next(iter(self.entries.values())).reason)

    def refresh(self) -> None:
        """Look for what is new, has changed, or is gone; takes the time of loading it.

        A model whose files two looks do not find is served no longer, but for the only one that a server was given.
        """
        self._find()
        for key, entry in list(self.entries.items()):
            if entry.path != self.path and self.path.is_dir() and not entry.look_for_files():
                del self.entries[key]
                self._tell("removed", model=entry.name, version=entry.version)
        for entry in list(self.entries.values()):
            if entry.changed:
                self._load(entry)
        self._find()

    def _load(self, entry: Entry) -> bool:
        try:
            entry.load()
        except Exception as error:  # whatever a file that is no model does, the others are served
            self._tell("not loaded", model=entry.name, version=entry.version, error=str(error)[:500])
            return False
        self._tell("loaded", model=entry.name, version=entry.version, ms=round(entry.load_seconds * 1e3, 3))
        return True

    def has(self, name: str, version: str | None) -> bool:
        """Whether there is such a model."""
        return name in self._newest if version is None else (name, version) in self.entries

    def entry(self, name: str, version: str | None) -> Entry:
        """A version of a model; None: the newest of those that are loaded.

        Raises
        ------
        Refused
            404, where there is none.
        """
        found = self._newest.get(name) if version is None else self.entries.get((name, version))
        if found is None:
            raise Refused(404, f'no model "{name:.100}"' + ("" if version is None else f', version "{version:.100}"'))
        return found

    def served(self, name: str, version: str | None) -> tuple[Entry, Served]:
        """The same, with what answers.

        Raises
        ------
        Refused
            404; 503 where it is not loaded.
        """
        entry = self._newest.get(name) if version is None else self.entries.get((name, version))
        if entry is None:
            entry = self.entry(name, version)
        served = entry.served
        if served is None:
            raise Refused(
                503, f'model "{name}", version {entry.version}: {entry.state.lower()} {entry.reason}'.rstrip()
            )
        return entry, served

    def versions(self, name: str) -> list[str]:
        """Those of a model that are loaded."""
        return [e.version for e in self.entries.values() if e.name == name and e.served is not None]

    def load(self, name: str) -> None:
        """Load all versions of a model, anew where they are.

        Raises
        ------
        Refused
            404, or 400 with the reason.
        """
        self._find()
        entries = self._of(name)
        for entry in entries:
            if not self._load(entry):
                raise Refused(400, f'model "{name}", version {entry.version}: {entry.reason}')
        self._find()

    def unload(self, name: str) -> None:
        """Unload all versions of a model.

        Raises
        ------
        Refused
            404.
        """
        for entry in self._of(name):
            entry.unload()
            self._tell("unloaded", model=name, version=entry.version)

    def _of(self, name: str) -> list[Entry]:
        entries = [e for e in self.entries.values() if e.name == name]
        if not entries:
            raise Refused(404, f'no model "{name:.100}"')
        return entries

    @property
    def ready(self) -> bool:
        """Whether all that are to be loaded are."""
        return all(e.served is not None or not e.wanted for e in self.entries.values())


def _number(version: str) -> tuple[int, str]:
    return (int(version), version) if version.isdecimal() else (-1, version)


def _is_one(path: Path) -> bool:
    return is_run(path) or (path / MODEL).is_file()


def _found(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Name, version and path of what can be served."""
    if not path.is_dir():
        if path.is_file():
            yield path.name.removesuffix(".safetensors"), "1", path
    elif _is_one(path):
        yield path.resolve().name, "1", path
    else:
        for folder in _folders(path):
            if _is_one(folder):
                yield folder.name, "1", folder
            else:
                yield from (
                    (folder.name, inner.name, inner)
                    for inner in _folders(folder)
                    if inner.name.isdecimal() and _is_one(inner)
                )


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []

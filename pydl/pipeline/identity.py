"""What tells a run from others: its options and the content of its data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydl.data.images import files
from pydl.pipeline.databases import is_sqlite
from pydl.pipeline.held import Held
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.places import located, part

# Where it goes, how fast; a search goes on with more trials, each of one network, whatever is made of them.
_NO_MATTER = ("out", "threads", "tune", "ensemble", "refit")


def identity(options: TrainOptions) -> dict[str, Any]:
    """Digests of a run: `sha256` of its data, and `run`, which is the same for equal data and options.

    Where data to judge on are given, there is `test` of these. Only what was left by an interrupted run of the same
    `run` can be gone on with.
    """
    given = {name: value for name, value in options.to_json().items() if name not in _NO_MATTER}
    places = {name: place for name in ("data", "test") if (place := getattr(options, name)) is not None}
    content = {name: digest(place) for name, place in places.items()}
    # Wherever the files lie: their content, and which table of it.
    given |= {name: found + part(located(places[name])) for name, found in content.items() if found is not None}
    test = {"test": content["test"]} if "test" in content else {}
    return {"sha256": content["data"], **test, "run": _sha256(json.dumps(given, sort_keys=True))}


def digest(path: str | Path) -> str | None:
    """The SHA-256 of a file or table, or of the names and digests of the images in a folder; None for anything else."""
    if isinstance(path, Held):
        return path.sha256()
    place = located(path)
    if place.is_dir():
        return _sha256(json.dumps([(name, digest(str(place / name))) for name in files(place)]))
    if not place.is_file():
        return None
    with place.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    log = place.with_name(place.name + "-wal")  # where SQLite may hold rows that are not in the file yet
    if log.is_file() and is_sqlite(place):
        found.update(log.read_bytes())
    return found.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

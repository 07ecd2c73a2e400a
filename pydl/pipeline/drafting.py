"""A run while it is written: in a folder beside its place, which it takes when it is whole.

The folder is a draft as in `pydl._base.replacing`: of a random name, made exclusively, locked while its writer lives.
What a training can go on from (prepared rows, a backup, a study) waits there after Ctrl-C or a kill for the same
command with the same data; any other command for that place removes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from pydl._base.replacing import drafts, locked_draft, remove, sync
from pydl.pipeline import run as names
from pydl.pipeline.contract import Watch
from pydl.pipeline.run import Run

_INSIDE = ".run."  # how drafts in the very folder are called


@contextmanager
def begun(path: str, about: dict[str, Any], overwrite: bool, watch: Watch, *, aside: bool = False) -> Iterator[Run]:
    """The folder to write a run into; at the end it is at `path`.

    Parameters
    ----------
    path : str
        `--out`.
    about : dict
        What `identity` says of the run.
    overwrite : bool
        Whether a run may be replaced. What is left of one without a model, or of this very run, always may be.
    watch : Watch
    aside : bool
        Whether a run that is there, and may not be replaced, gets another name in the end.

    Raises
    ------
    ValueError
        When there is a file, a folder of other files, or a finished run; when another process writes there.
    """
    place = _place(path)
    _refuse(path, place, about, overwrite or aside)
    place.parent.mkdir(parents=True, exist_ok=True)
    folder, descriptor = _claimed(path, place, about)
    run = Run(folder)
    try:
        if not (folder / names.DRAFT).exists():
            run.write_json(names.DRAFT, about)
            _take_along_study(place, folder)
        yield run
        _refuse(path, place, about, overwrite or aside)  # again: hours may have gone by
        if aside and not overwrite and not _is_free(place, about):
            _set_aside(place, watch)
        (folder / names.DRAFT).unlink()
        _move(folder, place)
    except BaseException:
        _leave(folder, place, watch)
        raise
    finally:
        os.close(descriptor)


def _place(path: str) -> Path:
    """Where the run goes; a link to a folder stands for the folder."""
    place = Path(path)
    place = place.resolve() if place.is_dir() else place
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise ValueError(f"--out {path}: expected a folder, this is a file or a broken link; choose another name")
    return place


def _refuse(path: str, place: Path, about: dict[str, Any], overwrite: bool) -> None:
    """Refuse a folder in which something would be lost."""
    held = set(os.listdir(place)) if place.is_dir() else set()
    if names.CONFIG not in held and {name for name in held if not name.startswith(_INSIDE)} - names.FILES:
        raise ValueError(f"--out {path}: the folder has files in it that are no run's; choose a new name")
    if not (overwrite or _is_free(place, about)):
        raise ValueError(f"--out {path}: there is a run already; choose a new name, or replace it with --overwrite")


def _is_free(place: Path, about: dict[str, Any]) -> bool:
    """Whether there is no run: nothing, what is left of one without a model, or of this very run."""
    if (place / names.INFO).exists():
        return False
    return not (place / names.MODEL).exists() or _is_of(place, about)


def _is_of(folder: Path, about: dict[str, Any]) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(json.loads((folder / names.DRAFT).read_text("utf-8")) == about)
    return False


def _claimed(path: str, place: Path, about: dict[str, Any]) -> tuple[Path, int]:
    """A folder of our own, and the descriptor that locks it: what the same run left before, or a new one."""
    if place.is_dir() and (place.is_mount() or not os.access(place.parent, os.W_OK)):
        place /= _INSIDE.strip(".")  # there is nowhere else to write to
    found = None
    for draft, descriptor, alive in drafts(place):
        if alive and draft.is_dir():
            raise ValueError(f"--out {path}: another process is writing this run; wait for it, or choose a new name")
        if found is None and _is_of(draft, about):
            found = draft, os.dup(descriptor)  # a duplicate holds the same lock
        elif alive is False:
            remove(draft)
    return found or locked_draft(place, _new_folder)


def _new_folder(name: Path) -> int:
    name.mkdir()
    return os.open(name, os.O_RDONLY)


def _take_along_study(earlier: Path, folder: Path) -> None:
    """A study goes on when a run is replaced; the trials of other data or options have other names in it."""
    if (earlier / names.STUDY).is_file():
        shutil.copyfile(earlier / names.STUDY, folder / names.STUDY)


def _move(folder: Path, place: Path) -> None:
    """Put a run where it belongs; files there that are no run's stay."""
    sync(folder)
    if not place.exists():
        folder.rename(place)
    else:
        # Without a model a run counts as unfinished, so that a kill in between leaves no mixture of two runs.
        for name in sorted(names.FILES, key=lambda name: name != names.MODEL):
            remove(place / name)
        for name in sorted(os.listdir(folder), key=lambda name: (name == names.INFO, name == names.MODEL)):
            (folder / name).rename(place / name)
        folder.rmdir()
    sync(place.parent)


def _set_aside(place: Path, watch: Watch) -> None:
    """Give the folder of a run the next name that is free."""
    free = next(name for i in count(1) if not os.path.lexists(name := place.with_name(f"{place.name}-{i}")))
    place.rename(free)
    watch.say(f"the run that was in {place} is in {free} now")


def _leave(folder: Path, place: Path, watch: Watch) -> None:
    """After an error or Ctrl-C: a model is put where it is looked for, unless a finished run is there."""
    if (folder / names.CONFIG).exists() and not Run(place).finished:
        _move(folder, place)
        watch.say(f"{place} has the model, but not all of its figures; the same command writes it anew")
    elif any((folder / name).exists() for name in (names.STREAM, names.STUDY)):
        watch.say(f"what was done is in {folder}; the same command goes on from there, another one removes it")
    else:
        remove(folder)

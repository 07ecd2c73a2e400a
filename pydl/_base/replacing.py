"""Files that are there when all of them is written: beside their place first, then moved over it in one step.

A draft has a name that nobody can foresee and is made exclusively, so that two writers of one path never share one and
no link that lies in wait is followed. Its writer holds a lock on it; a draft that nobody locks was left by a writer
that was killed, and the next writer of the same path removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def replaced(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """A file to write, whose `name` is that of the draft; after an error an earlier file is as it was.

    Parameters
    ----------
    path : Path
        What to replace; a new file keeps the permissions of the earlier one.
    mode : {"wb", "w"}
        Bytes, or text in UTF-8 with the line ends that are written.

    Raises
    ------
    OSError
        A full disk, a size limit, a folder that cannot be written; a path that is a device or folder.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is a device or folder; give the path of a file", str(path))
    remove_leftovers(path)
    draft, descriptor = locked_draft(path, lambda name: os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    text: dict[str, Any] = {"encoding": "utf-8", "newline": ""} if mode == "w" else {}
    try:
        with open(draft, mode, opener=lambda name, flags: descriptor, **text) as file:
            yield file
            file.flush()
            if path.exists():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            os.fsync(descriptor)
            os.replace(draft, path)  # before the lock goes with the descriptor
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


def locked_draft(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """A new draft beside a path, and the open descriptor that holds its lock.

    `make` gets the draft's name, makes a file or folder of it exclusively and opens it.
    """
    while True:
        draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
        descriptor = make(draft)
        lock(descriptor, wait=True)
        if draft.exists():  # nobody took it for a leftover between the two steps
            return draft, descriptor
        os.close(descriptor)


def drafts(path: Path) -> Iterator[tuple[Path, int, bool | None]]:
    """This user's drafts of a path, each with its open descriptor and whether somebody else is writing it.

    Where nobody is, the descriptor locks it from now on; None where the file system has no locks to tell by.
    """
    pattern = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8,16}\.tmp")
    try:
        names = sorted(name for name in os.listdir(path.parent) if pattern.fullmatch(name))
    except OSError:
        return
    for name in names:
        draft = path.with_name(name)
        try:
            # A link is not followed, a pipe not waited for.
            descriptor = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                yield draft, descriptor, lock(descriptor)
        finally:
            os.close(descriptor)


def remove_leftovers(path: Path) -> None:
    """Remove the drafts that killed writers of a path have left."""
    for draft, _, alive in drafts(path):
        if alive is False:
            with contextlib.suppress(OSError):
                remove(draft)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; a link itself."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def lock(descriptor: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder until it is closed; returns whether another holds it, None without locks."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Whether a file fits into memory: asked before it is read, of what the file itself says."""

from __future__ import annotations

import os
import resource
import zipfile
import zlib
from pathlib import Path

import pyarrow.parquet

_RATIO = 1032  # of unpacked to packed bytes, at most, by the format of deflate
_PIECE = 1 << 20


def require_memory(path: Path, kind: str) -> None:
    """Refuse a file that unpacks to more than the memory that is free.

    Raises
    ------
    ValueError
        With both sizes, and what to do.
    """
    free = available()
    size = _unpacked(path, kind, free)
    if size > free:
        raise ValueError(
            f"{path}: unpacks to {size / 1e9:,.1f} GB or more, but {free / 1e9:,.1f} GB of memory are free; read it in "
            "pieces with --stream, or cut it"
        )


def available() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            limits.append(1024 * int(line.split()[1]))
    most, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    if most.isdigit() and used.isdigit():
        limits.append(int(most) - int(used))
    own = resource.getrlimit(resource.RLIMIT_AS)[0]
    if own != resource.RLIM_INFINITY:
        limits.append(own)
    return max(0, min(limits))


def _unpacked(path: Path, kind: str, enough: int) -> int:
    """Bytes of the contents as the file claims them; of a stream that says nothing, counted up to `enough`."""
    if kind == "npz":
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    if kind == "parquet":
        with pyarrow.parquet.ParquetFile(path) as file:
            about = file.metadata
            groups = (about.row_group(i) for i in range(about.num_row_groups))
            # A dictionary or a run of equal values is a few bytes for any number of rows.
            return max(sum(g.total_byte_size for g in groups), 8 * about.num_rows * about.num_columns)
    size = path.stat().st_size
    if path.suffix.lower() != ".gz" or size * _RATIO <= enough:
        return size
    return _inflated(path, enough)


def _inflated(path: Path, enough: int) -> int:
    """How many bytes a gzip file gives, or the first number above `enough`; none of them is kept."""
    found, stream = 0, zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        rest = file.read(_PIECE)
        while rest and found <= enough:
            found += len(stream.decompress(rest, _PIECE))
            if stream.eof:  # another member may follow
                rest, stream = stream.unused_data, zlib.decompressobj(wbits=31)
            else:
                rest = stream.unconsumed_tail
            rest = rest or file.read(_PIECE)
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""

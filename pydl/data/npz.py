"""NPZ files: members that are stored as they are get mapped into memory, compressed ones are read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pydl.data.arrays import ArraySource

_LOCAL_HEADER = 30  # bytes before the name; the lengths of name and extra field are its last two words


def open_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ file by name, read-only memory maps where `numpy.savez` (not `savez_compressed`) wrote them.

    Raises
    ------
    FileNotFoundError
    ValueError
        What is not an NPZ file, or holds Python objects.
    """
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            arrays = {m.filename.removesuffix(".npy"): _member(file, archive, m) for m in members}
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f'"{file}": expected an NPZ file, as numpy.savez writes it: {error}') from None
    if not arrays:
        raise ValueError(f'"{file}": expected an NPZ file with at least one array, found none')
    return arrays


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f'"{path}": array "{member.filename}" has format version {version}; expected 1.0 or 2.0')
        shape, fortran, dtype = read(stream)
        header = stream.tell()
    if dtype.hasobject:
        raise ValueError(f'"{path}": array "{member.filename}" holds Python objects; save it as numbers')
    if member.compress_type != zipfile.ZIP_STORED or not np.prod(shape):
        with archive.open(member) as stream:
            return np.asarray(npy.read_array(stream, allow_pickle=False))
    with path.open("rb") as raw:
        raw.seek(member.header_offset + _LOCAL_HEADER - 4)
        name, extra = np.frombuffer(raw.read(4), "<u2").tolist()
    offset = member.header_offset + _LOCAL_HEADER + name + extra + header
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


class NpzSource(ArraySource):
    """Arrays of an NPZ file.

    Parameters
    ----------
    path : str or path-like
    x, y, sample_weight : str
        Names of arrays in it; y and sample_weight may be None.

    Raises
    ------
    ValueError
        As `open_npz`; a name that the file does not have.
    """

    def __init__(
        self, path: str | os.PathLike[str], x: str = "x", y: str | None = "y", sample_weight: str | None = None
    ) -> None:
        arrays = open_npz(path)
        for name in (x, y, sample_weight):
            if name is not None and name not in arrays:
                raise ValueError(f'NpzSource: "{os.fspath(path)}" has no array "{name}"; it has {", ".join(arrays)}')
        super().__init__(*(None if name is None else arrays[name] for name in (x, y, sample_weight)))

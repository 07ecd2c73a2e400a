"""Reading and writing safetensors files, trusting nothing that is read.

A file is 8 bytes (the header's length N, little endian), N bytes of JSON, then the tensors' bytes. The JSON maps each
tensor's name to its dtype, shape and byte offsets; the entry ``__metadata__`` maps strings to strings. Source:
https://huggingface.co/docs/safetensors (the format's own page).

Everything a header claims is checked against the limits below and the file's true size before anything is allocated.
Tensors are then read through the descriptor that was checked, so a file swapped or truncated meanwhile is an error and
not a fault in a memory map.
"""

import io
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np

from pydl._base.errors import FormatError
from pydl._base.replacing import replaced

MAX_HEADER = 16 << 20  # bytes
MAX_DEPTH = 256  # of nested JSON objects and lists: three for a model in a model
MAX_VALUES = 1_000_000  # in one JSON text: what its objects may cost in memory, about 60 bytes each
MAX_TENSORS = 65_536
MAX_RANK = 8
MAX_NAME = 4096  # characters: models in models make long ones

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}

DAMAGED = "the file is damaged or was not written by pydl: take another copy or save the model again"

_IN_MEMORY = Path("a model in memory")  # how messages call it

# A JSON string, or what there is of one at the end of the text; possessive, so that no input makes it backtrack.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def refuse(path: Path, expected: str, found: str, remedy: str = DAMAGED) -> NoReturn:
    """Raise the FormatError of a file."""
    raise FormatError(f'"{path}": expected {expected}, found {found}; {remedy}')


def shorten(value: object, limit: int = 80) -> str:
    """The repr of a value from a file, short enough for a message."""
    text = ascii(value)
    return text if len(text) <= limit else text[:limit] + "..."


def parse_json(path: Path, text: str, what: str) -> Any:
    """Parse a JSON text of bounded size and depth in which no object has a key twice."""
    marks = np.frombuffer(_STRING.sub("", text).encode("utf-8", "replace"), np.uint8)
    opens = (marks == ord("{")) | (marks == ord("["))
    depth = np.cumsum(opens.astype(np.int32) - ((marks == ord("}")) | (marks == ord("]"))), dtype=np.int32)
    if depth.size and depth.max() > MAX_DEPTH:
        refuse(path, f"{what} nested at most {MAX_DEPTH} deep", f"a depth of {depth.max()}")
    values = int(np.count_nonzero(opens)) + int(np.count_nonzero(marks == ord(",")))
    if values > MAX_VALUES:
        refuse(path, f"{what} of at most {MAX_VALUES} values", f"{values}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            refuse(path, f"{what} without repeated keys", "one that has a key twice")
        return result

    try:
        return json.loads(text, object_pairs_hook=unique)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        refuse(path, f"{what} in JSON", shorten(str(error)))


@dataclass(frozen=True)
class Entry:
    """One tensor as the header describes it; offsets in bytes from the start of the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


class Reader:
    """An open safetensors file whose header has passed every check.

    Parameters
    ----------
    path : Path, or BytesIO
        The file, or its content in memory.

    Attributes
    ----------
    path : Path
    metadata : dict of str to str
    tensors : dict of str to Entry
    """

    def __init__(self, path: Path | io.BytesIO) -> None:
        self._file: io.BytesIO | io.BufferedReader
        if isinstance(path, io.BytesIO):
            self.path, self._file = _IN_MEMORY, path
        else:
            self.path = path
            if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its writer
                refuse(path, "a regular file", "something else", "give the path of a .safetensors file")
            self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            self._size = self._file.seek(0, os.SEEK_END)
            self._file.seek(0)
            header, data = self._header()
            self.metadata = self._metadata(header.pop("__metadata__", {}))
            self.tensors = self._tensors(header, data)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def json(self, key: str) -> Any:
        """The JSON text stored in the metadata under a key, parsed."""
        if key not in self.metadata:
            refuse(self.path, f'"{key}" in the metadata', f"only {shorten(sorted(self.metadata))}")
        return parse_json(self.path, self.metadata[key], f'metadata "{key}"')

    def read(self, name: str) -> np.ndarray:
        """Read one tensor."""
        entry = self.tensors[name]
        array = np.empty(entry.shape, entry.dtype)
        self._file.seek(entry.start)
        if self._file.readinto(array.reshape(-1).view(np.uint8).data) != entry.stop - entry.start:
            refuse(self.path, f'the {entry.stop - entry.start} bytes of tensor "{name}"', "the end of the file")
        return array

    def _header(self) -> tuple[dict[str, Any], int]:
        size = self._size
        prefix = self._file.read(8)
        if len(prefix) < 8:
            refuse(self.path, "a safetensors header", f"a file of {size} bytes")
        length = int.from_bytes(prefix, "little")
        if length > min(MAX_HEADER, size - 8):
            refuse(self.path, f"a header of at most {min(MAX_HEADER, size - 8)} bytes", f"one that claims {length}")
        raw = self._file.read(length)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            refuse(self.path, "a header in UTF-8", "other bytes")
        if not text.startswith("{"):
            refuse(self.path, "a header that starts with {", shorten(text[:20]))
        header = parse_json(self.path, text, "a header")
        if len(header) > MAX_TENSORS + 1:
            refuse(self.path, f"at most {MAX_TENSORS} tensors", f"{len(header)}")
        return header, 8 + length

    def _metadata(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            refuse(self.path, "metadata that maps strings to strings", shorten(value))
        return value

    def _tensors(self, header: dict[str, Any], data: int) -> dict[str, Entry]:
        tensors = {name: self._entry(name, value, data) for name, value in header.items()}
        end = data
        for name, entry in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
            if entry.start != end:
                refuse(self.path, f"tensor {shorten(name)} at byte {end - data} of the data", f"{entry.start - data}")
            end = entry.stop
        if end != self._size:
            refuse(self.path, f"a file of {end} bytes, as its header says", f"{self._size} bytes")
        return tensors

    def _entry(self, name: str, value: object, data: int) -> Entry:
        what = f"tensor {shorten(name)}"
        if len(name) > MAX_NAME:
            refuse(self.path, f"tensor names of at most {MAX_NAME} characters", f"{len(name)}")
        if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
            refuse(self.path, f"dtype, shape and data_offsets of {what}", shorten(value))
        code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
        if not isinstance(code, str) or code not in DTYPES:
            refuse(self.path, f"{what} of a dtype among {', '.join(DTYPES)}", shorten(code))
        if not _sizes(shape) or len(shape) > MAX_RANK:
            refuse(self.path, f"{what} with at most {MAX_RANK} sizes >= 0 as shape", shorten(shape))
        if not _sizes(offsets) or len(offsets) != 2:
            refuse(self.path, f"{what} with two data_offsets >= 0", shorten(offsets))
        dtype = DTYPES[code]
        needed = math.prod(shape) * dtype.itemsize  # Python's integers cannot wrap
        if offsets[1] - offsets[0] != needed:
            refuse(
                self.path, f"{needed} bytes for {what}, {code} of shape {shorten(shape)}", f"offsets {shorten(offsets)}"
            )
        return Entry(dtype, tuple(shape), data + offsets[0], data + offsets[1])


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def in_order(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Names in the order in which `write` puts tensors, one right behind the other.

    The largest numbers first, as the format's own library does: each tensor lies at a multiple of its item's size.
    """
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def write(
    path: Path | io.BytesIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str], align: int = 8
) -> None:
    """Write a safetensors file so that `path` holds, at any moment and after any crash, the old file or the new one.

    A BytesIO takes the same bytes in memory.

    Equal content gives equal bytes. What is written is checked as a reader would before it takes the old file's place.
    The tensors begin at a multiple of `align` bytes.

    Raises
    ------
    OSError
        When the disk is full, a size limit is met, or the folder cannot be written. The old file is intact and the
        draft gone.
    FormatError
        When no reader would take the file.
    """
    order = in_order(tensors)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in order:
        start, end = end, end + tensors[name].nbytes
        code = _code(name, tensors[name].dtype)
        header[name] = {"dtype": code, "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % align)
    with nullcontext(path) if isinstance(path, io.BytesIO) else replaced(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            tensor = np.ascontiguousarray(tensors[name], tensors[name].dtype.newbyteorder("<"))
            file.write(tensor.reshape(-1).view(np.uint8).data)
        if isinstance(path, io.BytesIO):
            return
        file.flush()
        Reader(Path(file.name)).__exit__(None, None, None)


def _code(name: str, dtype: np.dtype[Any]) -> str:
    code = next((code for code, known in DTYPES.items() if known == dtype.newbyteorder("<")), None)
    if code is None:
        raise TypeError(f'tensor "{name}": expected a dtype among {", ".join(DTYPES)}, got {dtype}')
    return code

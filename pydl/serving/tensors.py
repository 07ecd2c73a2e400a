"""Tensors of the Open Inference Protocol V2: values with a name, a datatype and a shape, as JSON or as bytes."""

from __future__ import annotations

import array
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

BYTES, BOOL = "BYTES", "BOOL"
DTYPES: dict[str, np.dtype[Any]] = {
    BOOL: np.dtype(bool),
    **{f"UINT{n}": np.dtype(f"u{n // 8}") for n in (8, 16, 32, 64)},
    **{f"INT{n}": np.dtype(f"i{n // 8}") for n in (8, 16, 32, 64)},
    **{f"FP{n}": np.dtype(f"f{n // 8}") for n in (16, 32, 64)},
    BYTES: np.dtype(object),
}
_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
CODES = {name: dtype.char for name, dtype in DTYPES.items() if dtype.char in array.typecodes and name != BOOL}
_KINDS = {BOOL: "b", BYTES: "U"}  # of the array that JSON values of a datatype make; else those of numbers


class Refused(Exception):
    """A request that gets an error: a status of HTTP, and what to say.

    Attributes
    ----------
    status : int
    headers : list of (bytes, bytes)
        More headers of the answer.
    """

    def __init__(self, status: int, text: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(text)
        self.status, self.headers = status, list(headers)


def bad(text: str) -> Refused:
    """What is wrong in a request."""
    return Refused(400, text)


def datatype_of(dtype: Any) -> str:
    """The protocol's name of a NumPy dtype, or of pydl's `string`.

    >>> datatype_of("float32")
    'FP32'
    """
    return BYTES if str(dtype) == "string" else _NAMES.get(np.dtype(dtype), BYTES)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a model takes or gives, as its metadata say it; -1 stands for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(slots=True)
class Tensor:
    """Values in the order of rows.

    Attributes
    ----------
    name, datatype : str
    shape : tuple of int
    values : list or ndarray
        As they stood in JSON, flat or nested; or a flat array.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any

    def array(self, dtype: np.dtype[Any], gaps: bool) -> Array:
        """The values in a dtype, or as text for `object`, in their shape.

        Parameters
        ----------
        dtype : dtype
        gaps : bool
            Whether null is NaN; else it is refused.
        """
        if type(self.values) is list:
            found = self._packed()
            if found is None:
                found = self._looked_at(gaps)
            elif found.dtype is dtype:
                return found
        else:
            found = self.values
        if found.dtype.kind == "O" and dtype.kind != "O":
            raise bad(f'input "{self.name}": expected numbers, got {self.datatype}')
        if found.dtype.kind in "fiub" and dtype.kind == "O":
            raise bad(f'input "{self.name}": expected text, {BYTES}, got {self.datatype}')
        if found.size != math.prod(self.shape):
            raise self._other_size(found.size)
        try:
            return self._converted(found.reshape(self.shape), dtype)
        except ValueError as error:  # sizes beyond what an array can have, beside a size of 0
            raise bad(f'input "{self.name}": shape {list(self.shape)}: {error}') from None

    def _converted(self, found: Array, dtype: np.dtype[Any]) -> Array:
        """The values as a model takes them; none becomes another one on the way, but for digits that a float lacks."""
        if found.dtype == dtype or np.can_cast(found.dtype, dtype, "safe") or dtype.kind == "O":
            return found.astype(dtype, copy=False)
        with np.errstate(all="ignore"):
            made = found.astype(dtype)
            if dtype.kind == "f":
                changed = np.isinf(made) & np.isfinite(found)
            else:  # a sign may come of it that goes again on the way back
                changed = (made.astype(found.dtype) != found) | ((made < 0) != (found < 0))
        if changed.any():
            raise bad(f'input "{self.name}": {found[changed].flat[0]} of {self.datatype} is no {dtype} number')
        return made

    def cells(self) -> list[Any]:
        """The values as cells of a column: numbers, truth values, text, None where missing."""
        found = self.values.tolist() if isinstance(self.values, np.ndarray) else flat(self.values)
        if len(found) != math.prod(self.shape):
            raise self._other_size(len(found))
        allowed: Any = str if self.datatype == BYTES else bool if self.datatype == BOOL else (int, float)
        for value in found:
            if value is not None and (not isinstance(value, allowed) or isinstance(value, bool) != (allowed is bool)):
                raise self._other_kind(f"{value!r:.40}")
        return found

    def _packed(self) -> Array | None:
        """A flat list of numbers, all of which fit the datatype, in its shape; None: it is something else.

        NumPy would have to find out first what there is, which takes twice as long.
        """
        code = CODES.get(self.datatype)
        if code is None:
            return None
        try:
            found = array.array(code, self.values)
        except (TypeError, OverflowError):
            return None
        if len(found) != math.prod(self.shape):
            raise self._other_size(len(found))
        if code == "f" and not math.isfinite(sum(found)):  # what does not fit float32 is infinite in it
            return None
        return np.ndarray(self.shape, DTYPES[self.datatype], found)

    def _looked_at(self, gaps: bool) -> Array:
        """Whatever JSON can hold as an array of the datatype, or what is wrong with it."""
        try:
            found = np.asarray(self.values)
        except (ValueError, OverflowError):
            raise bad(f'input "{self.name}": data: expected one depth and size of nested lists') from None
        dtype = DTYPES[self.datatype]
        if not found.size:
            return np.empty(0, dtype)
        if found.dtype.kind == "O" and gaps and dtype.kind == "f":
            try:
                found = np.asarray([math.nan if v is None else v for v in flat(self.values)])
            except (ValueError, OverflowError):
                raise self._other_kind("other values") from None
        if found.dtype.kind == "O":
            raise self._other_kind("null" if None in flat(self.values) else "other values")
        if found.dtype.kind not in _KINDS.get(self.datatype, "biuf"):
            raise self._other_kind({"U": "text", "b": "true or false"}.get(found.dtype.kind, "numbers"))
        if found.dtype.kind == "U":
            words = flat(self.values)
            if not all(type(v) is str for v in words):
                raise self._other_kind("other values")
            texts = np.empty(len(words), object)
            texts[:] = words
            return texts
        with np.errstate(all="ignore"):
            cast = found.astype(dtype)
            kept = np.isfinite(cast).all() or gaps if dtype.kind == "f" else (cast == found).all()
        if not kept:
            raise bad(f'input "{self.name}": data: a number that is no {self.datatype}')
        return cast

    def _other_size(self, found: int) -> Refused:
        wanted = math.prod(self.shape)
        return bad(f'input "{self.name}": shape {list(self.shape)} has {wanted} values, data has {found}')

    def _other_kind(self, found: str) -> Refused:
        return bad(f'input "{self.name}": data: expected {self.datatype}, got {found}')


def flat(values: Any) -> list[Any]:
    """What stands in nested lists, in order."""
    if not any(isinstance(v, list) for v in values):
        return list(values)
    found: list[Any] = []
    left = [iter(values)]
    while left:
        for value in left[-1]:
            if isinstance(value, list):
                left.append(iter(value))
                break
            found.append(value)
        else:
            left.pop()
    return found


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], content: memoryview) -> Tensor:
    """A tensor whose values are little-endian bytes; of text, each behind its length in 4 bytes."""
    size = math.prod(shape)
    if datatype == BYTES:
        return Tensor(name, datatype, shape, _texts(name, size, content))
    dtype = DTYPES[datatype]
    if len(content) != size * dtype.itemsize:
        raise bad(f'input "{name}": shape {list(shape)} of {datatype} is {size * dtype.itemsize} bytes, '
                  f"got {len(content)}")  # fmt: skip
    if datatype == BOOL:
        return Tensor(name, datatype, shape, np.frombuffer(content, np.uint8) != 0)
    found = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)  # a copy: behind JSON it lies anyhow
    return Tensor(name, datatype, shape, found)


def _texts(name: str, size: int, content: memoryview) -> Array:
    found: list[str] = []
    at = 0
    while at < len(content) and len(found) < size:
        end = at + 4 + int.from_bytes(content[at : at + 4], "little")
        try:
            found.append(str(content[at + 4 : end], "utf-8"))
        except UnicodeDecodeError:
            raise bad(f'input "{name}": expected text in UTF-8') from None
        at = end
    if at != len(content) or len(found) != size:
        raise bad(f'input "{name}": expected {size} texts, each behind its length in 4 bytes')
    texts = np.empty(size, object)
    texts[:] = found
    return texts


def to_bytes(values: Array) -> bytes:
    """The opposite of `from_bytes`."""
    if values.dtype.kind == "O":
        words = [str(v).encode() for v in values.ravel()]
        return b"".join(len(word).to_bytes(4, "little") + word for word in words)
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()

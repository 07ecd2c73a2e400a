"""JSON to and from bytes: by orjson where it is installed, else by Python's own module, with the same answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def _faster() -> Any:
    try:
        import orjson
    except ModuleNotFoundError:
        return None
    return orjson


orjson = _faster()


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _read(body: bytes) -> Any:
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        if b"\\u" in body:  # of surrogates only pairs are text
            json.dumps(found, ensure_ascii=False).encode("utf-8")
        return found
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _plain(value: Any) -> Any:
    """Arrays as lists, in which what is not finite is None."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"expected JSON values and arrays, got {type(value).__name__}")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        return [v if np.isfinite(v) else None for v in _short(value).tolist()]
    return _short(value).tolist()


def _short(value: np.ndarray) -> np.ndarray:
    """Numbers whose shortest decimals are those of their own precision: 0.1, where float32 is 0.10000000149."""
    return value.astype(str).astype(np.float64) if value.dtype == np.float32 else value


def _write(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def read_json(body: bytes) -> Any:
    """The value of a JSON document.

    Raises
    ------
    ValueError
        Bytes that are no JSON in UTF-8; NaN and Infinity are none.
    """
    return _read(body) if orjson is None else orjson.loads(body)


def write_json(value: Any) -> bytes:
    """A JSON document in UTF-8. Arrays of numbers may stand in it; what is not finite in them becomes null."""
    return _write(value) if orjson is None else orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)

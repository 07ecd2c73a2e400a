"""Files of fitted scikit-learn objects, by skops, with a fixed list of what may stand in them."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydl._base.replacing import replaced

_SCHEMA = "schema.json"
_LIMIT = 1 << 30  # bytes, unpacked: far beyond any preparation
# Each with the one way in which skops may build it.
_TRUSTED = frozenset(
    {
        "builtins.dict by DictNode",
        "builtins.list by ListNode",
        "builtins.slice by SliceNode",
        "builtins.str by JsonNode",
        "builtins.str by TypeNode",
        "builtins.tuple by TupleNode",
        "numpy.dtype by DTypeNode",
        "numpy.float32 by TypeNode",
        "numpy.float64 by NdArrayNode",
        "numpy.int64 by NdArrayNode",
        "numpy.ndarray by NdArrayNode",
        "sklearn.compose._column_transformer.ColumnTransformer by ObjectNode",
        "sklearn.impute._base.MissingIndicator by ObjectNode",
        "sklearn.impute._base.SimpleImputer by ObjectNode",
        "sklearn.pipeline.Pipeline by ObjectNode",
        "sklearn.preprocessing._data.StandardScaler by ObjectNode",
        "sklearn.preprocessing._encoders.OneHotEncoder by ObjectNode",
    }
)


def dump(content: dict[str, Any], path: str | Path) -> None:
    """Write in one step: the file is whole or as it was; equal content gives equal bytes."""
    packed = _stable(_skops_io().dumps(content))
    with replaced(Path(path)) as file:
        file.write(packed)


def load(path: str | Path) -> dict[str, Any]:
    """Read what `dump` wrote, after a look at every type that the file names.

    Raises
    ------
    ValueError
        No such file, a damaged one, or one with anything that is not on the list.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LIMIT:
                raise ValueError("it unpacks to more than a gigabyte")
            foreign = sorted(set(_types(json.loads(archive.read(_SCHEMA)))) - _TRUSTED)
        if foreign:
            raise ValueError(f"it holds {foreign[0]}, which is not on the list of trusted types")
        content = _skops_io().load(path, trusted=["numpy.dtype"])
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:
        raise ValueError(f"{path}: not a file that pydl wrote, or damaged: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a file that pydl wrote, or damaged")
    return content


def _stable(packed: bytes) -> bytes:
    """The same archive without what differs each time: dates, and the addresses by which skops names objects."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema, number = content[_SCHEMA].decode(), dict[str, str]()
    for found in re.finditer(r'"__id__": (\d+)', schema):
        number.setdefault(found[1], str(len(number) + 1))
    # In a text of the content, these quotation marks would have a backslash before them.
    schema = re.sub(r'("__id__": |"file": ")(\d+)', lambda found: found[1] + number.get(found[2], found[2]), schema)
    content[_SCHEMA] = schema.encode()
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for name, part in content.items():
            stem, dot, ending = name.partition(".")
            archive.writestr(zipfile.ZipInfo(number.get(stem, stem) + dot + ending), part)
    return result.getvalue()


def _skops_io() -> Any:
    """`skops.io`, whose import walks through all packages of scikit-learn, one of which would import torch."""
    bridge = "sklearn.externals.array_api_compat.torch"
    hidden = bridge not in sys.modules
    if hidden:
        sys.modules[bridge] = None  # type: ignore[assignment] # makes its import fail, which the walk passes over
    try:
        import skops.io
    finally:
        if hidden:
            del sys.modules[bridge]
    return skops.io


def _types(node: Any) -> Iterator[str]:
    """Every type and every kind of loader that a schema names, wherever it stands."""
    if isinstance(node, dict):
        if "__module__" in node or "__class__" in node or "__loader__" in node:
            yield f"{node.get('__module__')}.{node.get('__class__')} by {node.get('__loader__')}"
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, list):
        for value in node:
            yield from _types(value)

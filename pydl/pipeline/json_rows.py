"""JSON as rows: an object for each line, or one document that holds a table in a way that people write them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydl.pipeline.packed import opened

Row = dict[str, Any]


def json_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of JSON lines, or of one document.

    A document is a list of objects; columns, each a list or an object of its rows, as pandas writes them by default
    or with `orient="split"`; or an object around one of these, as `{"data": [...]}` and GeoJSON are.

    Raises
    ------
    ValueError
        A row that is no object; no JSON.
    """
    rows = _of_document(_document(path))
    for i, row in enumerate(_lines(path) if rows is None else rows):
        if not isinstance(row, dict):
            raise ValueError(f"{path}: expected a JSON object for each row, but row {i + 1} is another value")
        yield row


def _text(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened(path), encoding="utf-8-sig")


def _lines(path: Path) -> Iterator[Any]:
    with _text(path) as file:
        yield from map(_DECODER.decode, filter(str.strip, file))


def _object(pairs: list[tuple[str, Any]]) -> Row:
    """Each value under its name; of two with one name, one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'an object with two values of "{next(n for n in names if names.count(n) > 1)}"')
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _document(path: Path) -> Any:
    """The one document of a file; None where each line is an object by itself."""
    with _text(path) as file:
        begin = list(islice(filter(str.strip, file), 2))
    if not begin or (begin[0].lstrip().startswith("{") and len(begin) > 1 and _is_whole(begin[0])):
        return None
    with _text(path) as file:
        return _DECODER.decode(file.read())


def _is_whole(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _of_document(content: Any) -> list[Any] | None:
    """The rows of a document; None where it is none, or is itself the only row."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict) or not content:
        return None
    names, rows = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return [dict(zip(map(str, names), row, strict=True)) for row in rows]
    columns = list(content.values())
    if all(isinstance(column, dict) for column in columns):
        return _of_labelled(content)
    if len(columns) > 1 and all(isinstance(column, list) and not _are_rows(column) for column in columns):
        if len({len(column) for column in columns}) > 1:
            return None
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    lists = [column for column in columns if _are_rows(column)]
    if len(lists) != 1:
        return None
    inner = [row.get("properties") for row in lists[0]]  # of GeoJSON
    return inner if all(isinstance(row, dict) for row in inner) else lists[0]


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _of_labelled(content: dict[str, Row]) -> list[Row] | None:
    """Objects in an object: columns whose rows have numbers, or rows that have labels."""
    inner = list(dict.fromkeys(key for each in content.values() for key in each))
    if inner and all(key.isdigit() for key in inner):
        return [{name: column.get(key) for name, column in content.items()} for key in inner]
    return list(content.values()) if all(key.isdigit() for key in content) else None

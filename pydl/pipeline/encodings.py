"""In what a text file is encoded: as a mark at its beginning says, as the user says, or as its bytes allow."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from pydl.pipeline.packed import opened

_BLOCK = 1 << 20
_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_BEGINNING = 4096
_MOSTLY_LATIN = 0.5  # of the characters of the beginning
_MANY_ZEROS = 0.001  # of the bytes of a file that is no text
_FOREIGN = {  # formats of other programs, by the ends of their files' names
    ".dta": "Stata", ".sav": "SPSS", ".zsav": "SPSS", ".por": "SPSS", ".sas7bdat": "SAS", ".xpt": "SAS", ".rds": "R",
    ".rda": "R", ".rdata": "R", ".mat": "MATLAB", ".h5": "HDF5", ".hdf5": "HDF5", ".pkl": "Python's pickle",
    ".orc": "ORC", ".avro": "Avro", ".numbers": "Numbers",
}  # fmt: skip
_WIDE = ("utf-16", "utf-32")
#: What text that is no UTF-8 is read as, and called; in the last one every byte is a letter.
OTHERS = {"cp1252": "Windows-1252", "cp850": "code page 850, as MS-DOS wrote it"}


def encoding_of(path: Path, wanted: str | None, notes: list[str], learnt: str | None = None) -> str:
    """The encoding of a file, every byte of which it can decode; what was noticed is added to the notes.

    `learnt`: the first to be tried of those that are no UTF-8.

    Raises
    ------
    ValueError
        No text, or not in the encoding that is wanted; the line is named.
    """
    with opened(path) as file:
        beginning = file.read(_BEGINNING)
    mark = next((name for bom, name in _BOMS.items() if beginning.startswith(bom)), None)
    if wanted is not None and mark is not None and not _is(mark, wanted):
        notes.append(f"the mark at the beginning says {_family(mark)}, which counts rather than --encoding {wanted}")
    if wanted is None and mark is None and (wide := _utf_16(beginning)) is not None:
        notes.append("the text is UTF-16, though no mark at its beginning says so")
        mark = wide
    found = mark or wanted or "utf-8"
    if wanted is None and not found.startswith(_WIDE):
        _refuse_zeros(path)
    wrong = _undecodable(path, found)
    if wrong is None:
        if wanted is not None and mark is None and not _is("utf-8", wanted) and _is_utf_8(path):
            notes.append(f"the text is UTF-8, and is read as {wanted}, as --encoding says")
        return found
    line, what = wrong
    if wanted is not None or mark is not None:
        said = f"--encoding {wanted}" if mark is None else f"{_family(mark)}, as the mark at its beginning says"
        raise ValueError(f"{path}: line {line} is not in {said}: {what}; expected the encoding that the file is in")
    others = [name for name in OTHERS if name == learnt] + [name for name in OTHERS if name != learnt]
    other = next(name for name in others if _undecodable(path, name) is None)
    notes.append(f"the text is not UTF-8; read as {OTHERS[other]}; --encoding names another one")
    return other


def _undecodable(path: Path, encoding: str) -> tuple[int, str] | None:
    """The first line that an encoding cannot decode and what is wrong with it, None where there is none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    for block in _blocks(path):
        try:
            lines += decoder.decode(block, final=not block).count("\n")
        except UnicodeError as error:
            if not isinstance(error, UnicodeDecodeError):
                return lines, str(error)
            # what stands before it in the block, or in a rest of the one before
            lines += error.object[: error.start].decode(encoding, errors="replace").count("\n")
            return lines, f"byte {error.object[error.start]:02X}"
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and an empty block at the end."""
    with opened(path) as file:
        while block := file.read(_BLOCK):
            yield block
    yield b""


def _is_utf_8(path: Path) -> bool:
    return any(max(block, default=0) > 127 for block in _blocks(path)) and _undecodable(path, "utf-8") is None


def _refuse_zeros(path: Path) -> None:
    zeros = size = lines = 0
    first = 0
    for block in _blocks(path):
        if not zeros and b"\0" in block:
            first = lines + 1 + block[: block.index(b"\0")].count(b"\n")
        zeros, size, lines = zeros + block.count(b"\0"), size + len(block), lines + block.count(b"\n")
    if zeros > _MANY_ZEROS * size:
        kind = _FOREIGN.get(path.suffix.lower())
        what = "is no text" if kind is None else f"is a file of {kind}"
        raise ValueError(f"{path} {what}; expected a table such as CSV or Parquet")
    if zeros:
        raise ValueError(f"{path}: line {first} holds a byte of 0, which no text has; remove it, or save the file anew")


def _is(encoding: str, other: str) -> bool:
    return _family(encoding) == _family(other)


def _family(encoding: str) -> str:
    """UTF-8, UTF-16, ..., whatever the order of bytes and the mark; else the name."""
    name = codecs.lookup(encoding).name
    return next((family.upper() for family in ("utf-8", *_WIDE) if name.startswith(family)), name)


def _utf_16(beginning: bytes) -> str | None:
    """The make of UTF-16 in which every other byte of Latin text is 0; None of other text."""
    halves = beginning[::2], beginning[1::2]
    zeros = [half.count(0) / max(len(half), 1) for half in halves]
    if min(zeros) > 0 or max(zeros) < _MOSTLY_LATIN:
        return None
    return "utf-16-le" if zeros[1] else "utf-16-be"

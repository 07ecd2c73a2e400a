"""In what files are encoded: no letter is replaced by another one without a word."""

from __future__ import annotations

import codecs
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pydl.pipeline.databases import Database
from pydl.pipeline.delimited import Delimited
from pydl.pipeline.reading import Reading
from pydl.pipeline.table import read_table

WORDS = ("café", "cafè", "Zürich", "plain")
TEXT = "place,y\n" + "".join(f"{w},{i}\n" for i, w in enumerate(WORDS)) * 3


def written(tmp_path: Path, encoding: str, mark: bytes = b"") -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(mark + TEXT.encode(encoding))
    return path


def places(path: Path, encoding: str | None = None) -> list[str]:
    return list(read_table(path, reading=Reading(encoding=encoding))["place"][: len(WORDS)])


def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 2 is not in --encoding utf-8: byte E9; expected the encoding that"):
        places(written(tmp_path, "cp1252"), "utf-8")
    with pytest.raises(ValueError, match="line 2 is not in --encoding ascii"):
        places(written(tmp_path, "utf-8"), "ascii")
    (tmp_path / "t.csv").write_bytes(codecs.BOM_UTF8 + b"place,y\nab,1\n\xe9,2\n")
    with pytest.raises(ValueError, match="line 3 is not in UTF-8, as the mark at its beginning says"):
        places(tmp_path / "t.csv")


@pytest.mark.parametrize("encoding", ["cp1252", "cp850"])
def test_what_is_no_utf_8(tmp_path: Path, encoding: str) -> None:
    """Of what Windows-1252 leaves undefined, MS-DOS made letters."""
    path = written(tmp_path, encoding)
    assert places(path) == list(WORDS)
    assert "the text is not UTF-8; read as " in Delimited(path).notes[0]
    arff = tmp_path / "t.arff"
    arff.write_bytes(f"@relation r\n@attribute place string\n@data\n{WORDS[2]}\n".encode(encoding))
    assert read_table(arff)["place"].tolist() == [WORDS[2]]
    with closing(sqlite3.connect(tmp_path / "t.db")) as db:
        db.execute("CREATE TABLE t (place TEXT, y INT)")
        for i, word in enumerate(WORDS):
            db.execute("INSERT INTO t VALUES (CAST(? AS TEXT), ?)", (word.encode(encoding), i))
        db.commit()
    found = Database(tmp_path / "t.db")
    assert found.read()["place"].tolist() == list(WORDS)
    (note,) = found.notes
    assert note.startswith("texts of the database are not UTF-8; read as ")


def test_a_mark_counts_more_than_what_is_said(tmp_path: Path) -> None:
    """A run that was trained on one make of file predicts rows of another that says what it is."""
    for name in ("utf-16", "utf-16-be", "utf-32"):  # said, of text that has no mark
        path = written(tmp_path, name if name.endswith("be") else f"{name}-le")
        assert places(path, f"{name}-le" if not name.endswith("be") else name) == list(WORDS)
        assert places(written(tmp_path, name), name) == list(WORDS)
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (b"", "utf-32")):
        path = written(tmp_path, encoding, mark)
        assert places(path, "cp1252") == list(WORDS)
        assert any("mark at the beginning" in note for note in Delimited(path, Reading(encoding="cp1252")).notes)
        assert places(path) == list(WORDS)
    path = written(tmp_path, "utf-8", codecs.BOM_UTF8)
    assert places(path, "utf-8") == list(WORDS)
    assert Delimited(path, Reading(encoding="utf-8")).notes == []
    assert "the text is UTF-8, and is read as cp1252" in Delimited(
        written(tmp_path, "utf-8"), Reading(encoding="cp1252")
    ).notes[0]  # fmt: skip


@pytest.mark.parametrize("name", ["rot13", "klingon", "hex"])
def test_names_of_no_encoding_of_text(name: str) -> None:
    with pytest.raises(ValueError, match="--encoding: expected a name such as utf-8"):
        Reading(encoding=name)


def test_a_byte_of_zero_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes((TEXT * 40 + "a\0b,1\n").encode())
    with pytest.raises(ValueError, match="line 521 holds a byte of 0"):
        read_table(path)

"""ARFF files: what is declared, quoted, missing, sparse; and the one line that refuses the rest."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.columns import guess
from pydl.pipeline.table import read_chunks, read_table
from pydl.pipeline.target import Target

HEADER = """% A comment, with a 'quote
@RELATION 'some people'

@attribute 'full name' string
@Attribute age NUMERIC
@attribute height\treal
@attribute grade {1, 2,3 ,'4 or more'}
@attribute 'it''s' {yes,no}
@attribute born date "yyyy-MM-dd"
@data
""".replace("it''s", r"it\'s")
ROWS = r"""
'O\'Hara, Ann', 31 ,1.75, 1, yes, 2001-02-03
% between rows
"Bob \"B\"",?,1.5,'4 or more',?,'2002-02-03'
?,45,-1e3,2,no,?
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_arff_declares(tmp_path: Path) -> None:
    frame = read_table(written(tmp_path / "a.arff", HEADER + ROWS))
    assert list(frame.columns) == ["full name", "age", "height", "grade", "it's", "born"]
    assert frame["full name"].tolist()[:2] == ["O'Hara, Ann", 'Bob "B"']
    np.testing.assert_array_equal(frame["age"], [31, np.nan, 45])
    assert frame["height"].tolist() == [1.75, 1.5, -1000]
    assert frame["grade"].tolist() == ["1", "4 or more", "2"]
    assert frame["it's"].isna().tolist() == [False, True, False]
    assert frame["born"].tolist()[:2] == ["2001-02-03", "2002-02-03"]
    assert frame.isna().sum().tolist() == [1, 1, 0, 0, 1, 1]


def test_nominal_numbers_are_categories(tmp_path: Path) -> None:
    rows = "".join(f"{i % 3 + 1},{i % 30},{i}\n" for i in range(90))
    declared = "@attribute a {1,2,3}\n@attribute y {" + ",".join(map(str, range(30))) + "}\n@attribute x integer\n"
    frame = read_table(written(tmp_path / "a.arff", f"@relation r\n{declared}@data\n{rows}"))
    assert {c.name: c.kind for c in guess(frame, "y")}["a"] == "category"
    assert guess(frame, "y", kinds={"a": "number"})[0].kind == "number"
    target = Target.fit(frame["y"])
    assert target.task == "classification"
    assert list(target.classes) == list(range(30))
    chunks = list(read_chunks(tmp_path / "a.arff", 40))
    assert guess(chunks[2], "y")[0].kind == "category"
    pd.testing.assert_frame_equal(pd.concat(chunks), frame)


def test_sparse_rows(tmp_path: Path) -> None:
    declared = "@attribute a numeric\n@attribute b {u,'v w'}\n@attribute c numeric\n@attribute d {0,1}\n"
    rows = "{0 2.5, 1 'v w'}\n{}\n{ 3 1 }\n{0 ?,2 7}\n"
    frame = read_table(written(tmp_path / "a.arff", f"@relation r\n{declared}@data\n{rows}"))
    np.testing.assert_array_equal(frame["a"], [2.5, 0, 0, np.nan])
    assert frame["b"].tolist() == ["v w", "u", "u", "u"]
    assert frame["c"].tolist() == [0, 0, 0, 7]
    assert frame["d"].tolist() == ["0", "0", "1", "0"]


def test_weights_packing_and_line_ends(tmp_path: Path) -> None:
    text = "@relation r\n@attribute a numeric\n@attribute b {x,y}\n@DATA\n1,x,{0.5}\n2,y\n".replace("\n", "\r\n")
    (tmp_path / "a.arff.gz").write_bytes(gzip.compress(text.encode()))
    assert read_table(tmp_path / "a.arff.gz")["a"].tolist() == [1, 2]


def test_text_of_windows(tmp_path: Path) -> None:
    (tmp_path / "a.arff").write_bytes("@relation r\n@attribute ä {ö,ü}\n@data\nö\nü\n".encode("cp1252"))
    assert read_table(tmp_path / "a.arff")["ä"].tolist() == ["ö", "ü"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "'Ann',1,2,1,yes\n", "line 11: expected 6 values, as many as attributes, got 5"),
        (HEADER + "Ann,1,2,5,yes,?\n", 'line 11: "5" is no declared level of grade'),
        (HEADER + "Ann,one,2,1,yes,?\n", 'line 11: "one" is no number, but age is numeric'),
        (HEADER + "{9 1}\n", "line 11: expected {PLACE VALUE, ...}, places from 0 to 5"),
        (HEADER + "{1 1\n", "line 11: expected {PLACE VALUE, ...}, places from 0 to 5"),
        (HEADER + "'Ann' and,1,2,1,yes,?\n'Ann,1,2,1,yes\n", "line 12: expected 6 values"),
        (HEADER, "no rows"),
        (HEADER.replace("@data", ""), "there is no @data"),
        ("@relation r\n@data\n1\n", "line 2: expected at least one @attribute line"),
        ("@relation r\n@attribute a relational\n@data\n", "line 2: expected numeric, string, date or levels"),
        ("@relation r\n@attribute a {x,y\n@data\n", "line 2: expected"),
        ("a,b\n1,2\n", "line 1: expected @attribute NAME KIND, got 'a,b'"),
    ],
)
def test_what_is_no_arff_is_told_in_a_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError) as error:
        read_table(written(tmp_path / "a.arff", text))
    assert told in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "a.arff"))
    assert "\n" not in str(error.value)

"""Tables in files of every make: what is read, what is said, and the one line that refuses the rest."""

from __future__ import annotations

import gzip
import io
import os
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.table import chunk_rows, read_cells, read_chunks, read_table, scan
from pydl.pipeline.writing import write_table
from tests.pipeline.tables import OF_ALL_KINDS

PEOPLE = "name,age,city\nAnn,31,Oslo\nBob,45,Rome\nCid,28,Bonn\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file and gives its path."""

    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def notes(frame: pd.DataFrame) -> str:
    return "; ".join(frame.attrs["notes"])


# ---- delimited text -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", ", " ", "    "])
def test_delimiters(file: Callable[..., Path], delimiter: str) -> None:
    frame = read_table(file(PEOPLE.replace(",", delimiter)))
    assert list(frame.columns) == ["name", "age", "city"]
    assert frame["age"].tolist() == [31, 45, 28]
    assert frame["age"].dtype == np.int64
    assert frame["city"].tolist() == ["Oslo", "Rome", "Bonn"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(file: Callable[..., Path], ends: str) -> None:
    assert read_table(file(PEOPLE.replace("\n", ends)))["age"].tolist() == [31, 45, 28]


def test_missing_values_and_blanks(file: Callable[..., Path]) -> None:
    frame = read_table(file("a, b ,c\n1 , x, ?\n ?, NA,2.5\n3,N/A ,\n nan, y,-1e3\n"))
    assert list(frame.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(frame["a"], [1, np.nan, 3, np.nan])
    assert frame["b"].isna().tolist() == [False, True, True, False]
    np.testing.assert_array_equal(frame["c"], [np.nan, 2.5, np.nan, -1000])


def test_words_that_may_be_classes_stay(file: Callable[..., Path]) -> None:
    frame = read_table(file("sign,pain\n+,none\n-,mild\n+,none\n"))
    assert frame["sign"].tolist() == ["+", "-", "+"]
    assert frame["pain"].tolist() == ["none", "mild", "none"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-8"])
def test_byte_order_marks(file: Callable[..., Path], encoding: str) -> None:
    text = ("\ufeff" if encoding == "utf-16-le" else "") + "größe,wert\n1,ä\n2,ö\n"
    frame = read_table(file(text.encode(encoding)))
    assert list(frame.columns) == ["größe", "wert"]
    assert frame["wert"].tolist() == ["ä", "ö"]
    assert notes(frame) == ""


def test_windows_text_is_said(file: Callable[..., Path]) -> None:
    frame = read_table(file("ort,preis\nMünchen,12\nKöln,13\n".encode("cp1252")))
    assert frame["ort"].tolist() == ["München", "Köln"]
    assert "Windows-1252" in notes(frame)


def test_windows_text_far_behind_the_start(file: Callable[..., Path]) -> None:
    rows = "a,1\n" * 400_000  # over a megabyte of ASCII first
    assert read_table(file(b"ort,preis\n" + rows.encode() + "Köln,2\n".encode("cp1252")))["ort"].iloc[-1] == "Köln"


def test_quoted_newlines_and_delimiters(file: Callable[..., Path]) -> None:
    frame = read_table(file('"a\nb",c\n"x, ""y""\nz",1\nplain,2\n'))
    assert list(frame.columns) == ["a b", "c"]
    assert frame.iloc[0, 0] == 'x, "y"\nz'
    assert frame["c"].tolist() == [1, 2]


def test_a_quotation_mark_never_closed(file: Callable[..., Path]) -> None:
    frame = read_table(file('disk,price\n"3.5 inch,7\n5 inch,8\n'))
    assert frame["price"].tolist() == [7, 8]
    assert "quotation mark" in notes(frame)


def test_duplicated_and_empty_names(file: Callable[..., Path]) -> None:
    frame = read_table(file("x,x,x.2,,x\n1,2,3,4,5\n"))
    assert list(frame.columns) == ["x", "x.3", "x.2", "column 4", "x.4"]
    assert "x.3" in notes(frame)


def test_a_value_of_hundreds_of_kilobytes(file: Callable[..., Path]) -> None:
    frame = read_table(file("t,y\n" + f'"{"w" * 300_000}",1\n' * 3))
    assert frame["y"].tolist() == [1, 1, 1]
    assert frame["t"].str.len().tolist() == [300_000] * 3


def test_rows_too_long_are_left_out_and_said(file: Callable[..., Path]) -> None:
    frame = read_table(file("a,b\n1,2\n3,4,5\n6\n" + "7,8\n" * 20))
    np.testing.assert_array_equal(frame["a"], [1, 6] + [7] * 20)
    np.testing.assert_array_equal(frame["b"], [2, np.nan] + [8] * 20)
    assert "1 row with more values than columns left out (line 3)" in notes(frame)
    assert "1 row with fewer values than columns: what is not there is missing (line 4)" in notes(frame)


def test_a_delimiter_at_each_end(file: Callable[..., Path]) -> None:
    frame = read_table(file("a;b\n1;2;\n3;4;\n"))
    assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_row_names_without_a_header(file: Callable[..., Path]) -> None:
    frame = read_table(file("mpg,cyl\nMazda,21,6\nFord,17,8\n"))
    assert frame.to_dict("list") == {"row": ["Mazda", "Ford"], "mpg": [21, 17], "cyl": [6, 8]}


def test_numbers_behind_an_empty_name_are_names(file: Callable[..., Path]) -> None:
    """As R writes a table of counts: the column of row names has none itself."""
    frame = read_table(file('"",142.24,144.78,147.32\n"9.4",0,0,1\n"9.5",2,0,4\n"9.6",0,3,5\n'))
    assert list(frame.columns)[1:] == ["142.24", "144.78", "147.32"]
    assert len(frame) == 3
    assert len(read_table(file(",1.5,2\n7,2.5,3\n7,3.5,4\n8,2.5,5\n"))) == 4, "a missing value among others"


def test_no_header(file: Callable[..., Path]) -> None:
    frame = read_table(file("5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.2,virginica\n"))
    assert list(frame.columns) == ["column 1", "column 2", "column 3"]
    assert len(frame) == 3
    assert "first row" in notes(frame)


@pytest.mark.parametrize("header", ["name,2019,2020", "0,1,2", "name,0,1"])
def test_headers_of_years_and_positions(file: Callable[..., Path], header: str) -> None:
    assert list(read_table(file(header + "\na,5,6\nb,7,9\n")).columns) == header.split(",")


def test_lines_above_the_header(file: Callable[..., Path]) -> None:
    frame = read_table(file("Sales report\n\n# all figures in euros\na,b,c\n1,2,3\n4,5,6\n7,8,9\n"))
    assert frame.to_dict("list") == {"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, 6, 9]}
    assert "3 lines above the header" in notes(frame)


def test_one_column_and_one_row(file: Callable[..., Path]) -> None:
    assert read_table(file("price\n1\n2\n"))["price"].tolist() == [1, 2]
    assert read_table(file("a,b\n1,x"))["b"].tolist() == ["x"]


def test_codes_stay_text(file: Callable[..., Path]) -> None:
    rows = [
        "01234,4929123412341234567,1",
        "94110,4929123412341234999,99999999999999999999",
        "22222,4929123412341234001,3",
    ]
    frame = read_table(file("\n".join(["zip,card,big", *rows])))
    assert frame["zip"].tolist() == ["01234", "94110", "22222"]
    assert frame["card"].iloc[0] == "4929123412341234567"
    assert frame["big"].tolist() == [1, 1e20, 3]
    assert read_table(file("a,b\n1,2\n"), text=["b"])["b"].tolist() == ["2"]


def test_what_a_spreadsheet_marks_as_text(file: Callable[..., Path]) -> None:
    rows = ["zip,price,size,said", """="01234",="51.3",'5,'tis""", '''"=""94110""","=""1,250.5""",'6.5,'5a''', ""]
    text = "\n".join(rows)
    frame = read_table(file(text))
    assert frame["zip"].tolist() == ["01234", "94110"]
    assert frame["price"].tolist() == ["51.3", "1,250.5"]
    assert frame["size"].tolist() == [5.0, 6.5]
    assert frame["said"].tolist() == ["'tis", "'5a"]
    for cells, _ in read_cells(file(text)):  # to be passed on
        assert cells["zip"].tolist() == ['="01234"', '="94110"']


def test_gzip(file: Callable[..., Path]) -> None:
    assert read_table(file(gzip.compress(PEOPLE.encode()), "t.csv.gz"))["age"].tolist() == [31, 45, 28]
    assert read_table(file(gzip.compress(PEOPLE.encode()), "packed.csv"))["age"].tolist() == [31, 45, 28]
    assert read_table(file(PEOPLE, "unpacked.csv.gz"))["age"].tolist() == [31, 45, 28]
    lines = b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'
    assert read_table(file(gzip.compress(lines), "t.jsonl.gz"))["a"].tolist() == [1, 2]


@pytest.mark.long  # a wide table; narrow ones stay
def test_tens_of_thousands_of_columns(file: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(20, 20_000)), columns=[f"gene_{i}" for i in range(20_000)])
    frame = read_table(file(wide.to_csv(index=False)))
    np.testing.assert_allclose(frame.to_numpy(), wide.to_numpy())


# ---- other formats --------------------------------------------------------------------------------------------------
def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.arange(6.0).reshape(3, 2), y=np.array(["a", "b", "a"]))
    frame = read_table(tmp_path / "t.npz")
    assert frame.to_dict("list") == {"x0": [0, 2, 4], "x1": [1, 3, 5], "y": ["a", "b", "a"]}
    write_table(frame, tmp_path / "u.npz")
    pd.testing.assert_frame_equal(read_table(tmp_path / "u.npz"), frame)


def test_an_accent_is_the_same_however_it_was_typed(file: Callable[..., Path]) -> None:
    frame = read_table(file("pre\u0301nom,b\ncaf\u00e9,1\ncafe\u0301,2\ntea,3\n", "t.csv"))
    assert frame["pr\u00e9nom"].tolist() == ["caf\u00e9", "caf\u00e9", "tea"]


def test_json_lines_with_lists_and_gaps(file: Callable[..., Path]) -> None:
    frame = read_table(file('{"a": 1, "b": [1, 2]}\n{"a": null, "c": {"d": 1}}\n', "t.jsonl"))
    np.testing.assert_array_equal(frame["a"], [1, np.nan])
    assert frame["b"].iloc[0] == "[1, 2]"


# ---- chunks ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.arrow", "t.npz"])
def test_chunks_are_the_table(tmp_path: Path, name: str) -> None:
    whole = pd.DataFrame({"n": np.arange(1000.0), "late": ["1"] * 999 + ["x"], "s": ["a", "b"] * 500})
    write_table(whole, tmp_path / name)
    chunks = list(read_chunks(tmp_path / name, 300))
    assert max(map(len, chunks)) <= 300
    assert all(chunk.dtypes.equals(chunks[0].dtypes) for chunk in chunks)
    together = pd.concat(chunks)
    pd.testing.assert_frame_equal(together, read_table(tmp_path / name))
    np.testing.assert_array_equal(together["n"], whole["n"])
    assert together["late"].tolist() == whole["late"].tolist()
    schema = scan(tmp_path / name, 300)
    assert schema.kinds == {"n": "float64", "late": "text", "s": "text"}
    pd.testing.assert_frame_equal(next(read_chunks(tmp_path / name, 300, schema)), chunks[0])


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "feather", "npz"])
def test_a_chunk_is_a_few_megabytes(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    write_table(pd.DataFrame({f"c{i}": np.full(10_000, 0.25) for i in range(40)}), path)
    assert 4e6 / 320 / 2 < chunk_rows(path) < 4e6 / 320 * 2


def test_chunks_of_flags_dates_and_names_that_come_late(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"flag": [True, False, True, False], "when": pd.to_datetime(["2024-01-31", None, None, "2025-02-01"])}
    )
    write_table(table.assign(gaps=[True, False, None, None]), tmp_path / "t.parquet")
    chunks = list(read_chunks(tmp_path / "t.parquet", 2))
    assert [c["flag"].dtype for c in chunks] == [bool, bool]
    assert [c["when"].dtype.kind for c in chunks] == ["M", "M"]
    assert chunks[0]["gaps"].tolist() == ["True", "False"]
    assert chunks[1]["gaps"].isna().all()
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": 2}\n{"b": "x"}\n')
    assert [list(c.columns) for c in read_chunks(tmp_path / "t.jsonl", 2)] == [["a", "b"], ["a", "b"]]
    (tmp_path / "t.jsonl").write_text('{"a": 1, "c": 1}\n{"a": 2, "c": 2}\n{"b": true, "c": 3}\n')
    chunks = list(read_chunks(tmp_path / "t.jsonl", 2))
    pd.testing.assert_frame_equal(pd.concat(chunks), read_table(tmp_path / "t.jsonl"))


@pytest.mark.parametrize("rows", [2, 3, 8, 9])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json", "t.parquet", "t.arrow", "t.npz"])
def test_chunks_are_the_table_whatever_it_holds(tmp_path: Path, name: str, rows: int) -> None:
    write_table(OF_ALL_KINDS, tmp_path / name)
    text = ["gaps", "whole", "words"]
    chunks = list(read_chunks(tmp_path / name, rows, text=text))
    assert len(chunks) == -(-9 // rows)
    pd.testing.assert_frame_equal(pd.concat(chunks), read_table(tmp_path / name, text))


@pytest.mark.long  # a large file; test_stream.py stays
def test_chunks_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    rows = "".join(f"{i},{i * 0.37:.5f},level {i % 7}\n" for i in range(20_000))
    with path.open("w") as f:
        f.write("a,b,c\n" + rows * 20)
    tracemalloc.start()
    try:
        assert sum(map(len, read_chunks(path, 5000))) == 400_000
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


# ---- what is refused ------------------------------------------------------------------------------------------------
def spreadsheet() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def arrays(x: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, x=x)
    return out.getvalue()


RUBBISH = {
    "empty": (b"", "t.csv", "is empty"),
    "blank": (b"\n\n  \n", "t.csv", "no rows"),
    "header alone": (b"a,b\n", "t.csv", "no rows"),
    "binary": (np.random.default_rng(0).bytes(5000), "t.csv", "no text"),
    "binary without NUL": (np.random.default_rng(0).bytes(5000).replace(b"\0", b""), "t.csv", "no text"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "t.csv", "no text"),
    "spreadsheet": (spreadsheet(), "t.xlsx", "cannot be read"),
    "objects": (arrays(np.array([{"a": 1}], dtype=object)), "t.npz", 'array "x" holds Python objects'),
    "numbers of 80 bits": (arrays(np.ones(3, np.longdouble)), "t.npz", 'array "x" holds float128; expected numbers'),
    "complex numbers": (arrays(np.ones(3) * 1j), "t.npz", 'array "x" holds complex128; expected numbers'),
    "records": (arrays(np.zeros(3, [("a", "i4"), ("b", "f8")])), "t.npz", 'array "x" holds .*; expected numbers'),
    "not parquet": (b"a,b\n1,2\n", "t.parquet", "not a .parquet file"),
    "cut parquet": (b"PAR1" + bytes(50), "t.parquet", "cannot be read"),
    "cut arrow": (b"ARROW1" + bytes(50), "t.arrow", "cannot be read"),
    "cut gzip": (gzip.compress(PEOPLE.encode() * 1000)[:60], "t.csv.gz", "cannot be read"),
    "not json": (b"hello\nworld\n", "t.jsonl", "cannot be read"),
    "json list": (b"[1, 2, 3]", "t.json", "a JSON object for each row"),
    "json with a name twice": (b'{"a": 1, "b": 2}\n{"a": 1, "a": 2}\n', "t.jsonl", 'two values of "a"'),
    "json text": (b'"a"', "t.json", "a JSON object for each row"),
    "deep json": (b"[" * 100_000, "t.json", "cannot be read"),
    "deep json lines": (b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n", "t.jsonl", "cannot be read"),
    "page": (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n" * 20, "t.csv", "is a page"),
    "page that is called a spreadsheet": (b"<table><tr><td>1</td></tr></table>" * 20, "t.xls", "is a page"),
    "empty gzip": (gzip.compress(b""), "t.csv.gz", "no rows"),
}


@pytest.mark.parametrize("case", RUBBISH)
@pytest.mark.parametrize("read", [read_table, lambda path: list(read_chunks(path))], ids=["table", "chunks"])
def test_rubbish_gives_one_line(file: Callable[..., Path], case: str, read: Callable[[Path], object]) -> None:
    content, name, said = RUBBISH[case]
    path = file(content, name)
    with pytest.raises(ValueError, match=said) as info:
        read(path)
    assert str(path) in str(info.value)
    assert "\n" not in str(info.value)


def test_no_file_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match=r"is a folder.*--task image"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_one_may_not_read(file: Callable[..., Path]) -> None:
    path = file(PEOPLE)
    path.chmod(0)
    with pytest.raises(ValueError, match="cannot be read"):
        read_table(path)


@pytest.mark.alone
def test_adult_as_published(data_dir: Path) -> None:
    start = time.process_time()
    frame = read_table(data_dir / "adult-train.csv")
    assert time.process_time() - start < 5
    assert frame.shape == (32561, 15)
    assert frame["workclass"].isna().sum() == 1836
    assert sorted(frame["income"].unique()) == ["<=50K", ">50K"]
    assert frame["age"].dtype == np.int64

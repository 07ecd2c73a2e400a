"""Spreadsheets: the sheet that is meant, its header, cells by their types, rows that are blank."""

from __future__ import annotations

import datetime
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pydl.pipeline.reading import Reading
from pydl.pipeline.sheets import _text
from pydl.pipeline.table import read_cells, read_table
from tests.pipeline.test_reading import both, notes


def cell(value: str | float) -> str:
    return f"<c><v>{value}</v></c>" if isinstance(value, float) else f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def spreadsheet(
    path: Path, rows: list[list[str | float]], merged: str = "", **others: list[list[str | float]]
) -> None:  # fmt: skip
    """The least that is a workbook: of one sheet, "People", cells of which may be merged, and others behind it."""
    of = "http://schemas.openxmlformats.org"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    sheets = {
        name: "".join(f"<row>{''.join(map(cell, row))}</row>" for row in each)
        for name, each in {"People": rows, **others}.items()
    }
    office = f"{of}/officeDocument/2006/relationships"
    related = f'<Relationships xmlns="{of}/package/2006/relationships">'
    relation = f'<Relationship Type="{office}'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{of}/package/2006/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType='
        f'"{types}.sheet.main+xml"/>'
        + "".join(f'<Override PartName="/xl/{name}.xml" ContentType="{types}.worksheet+xml"/>' for name in sheets)
        + "</Types>",
        "_rels/.rels": f'{related}{relation}/officeDocument" Id="r1" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{of}/spreadsheetml/2006/main" xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets, 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": related
        + "".join(f'{relation}/worksheet" Id="r{i}" Target="{name}.xml"/>' for i, name in enumerate(sheets, 1))
        + "</Relationships>",
        **{
            f"xl/{name}.xml": f'<worksheet xmlns="{of}/spreadsheetml/2006/main"><sheetData>{each}</sheetData>'
            + (f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else "")
            + "</worksheet>"
            for name, each in sheets.items()
        },
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_spreadsheets(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    names: list[str | float] = ["who", "age", "height", "code"]
    rows: list[list[str | float]] = [["Ann", 31.0, 1.5, "007"], ["Bob", 45.0, 1.75, "12"], ["Cid", 28.0, 2.0, "NA"]]
    spreadsheet(tmp_path / "t.xlsx", [["Staff of 2020"], names, *rows])
    frame = both(tmp_path / "t.xlsx")
    assert frame.drop(columns="code").to_dict("list") == {
        "who": ["Ann", "Bob", "Cid"], "age": [31, 45, 28], "height": [1.5, 1.75, 2.0],
    }  # fmt: skip
    assert frame["age"].dtype == np.int64
    assert frame["code"].tolist()[:2] == ["007", "12"]
    assert frame["code"].isna().tolist() == [False, False, True]
    assert "1 row above the header left out" in notes(frame)


def test_merged_cells_have_the_value_of_the_first(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows: list[list[str | float]] = [["north" if i == 0 else "", float(i), i + 0.5] for i in range(4)]
    spreadsheet(tmp_path / "t.xlsx", [["region", "a", "b"], *rows, ["south", 9.0, 9.5]], merged="A2:A5")
    frame = both(tmp_path / "t.xlsx")
    assert list(frame["region"]) == ["north"] * 4 + ["south"]
    assert "1 group of merged cells: each of the cells is taken to hold what the first does" in notes(frame)


def test_a_footer_that_is_merged_across_columns_is_no_row_of_values(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows: list[list[str | float]] = [["north", float(i), "x"] for i in range(4)]
    spreadsheet(tmp_path / "t.xlsx", [["region", "a", "k"], *rows, ["Source: office", "", ""]], merged="A6:C6")
    assert list(read_table(tmp_path / "t.xlsx")["k"].isna()) == [False] * 4 + [True]


def test_a_last_column_of_few_values(tmp_path: Path) -> None:
    """Spreadsheets do not write cells that are empty at the end of a row."""
    pytest.importorskip("python_calamine")
    rows: list[list[str | float]] = [["a" if i % 2 else "b", "s" if i % 3 else "m"] for i in range(20)]
    rows[12].append("see below")
    spreadsheet(tmp_path / "t.xlsx", [["Of 2020"], ["kind", "size", "remark"], *rows])
    frame = both(tmp_path / "t.xlsx")
    assert list(frame.columns) == ["kind", "size", "remark"]
    assert (len(frame), frame["remark"].notna().sum()) == (20, 1)


def test_a_sheet_among_others(tmp_path: Path) -> None:
    """That which is asked for; else the one with the columns that are known to be there; else the first."""
    pytest.importorskip("python_calamine")
    path = tmp_path / "t.xlsx"
    spreadsheet(path, [["who", "age"], ["Ann", 31.0], ["Bob", 45.0]], Birds=[["mass", "sex"], [3.5, "f"], [4.5, "m"]])
    assert list(both(path)) == ["who", "age"]
    assert notes(both(path)) == 'of 2 sheets the first is read, "People"; FILE::SHEET reads another (Birds)'
    frame = both(path, Reading(wanted=("sex",)))
    assert frame.to_dict("list") == {"mass": [3.5, 4.5], "sex": ["f", "m"]}
    assert notes(frame).startswith('of 2 sheets the one with sex is read, "Birds"; ')
    frame = read_table(f"{path}::Birds")
    assert (list(frame), notes(frame)) == (["mass", "sex"], "")
    with pytest.raises(ValueError, match=r"t\.xlsx::Fish: expected one of its sheets, People, Birds, after ::"):
        read_table(f"{path}::Fish")


def test_blank_rows_between_others_keep_their_place_in_spreadsheets(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    spreadsheet(tmp_path / "t.xlsx", [["a", "b"], [1.0, 2.5], [], [3.0, 4.5], [], []])
    (cells, frame), *_ = read_cells(tmp_path / "t.xlsx")
    assert cells["a"].tolist() == [1, None, 3]
    assert all(isinstance(cell, int) for cell in cells["a"] if cell is not None)  # so that they are written as 1 and 3
    assert frame["a"].isna().tolist() == [False, True, False]
    assert frame["b"].isna().tolist() == [False, True, False]


def test_spreadsheets_without_their_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spreadsheet(tmp_path / "t.xlsx", [["a", "b"], [1.0, 2.0]])
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ValueError, match=r'a spreadsheet needs python-calamine: pip install "pydl\[tables\]"; or save'):
        read_table(tmp_path / "t.xlsx")


def test_units(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows: list[list[str | float]] = [[float(i), i / 7, "ab"[i % 2]] for i in range(10)]
    spreadsheet(tmp_path / "t.xlsx", [["x", "z", "y"], ["kg", "m", "-"], *rows])
    frame = both(tmp_path / "t.xlsx")
    assert len(frame) == 10
    assert notes(frame) == "row 2 gives the units of columns, and is left out"


def test_spans_of_time() -> None:
    assert _text(datetime.timedelta(hours=36, minutes=23)) == "36:23:00"
    assert _text(-datetime.timedelta(seconds=90)) == "-0:01:30"


@pytest.mark.parametrize("name", ["t.xls", "t.ods", "t.xlsb", "t.csv"])
def test_spreadsheets_are_known_by_their_contents(name: str, tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    spreadsheet(tmp_path / name, [["x", "y"], *([float(i), "ab"[i % 2]] for i in range(20))])
    assert read_table(tmp_path / name).shape == (20, 2)


@pytest.mark.parametrize("merged", ["F3:F30", "E9:E10", "A20:A25"])
def test_cells_merged_where_there_is_no_table(merged: str, tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows: list[list[str | float]] = [["pq"[i // 4], float(i), 2.0 * i] for i in range(8)]
    spreadsheet(tmp_path / "t.xlsx", [["g", "x", "y"], *rows], merged=merged)
    frame = both(tmp_path / "t.xlsx")
    assert frame.shape == (8, 3)
    assert "merged" not in notes(frame)

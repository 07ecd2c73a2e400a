"""Names in two lines or in quotation marks; lines below them that are about the columns, or are rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pydl.pipeline.reading import Found, Reading
from pydl.pipeline.table import read_table


@pytest.mark.parametrize(("above", "told"), [
    ("GEO_ID,B1,B2\nGeography,Estimate!!Total of all:,Margin of Error!!Total:\n", "line 2 tells about columns"),
    ('GEO_ID,B1,B2\nStart of it,How old are you?,How many?\n"{""Id"":""a""}","{""Id"":""b""}","{""Id"":""c""}"\n',
     "lines 2 to 3 tell about columns"),
])  # fmt: skip
def test_lines_below_the_names_that_are_about_the_columns(above: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(above + "".join(f"05{i:03d},{100 * i + 5},{3 * i}\n" for i in range(30)))
    frame = read_table(tmp_path / "t.csv")
    assert len(frame) == 30
    assert list(frame) == ["GEO_ID", "B1", "B2"]
    assert frame.attrs["notes"] == [f"{told}, and {'is' if '2 tells' in told else 'are'} left out"]


def test_names_of_two_lines(tmp_path: Path) -> None:
    rows = "".join(f"{'NS'[i % 2]},{i * 1.5},{i * 2},{i * 3},{i * 4}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("Region,Sales,,Profit,\n,2019,2020,2019,2020\n" + rows)
    frame = read_table(tmp_path / "t.csv")
    assert list(frame) == ["Region", "Sales 2019", "Sales 2020", "Profit 2019", "Profit 2020"]
    assert len(frame) == 30


def test_names_in_single_quotation_marks(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("'popul','TVnews','vote'\n" + "1,2,0\n3,4,1\n" * 20)
    assert list(read_table(tmp_path / "t.csv")) == ["popul", "TVnews", "vote"]


ROWS_OF_WORDS = {
    "dates": "date,open,close\n2020-01-01,market closed,market closed\n" + "".join(
        f"2020-01-{i:02d},{i},{i + 1}\n" for i in range(2, 30)),
    "two": "patient,visit,bp\nP1,not done,not done\nP2,not done,not done\n" + "".join(
        f"P{i},{i},{i + 1}\n" for i in range(3, 30)),
    "names": "pupil,maths,art\nAnna,absent (excused),absent (excused)\n" + "".join(
        f"Pupil{'abcdefghijklmnopqrstuvwxyz'[i]},{i},{i + 1}\n" for i in range(26)),
    "levels": "id,2020,,2021,\nx1,low,high,low,high\n" + "".join(
        f"x{i},{['low', 'high'][i % 2]},low,high,{['high', 'low'][i % 3 // 2]}\n" for i in range(2, 30)),
    "no names": "a,1,,1,\nb,1,0,1,0\n" + "".join(
        f"{'abc'[i % 3]},{i % 2},{i % 2},1,{'' if i % 4 else 0}\n" for i in range(30)),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS_OF_WORDS)
def test_first_rows_of_words_are_rows(case: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(ROWS_OF_WORDS[case])
    lines = ROWS_OF_WORDS[case].count("\n")
    assert len(read_table(tmp_path / "t.csv")) == lines - (case != "no names")


def test_lines_about_columns_only_where_the_training_had_some(tmp_path: Path) -> None:
    """In rows to predict, words above numbers are cells of a row, which has to be there."""
    rows = "".join(f"n{i}x,{i},{i + 1}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("name,x,z\nfirst of all,not recorded here,not known yet\n" + rows)
    assert len(read_table(tmp_path / "t.csv")) == 30
    assert len(read_table(tmp_path / "t.csv", reading=Reading(found=Found(about=False)))) == 31
    assert len(read_table(tmp_path / "t.csv", reading=Reading(found=Found(about=True)))) == 30

"""Files as people have them: no record vanishes, names are names, and numbers are what their writer meant."""

from __future__ import annotations

import bz2
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline.columns import guess
from pydl.pipeline.fitted import predict
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.reading import Reading
from pydl.pipeline.table import read_cells, read_chunks, read_table
from pydl.pipeline.target import Target
from pydl.pipeline.values import numbers


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a text file and gives its path."""

    def write(content: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(content, "utf-8")
        return path

    return write


def both(path: Path, reading: Reading | None = None) -> pd.DataFrame:
    """The table, which pieces of it make as well."""
    reading = reading or Reading()
    whole = read_table(path, reading=reading)
    pd.testing.assert_frame_equal(pd.concat(list(read_chunks(path, 3, reading=reading))), whole)
    return whole


def notes(frame: pd.DataFrame) -> str:
    return "; ".join(frame.attrs["notes"])


# ---- records --------------------------------------------------------------------------------------------------------
FILMS = [f"film {i % 9}\t{i}\t{2 * i}" for i in range(60)]


@pytest.mark.parametrize("odd", [
    {10: '"Giliap\t10\t20', 20: 'Open City"\t20\t40'},  # opened and closed in two records
    {10: '"Giliap\t10\t20'},  # never closed
    {10: '"Giliap\t10\t20', 11: '"Quoted"\t11\t22', 30: '"a ""b"""\t30\t60'},
    {10: '"Giliap" the film\t10\t20'},
    {59: '"last\t59\t118'},
])  # fmt: skip
def test_quotation_marks_that_are_text(file: Callable[..., Path], odd: dict[int, str]) -> None:
    rows = [odd.get(i, row) for i, row in enumerate(FILMS)]
    frame = both(file("title\tx\ty\n" + "\n".join(rows) + "\n"))
    assert frame["x"].tolist() == list(range(60))
    assert frame["y"].tolist() == [2 * i for i in range(60)]
    assert "Giliap" in frame["title"][10] or 10 not in odd


def test_a_quoted_delimiter_beside_a_mark_that_is_text(file: Callable[..., Path]) -> None:
    rows = ['"Smith, John",1\n', '"3.5 inch,2\n', '5.25" inch,3\n', '"a\nb",4\n'] * 10
    frame = both(file("disk,n\n" + "".join(rows)))
    assert frame["disk"].tolist() == ["Smith, John", '"3.5 inch', '5.25" inch', "a\nb"] * 10
    assert frame["n"].tolist() == [1, 2, 3, 4] * 10


def test_texts_of_many_lines_are_values(file: Callable[..., Path]) -> None:
    text = "I liked it,\nbut not, really\n\n# ok"
    frame = both(file("text,label\n" + f'"{text}",pos\n"fine, I say",neg\n' * 30))
    assert frame["text"].tolist() == [text, "fine, I say"] * 30
    assert frame["label"].tolist() == ["pos", "neg"] * 30


def test_a_value_of_two_lines_that_look_like_rows(file: Callable[..., Path]) -> None:
    frame = both(file("t;n\n" + "a;1\n" * 30 + '"x;1\n2";5\n'))
    assert frame["n"].tolist() == [1] * 30 + [5]
    assert frame["t"][30] == "x;1\n2"


def test_blanks_beside_a_tab(file: Callable[..., Path]) -> None:
    """A header cut into eight where each row is cut into two was not parted by tabs."""
    rows = "".join(f'{i}.0   8   {300 + i}.0\t"ford {i}"\n' for i in range(40))
    frame = both(file("mpg\tcyl\tpower name\n" + rows, "auto.data"))
    assert list(frame.columns) == ["mpg", "cyl", "power", "name"]
    assert frame.iloc[7].tolist() == [7, 8, 307, "ford 7"]


@pytest.mark.parametrize("header", ["a;b;c;", "a;b;c;d"])
def test_a_header_that_goes_on_behind_the_rows(file: Callable[..., Path], header: str) -> None:
    frame = read_table(
        file(header + "\n" + "".join(f"{i};x;{i / 4}\n" for i in range(30))), reading=Reading(wanted=("b",))
    )
    assert frame["b"].tolist() == ["x"] * 30
    assert frame["a"].tolist() == list(range(30))


def test_columns_of_equal_width_whose_values_hold_blanks(file: Callable[..., Path]) -> None:
    rows = "".join(f"{i:8d}   {'12-15 years' if i % 2 else '< 12 years':>12}  {'No':>8}\n" for i in range(30))
    frame = both(file("      id         heduc     mixed\n" + rows, "divorce.dat"))
    assert list(frame.columns) == ["id", "heduc", "mixed"]
    assert frame.iloc[3].tolist() == [3, "12-15 years", "No"]
    assert "columns are separated by two blanks or more" in notes(frame)


def test_an_empty_cell_among_blanks_moves_no_other(file: Callable[..., Path]) -> None:
    """Which of three is missing of `8  9`? The row is left out and said; of rows to predict it is an error."""
    path = file("a  b  c\n" + "1  2  3\n" * 30 + "8     9\n")
    frame = both(path)
    assert len(frame) == 30
    assert "1 row with another number of values than columns left out (line 32)" in notes(frame)
    with pytest.raises(ValueError, match="line 32 has 2 values, but there are 3 columns"):
        read_table(path, reading=Reading(strict=True))


def test_blank_lines_are_values_of_one_column(file: Callable[..., Path]) -> None:
    frame = both(file("x\n-2.0\n\n2.0\n\n\n"))
    np.testing.assert_array_equal(frame["x"], [-2, np.nan, 2])
    assert "2 blank lines at the end left out" in notes(frame)
    assert len(both(file("x,y\n1,2\n\n3,4\n"))) == 2


def test_values_too_many_that_are_empty(file: Callable[..., Path]) -> None:
    frame = both(file("a,b\n1,2\n3,4,,\n" + "5,6\n" * 5))
    assert frame["a"].tolist() == [1, 3, 5, 5, 5, 5, 5]
    assert not frame.attrs["notes"]


def test_many_rows_too_long_are_an_error(file: Callable[..., Path]) -> None:
    path = file("a,b\n" + "1,2\n" * 30 + "1,2,3\n" * 2)
    with pytest.raises(ValueError, match=r"2 of 32 rows have more values than the 2 columns, the first in line 32"):
        read_table(path)


def test_a_row_to_predict_is_never_left_out(file: Callable[..., Path]) -> None:
    path = file("a,b\n" + "1,2\n" * 30 + "1,2,3\n")
    assert len(read_table(path)) == 30
    with pytest.raises(ValueError, match=r"line 32 has 3 values, but there are 2 columns; mend it"):
        list(read_chunks(path, reading=Reading(strict=True)))


def test_blanks_around_values_stay(file: Callable[..., Path]) -> None:
    """And a quotation mark behind a blank opens a value all the same."""
    ((cells, frame),) = read_cells(file('a, b,c\n  x,1 , "y, z"\n "u",2,  v\n'))
    assert list(frame.columns) == ["a", "b", "c"]
    assert cells.to_numpy().tolist() == [["  x", "1 ", "y, z"], ["u", "2", "  v"]]


# ---- names ----------------------------------------------------------------------------------------------------------
PRICES = "".join(f"{i},2015-12-{i + 1:02},{1 + i / 7:.2f},{i * 3.25},{i * 9.5}\n" for i in range(28))


@pytest.mark.parametrize(("text", "names"), [
    (",Date,AveragePrice,4046,4225\n" + PRICES, ["column 1", "Date", "AveragePrice", "4046", "4225"]),
    ("Country,Units,2015\n" + "".join(f"land {i},USD,{i + 0.5}\n" for i in range(20)), ["Country", "Units", "2015"]),
    ("age,sex,5\n" + "".join(f"{i},mf,{i % 3}\n" for i in range(9)), ["age", "sex", "5"]),
    ("0,1,2\n" + "0.5,1.5,2.5\n" * 9, ["0", "1", "2"]),
    ("1990,2000,2010\n" + "17,23,5\n" * 9, ["1990", "2000", "2010"]),
    ("age,5K,10K\n" + "31,25.5,52.1\n" * 9, ["age", "5K", "10K"]),
    ("p,x,s\n" + "e,x,s\np,y,s\ne,x,t\n" * 9, None),
    ("39,State-gov,77516,<=50K\n" + "50,Private,83311,<=50K\n38,State-gov,21564,>50K\n" * 9, None),
    ("Ann,31\nBob,45\nCid,28\n", None),
    ("2020-01-01,5\n2020-01-02,6\n2020-01-03,6\n", None),
    ("3,3,1\n4,2,2\n5,1,0\n", None),
])  # fmt: skip
def test_names_in_the_first_row(file: Callable[..., Path], text: str, names: list[str] | None) -> None:
    frame = both(file(text))
    rows = text.count("\n")
    assert len(frame) == rows - (names is not None)
    assert list(frame.columns) == (names or [f"column {i + 1}" for i in range(frame.shape[1])])


def test_a_known_column_says_which_row_names(file: Callable[..., Path]) -> None:
    path = file("1,2,7\n4,5,6\n7,8,9\n")
    assert len(read_table(path)) == 3
    assert list(both(path, Reading(wanted=("7",))).columns) == ["1", "2", "7"]
    assert list(both(path, Reading(header=True)).columns) == ["1", "2", "7"]
    assert len(both(file("a,b\nx,y\n"), Reading(header=False))) == 2


ABOVE = {
    '"Data Source","World Development Indicators",\n\n"Last Updated","2022-12-22",\n\n': (5,),
    "# made by hand, twice, or more\n#\n": (5,),
    "Report of 2020\nall figures, in euros\n": (5,),
    "Report of 2020\n": (2, 5),
    "sep=,\n": (2, 5),
    "\n\n": (2, 5),
}


@pytest.mark.parametrize(("above", "columns"), [(text, n) for text, widths in ABOVE.items() for n in widths])
def test_lines_above(file: Callable[..., Path], above: str, columns: int) -> None:
    names = [f"n{chr(97 + i)}" for i in range(columns)]
    frame = both(file(above + ",".join(names) + "\n" + (",".join(["1.5"] * columns) + "\n") * 20))
    assert list(frame.columns) == names
    assert frame.shape == (20, columns)


@pytest.mark.long  # several runs
def test_sizes_above_rows(file: Callable[..., Path]) -> None:
    rows = "".join(f"{i + 0.5},{i % 7}.25,{i % 3}\n" for i in range(30))
    for sizes in ("30,2,red,green,blue\n", "30,2,red\n", "30,3\n"):
        frame = both(file(sizes + rows))
        assert list(frame.columns) == ["column 1", "column 2", "column 3"], sizes
        assert frame.shape == (30, 3)
        assert "1 line above the header left out" in notes(frame)
        assert list(both(file(sizes + "x,y,class\n" + rows)).columns) == ["x", "y", "class"]
    for names in ("30,31,red\n", "3,2,red\n", "30,price,red\n"):
        assert list(both(file(names + rows)).columns) == names.strip().split(",")
    numbers = "300,2,5\n" + "".join(f"{200 + i},{i % 4},{i}\n" for i in range(250))
    assert len(both(file(numbers))) == 251


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\n\x1a\n"])
def test_the_mark_that_dos_ends_a_file_with(file: Callable[..., Path], end: str) -> None:
    frame = both(file("a,b\n" + "\n".join(f"{i},{i + 1}" for i in range(9)) + end))
    assert frame.to_dict("list") == {"a": list(range(9)), "b": list(range(1, 10))}
    assert frame.attrs["notes"] == []


def test_names_in_a_remark(file: Callable[..., Path]) -> None:
    rows = "1.5 2.5 3.5\n" * 20
    assert list(both(file("# made in May\n# x y z\n" + rows)).columns) == ["x", "y", "z"]
    assert list(both(file("#x,y,z\n" + rows.replace(" ", ","))).columns) == ["x", "y", "z"]


def test_names_above_rows_of_another_width(file: Callable[..., Path]) -> None:
    frame = both(file("a,b,\n" + "1,2.5\n" * 9))
    assert frame.to_dict("list") == {"a": [1] * 9, "b": [2.5] * 9}
    names = [f"Mazda RX{i}" for i in range(9)]
    frame = both(file('"mpg" "cyl"\n' + "".join(f'"{name}" 21.5 6\n' for name in names)))
    assert frame.to_dict("list") == {"row": names, "mpg": [21.5] * 9, "cyl": [6] * 9}


def test_commas_in_a_single_column(file: Callable[..., Path]) -> None:
    texts = ["hello", "well, yes", "one, two, three"] * 9
    assert both(file("text\n" + "\n".join(texts) + "\n")).to_dict("list") == {"text": texts}


def test_a_line_break_in_a_name(file: Callable[..., Path]) -> None:
    frame = both(file('"Timestamp\n(UTC)",y\n' + "2020-01-01,0.5\n" * 9))
    assert list(frame.columns) == ["Timestamp (UTC)", "y"]
    assert len(frame) == 9


@pytest.mark.parametrize("name", ["Make/Model", "dense", "features", "output", "City, State", "a.b[0] {x} <y>"])
def test_any_name_of_many_levels(name: str) -> None:
    cars = pd.DataFrame({name: [f"car {i % 60}" for i in range(240)], "x": np.arange(240) % 7, "price": range(240)})
    target = Target.fit(cars["price"], "regression")
    prepared = Preparation(guess(cars, "price")).fit(cars)
    model = build(prepared.inputs, target, TrainOptions("cars.csv", "price", hidden=(4,)))
    arrays = prepared.transform(cars)
    assert sorted(arrays) == [prepared.input_of(name), "features"]
    model.fit(arrays, target.encode(cars["price"])[0], epochs=1, verbose=0)
    assert predict(model, target, arrays).values.shape == (240,)


# ---- numbers and words ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "b"), [
    ("a;b\n1,26;3,251\n0,5;4,125\n", [3.251, 4.125]),
    ("a;b\n126;3,251\n5;4,125\n", [3.251, 4.125]),
    ('a,b\n"1,26","3,251"\n"0,5","4,125"\n', [3.251, 4.125]),
    ("a;b\n1,26;3.251\n0,5;4.125\n", [3251, 4125]),
    ("a;b\n1.26;3,251\n0.5;4,125\n", [3251, 4125]),
    ("a;b\n126;3.251\n5;4.125\n", [3.251, 4.125]),
    ('a,b\n1.26,"3,251"\n0.5,"4,125"\n', [3251, 4125]),
    ("a;b\n126;3,251e+00\n5;4,125e+00\n", [3.251, 4.125]),
])  # fmt: skip
def test_three_digits_behind_a_comma(file: Callable[..., Path], text: str, b: list[float]) -> None:
    target = Target.fit(both(file(text))["b"], "regression")
    assert target.mean == pytest.approx(np.mean(b))


def test_nulls_of_databases(file: Callable[..., Path]) -> None:
    frame = both(file("t\tn\tw\na\t\\N\t(null)\nb\t90\tNuLL\nc\t95\tx\n"))
    np.testing.assert_array_equal(frame["n"], [np.nan, 90, 95])
    assert frame["w"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("word", ["\u2013", "\u2014", ":", "...", "n.d.", "k.A."])
def test_words_of_other_countries_for_missing(file: Callable[..., Path], word: str) -> None:
    """Of Eurostat, of Wikipedia, of German tables: a third of the values, and the rest still are numbers."""
    frame = both(file("x\n" + "".join(f"{word if i % 3 == 0 else i}\n" for i in range(60))))
    (column,) = guess(frame)
    assert column.kind == "number"
    wanted = np.where(np.arange(60) % 3 == 0, np.nan, np.arange(60.0))
    np.testing.assert_array_equal(numbers(frame["x"], column.format), wanted)


def test_na_among_codes_is_a_code(file: Callable[..., Path]) -> None:
    codes = ["EU", "NA", "SA"]
    rows = "".join(f"{codes[i % 3]},{'CA' if i % 2 else 'NA'},{'x' if i % 2 else 'NA'},{i % 5}\n" for i in range(240))
    frame = both(file("continent,state,word,x\n" + rows))
    assert Target.fit(frame["continent"]).classes == codes
    assert frame["word"].isna().sum() == frame["state"].isna().sum() == 120
    assert "NA is a code like the others of continent" in notes(frame)
    given = both(file("a,b\nNA,1\nEU,2\nAS,3\n"), Reading(missing=("NA",)))
    assert given["a"].isna().tolist() == [True, False, False]
    prepared = Preparation(guess(frame, "x")).fit(frame)
    assert prepared.codes == ["continent"]
    alone = both(file("continent,state,word\nNA,CA,x\n"), Reading(codes=tuple(prepared.codes)))
    place = prepared.feature_names.index("continent=NA")
    assert prepared.transform(alone)["features"][0, place] == 1


def test_amounts(file: Callable[..., Path]) -> None:
    frame = both(file("value;share\n€56.7M;12 %\n€105K;7.5%\n€0;100 %\n" + "€1.2bn;3 %\n" * 9))
    value, share = guess(frame)
    assert (value.kind, share.kind) == ("number", "number")
    assert "thousands, millions and billions" in value.note
    np.testing.assert_allclose(numbers(frame["value"], value.format)[:4], [56.7e6, 105e3, 0, 1.2e9])
    np.testing.assert_allclose(numbers(frame["share"], share.format)[:3], [12, 7.5, 100])


KILOS = [f"{1 + i / 8:.2f}" for i in range(40)]


@pytest.mark.parametrize(("cells", "format"), [
    ([f"{x}kg" for x in KILOS], "1,234.5 kg"),
    ([f"{x} kg" for x in KILOS[1:]] + ["3.5"], "1,234.5 kg"),
    ([f"{x} km/h".replace(".", ",") for x in KILOS], "1.234,5 km/h"),
    ([f"{i},000+" for i in range(1, 41)], "1,234.5 +"),
    ([f"{i} CC" for i in range(40)], "1,234.5 CC"),
    ([f"US$ {x}" for x in KILOS], "1,234.5"),
    ([f"R$ {x}".replace(".", ",") for x in KILOS], "1.234,5"),
    ([f"Rs. {i},25,000" for i in range(1, 41)], "1,234.5"),
    ([f"{x} SEK" for x in KILOS], "1,234.5"),
    ([f"{'-' * (i % 2)}{x} °C" for i, x in enumerate(KILOS)], "1,234.5 °C"),
])  # fmt: skip
def test_units(file: Callable[..., Path], cells: list[str], format: str) -> None:
    """A unit that all values have is no reason to leave them out."""
    (column,) = guess(frame := both(file("x\n" + "".join(f'"{cell}"\n' for cell in cells))))
    assert (column.kind, column.format, column.words) == ("number", format, ())
    wanted = [cell.replace(",", "." if format.startswith("1.") else "") for cell in cells]
    wanted = ["".join(c for c in cell.replace("Rs.", "") if c.isdigit() or c in "-.") for cell in wanted]
    np.testing.assert_array_equal(numbers(frame["x"], column.format), np.array(wanted, float))
    target = Target.from_state(Target.fit(frame["x"]).state())
    assert (target.task, target.notation) == ("regression", format)
    np.testing.assert_array_equal(target.numbers(frame["x"]), np.array(wanted, float))


@pytest.mark.parametrize("cells", [
    [f"{i % 3} months" for i in range(60)],  # levels
    [f"{i}A" for i in range(60)], [f"00{i} kg" for i in range(60)], [f"AB-{i} x" for i in range(60)],  # codes
    [f"{i} {'km' if i % 2 else 'mi'}" for i in range(60)],  # not the same
    [f"{i}-{i + 9} km" for i in range(60)], [f"{i}^x" for i in range(60)],  # spans; what another delimiter parts
])  # fmt: skip
def test_what_is_no_unit(cells: list[str]) -> None:
    (column,) = guess(pd.DataFrame({"x": cells}))
    assert column.kind in ("category", "many", "identifier")


# ---- what files declare ----------------------------------------------------------------------------------------------
def test_types_and_roles_below_the_names(file: Callable[..., Path]) -> None:
    """As Orange writes tables; rows that happen to hold the letters are rows."""
    rows = "".join(f"{i % 5}\t{i % 2}\t{'adult' if i % 3 else 'child'}\t{20 + i}\n" for i in range(60))
    frame = both(file("status\tmale\tage\ty\nd\t0 1\tdiscrete\tc\n\t\t\tclass\n" + rows, "t.tab"))
    assert list(frame.columns) == ["status", "male", "age", "y"]
    assert len(frame) == 60
    assert [c.kind for c in guess(frame, "y")] == ["category"] * 3
    assert frame["y"].tolist() == [20 + i for i in range(60)]
    assert "two lines below the names" in notes(frame)
    for letters in ("c\td\nx\ty\nc\td\n", "n\ts\nw\tw\nn\ts\n"):
        assert len(both(file("a\tb\n" + letters))) == 3
    frame = both(file("status\tmale\tage\ty\n\td\t\tc\n\t\t\t\n" + rows, "t.tab"))  # of some columns, and no role
    assert (len(frame), frame["y"].tolist()) == (60, [20 + i for i in range(60)])


PEOPLE = {"age": [31, 45, 28], "city": ["Oslo", None, "Bonn"]}


@pytest.mark.parametrize("orient", ["columns", "index", "split", "records", "lists", "wrapped", "geo"])
@pytest.mark.parametrize("indent", [None, 2])
def test_tables_in_a_json_document(file: Callable[..., Path], orient: str, indent: int | None) -> None:
    """Whichever way pandas and others write a table, it has three rows and no cell of lists."""
    frame = pd.DataFrame(PEOPLE)
    rows = json.loads(frame.to_json(orient="records"))
    documents = {
        "lists": PEOPLE, "wrapped": {"count": 3, "data": rows},
        "geo": {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": row} for row in rows]},
    }  # fmt: skip
    content = documents.get(orient) or json.loads(frame.to_json(orient=orient))  # type: ignore[call-overload]
    found = both(file(json.dumps(content, indent=indent), "t.json"))
    assert found["age"].tolist() == [31, 45, 28]
    assert found["city"].fillna("-").tolist() == ["Oslo", "-", "Bonn"]
    assert found.shape == (3, 2)


# ---- what the user knows --------------------------------------------------------------------------------------------
def test_the_user_overrules(file: Callable[..., Path]) -> None:
    odd = file("a:b\n1,5:-999\n2.000,5:gone\n3,5:7\n")
    frame = both(odd, Reading(delimiter=":", decimal=",", missing=("-999", "Gone")))
    assert frame["a"].tolist() == [1.5, 2000.5, 3.5]
    np.testing.assert_array_equal(frame["b"], [np.nan, np.nan, 7])
    assert both(file("a;b\n1;3,251\n"), Reading(thousands=","))["b"].tolist() == ["3,251"]
    assert Reading(decimal="comma", thousands="blank") == Reading(decimal=",", thousands=" ")
    assert Reading(decimal="point", thousands="none") == Reading(decimal=".", thousands="")
    grouped = file("a\tb\n1\t3,251\n2\t4,500\n")  # of which nothing says whether it is large
    assert both(grouped)["b"].tolist() == ["3,251", "4,500"]
    for none in ("none", "blank", "'"):
        assert both(grouped, Reading(thousands=none))["b"].tolist() == [3.251, 4.5]
    assert both(file("a\tb\n1\t3.251\n"), Reading(thousands="none"))["b"].tolist() == [3.251]
    grouped = file("a\tb\n1\t3,251\n2\t4,500\n")
    with pytest.raises(ValueError, match='but "3,251" is no such number; expected another --decimal'):
        read_table(grouped, reading=Reading(decimal="point", thousands="none"))
    versions = file("a\tb\n1.2\t3,251\n01.01\t4,500\n")  # of which a point groups nothing
    assert both(versions, Reading(decimal="comma", thousands="none"))["b"].tolist() == [3.251, 4.5]
    with pytest.raises(ValueError, match=r'there are numbers such as "3,251" and "1\.5"'):
        read_table(file("a\tb\n1.5\t3,251\n"), reading=Reading(thousands="none"))
    latin = file("")
    latin.write_bytes("a,b\né,1\n".encode("cp437"))
    assert both(latin, Reading(encoding="cp437"))["a"].tolist() == ["é"]


@pytest.mark.parametrize(("given", "said"), [
    ({"delimiter": "ab"}, "--delimiter: expected one character"),
    ({"decimal": "x"}, "--decimal: expected"),
    ({"decimal": ",", "thousands": ","}, "are both"),
    ({"encoding": "klingon"}, "--encoding: expected a name"),
])  # fmt: skip
def test_what_is_no_way_to_read(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Reading(**given)


@pytest.mark.long  # several runs; each option's own test stays
def test_options_of_reading_are_kept(file: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = file("x|y\n" + "".join(f"{i},250|{2 * i},500\n" for i in range(1, 60)) + "unk|3,5\n")
    run = path.with_name("run")
    given = ["--target", "column 2", "--no-header", "--missing", "unk,x,y", "--delimiter", "|", "--decimal", ","]
    command = ["train", str(path), *given, "--epochs", "1", "--out", str(run), "--json"]
    assert cli.main(command) == 0, capsys.readouterr().err
    config = json.loads((run / "config.json").read_text())
    assert config["delimiter"] == "|"
    assert config["header"] is False
    assert config["missing"] == ["unk", "x", "y"]
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 60
    again = path.with_name("again")
    assert cli.main(["train", "--config", str(run / "config.json"), "--out", str(again), "--json"]) == 0
    assert (again / "model.safetensors").exists()


# ---- packed ---------------------------------------------------------------------------------------------------------
def test_packed_tables(tmp_path: Path) -> None:
    text = b"x,y\n1,up\n2,down\n"
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("folder/train.csv", text)
        archive.writestr("__MACOSX/._train.csv", b"\0\0")
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(text))
    (tmp_path / "t.csv.xz").write_bytes(lzma.compress(text))
    with zipfile.ZipFile(tmp_path / "lines.zip", "w") as archive:
        archive.writestr("t.jsonl", '{"x": 1, "y": "up"}\n{"x": 2, "y": "down"}\n')
    for name in ("t.csv.zip", "t.csv.bz2", "t.csv.xz", "lines.zip"):
        assert both(tmp_path / name).to_dict("list") == {"x": [1, 2], "y": ["up", "down"]}
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", text)
        archive.writestr("b.csv", text)
    with zipfile.ZipFile(tmp_path / "told.zip", "w") as archive:
        archive.writestr("README.txt", "what it is")
        archive.writestr("iris.data", text)
    assert (told := both(tmp_path / "told.zip"))["x"].tolist() == [1, 2]
    assert "of the 2 files in the archive, iris.data is read" in notes(told)
    with pytest.raises(ValueError, match=r"expected an archive of one table, this one has 2 files \(a.csv, b.csv\)"):
        read_table(tmp_path / "two.zip")


def test_npz_of_another_byte_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.arange(6.0).reshape(3, 2).astype(">f8"), n=np.arange(3, dtype=">i4"))
    frame = read_table(tmp_path / "t.npz")
    assert frame.to_dict("list") == {"x0": [0, 2, 4], "x1": [1, 3, 5], "n": [0, 1, 2]}
    assert all(kind.isnative for kind in frame.dtypes)


def test_an_empty_list_in_json_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="no rows"):
        read_table(path)


BODY = "".join(f"{i / 7:.3f},{i * 3},{'no' if i % 3 else 'yes'}\n" for i in range(30))


@pytest.mark.parametrize(("above", "said"), [
    ("Report of sales,,\nGenerated,2020-01-01,\n,,\nx,z,y\n", "3 lines above the header left out"),
    ("Report,,\nx,z,y\n", "1 line above the header left out"),
    ("A,A,B\nx,z,y\n", "1 line above the header left out"),
    ("x,z,y\nkg,m,-\n", "line 2 gives the units of columns, and is left out"),
    ("x,z,y\n(kg),m/s,\n", "line 2 gives the units of columns, and is left out"),
    ("x,z,y\n", ""),
])  # fmt: skip
def test_titles_padded_with_empty_cells_and_units(file: Callable[..., Path], above: str, said: str) -> None:
    frame = both(file(above + BODY))
    assert list(frame) == ["x", "z", "y"]
    assert len(frame) == 30
    assert notes(frame) == said


@pytest.mark.parametrize("row", ["n.a.,-,yes", "1.2,kg,yes", "abc,kg,yes"])
def test_a_first_row_that_looks_odd_is_no_unit(file: Callable[..., Path], row: str) -> None:
    assert len(both(file(f"x,z,y\n{row}\n{BODY}"))) == 31


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(("x,z,y\n" + BODY + "1,2,Łódź\n").encode(encoding))
    frame = both(tmp_path / "t.csv")
    assert frame["y"].iloc[-1] == "Łódź"
    assert "UTF-16" in notes(frame)


def test_files_of_other_programs_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.dta").write_bytes(b"<stata_dta>\0\1\0\0\2\0" * 9)
    with pytest.raises(ValueError, match="is a file of Stata; expected a table such as CSV or Parquet"):
        read_table(tmp_path / "t.dta")
    (tmp_path / "t.bin").write_bytes(b"\0\1\0\0" * 90)
    with pytest.raises(ValueError, match="is no text"):
        read_table(tmp_path / "t.bin")


def test_without_a_header_nothing_is_a_title(file: Callable[..., Path]) -> None:
    assert len(both(file("Report,,\nx,z,y\n" + BODY), Reading(header=False))) == 32


def test_the_record_with_the_target_names_the_columns(file: Callable[..., Path]) -> None:
    frame = both(file("north,south,all\nx,z,y\n" + BODY), Reading(wanted=("y",)))
    assert list(frame) == ["x", "z", "y"]
    assert list(both(file("x,z,y\n" + BODY), Reading(wanted=("yes",)))) == ["x", "z", "y"]  # a level is no name


@pytest.mark.parametrize("each", [1, 10])
def test_marks_that_a_backslash_escapes(file: Callable[..., Path], each: int) -> None:
    cells = [f'"p \\"q\\", {i}"' if i % each == 0 else f"plain {i}" for i in range(40)]
    frame = both(file("x,n,y\n" + "".join(f"{i},{cell},{i % 2}\n" for i, cell in enumerate(cells))))
    assert list(frame) == ["x", "n", "y"]
    assert frame["n"][0] == 'p "q", 0'
    assert len(frame) == 40
    assert 'quotation marks inside others are written as \\"' in notes(frame)


def test_a_backslash_at_the_end_of_a_quotation_is_text(file: Callable[..., Path]) -> None:
    frame = both(file("x,folder\n" + "".join(f'{i},"C:\\dir {i}\\"\n' for i in range(40))))
    assert frame["folder"][1] == "C:\\dir 1\\"
    assert notes(frame) == ""

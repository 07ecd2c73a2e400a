"""Files that come after the training are read as the one was that was learnt from, whatever they lack or hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline import dates, values
from pydl.pipeline.columns import guess
from pydl.pipeline.fitting import fit
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.reading import Found, Reading
from pydl.pipeline.run import Run
from pydl.pipeline.seen import Seen
from pydl.pipeline.table import read_chunks, read_table, typed


def commas(x: float) -> str:
    return f"{x:.3f}".replace(".", ",")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of y = 2 x + w, numbers with decimal commas and three digits behind them."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    rows = [(x, w, 2 * x + w) for x, w in rng.uniform(1, 9, (300, 2))]
    table = "".join(";".join(map(commas, row)) + "\n" for row in rows)
    (folder / "t.csv").write_text("x;w;y\n" + table)
    arguments = ["--target", "y", "--epochs", "60", "--seed", "1", "--no-compare", "--out", str(folder / "run")]
    assert cli.main(["train", str(folder / "t.csv"), *arguments, "--json"]) == 0
    return folder / "run"


def predicted(run: Path, content: str, tmp_path: Path, name: str = "new.csv") -> list[float]:
    (tmp_path / name).write_text(content)
    assert cli.main(["predict", str(run), str(tmp_path / name), "--out", str(tmp_path / "p.csv"), "--json"]) == 0
    return list(pd.read_csv(tmp_path / "p.csv")["y predicted"])


def test_a_stray_word_leaves_the_other_cells_what_they_are(run: Path, tmp_path: Path) -> None:
    first, _, last = predicted(run, "x;w\n3,512;1,500\nk.A.;2,500\n4,500;2,500\n", tmp_path)
    assert first == pytest.approx(8.524, abs=0.5)
    assert last == pytest.approx(11.5, abs=0.5)


def test_a_file_that_does_not_tell_its_notation(run: Path, tmp_path: Path) -> None:
    (one,) = predicted(run, "x\tw\n3,512\t1,500\n", tmp_path)
    assert one == pytest.approx(8.524, abs=0.5)


def test_targets_beside_a_stray_word(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = "x;w;y\n" + "".join(f"{commas(x)};{commas(3)};{commas(2 * x + 3)}\n" for x in np.linspace(2, 8, 40))
    (tmp_path / "new.csv").write_text(content + "2,500;1,500;k.A.\n")
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), str(tmp_path / "new.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["r2"] > 0.9


def test_the_only_column_of_a_file_is_not_cut_at_its_commas(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x\n3,5\n4,5\n")
    found = read_table(tmp_path / "new.csv", reading=Reading(wanted=("x",)))
    assert list(found["x"]) == [3.5, 4.5]


def test_a_row_that_begins_as_a_remark_would(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("# made by hand\ntag,x,w\n#1,0.5,1\n#2,0.7\n# a remark\n#3,-1,2\n")
    strict = read_table(tmp_path / "new.csv", reading=Reading(strict=True))
    assert list(strict["tag"]) == ["#1", "#2", "#3"]
    assert list(read_table(tmp_path / "new.csv")["tag"]) == ["#1", "#3"]


NAMELESS = [(x, w, 7.0, x + w) for x, w in np.random.default_rng(2).uniform(1, 9, (300, 2))]


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a file without names, whose target stands before a column that is left out."""
    folder = tmp_path_factory.mktemp("nameless")
    (folder / "t.csv").write_text("".join(f"{x},{x + w},{w},{same}\n" for x, w, same, _ in NAMELESS))
    arguments = ["--target", "column 2", "--epochs", "60", "--seed", "1", "--no-compare", "--out", str(folder / "run")]
    assert cli.main(["train", str(folder / "t.csv"), *arguments, "--json"]) == 0
    return folder / "run"


def test_a_file_without_names_that_lacks_the_target(nameless: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("".join(f"{x},{w},{same}\n" for x, w, same, _ in NAMELESS[:20]))
    assert cli.main(["predict", str(nameless), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found)[:3] == ["column 1", "column 3", "column 4"]
    assert list(found["column 2 predicted"]) == pytest.approx([y for *_, y in NAMELESS[:20]], abs=0.8)


def test_a_file_without_names_of_another_width(
    nameless: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "new.csv").write_text("".join(f"{x},{w}\n" for x, w, *_ in NAMELESS[:20]))
    assert cli.main(["predict", str(nameless), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 1
    assert "2 columns without names; expected the 4 of the training" in capsys.readouterr().err


def test_the_encoding_of_the_training_counts_where_a_file_fits_several(tmp_path: Path) -> None:
    """A byte that no Windows-1252 has may be in one file and not in the next."""
    (tmp_path / "old.csv").write_bytes("x,city\n1,Zürich\n2,Orléans\n".encode("cp850"))
    (tmp_path / "new.csv").write_bytes("x,city\n2,Orléans\n".encode("cp850"))
    old = read_table(tmp_path / "old.csv")
    assert old.attrs["encoding"] == "cp850"
    reading = Reading(found=Found(encoding=old.attrs["encoding"]))
    assert list(read_table(tmp_path / "new.csv", reading=reading)["city"]) == ["Orléans"]


@pytest.mark.parametrize("content", [
    "a,b,y\n" + "1,5,2,3\n" * 9,  # decimal commas
    "name,b,y\n" + "".join(f"'Smith{i}, John',{i},2\n" for i in range(9)),
    "name,b,y\n" + "".join(f"“Smith{i}, John”,{i},2\n" for i in range(9)),
])  # fmt: skip
def test_a_value_too_many_is_not_the_name_of_its_row(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content, "utf-8")
    with pytest.raises(ValueError, match="is no name of a row"):
        read_table(tmp_path / "t.csv")


def test_names_of_rows_one_of_which_begins_with_an_apostrophe(tmp_path: Path) -> None:
    names = ["'s-Gravenhage", *(f"city {i}" for i in range(20))]
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{name},{i},{i}.5\n" for i, name in enumerate(names)))
    assert list(read_table(tmp_path / "t.csv")["row"]) == names


@pytest.mark.parametrize(("above", "row", "below"), [
    ("| a | b |\n|---|:---:|\n", "| {} | {}.5 |\n", ""),
    ("a|b\n===|===\n", "{}|{}.5\n", ""),
    (" a | b \n---+---\n", " {} | {}.5 \n", "(30 rows)\n"),
    ("+---+---+\n| a | b |\n+---+---+\n", "| {} | {}.5 |\n", "+---+---+\n30 rows in set (0.00 sec)\n"),
])  # fmt: skip
def test_printed_tables(above: str, row: str, below: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(above + "".join(row.format(i, i) for i in range(30)) + below)
    found = read_table(tmp_path / "t.csv")
    assert (len(found), found["a"].dtype, list(found["b"][:2])) == (30, np.int64, [0.5, 1.5])
    assert any("for drawing lines, or counting the rows" in note for note in found.attrs["notes"])


@pytest.mark.parametrize("first", ["---,---", ",", "-----,"])
def test_a_first_row_of_missing_values_is_a_row(first: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + first + "\n1,2.5\n3,4.5\n")
    assert len(read_table(tmp_path / "t.csv", reading=Reading(strict=True))) == 3


@pytest.mark.parametrize("header", ["tag,x", '"tag","x"'])
def test_the_names_of_columns_between_rows(header: str, tmp_path: Path) -> None:
    """As files have that were put one behind the other."""
    rows = "".join(f"t{i},{i}.5\n" for i in range(30))
    (tmp_path / "t.csv").write_text(f"{header}\n{rows}{header}\n{rows}")
    found = read_table(tmp_path / "t.csv")
    assert len(found) == 60
    assert found["x"].dtype == np.float64
    assert "1 row left out for holding the names of the columns again (line 32)" in found.attrs["notes"]


# ---- what single cells mean -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "value"), [("(50.00)", -50), ("(-50.00)", -50), ("-$5", -5), ("$-5", -5)])
def test_signs(text: str, value: float) -> None:
    assert values.number(text, values.POINT) == value


@pytest.mark.parametrize("text", ["--5", "- -5", "-$-5", "+-5", "\u2212-5"])
def test_two_signs_are_no_number(text: str) -> None:
    assert np.isnan(values.number(text, values.POINT))
    unread = Counter[str]()
    column = pd.Series(["1", text, "3"], dtype="str", name="x")
    assert list(values.numbers(column, values.POINT, unread=unread))[::2] == [1, 3]
    assert unread == {text: 1}


def test_kelvins_are_no_thousands() -> None:
    levels = [f"{280 + i / 10} K" for i in range(40)]
    notation, others = values.number_format(levels)
    assert not others
    assert values.number("280.5 K", notation) == 280.5
    assert values.number("105K", values.POINT) == 105_000


def test_a_word_for_missing_is_a_number_in_any_spelling() -> None:
    column = pd.Series(["-999.0", "-999", "999", "0999", "-999,0", "x"], dtype="str")
    assert list(values.without(column, ["-999"]).isna()) == [True, True, False, False, False, False]
    assert list(values.without(column, ["999"]).isna()) == [False, False, True, False, False, False]


def test_identifiers_beside_a_gap_keep_their_digits() -> None:
    column = pd.Series(["17", "9007199254740993", None], dtype="str")
    assert list(values.read_text(column).dropna()) == ["17", "9007199254740993"]
    whole = values.read_text(column.dropna())
    assert whole.dtype == np.int64
    assert whole.iloc[1] == 9007199254740993
    assert values.read_text(pd.Series(["1.5", None, "3"], dtype="str")).dtype == np.float64


def test_two_digits_of_a_year() -> None:
    column = pd.Series(["01/02/55", "01/02/49", "01/02/04", None], dtype="str")
    assert list(dates.read(column, "%d/%m/%y").dt.year.dropna()) == [1955, 2049, 2004]


def test_numbers_in_circles_are_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("①,②,y\n" + "".join(f"{i},{i / 7:.2f},a\n" for i in range(20)), "utf-8")
    assert list(read_table(tmp_path / "t.csv").columns) == ["①", "②", "y"]


# ---- what is told ---------------------------------------------------------------------------------------------------
def told(tmp_path: Path, frame: pd.DataFrame, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["--target", "y", "--epochs", "1", "--no-compare", "--out", str(tmp_path / "run"), "--json", *options]
    assert cli.main(["train", str(tmp_path / "t.csv"), *arguments]) == 0
    capsys.readouterr()
    return (tmp_path / "run" / "info.json").read_text()


def test_groups_that_may_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users = [f"user{i % 20}@x.org" for i in range(200)]
    users[:2] = ["User0@x.org", "user1@x.org "]
    frame = pd.DataFrame({"user": users, "x": np.arange(200) % 7, "y": np.arange(200) % 2})
    said = told(tmp_path, frame, "--group", "user", capsys=capsys)
    assert r"\"User0@x.org\" and \"user0@x.org\"" in said
    assert "user10" not in said


def test_times_that_stand_for_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = pd.date_range("2020-01-01", periods=200).strftime("%Y-%m-%d").to_list()
    days[::50] = ["9999-12-31"] * 4
    frame = pd.DataFrame({"when": days, "x": np.arange(200) % 7, "y": np.arange(200) % 2})
    said = told(tmp_path, frame, "--time", "when", capsys=capsys)
    assert r"4 rows with \"when\" in a far future, such as 9999-12-31" in said
    assert "far future" not in told(
        tmp_path, frame, "--time", "when", "--missing", "9999-12-31", "--overwrite", capsys=capsys
    )


def test_what_is_missing_is_told_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 30)
    assert cli.main(["train", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "run")]) == 1
    assert 'needs matplotlib: pip install "pydl[cli]"' in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# ---- figures --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_truth_of_nothing_is_nothing(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way to a network's numbers and back left 8.9e-16 for 0, by which errors were divided."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=300).round(3)
    y = np.maximum(0, np.round(6 * x + rng.normal(4, 1, 300))) / 100
    pd.DataFrame({"x": x, "y": y}).to_csv(tmp_path / "t.csv", index=False)
    arguments = [
        "--target",
        "y",
        "--task",
        "regression",
        "--epochs",
        "3",
        "--seed",
        str(seed),
        "--no-compare",
        "--json",
    ]
    assert cli.main(["train", str(tmp_path / "t.csv"), *arguments, "--out", str(tmp_path / "run")]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["mape"] < 10
    rows = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert list(rows["truth"]) == list(y[rows["row"]])


def test_another_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i},{'münchen' if i % 2 else 'köln'},{i % 2}" for i in range(200)]
    content = "x,city,y\n" + "\n".join(rows)
    (tmp_path / "t.csv").write_text(content, "utf-8")
    (tmp_path / "new.csv").write_text(content, "cp850")
    arguments = ["--target", "y", "--epochs", "40", "--no-compare", "--out", str(tmp_path / "run"), "--json"]
    assert cli.main(["train", str(tmp_path / "t.csv"), *arguments]) == 0
    capsys.readouterr()
    files = [str(tmp_path / "run"), str(tmp_path / "new.csv"), "--encoding", "cp850", "--json"]
    assert cli.main(["evaluate", *files]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1
    assert cli.main(["predict", *files, "--out", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert (found["y predicted"] == found["y"]).all()
    assert set(found["city"]) == {"münchen", "köln"}


def test_rows_of_a_program(run: Path) -> None:
    fitted = Run.open(str(run)).fitted()
    (texts,), (numbers,) = (fitted.predictions([row]) for row in ({"x": "3,512", "w": "1,5"}, {"x": 3.512, "w": 1.5}))
    np.testing.assert_array_equal(texts.values, numbers.values)


@pytest.mark.parametrize("rows", [1, 40])  # read one by one, or by column
def test_a_code_that_is_the_word_for_missing_in_rows_that_are_no_file(rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "land": rng.choice(["NA", "US", "DE"], 300)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv")
    preparation = Preparation(guess(table)).fit(table)
    some = frame[frame["land"] == "NA"][:rows]
    wanted = preparation.transform(table.loc[some.index])["features"]
    place = preparation.feature_names.index("land=NA")
    for given in (some, some.to_dict("records")):
        seen = Seen()
        found = preparation.transform(given, seen)["features"]
        assert (found[:, place] == 1).all()
        np.testing.assert_array_equal(found, wanted)
        assert seen.notes() == []


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "frame"])
def test_a_code_that_is_the_word_for_missing_wherever_a_table_is_from(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(60), "land": ["NA", "US", "DE"] * 20, "word": ["NA", "yes", "no"] * 20})
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == "parquet":
        frame.to_parquet(path)
    table = typed(frame) if suffix == "frame" else read_table(path)
    assert table["land"].isna().sum() == 0
    assert table["word"].isna().sum() == 20
    assert "NA is a code like the others of land; --missing NA changes that" in table.attrs["notes"]
    if suffix != "frame":
        pd.testing.assert_frame_equal(pd.concat(read_chunks(path, 25)), table)


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a file without names, with the target in column 2 and weights in column 3."""
    folder = tmp_path_factory.mktemp("weighed")
    (folder / "t.csv").write_text("".join(f"{x},{x + w},{w},{w}\n" for x, w, *_ in NAMELESS))
    arguments = ["--target", "column 2", "--weights", "column 3", "--epochs", "5", "--seed", "1", "--no-compare"]
    assert cli.main(["train", str(folder / "t.csv"), *arguments, "--out", str(folder / "run"), "--json"]) == 0
    return folder / "run"


def test_a_file_without_names_that_lacks_target_and_weights(
    weighed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "new.csv").write_text("".join(f"{x},{w}\n" for x, w, *_ in NAMELESS[:20]))
    capsys.readouterr()
    assert cli.main(["predict", str(weighed), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    assert "column 2 and column 3 are taken to lack" in "".join(capsys.readouterr())
    assert list(pd.read_csv(tmp_path / "p.csv"))[:2] == ["column 1", "column 4"]


def test_a_file_without_names_that_lacks_target_or_weights(
    weighed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "new.csv").write_text("".join(f"{x},{w},{w}\n" for x, w, *_ in NAMELESS[:20]))
    assert cli.main(["predict", str(weighed), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 1
    assert "it cannot be told which of column 2 or column 3 lacks" in capsys.readouterr().err


def test_totals_below_later_rows_are_judged_by_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"shop": [f"s{i % 5}" for i in range(200)], "x": rng.integers(1, 9, 200)})
    frame["y"] = 3 * frame["x"] + rng.normal(size=200)
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = str(tmp_path / "run")
    train = [
        "train",
        str(tmp_path / "t.csv"),
        "--target",
        "y",
        "--epochs",
        "30",
        "--no-compare",
        "--out",
        run,
        "--json",
    ]
    assert cli.main(train) == 0
    later = frame[:40]
    later.to_csv(tmp_path / "rows.csv", index=False)
    totals = pd.DataFrame([("Total", later["x"].sum(), later["y"].sum())], columns=frame.columns)
    pd.concat([later, totals]).to_csv(tmp_path / "totals.csv", index=False)
    figures = []
    for name in ("rows.csv", "totals.csv"):
        capsys.readouterr()
        assert cli.main(["evaluate", run, str(tmp_path / name), "--json"]) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert figures[0]["rmse"] == figures[1]["rmse"]
    assert "1 row left out that sums up others (row 41)" in figures[1]["notes"]
    capsys.readouterr()
    assert cli.main(["predict", run, str(tmp_path / "totals.csv"), "--out", str(tmp_path / "p.csv"), "--json"]) == 0
    assert "1 row predicted that sums up others (row 41)" in json.loads(capsys.readouterr().out)["notes"]
    assert len(pd.read_csv(tmp_path / "p.csv")) == 41


def test_numbers_without_end_are_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("x;w\n3,5;1,5\ninf;2,5\n")
    capsys.readouterr()
    assert cli.main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    assert '"inf" is no number and taken as missing' in "".join(capsys.readouterr())


def test_classes_of_test_rows_that_training_lacks_are_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(200) % 7, "y": ["a", "b"] * 100})
    frame.to_csv(tmp_path / "t.csv", index=False)
    pd.concat([frame[:50], pd.DataFrame({"x": [1], "y": ["c"]})]).to_csv(tmp_path / "test.csv", index=False)
    files = ["train", str(tmp_path / "t.csv"), "--test", str(tmp_path / "test.csv"), "--out", str(tmp_path / "run")]
    assert cli.main([*files, "--target", "y", "--epochs", "2", "--no-compare"]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["rows"] == 50
    notes = json.loads((tmp_path / "run" / "info.json").read_text())["notes"]
    assert any(note.startswith('test rows: target "y": 1 row of classes that did not occur') for note in notes)


def test_codes_of_two_words_that_answer_are_none() -> None:
    for words in (["NO", "SI"], ["OK", "KO"]):
        assert not values.are_codes([*words, "NA"])
    assert values.are_codes(["NO", "SE", "FI", "NA"])


@pytest.mark.parametrize("dtype", ["object", "category", "str"])
def test_rows_to_judge_on_have_the_codes_of_the_training(dtype: str) -> None:
    rng = np.random.default_rng(0)
    land = rng.choice(["NA", "FR", "DE"], 300)
    frame = pd.DataFrame({"land": land, "x": rng.normal(size=300), "y": 3.0 * (land == "NA")}).astype({"land": dtype})
    test = frame[frame["land"].astype(str) != "DE"].head(80)
    run = fit(frame, target="y", test=test, epochs=20, task="regression")
    assert run.metrics["test"]["r2"] == pytest.approx(run.evaluate(test)["r2"], abs=1e-9)
    assert run.metrics["test"]["r2"] > 0.9
    rows = frame[["land", "x"]]
    wanted = run.predict(rows)["y predicted"].to_numpy()
    np.testing.assert_array_equal(run.fitted.predict(rows).values, wanted)
    np.testing.assert_array_equal(run.fitted.predict(rows.head(5)).values, wanted[:5])


def test_a_file_without_names_that_lacks_the_weights_is_judged(
    weighed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "new.csv").write_text("".join(f"{x},{x + w},{w}\n" for x, w, *_ in NAMELESS[:40]))
    capsys.readouterr()
    assert cli.main(["evaluate", str(weighed), str(tmp_path / "new.csv"), "--json"]) == 0
    assert any("column 3 is taken to lack" in note for note in json.loads(capsys.readouterr().out)["notes"])


def test_spans_of_days() -> None:
    assert values.number("1 day, 2:00:03", values.SPAN) == 93603
    assert values.number("0 days 00:00:01.5", values.SPAN) == 1.5


def test_spans_below_nothing() -> None:
    assert values.number("-1 day, 23:59:00", values.SPAN) == -60
    assert values.number("-1 days +23:59:23", values.SPAN) == -37
    assert values.number("-0:01:30", values.SPAN) == -90

"""`pydl.pipeline.fit`: the command line's training, with tables of many makes in and tables out."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

import pydl
from pydl import cli
from pydl.pipeline.run import REPORT
from tests.process import says

pytestmark = pytest.mark.long  # trains some forty runs; test_few_rows and test_seen stay

SOON: dict[str, Any] = {"epochs": 2, "hidden": (8,)}
ROWS = 150


@pytest.fixture(autouse=True, scope="module")
def no_pictures() -> Any:
    """An empty report: it takes most of a short run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pydl.pipeline.report.write_report", lambda run, *arguments: run.write(REPORT, ""))
        yield


def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), "D")
    x = rng.standard_normal(ROWS)
    return pd.DataFrame({
        "x": np.where(rng.random(ROWS) < 0.1, np.nan, x), "n": rng.integers(0, 500, ROWS),
        "colour": rng.choice(["red", "green", "blue"], ROWS), "flag": rng.choice([True, False], ROWS), "day": days,
        "y": np.where(x + 0.3 * rng.standard_normal(ROWS) > 0, "yes", "no"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="module")
def trained(frame: pd.DataFrame) -> Any:
    return pydl.pipeline.fit(frame, target="y", **SOON)


def test_classes_that_training_did_not_meet_are_left_out_and_said(frame: pd.DataFrame, trained: Any) -> None:
    known = frame.assign(y=[None, None, *frame["y"][2:]])
    found = trained.evaluate(frame.assign(y=["maybe", None, *frame["y"][2:]]))
    (said,) = set(found["notes"]) - set(trained.evaluate(known)["notes"]) - {"1 row without a usable target left out"}
    assert said.startswith('target "y": 1 row of classes that did not occur in training ("maybe") left out')
    assert found["rows"] == ROWS - 2
    assert found["accuracy"] == trained.evaluate(known)["accuracy"]
    with pytest.raises(ValueError, match='class "maybe" did not occur in training; known are no, yes'):
        trained.evaluate(frame.assign(y="maybe"))


def test_it_is_what_the_command_line_does(
    frame: pd.DataFrame, trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "d.csv", tmp_path / "run"
    frame.to_csv(data, index=False)
    command = ["train", str(data), "--target", "y", "--epochs", "2", "--hidden", "8", "--out", str(out), "--json"]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out) == trained.metrics
    assert (out / "predictions.csv").read_bytes() == (trained.path / "predictions.csv").read_bytes()
    assert cli.main(["predict", str(out), str(data), "--out", str(tmp_path / "p.csv")]) == 0
    told = pd.read_csv(tmp_path / "p.csv")
    assert list(told["y predicted"]) == list(trained.predict(frame)["y predicted"])
    np.testing.assert_array_equal(told[["probability no", "probability yes"]], trained.predict_proba(frame))
    capsys.readouterr()
    assert cli.main(["evaluate", str(out), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == trained.evaluate(frame)
    assert trained.evaluate(str(data)) == trained.evaluate(frame)
    pd.testing.assert_frame_equal(trained.predict(data), trained.predict(frame))
    assert trained.report == trained.path / "report.html"
    assert any("classification" in note for note in trained.notes)


def test_files_of_equal_runs_are_equal_within_a_process(frame: pd.DataFrame, trained: Any) -> None:
    """Layers that others made in between change no name in a model's file, nor does the run change theirs."""
    layer = pydl.layers.Dense(2)
    again = pydl.pipeline.fit(frame, target="y", **SOON)
    one, two = ((run.path / "model.safetensors").read_bytes() for run in (trained, again))
    assert one == two
    names = [layer.name, pydl.layers.Dense(2).name]
    assert names[0] != names[1]
    assert int("0" + names[0].removeprefix("dense").lstrip("_")) + 1 == int(names[1].removeprefix("dense_"))


@pytest.mark.parametrize("index", [range(ROWS, 0, -1), [f"r{i % 7}" for i in range(ROWS)], "pairs"])
def test_predictions_line_up_with_the_rows(frame: pd.DataFrame, trained: Any, index: Any) -> None:
    if index == "pairs":
        index = pd.MultiIndex.from_product([range(ROWS // 2), list("ab")], names=["one", None])
    given = frame.set_axis(pd.Index(index) if not isinstance(index, pd.MultiIndex) else index)
    given = given.drop(columns="y").iloc[::-1]
    plain = trained.predict_proba(frame).iloc[::-1]
    found = trained.predict_proba(given)
    pd.testing.assert_index_equal(found.index, given.index)
    np.testing.assert_array_equal(found, plain)
    assert list(found.columns) == ["no", "yes"]
    pd.testing.assert_index_equal(trained.predict(given[:3]).index, given.index[:3])
    for none in (trained.predict(given[:0]), trained.predict_proba(given[:0])):
        assert len(none) == 0
    one = trained.predict(dict(frame.iloc[4]))
    assert list(one["y predicted"]) == [trained.predict(frame)["y predicted"].iloc[4]]


def test_the_frame_is_not_changed(frame: pd.DataFrame, trained: Any) -> None:
    given = table().astype({"colour": "category", "n": "Int64"})
    given.attrs["mine"] = 1
    given.index = pd.Index(range(5, 5 + ROWS))
    before = given.copy(deep=True)
    run = pydl.pipeline.fit(given, target="y", test=given, drop="n", **SOON)
    for call in (run.predict, run.predict_proba, run.evaluate):
        call(given)
    pd.testing.assert_frame_equal(given, before)
    assert given.attrs == {"mine": 1}
    assert run.metrics["test"]["rows"] == ROWS


ARROW = pd.ArrowDtype
OTHER_TYPES: dict[str, Any] = {
    "category": {"colour": "category", "y": "category"},
    "objects": {"colour": object, "flag": object, "n": object, "x": object, "y": object},
    "nullable": {"n": "Int16", "flag": "boolean", "x": "Float64", "colour": "string", "y": "string"},
    "python strings": {"colour": pd.StringDtype("python"), "y": pd.StringDtype("python", na_value=np.nan)},
    "arrow": {
        "n": ARROW(pyarrow.int32()), "x": ARROW(pyarrow.float64()), "colour": ARROW(pyarrow.string()),
        "flag": ARROW(pyarrow.bool_()), "day": ARROW(pyarrow.timestamp("ms")), "y": ARROW(pyarrow.large_string()),
    },
    "arrow codes": {"colour": ARROW(pyarrow.dictionary(pyarrow.int8(), pyarrow.string()))},
    "times": {"day": "datetime64[ns]"}, "zones": {"day": "datetime64[us, UTC]"}, "sparse": {"n": pd.SparseDtype(int)},
    "small": {"n": np.int16}, "periods": {"day": "period[D]"},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_dtypes_that_mean_the_same_give_the_same(frame: pd.DataFrame, trained: Any, name: str) -> None:
    types = dict(OTHER_TYPES[name])
    other = frame.copy()
    if name == "periods":
        other["day"] = other["day"].dt.to_period("D")
    elif name == "zones":
        other["day"] = other["day"].dt.tz_localize("UTC")
    else:
        other = other.astype(types)
    run = pydl.pipeline.fit(other, target="y", **SOON)
    assert run.metrics == trained.metrics
    pd.testing.assert_frame_equal(run.predict_proba(other), trained.predict_proba(frame))
    pd.testing.assert_frame_equal(trained.predict_proba(other), trained.predict_proba(frame))


def test_gaps_of_every_kind_are_missing(frame: pd.DataFrame, trained: Any) -> None:
    row = frame[:1].drop(columns="y")
    empty = trained.predict_proba(row.assign(x=np.nan, n=np.nan, colour=None, flag=None, day=pd.NaT))
    for types in (
        {"x": "Float64", "n": "Int64", "colour": "string", "flag": "boolean", "day": "datetime64[ns]"},
        {"n": ARROW(pyarrow.int8()), "colour": "category", "flag": object, "day": object},
    ):
        gone = pd.DataFrame({name: [None] for name in row}).astype(types)
        np.testing.assert_array_equal(trained.predict_proba(gone), empty)
    none = {"x": None, "n": pd.NA, "colour": np.nan, "flag": "", "day": None}
    np.testing.assert_array_equal(trained.predict_proba(none), empty)


def test_other_makers_of_tables(frame: pd.DataFrame, trained: Any) -> None:
    polars = pytest.importorskip("polars")
    expected = trained.predict_proba(frame)
    arrow = pyarrow.Table.from_pandas(frame, preserve_index=False)
    makes: list[Any] = [
        arrow, polars.from_arrow(arrow), {name: frame[name].tolist() for name in frame}, frame.to_dict("records")
    ]  # fmt: skip
    for data in makes:
        pd.testing.assert_frame_equal(trained.predict_proba(data), expected)
    for data in makes[:3]:
        assert pydl.pipeline.fit(data, target="y", **SOON).metrics == trained.metrics


def test_categories_of_numbers_are_categories(frame: pd.DataFrame) -> None:
    coded = frame.assign(code=frame["n"] % 7).astype({"code": "category"})
    run = pydl.pipeline.fit(coded, target="y", **SOON)
    kinds = {c.name: c.kind for c in run.fitted.preparation.columns}
    assert kinds["code"] == "category"
    assert json.loads((run.path / "config.json").read_text())["kind"] == ["code=category"]
    as_number = pydl.pipeline.fit(coded, target="y", kind={"code": "number"}, **SOON)
    assert {c.name: c.kind for c in as_number.fitted.preparation.columns}["code"] == "number"
    of_target = pydl.pipeline.fit(coded, target="code", **SOON)
    assert list(of_target.predict_proba(coded[:2]).columns) == list(range(7))


def test_names(frame: pd.DataFrame, trained: Any) -> None:
    numbered = frame.set_axis(list(range(6)), axis=1)
    run = pydl.pipeline.fit(numbered, target=5, **SOON)
    assert run.metrics == trained.metrics
    assert list(run.predict(numbered[:1]).columns) == ["5 predicted"]
    odd = frame.set_axis(["a/b", "file", " blank ", "line\nbreak", "", "y"], axis=1)
    np.testing.assert_array_equal(
        pydl.pipeline.fit(odd, target="y", **SOON).predict_proba(odd), trained.predict_proba(frame)
    )
    for names, said in (
        (["x", "x", "c", "d", "e", "y"], 'two columns are called "x"'),
        ([1, "1", "c", "d", "e", "y"], 'two columns are called "1"'),
        ([("a", i) for i in range(6)], None),
    ):
        wrong = frame.set_axis(pd.MultiIndex.from_tuples(names) if said is None else names, axis=1)
        for call in (lambda data: pydl.pipeline.fit(data, target="y", **SOON), trained.predict, trained.evaluate):
            with pytest.raises(ValueError, match=said or "names of 2 levels"):
                call(wrong)


def test_the_folder_goes_with_the_object_unless_it_is_given(frame: pd.DataFrame, tmp_path: Path) -> None:
    run = pydl.pipeline.fit(frame, target="y", **SOON)
    place = run.path
    assert (place / "model.safetensors").exists()
    del run
    gc.collect()
    assert not place.exists()
    kept = pydl.pipeline.fit(frame, target="y", out=tmp_path / "kept", **SOON).path
    gc.collect()
    assert (kept / "model.safetensors").exists()
    with pytest.raises(ValueError, match="there is a run already"):
        pydl.pipeline.fit(frame, target="y", out=tmp_path / "kept", **SOON)
    pydl.pipeline.fit(frame, target="y", out=tmp_path / "kept", overwrite=True, **SOON)
    assert cli.main(["show", str(kept)]) == 0
    assert cli.main(["runs", str(tmp_path)]) == 0
    written = [p.read_bytes() for p in kept.iterdir() if p.suffix == ".json"]
    assert all(b"in memory" not in text or b"(data in memory)" in text for text in written)


def test_what_is_asked_wrongly(frame: pd.DataFrame, trained: Any) -> None:
    def fit(data: Any = frame, target: Any = "y", **options: Any) -> None:
        pydl.pipeline.fit(data, target=target, **SOON | options)

    for call, kind, said in (
        (lambda: fit(epoch=3), TypeError, "no option 'epoch'; did you mean 'epochs'"),
        (lambda: fit(epochs="3"), TypeError, "epochs: expected int"),
        (lambda: fit(epochs=True), TypeError, "epochs: expected int"),
        (lambda: fit(lr=-1), ValueError, "lr: expected a number above 0"),
        (lambda: fit(lr=np.inf), ValueError, "lr: expected a number above 0"),
        (lambda: fit(5), TypeError, "data: expected a path, a DataFrame"),
        (lambda: fit(frame["x"]), TypeError, "data: expected a path, a DataFrame"),
        (lambda: fit(frame.to_numpy()), TypeError, "data: expected a path, a DataFrame"),
        (lambda: fit({"x": [1, 2], "y": [1]}), ValueError, "columns of equal length"),
        (lambda: fit(frame[:0]), ValueError, "has no values"),
        (lambda: fit(frame[[]]), ValueError, "no rows|expected one of"),
        (lambda: fit(target="z"), ValueError, "expected one of x, n"),
        (lambda: fit(target=None), ValueError, "target"),
        (lambda: fit(stream=True), ValueError, "stream: expected files"),
        (lambda: fit(frame.assign(x=frame["x"] * 1j)), ValueError, "complex"),
        (lambda: trained.predict(frame[["x"]]), ValueError, "lacks column"),
        (lambda: trained.evaluate(frame.drop(columns="y")), ValueError, 'target "y" is not in the table'),
        (lambda: trained.evaluate(frame.assign(y=None)), ValueError, "no row has a usable value of y"),
    ):  # fmt: skip
        with pytest.raises(kind, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_regression(frame: pd.DataFrame) -> None:
    run = pydl.pipeline.fit(frame, target="x", task="regression", cv=np.int64(0), **SOON)
    found = run.predict(frame)
    assert found["x predicted"].dtype == np.float64
    assert run.metrics["test"]["r2"] is not None
    with pytest.raises(ValueError, match="is a number"):
        run.predict_proba(frame)


def test_it_comes_when_asked_for() -> None:
    code = "import sys, pydl; pydl.pipeline; print('pandas' in sys.modules); "
    assert says(code + "print(pydl.pipeline.fit.__name__)").split() == ["False", "fit"]
    hidden = "import sys; sys.modules['pandas'] = None; import pydl"
    assert (
        says(f"{hidden}\ntry: pydl.pipeline.fit\nexcept ImportError as e: print(e)")
        == 'pydl.pipeline needs pandas: pip install "pydl[cli]"\n'
    )


TARGETS = {
    "bool": lambda yes: yes, "text": lambda yes: np.where(yes, "1", "0"),
    "fractions": lambda yes: np.where(yes, 0.5, 1.5), "whole": lambda yes: np.where(yes, 3, 7),
    "nullable": lambda yes: pd.Series(yes).astype("boolean"),
    "levels": lambda yes: pd.Series(np.where(yes, "a", "b")).astype("category"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TARGETS)
def test_predictions_are_values_of_the_target(kind: str) -> None:
    x = np.random.default_rng(0).normal(size=120)
    table = pd.DataFrame({"x": x, "y": TARGETS[kind](x > 0)})
    run = pydl.pipeline.fit(table, target="y", epochs=40)
    found = run.predict(table)["y predicted"]
    assert found.dtype == table["y"].dtype
    assert (found == table["y"]).mean() > 0.95
    assert set(run.predict_proba(table).columns) == set(table["y"])


def test_copies_keep_the_temporary_folder_and_a_pickle_says_that_it_cannot() -> None:
    x = np.random.default_rng(0).normal(size=60)
    run = pydl.pipeline.fit({"x": x, "y": x > 0}, target="y", epochs=1)
    copies, path = [copy.copy(run), copy.deepcopy(run)], run.path
    with pytest.raises(TypeError, match="temporary folder cannot be pickled"):
        pickle.dumps(run)
    del run
    gc.collect()
    for each in copies:
        assert len(each.predict({"x": [1.0, -1.0]})) == 2
    del each
    copies.clear()
    gc.collect()
    assert not path.exists()


def test_a_run_in_a_folder_can_be_pickled(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=60)
    run = pydl.pipeline.fit({"x": x, "y": x > 0}, target="y", epochs=1, out=tmp_path / "run")
    other = pickle.loads(pickle.dumps(run))  # noqa: S301
    pd.testing.assert_frame_equal(other.predict({"x": x}), run.predict({"x": x}))


def test_gaps_among_objects_that_are_numbers() -> None:
    x = np.random.default_rng(0).normal(size=60)
    table = pd.DataFrame({"a": pd.Series([pd.NA, *x[1:]], dtype=object), "y": x > 0})
    run = pydl.pipeline.fit(table, target="y", epochs=1)
    assert run.predict(table).notna().all(axis=None)
    assert run.predict(table[:1]).notna().all(axis=None)


def test_only_classes_are_kept_of_a_target() -> None:
    x = np.random.default_rng(0).normal(size=3000)
    run = pydl.pipeline.fit({"x": x, "y": 2 * x}, target="y", epochs=1)
    assert run._classes == {}
    land = np.resize(["NA", "FR", "DE"], 3000)
    table = pd.DataFrame({"x": x, "y": pd.Series(land).astype("category")})
    run = pydl.pipeline.fit(table, target="y", epochs=1)
    assert len(run._classes["y"]) == 3
    assert run.predict(table)["y predicted"].dtype == table["y"].dtype

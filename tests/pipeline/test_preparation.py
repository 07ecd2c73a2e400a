"""From columns to arrays: every kind of column, rows never seen, tampered files, accuracy on real tables."""

from __future__ import annotations

import gc
import io
import json
import time
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

import pydl
from pydl.pipeline.columns import guess
from pydl.pipeline.preparation import InputSpec, Preparation
from pydl.pipeline.table import read_table
from pydl.pipeline.target import Target

N = 300
RNG = np.random.default_rng(0)


def everything() -> pd.DataFrame:
    """A table with a column of each kind."""
    rng = np.random.default_rng(1)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, N), "D")
    return pd.DataFrame({
        "height": np.where(rng.random(N) < 0.1, np.nan, rng.normal(170, 10, N)),
        "gain": np.where(rng.random(N) < 0.9, 0.0, rng.lognormal(8, 1, N)),
        "price": [f"{v:,.2f} €".translate(str.maketrans(",.", ".,")) for v in rng.uniform(500, 5000, N)],
        "member": rng.choice(["yes", "no", None], N),
        "joined": days.strftime("%d.%m.%Y"),
        "colour": rng.choice(["red", "green", "blue", None], N),
        "zip": rng.choice([f"{v:05d}" for v in range(9900, 10040)], N),
        "note": [f"the customer said {i} words" for i in range(N)],
        "key": [f"K{i:05d}" for i in range(N)],
        "same": 1,
        "nothing": None,
    })  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return everything()


@pytest.fixture(scope="module")
def prepared(table: pd.DataFrame) -> Preparation:
    return Preparation(guess(table)).fit(table)


def feature(prepared: Preparation, arrays: dict[str, Any], name: str) -> np.ndarray:
    return arrays["features"][:, prepared.feature_names.index(name)]


# ---- what comes out -------------------------------------------------------------------------------------------------
def test_arrays_and_their_description(table: pd.DataFrame, prepared: Preparation) -> None:
    arrays = prepared.transform(table)
    assert {c.name: c.kind for c in prepared.columns} == {
        "height": "number", "gain": "number", "price": "number", "member": "flag", "joined": "date",
        "colour": "category", "zip": "many", "note": "text", "key": "identifier", "same": "constant",
        "nothing": "empty",
    }  # fmt: skip
    assert arrays["features"].dtype == np.float32
    assert arrays["features"].shape == (N, len(prepared.feature_names))
    assert np.isfinite(arrays["features"]).all()
    zips = arrays[prepared.input_of("zip")]
    assert zips.dtype == np.int32
    assert zips.shape == (N,)
    repeated = table["zip"].value_counts()
    assert prepared.inputs == [
        InputSpec("features", len(prepared.feature_names)),
        InputSpec(prepared.input_of("zip"), 1, int((repeated > 1).sum()) + 1),
        InputSpec(prepared.input_of("note"), arrays[prepared.input_of("note")].shape[1], unit=1 / 255),
    ]
    assert zips.max() == prepared.inputs[1].levels - 1
    assert (zips == 0).sum() == (repeated == 1).sum()


def test_numbers_are_filled_marked_and_scaled(table: pd.DataFrame, prepared: Preparation) -> None:
    arrays = prepared.transform(table)
    gone = table["height"].isna().to_numpy()
    filled = table["height"].fillna(table["height"].median()).to_numpy()
    np.testing.assert_allclose(feature(prepared, arrays, "height"), (filled - filled.mean()) / filled.std(), atol=1e-5)
    np.testing.assert_array_equal(feature(prepared, arrays, "height missing"), gone)
    euros = np.array([float(v[:-2].replace(".", "").replace(",", ".")) for v in table["price"]])
    np.testing.assert_allclose(feature(prepared, arrays, "price"), (euros - euros.mean()) / euros.std(), atol=1e-5)


def test_skewed_numbers_keep_their_order_within_bounds(table: pd.DataFrame, prepared: Preparation) -> None:
    x = feature(prepared, prepared.transform(table), "gain")
    order = np.argsort(table["gain"].to_numpy(), kind="stable")
    assert (np.diff(x[order]) >= 0).all()
    raw = table["gain"].to_numpy()
    assert x.max() < ((raw - raw.mean()) / raw.std()).max() / 1.5
    negative = pd.DataFrame({"x": -table["gain"]})
    mirrored = Preparation(guess(negative)).fit(negative).transform(negative)["features"][:, 0]
    np.testing.assert_allclose(mirrored, -x, atol=1e-5)


def test_flags_dates_and_categories(table: pd.DataFrame, prepared: Preparation) -> None:
    arrays = prepared.transform(table)
    known = table["member"].notna().to_numpy()
    np.testing.assert_array_equal(feature(prepared, arrays, "member")[known], (table["member"] == "yes")[known])
    np.testing.assert_array_equal(feature(prepared, arrays, "member missing"), ~known)
    date = pd.to_datetime(table["joined"], format="%d.%m.%Y").dt
    for part, attribute in {"year": "year", "month": "month", "day": "day", "weekday": "day_of_week"}.items():
        got = feature(prepared, arrays, f"joined {part}")
        assert np.corrcoef(got, getattr(date, attribute))[0, 1] > 0.99999
    assert "joined days" in prepared.feature_names
    assert "joined hour" not in prepared.feature_names
    for level in ("red", "green", "blue"):
        np.testing.assert_array_equal(feature(prepared, arrays, f"colour={level}"), table["colour"] == level)
    np.testing.assert_array_equal(feature(prepared, arrays, "colour=(missing)"), table["colour"].isna())


def test_treatments_say_the_figures(table: pd.DataFrame, prepared: Preparation) -> None:
    said = {c.name: c.treatment for c in prepared.columns}
    median, gone = table["height"].median(), table["height"].isna().sum()
    filled = f"{gone} missing: set to the median {median:.4g} and marked"
    assert said["height"] == f"{filled}, scaled to mean 0 and deviation 1"
    assert "logarithm" in said["gain"]
    assert "more frequent" in said["member"]
    assert said["joined"] == "taken apart: year, month, day, weekday, days"


def test_clipping_is_by_option() -> None:
    x = np.r_[RNG.normal(size=998), -1e6, 1e6]
    frame = pd.DataFrame({"x": x})
    clipped = Preparation(guess(frame), clip=0.01).fit(frame)
    features = clipped.transform(frame)["features"][:, 0]
    assert np.abs(features).max() < 4
    assert "clipped to" in clipped.columns[0].treatment
    assert np.abs(clipped.transform(pd.DataFrame({"x": [1e300, -np.inf]}))["features"]).max() < 4
    with pytest.raises(ValueError, match="clip"):
        Preparation(guess(frame), clip=0.5)


# ---- rows never seen ------------------------------------------------------------------------------------------------
def test_rows_of_other_types_mean_the_same(table: pd.DataFrame, prepared: Preparation) -> None:
    expected = prepared.transform(table)
    other = table.astype({"height": object, "colour": "category", "gain": str}).sample(frac=1, axis=1, random_state=0)
    other["member"] = table["member"].map({"yes": True, "no": False})
    other["joined"] = pd.to_datetime(table["joined"], format="%d.%m.%Y")
    other["unheard of"] = "x"
    got = prepared.transform(other)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=1e-6)


def test_one_row_gives_the_bits_it_has_among_many(table: pd.DataFrame, prepared: Preparation) -> None:
    whole = prepared.transform(table)
    for i in (0, 7, N - 1):
        one = prepared.transform(table.iloc[i : i + 1])
        for name in whole:
            np.testing.assert_array_equal(one[name], whole[name][i : i + 1])
    assert prepared.transform(table.iloc[:0])["features"].shape == (0, len(prepared.feature_names))


def test_unseen_levels_and_gaps(table: pd.DataFrame, prepared: Preparation) -> None:
    row = table.iloc[:1].assign(colour="violet", zip="99999", height=None, gain=None, joined=None)
    arrays = prepared.transform(row)
    assert [feature(prepared, arrays, f"colour={v}")[0] for v in ("red", "green", "blue", "(missing)")] == [0, 0, 0, 0]
    assert arrays[prepared.input_of("zip")][0] == 0
    assert np.isfinite(arrays["features"]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"height": "tall"}, 'column "height", row 1: expected a number, got "tall"'),
        ({"height": pd.Timestamp(0)}, 'column "height": expected numbers, got dates'),
        ({"member": "perhaps"}, 'column "member", row 1: expected yes or no'),
        ({"joined": "2020/01/01"}, 'column "joined", row 1: expected a date'),
        ({"joined": 7}, 'column "joined", row 1: expected a date (%d.%m.%Y), got "7"'),
    ],
)
def test_wrong_values(table: pd.DataFrame, prepared: Preparation, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as info:
        prepared.transform(table.iloc[:1].assign(**change))
    assert said in str(info.value)
    assert "\n" not in str(info.value)


def test_absent_and_doubled_columns(table: pd.DataFrame, prepared: Preparation) -> None:
    with pytest.raises(ValueError, match='lacks columns "height", "zip"'):
        prepared.transform(table.drop(columns=["zip", "height", "note"]))
    with pytest.raises(ValueError, match='two columns called "zip"'):
        prepared.transform(pd.concat([table, table[["zip"]]], axis=1))
    with pytest.raises(TypeError, match="expected a pandas DataFrame, got list"):
        prepared.transform([[1, 2]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has not been fitted"):
        Preparation(guess(table)).transform(table)


def test_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match='no column is left to learn from: "a" left out: always 1'):
        Preparation(guess(pd.DataFrame({"a": [1, 1]})))
    with pytest.raises(ValueError, match="no rows"):
        Preparation(guess(pd.DataFrame({"a": [1, 2.5]}))).fit(pd.DataFrame({"a": []}))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "z"]}),
        pd.DataFrame({"a": [1e308, -1e308, np.inf, 5]}),
        pd.DataFrame({"a": [None, "yes", "no", None]}),
        pd.DataFrame({"zip": [f"{i // 2:05d}" for i in range(200)]}),
        pd.DataFrame({"a": [10**18, 3, 2**62]}),
        pd.DataFrame({"t": pd.to_datetime(["2024-01-01 00:00", None, "2024-01-03 05:00"])}),
        pd.DataFrame(
            {"d": [f"{1000 + i}-01-05" for i in range(30)], "order_date": [20240101 + i % 20 for i in range(30)]}
        ),
        pd.DataFrame({"a": [5e-324, 1e-300, 0.5]}),
    ],
)
def test_odd_tables(frame: pd.DataFrame) -> None:
    for rows in (frame, frame.iloc[:1]):
        prepared = Preparation(guess(frame)).fit(rows)
        for spec in prepared.inputs:
            array = prepared.transform(frame)[spec.name]
            assert np.isfinite(array).all()
            assert array.shape == ((len(frame),) if spec.levels else (len(frame), spec.width))


def test_no_reference_to_the_table_is_kept() -> None:
    table = everything()
    prepared = Preparation(guess(table)).fit(table)
    prepared.transform(table)
    gone = weakref.ref(table)
    del table
    gc.collect()
    assert gone() is None
    kept = [o for o in gc.get_objects() if issubclass(type(o), pd.DataFrame | pd.Series) and len(o) == N]
    holders = [h for o in kept for h in gc.get_referrers(o) if h is prepared.__dict__]
    assert not holders


# ---- files ----------------------------------------------------------------------------------------------------------
def test_saved_and_loaded(table: pd.DataFrame, prepared: Preparation, tmp_path: Path) -> None:
    prepared.save(tmp_path / "p.skops")
    loaded = Preparation.load(tmp_path / "p.skops")
    assert loaded.columns == prepared.columns
    assert loaded.inputs == prepared.inputs
    assert loaded.feature_names == prepared.feature_names
    expected, got = prepared.transform(table), loaded.transform(table)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])
    loaded.save(tmp_path / "again.skops")
    assert list(tmp_path.glob("*.part")) == []


Schema = dict[str, Any]


def walk(node: Any) -> Any:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def foreign_class(schema: Schema) -> None:
    next(n for n in walk(schema) if n.get("__class__") == "StandardScaler").update(__module__="os", __class__="system")


def foreign_function(schema: Schema) -> None:
    schema["content"]["numbers"] = {
        "__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 99, "content": "os.system",
    }  # fmt: skip


def trusted_class_by_other_loader(schema: Schema) -> None:
    next(n for n in walk(schema) if n.get("__class__") == "StandardScaler")["__loader__"] = "OperatorFuncNode"


def other_scikit_learn_class(schema: Schema) -> None:
    changed = {"__module__": "sklearn.preprocessing._function_transformer", "__class__": "FunctionTransformer"}
    next(n for n in walk(schema) if n.get("__class__") == "StandardScaler").update(changed)


def type_of_elsewhere(schema: Schema) -> None:
    next(n for n in walk(schema) if n.get("__loader__") == "TypeNode").update(
        __module__="subprocess", __class__="Popen"
    )


def no_state(schema: Schema) -> None:
    del schema["content"]["state"]


def no_encoder(schema: Schema) -> None:
    schema["content"]["encoder"] = schema["content"]["numbers"]


@pytest.mark.parametrize(
    "tamper",
    [
        foreign_class, foreign_function, trusted_class_by_other_loader, other_scikit_learn_class, type_of_elsewhere,
        no_state, no_encoder,
    ],
)  # fmt: skip
def test_tampered_files(prepared: Preparation, tmp_path: Path, tamper: Callable[[Schema], None]) -> None:
    path = tmp_path / "p.skops"
    prepared.save(path)
    with zipfile.ZipFile(path) as z:
        parts = {name: z.read(name) for name in z.namelist()}
    schema = json.loads(parts["schema.json"])
    tamper(schema)
    parts["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as z:
        for name, content in parts.items():
            z.writestr(name, content)
    with pytest.raises(ValueError, match=r"not a (file|preparation) that pydl wrote, or damaged"):
        Preparation.load(path)


def test_arrays_of_objects_are_not_unpickled(prepared: Preparation, tmp_path: Path) -> None:
    path, touched = tmp_path / "p.skops", tmp_path / "touched"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (touched,)

    out = io.BytesIO()
    np.save(out, np.array([Evil()], dtype=object), allow_pickle=True)
    prepared.save(path)
    with zipfile.ZipFile(path) as z:
        parts = {name: out.getvalue() if name.endswith(".npy") else z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(path, "w") as z:
        for name, content in parts.items():
            z.writestr(name, content)
    with pytest.raises(ValueError, match="or damaged"):
        Preparation.load(path)
    assert not touched.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", bytes(1000)])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.skops"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="or damaged"):
        Preparation.load(path)
    with pytest.raises(ValueError, match="no such file"):
        Preparation.load(tmp_path / "gone")


# ---- speed and accuracy ---------------------------------------------------------------------------------------------
@pytest.mark.alone
def test_quick(data_dir: Path) -> None:
    train, test = (read_table(data_dir / f"adult-{part}.csv") for part in ("train", "test"))
    start = time.process_time()
    prepared = Preparation(guess(train, "income")).fit(train)
    prepared.transform(train)
    prepared.transform(test)
    assert time.process_time() - start < 2
    row = test.iloc[:1]
    prepared.transform(row)
    start = time.process_time()
    for _ in range(10):
        prepared.transform(row)
    assert (time.process_time() - start) / 10 < 0.05


@pytest.mark.alone  # it measures CPU time
@pytest.mark.long  # 10,000 columns; guessing the kinds of 5,000 stays
def test_thousands_of_columns(tmp_path: Path) -> None:
    """Ten times as many columns take about ten times as long: seconds would measure the machine.

    Of three tries one is enough: other work comes and goes, a square of the columns would stay.
    """

    def seconds(columns: int) -> float:
        wide = pd.DataFrame(RNG.normal(size=(50, columns)), columns=[f"g{i}" for i in range(columns)])
        start = time.process_time()
        prepared = Preparation(guess(wide)).fit(wide)
        assert prepared.transform(wide)["features"].shape == (50, columns)
        prepared.save(tmp_path / "p.skops")
        Preparation.load(tmp_path / "p.skops")
        return time.process_time() - start

    seconds(10)  # imports
    assert any(seconds(10_000) < 15 * seconds(1_000) for _ in range(3))


def trained(
    train: pd.DataFrame, test: pd.DataFrame, target: str, drop: list[str], epochs: int, seed: int
) -> tuple[Any, Any]:
    """The test part's target and what a small network makes of it: probabilities, or values."""
    goal = Target.fit(train[target])
    prepared = Preparation(guess(train, target, drop)).fit(train)
    x, x_test = (prepared.transform(frame)["features"] for frame in (train, test))
    regression = goal.task == "regression"
    pydl.utils.set_random_seed(seed)
    model = pydl.Sequential([
        pydl.Input((x.shape[1],)),
        pydl.layers.Dense(64, activation="relu"),
        pydl.layers.Dropout(0.1),
        pydl.layers.Dense(64, activation="relu"),
        pydl.layers.Dense(1, activation=None if regression else "sigmoid"),
    ])  # fmt: skip
    model.compile(optimizer=pydl.optimizers.Adam(2e-3), loss="mse" if regression else "binary_crossentropy")
    model.fit(x, goal.encode(train[target])[0][:, None], epochs=epochs, batch_size=min(128, len(x) // 20), verbose=0)
    out = model.predict(x_test, verbose=0)[:, 0]
    truth = goal.encode(test[target])[0]
    return (goal.decode(truth), goal.decode(out)) if regression else (truth, out)


def test_adult(data_dir: Path) -> None:
    train, test = (read_table(data_dir / f"adult-{part}.csv") for part in ("train", "test"))
    truth, p = trained(train, test, "income", [], 5, 0)
    assert np.mean((p > 0.5) == truth) >= 0.85
    assert roc_auc_score(truth, p) >= 0.907


def test_california(data_dir: Path) -> None:
    train, test = train_test_split(read_table(data_dir / "california-housing.csv"), test_size=0.25, random_state=0)
    assert r2_score(*trained(train, test, "median_house_value", [], 40, 0)) >= 0.78


def test_titanic(data_dir: Path) -> None:
    frame = read_table(data_dir / "titanic.csv")
    right = []
    for seed in range(4):
        train, test = train_test_split(frame, test_size=0.25, random_state=seed, stratify=frame["survived"])
        truth, p = trained(train, test, "survived", ["alive"], 10, seed)
        right.append(np.mean((p > 0.5) == truth))
    assert np.mean(right) >= 0.8

"""Several targets, one network: losses, figures, files and predictions are of each what they are of it alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import pydl
from pydl import cli
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Part, Watch
from pydl.pipeline.network import averaged, build, output_of
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.several import apart, by_name, together
from pydl.pipeline.target import Target
from pydl.pipeline.targets import Targets, from_state, look, options_of
from pydl.pipeline.worker import fit, in_turn, lesson, prepared, split

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]  # trains whole runs; test_target stays
ROWS = 420
SOON: dict[str, Any] = {"epochs": 3, "hidden": (8,)}
NAMES = ["kind", "price", "sold"]


def table(rows: int = ROWS) -> pd.DataFrame:
    """Three targets: three classes, a number that a third of the rows lacks, two classes."""
    rng = np.random.default_rng(3)
    x, z = rng.standard_normal((2, rows))
    return pd.DataFrame({
        "x": x, "z": z, "colour": rng.choice(["red", "green"], rows), "fold": np.arange(rows) % 4,
        "kind": np.array(["a", "b", "c"])[np.digitize(x + 0.2 * rng.standard_normal(rows), [-0.5, 0.5])],
        "price": np.where(np.arange(rows) % 3 == 1, np.nan, 1000 + 70 * (x - z) + 7 * rng.standard_normal(rows)),
        "sold": np.where(z + 0.3 * rng.standard_normal(rows) > 0.8, "yes", "no"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="module")
def run(frame: pd.DataFrame) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pydl.pipeline.report.write_report", lambda run, *arguments: run.write("report.html", ""))
        return pydl.pipeline.fit(frame, target=NAMES, fold="fold", ensemble=1, **SOON)


def the_part(frame: pd.DataFrame, **options: Any) -> tuple[TrainOptions, Targets, Part, Preparation]:
    asked = TrainOptions("", target=tuple(NAMES), **SOON | options)
    target = look(frame, asked)
    assert isinstance(target, Targets)
    preparation = Preparation(guess(frame, NAMES, asked.left_out)).fit(frame)
    target = target.scaled(frame)
    return asked, target, prepared(frame, preparation, target, weights=asked.weights), preparation


def test_figures_are_those_of_the_predictions_file(run: Any, frame: pd.DataFrame) -> None:
    told = pd.read_csv(run.path / "predictions.csv", index_col="row")
    assert list(run.metrics) == ["targets"]
    assert list(run.metrics["targets"]) == NAMES
    for name in NAMES:
        found = run.metrics["targets"][name]["test"]
        mine = told[told[f"{name} truth"].notna()]
        truth, said = mine[f"{name} truth"], mine[f"{name} predicted"]
        assert found["rows"] == len(mine)
        if name == "price":
            pd.testing.assert_series_equal(truth, frame[name].loc[mine.index], check_names=False, rtol=1e-12)
            assert found["r2"] == pytest.approx(metrics.r2_score(truth, said), rel=1e-9)
            assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, said), rel=1e-9)
        else:
            assert list(truth) == list(frame[name].loc[mine.index])
            assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
            classes = sorted(set(frame[name]))
            p = mine[[f"probability {name} = {each}" for each in classes]].to_numpy()
            assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, p, labels=classes), rel=1e-6)
    lacking = told[told["price truth"].isna()]
    assert 0 < len(lacking) == int(frame["price"].loc[told.index].isna().sum())
    assert lacking["price predicted"].isna().all()  # these rows have no part in it
    assert lacking["kind predicted"].notna().all()


@pytest.mark.parametrize("name", NAMES)
def test_baselines_are_those_of_each_target_alone(run: Any, frame: pd.DataFrame, name: str) -> None:
    """The same rows held out, and nothing of the other targets among the inputs."""
    others = [other for other in NAMES if other != name]
    rows = frame[frame[name].notna()].reset_index(drop=True)
    alone = pydl.pipeline.fit(rows.drop(columns=others), target=name, fold="fold", ensemble=1, **SOON).metrics
    for one in ("constant", "linear", "boosting"):
        mine, theirs = run.metrics["targets"][name]["baselines"][one], alone["baselines"][one]
        for key in ("rows", "r2", "accuracy"):
            if key in theirs and name != "price":  # whose inputs are scaled by rows that the others have as well
                assert mine[key] == theirs[key]
        if name == "price":
            assert mine["rows"] == theirs["rows"]
            assert mine["r2"] == pytest.approx(theirs["r2"], abs=0.02)


def test_no_target_is_an_input(run: Any) -> None:
    used = {c.name for c in run.fitted.preparation.columns}
    assert used == {"x", "z", "colour", "fold"}
    assert not run.fitted.preparation.columns[3].used


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_sum_of_means_over_the_rows_that_have_a_target(frame: pd.DataFrame, weighted: bool) -> None:
    """In NumPy from the network's outputs; numbers in deviations of the training rows."""
    if weighted:
        frame = frame.assign(w=np.arange(ROWS) % 4)
    options, target, part, preparation = the_part(frame, weights="w" if weighted else None)
    model = build(preparation.inputs, target, options)
    y, weights, _ = lesson(part, target)
    got = model.evaluate(part.inputs, y, batch_size=64, sample_weight=weights, verbose=0, return_dict=True)
    w = frame["w"].to_numpy(float) if weighted else np.ones(ROWS)
    kinds, price, sold = (p.astype(np.float64) for p in model.predict(part.inputs, verbose=0))
    codes = frame["kind"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    yes = (frame["sold"] == "yes").to_numpy()
    there = frame["price"].notna().to_numpy()
    scaled = (frame["price"] - frame["price"].mean()) / frame["price"].std(ddof=0)
    losses = [
        np.average(-np.log(kinds[np.arange(ROWS), codes]), weights=w),
        np.average((price[there, 0] - scaled[there]) ** 2, weights=w[there]),
        np.average(-np.log(np.where(yes, sold[:, 0], 1 - sold[:, 0])), weights=w),
    ]
    for k, loss in enumerate(losses):
        assert got[f"output_{k + 1}_loss"] == pytest.approx(loss, rel=1e-5)
    assert got["loss"] == pytest.approx(sum(losses), rel=1e-5)
    assert got["output_2_mae"] == pytest.approx(
        np.average(np.abs(price[there, 0] - scaled[there]), weights=w[there]), rel=1e-5
    )


def test_classes_count_the_same_where_asked(frame: pd.DataFrame) -> None:
    _, target, part, _ = the_part(frame)
    _, weights, of_model = lesson(part, target, balanced=True)
    assert of_model is None
    sums = pd.Series(weights[2]).groupby(frame["sold"]).sum()
    assert sums["yes"] == pytest.approx(sums["no"])
    assert set(weights[1]) == {0.0, 1.5}  # a number has no classes; two thirds of the rows have one


def test_training_ends_by_the_sum_and_keeps_its_best_epoch(run: Any) -> None:
    told = pd.read_csv(run.path / "history.csv")
    np.testing.assert_allclose(told["val_loss"], sum(told[f"val_loss of {name}"] for name in NAMES), rtol=1e-6)
    (network,) = json.loads((run.path / "info.json").read_text())["networks"]
    assert network["best_epoch"] == 1 + int(told["val_loss"].argmin())
    assert {"accuracy of kind", "val_mae of price", "accuracy of sold"} <= set(told.columns)


def test_absolute_errors_are_told_in_the_unit_of_their_target() -> None:
    target = Targets([Target("a", "regression", scale=2.0), Target("x of a", "regression", scale=10.0)])
    history = {"loss": [1.0], "mae of a": [1.0], "val_mae of x of a": [1.0], "mae of x of a": [3.0]}
    assert target.readable(history) == {
        "loss": [1.0], "mae of a": [2.0], "val_mae of x of a": [10.0], "mae of x of a": [30.0]
    }  # fmt: skip
    assert target.told(history, target.each[0]) == {"mae": [1.0]}


def test_an_ensemble_is_the_mean_of_each_output(frame: pd.DataFrame) -> None:
    options, target, part, preparation = the_part(frame)
    models = [build(preparation.inputs, target, options) for _ in range(3)]
    found = averaged(models).predict(part.inputs, verbose=0)
    each = [model.predict(part.inputs, verbose=0) for model in models]
    for k in range(3):
        np.testing.assert_allclose(found[k], np.mean([outputs[k] for outputs in each], axis=0), rtol=1e-5)
        np.testing.assert_array_equal(output_of(averaged(models), k).predict(part.inputs, verbose=0), found[k])


def test_parts_have_equal_shares_of_all_classes(frame: pd.DataFrame) -> None:
    _, target, part, _ = the_part(frame)
    y = part.y[:, [0, 2]]
    both = Targets([target.each[0], target.each[2]])
    kind, codes = both.strata(y)
    counts = np.bincount(codes)
    rare = counts.min() < 10
    assert kind.name == ("kind" if rare else "kind and sold")
    for inside, outside in in_turn(part.y, 4, target, 0):
        assert len(np.intersect1d(inside, outside)) == 0
        shares = [np.bincount(part.y[rows, 0].astype(int)) / len(rows) for rows in (inside, outside)]
        np.testing.assert_allclose(*shares, atol=0.03)
    rows, y_rows, held_out, _ = split(frame, part.y, 0.25, target, 0)
    assert sorted([*rows.index, *held_out.index]) == list(range(ROWS))
    np.testing.assert_array_equal(y_rows, part.y[rows.index])


def test_predictions_of_a_run_are_its_outputs(run: Any, frame: pd.DataFrame) -> None:
    fitted = Run.open(str(run.path)).fitted()
    inputs = fitted.preparation.transform(frame)
    kinds, price, sold = fitted.model.predict(inputs, verbose=0)
    found = fitted.predict(frame)
    assert list(found) == NAMES
    np.testing.assert_array_equal(found["price"].values, fitted.target.each[1].decode(price[:, 0].astype(np.float64)))
    np.testing.assert_array_equal(found["sold"].probabilities[:, 1], sold[:, 0].astype(np.float64))
    np.testing.assert_array_equal(found["kind"].values, np.array(["a", "b", "c"])[kinds.argmax(axis=1)])
    one = fitted.predict(frame[["x", "z", "colour"]].iloc[5].to_dict())
    for name in NAMES:
        assert one[name].values[0] == found[name].values[5]

    table = run.predict(frame)
    assert list(table.columns) == [f"{name} predicted" for name in NAMES]
    np.testing.assert_array_equal(table["price predicted"], found["price"].values)
    p = run.predict_proba(frame)
    assert list(p) == [("kind", "a"), ("kind", "b"), ("kind", "c"), ("sold", "no"), ("sold", "yes")]
    np.testing.assert_array_equal(p["sold"]["yes"], found["sold"].probabilities[:, 1])


def test_a_row_that_lacks_a_target_is_judged_by_the_others(run: Any, frame: pd.DataFrame) -> None:
    found = run.evaluate(frame)["targets"]
    assert [found[name]["rows"] for name in NAMES] == [ROWS, 2 * ROWS // 3, ROWS]
    said = run.predict(frame)
    there = frame["price"].notna()
    assert found["price"]["r2"] == pytest.approx(
        metrics.r2_score(frame["price"][there], said["price predicted"][there]), rel=1e-9
    )
    with pytest.raises(ValueError, match='target "price" is not in the table'):
        run.evaluate(frame.drop(columns="price"))
    other = run.evaluate(frame.assign(kind=["d", *frame["kind"][1:]]))
    assert [other["targets"][name]["rows"] for name in NAMES] == [ROWS - 1, 2 * ROWS // 3, ROWS]
    assert any(note.startswith('target "kind": 1 row of classes that did not') for note in other["notes"])


def test_the_command_line_does_the_same_and_its_config_does_it_again(
    run: Any, frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, first, again, out = (tmp_path / name for name in ("d.csv", "first", "again", "p.csv"))
    frame.to_csv(data, index=False)
    soon = ["--epochs", "3", "--hidden", "8", "--fold", "fold", "--ensemble", "1", "--json"]
    assert cli.main(["train", str(data), "--target", "kind, price,sold", *soon, "--out", str(first)]) == 0
    assert json.loads(capsys.readouterr().out) == run.metrics
    config = json.loads((first / "config.json").read_text())
    assert config["target"] == NAMES
    assert cli.main(["train", "--config", str(first / "config.json"), "--out", str(again), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == run.metrics
    for name in ("target.json", "history.csv", "predictions.csv"):
        assert (again / name).read_bytes() == (first / name).read_bytes()
    models = [pydl.models.load_model(each / "model.safetensors") for each in (first, again)]
    for mine, theirs in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    repeated = [word for name in NAMES for word in ("--target", name)]
    assert TrainOptions.from_json(config).command()[3:9] == repeated

    assert cli.main(["predict", str(first), str(data), "--out", str(out), "--json"]) == 0
    written = pd.read_csv(out, dtype=str, keep_default_na=False)
    read = pd.read_csv(data, dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(written[list(read)], read)  # cells as they stand in the file
    assert list(written)[len(read.columns) :] == [
        "kind predicted", *(f"probability kind = {c}" for c in "abc"), "price predicted",
        "sold predicted", "probability sold = no", "probability sold = yes",
    ]  # fmt: skip
    capsys.readouterr()
    assert cli.main(["evaluate", str(first), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["targets"]["sold"]["rows"] == ROWS
    assert cli.main(["show", str(first)]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}, on the test rows" in shown for name in NAMES)
    assert cli.main(["runs", str(tmp_path), "--json"]) == 0
    listed = [e for e in json.loads(capsys.readouterr().out) if e["run"] == "first"]
    assert [(e["target"], e["task"]) for e in listed] == [
        ("kind", "classification"), ("price", "regression"), ("sold", "classification")
    ]  # fmt: skip
    assert [e["figures"].get("r2") for e in listed] == [None, run.metrics["targets"]["price"]["test"]["r2"], None]


def test_one_target_is_one_however_it_is_given(frame: pd.DataFrame) -> None:
    with_comma = frame.rename(columns={"sold": "sold,price"}).drop(columns=["price", "kind"])
    alone = pydl.pipeline.fit(with_comma, target="sold,price", **SOON)
    assert "targets" not in alone.metrics
    assert alone.fitted.target.name == "sold,price"
    listed = pydl.pipeline.fit(with_comma, target=["sold,price"], **SOON)
    assert listed.metrics == alone.metrics
    assert json.loads((listed.path / "config.json").read_text())["target"] == "sold,price"


@pytest.mark.parametrize(
    "more", [{"refit": True}, {"ensemble": 2}, {"cv": 2}, {"tune": 1}, {"threshold": "auto"}, {"threshold": 0.3}]
)
def test_what_else_a_run_may_do(frame: pd.DataFrame, more: dict[str, Any]) -> None:
    if "tune" in more:
        pytest.importorskip("optuna")
    done = pydl.pipeline.fit(frame, target=NAMES, **SOON, **more)
    found = done.metrics["targets"]
    assert {found[name]["test"]["rows"] for name in ("kind", "sold")} == {84}
    if "refit" in more:
        assert found["kind"]["of"] == found["price"]["of"]
        target = done.fitted.target.each[1]
        assert target.mean == pytest.approx(frame["price"].mean(), rel=1e-12)  # of all rows
    if "cv" in more:
        folds = [found[name]["cross_validation"]["folds"] for name in NAMES]
        assert [f["rows"] for f in folds[0]] == [168, 168]
        assert sum(f["rows"] for f in folds[1]) == frame["price"].notna().sum() - found["price"]["test"]["rows"]
    if "threshold" in more:
        assert [one.threshold is None for one in done.fitted.target.each] == [True, True, False]
        assert more["threshold"] in ("auto", done.fitted.target.each[2].threshold)
        settings = json.loads((done.path / "info.json").read_text())["settings"]
        assert settings["threshold"] == {"sold": done.fitted.target.each[2].threshold}


def test_few_rows_are_held_out_in_turn() -> None:
    frame = table(120)
    options = TrainOptions("", target=tuple(NAMES), **SOON)
    target = look(frame, options)
    y, keep = target.encode(target.of(frame))
    assert keep.all()
    outcome = fit(frame, y, target, guess(frame, NAMES), options, Watch(), "training")
    assert len(outcome.networks) == 7
    assert [one.fitted.target.name for one in outcome.each()] == NAMES
    assert [len(one.parts["train"].y) for one in outcome.each()] == [120, 80, 120]
    assert outcome.each()[1].parts["train"].y.mean() == pytest.approx(0, abs=1e-12)


def test_options_go_to_the_targets_they_name_or_suit(frame: pd.DataFrame) -> None:
    options = TrainOptions(
        "", target=tuple(NAMES), task="kind=classification", loss="price=huber=0.5", positive="sold=no",
        threshold="sold=0.25", log_target=True,
    )  # fmt: skip
    target = look(frame, options)
    own = [options_of(options, one) for one in target.each]
    assert [each.loss for each in own] == [None, "huber=0.5", None]
    assert [each.threshold for each in own] == [None, None, "0.25"]
    assert target.each[2].classes == ["yes", "no"]
    assert target.each[1].log > 0
    everywhere = TrainOptions("", target=tuple(NAMES), loss="mae", threshold=0.3)
    assert [options_of(everywhere, one).loss for one in target.each] == [None, "mae", None]
    assert [options_of(everywhere, one).threshold for one in target.each] == [None, None, 0.3]


def test_target_and_value_are_told_apart() -> None:
    assert by_name("--loss", "mae", ["a", "b"]) is None
    assert by_name("--loss", "a=huber=2,b=mae", ["a", "b"]) == {"a": "huber=2", "b": "mae"}
    assert by_name("--positive", "a=x,y,b=c=d", ["a", "b", "c"]) == {"a": "x,y", "b": "c=d"}
    assert by_name("--positive", "a b=x,a=y", ["a", "a b"]) == {"a b": "x", "a": "y"}
    assert by_name("--positive", "a=x", ["a"]) is None  # a class of the only target
    for wrong in ("a=x,a=y", "z,a=y"):
        with pytest.raises(
            ValueError, match=r"--loss .*: expected TARGET=VALUE once for a target, with commas between"
        ):
            by_name("--loss", wrong, ["a", "b"])
    assert apart(together(["a", "b"], [1, 2])) == {"a": 1, "b": 2}
    assert apart(together(["a"], [{"rows": 1}])) == {None: {"rows": 1}}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"metric": "accuracy"}, "--metric accuracy: of 3 targets it is the sum of their losses that counts"),
        ({"positive": "yes"}, "--positive yes: expected TARGET=CLASS, for there are 3 targets"),
        ({"positive": "sold=red"}, '--positive red: expected one of two classes; "sold" has no, yes'),
        ({"loss": "sold=mae"}, '--loss mae: "sold" is taken for a classification'),
        ({"loss": "price=poisson", "log_target": True}, "--loss poisson: it works on logarithms by itself"),
        ({"threshold": "price=0.3"}, '--threshold 0.3: expected a target of two classes; "price" has numbers'),
        ({"threshold": "sold=3"}, "--threshold: expected a probability from 0 to 1, or auto, got 3"),
        ({"task": "price=number"}, "--task: expected one of auto, classification"),
        ({"drop": ["price"]}, "--drop price: this is the target"),
        ({"weights": "price"}, "--weights price: this is the target"),
        ({"group": "price"}, "--group price: this is the target"),
        ({"kind": {"price": "number"}}, "--kind price=number: this is the target"),
        ({"target": ["price", "sold", "price"]}, "--target price,sold,price: expected each column once"),
        ({"target": ["price", "prise"]}, "--target: expected one of .*, got 'prise'; did you mean price"),
        ({"target": ["price", "x"], "class_weight": "balanced"}, "--class-weight: numbers have no classes"),
        ({"target": ["kind", "sold"], "loss": "mae"}, '--loss mae: "kind" is taken for a classification'),
        ({"target": ["kind", "sold"], "log_target": True}, '--log-target: "kind" and "sold" are all taken for classes'),
        ({"target": ["kind", "price"], "threshold": "0.3"}, "--threshold 0.3: expected a target of two classes"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(frame: pd.DataFrame, options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error) as caught:
        pydl.pipeline.fit(frame, **{"target": NAMES, **SOON, **options})
    assert "\n" not in str(caught.value)


def test_streams_and_images_have_one_target(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(ValueError, match="more than one --target needs the data in memory; leave it out, or --stream"):
        pydl.pipeline.fit(tmp_path / "d.csv", target=NAMES, stream=True)
    with pytest.raises(ValueError, match="--target is for tables"):
        pydl.pipeline.fit(tmp_path, target=NAMES, task="image")


def test_a_target_of_one_class_to_learn_from(frame: pd.DataFrame) -> None:
    last = frame["fold"] == 3
    late = frame.assign(sold=np.where(last, frame["sold"], np.where(frame.index % 8 == 0, None, "no")))
    with pytest.raises(ValueError, match=r'--fold "fold": the .* rows to learn from are all of one class, "no"'):
        pydl.pipeline.fit(late, target=NAMES, fold="fold", **SOON)


def test_a_target_without_a_value_to_learn_from(frame: pd.DataFrame) -> None:
    last = frame["fold"] == 3
    late = frame.assign(price=frame["price"].where(last))
    with pytest.raises(ValueError, match=r"--target price: none of the .* rows to learn from has a value of it"):
        pydl.pipeline.fit(late, target=NAMES, fold="fold", **SOON)


@pytest.mark.parametrize("target", [[], [1, 2], ["a", None]])
def test_a_config_whose_targets_are_no_names(target: Any) -> None:
    with pytest.raises(ValueError, match="--target: expected names of columns, got"):
        TrainOptions.from_json({"data": "d.csv", "target": target})


def test_states_come_back_or_are_refused(frame: pd.DataFrame) -> None:
    target = look(frame, TrainOptions("", target=tuple(NAMES)))
    state = json.loads(json.dumps(target.state()))
    assert from_state(state).state() == target.state()
    assert from_state(target.each[0].state()).state() == target.each[0].state()
    damaged: list[Any] = [[], [state["targets"][0]], state["targets"][0], [1, 2], [state["targets"][0], {"name": "x"}]]
    for each in damaged:
        with pytest.raises(ValueError, match="not the state of"):
            from_state({"targets": each})


def test_notes_say_which_target_they_are_about(run: Any) -> None:
    assert any(n.endswith('140 rows without a value of "price" left out, for this target only') for n in run.notes)
    assert any(n.startswith('"price": ') for n in run.notes)
    assert '"price" is taken for a regression; --task price=classification would change that' in run.notes
    assert not any("by itself" in n and "kind" in n.partition(":")[2] for n in run.notes)


def test_rows_lacking_all_are_left_out(frame: pd.DataFrame) -> None:
    bare = frame.assign(kind=frame["kind"].where(frame.index > 20), sold=frame["sold"].where(frame.index > 20))
    target = look(bare, TrainOptions("", target=tuple(NAMES)))
    y, keep = target.encode(target.of(bare))
    assert (~keep).sum() == ((bare.index <= 20) & bare["price"].isna()).sum() > 0
    part = Part(bare[keep], {}, y)
    assert [len(one.y) for one in part.of_each(target)] == [399, 280, 399]
    assert [one.y.dtype for one in part.of_each(target)] == [np.int32, np.float64, np.int32]

"""`--refit`: the judged model's figures, and in the run one that has learnt from all rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl import cli
from pydl.pipeline import refit as refitting
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import TIME, Trained, Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit_members, prepared

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]  # trains whole runs; test_few_rows stays


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).round(6)
    gaps = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows).round(6))
    return pd.DataFrame({"x": x, "gaps": gaps, "k": rng.choice([*"uvw"], rows), "y": (9 + 40 * x).round(6)})


def run(folder: Path, *more: str, frame: pd.DataFrame | None = None, code: int = 0) -> Run:
    (table() if frame is None else frame).to_csv(folder / "t.csv", index=False)
    out = folder / ("run " + " ".join(more).replace("/", "_"))
    words = ["--target", "y", "--hidden", "4", "--epochs", "3", "--out", str(out), *more]
    assert cli.main(["train", str(folder / "t.csv"), *words]) == code
    return Run.open(str(out))


def what_it_says(found: Run) -> np.ndarray:
    return np.asarray(found.fitted().predict(table()).values)


def metrics(found: Run) -> Any:
    figures = found.json("metrics.json")
    figures.pop("of", None)
    return figures


def test_the_model_has_learnt_from_all_rows_and_the_figures_are_of_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = run(tmp_path)
    capsys.readouterr()
    again = run(tmp_path, "--refit")
    assert "trained again on all 300 rows for " in capsys.readouterr().err
    assert "all 300 rows" in again.json("metrics.json")["of"]
    assert metrics(again) == metrics(judged)
    for name in ("predictions.csv", "history.csv"):
        assert again.file(name).read_bytes() == judged.file(name).read_bytes()
    info = again.json("info.json")
    assert info["refit"]["rows"] == 300
    assert info["refit"]["epochs"] == [network["best_epoch"] for network in info["networks"]]
    assert info["refit"]["note"] in info["notes"]
    assert judged.json("info.json")["refit"] is None
    assert not np.allclose(what_it_says(again), what_it_says(judged))

    frame, fitted = table(), again.fitted()
    target = Target.fit(frame["y"])
    assert (fitted.target.mean, fitted.target.scale) == pytest.approx((target.mean, target.scale), rel=1e-12)
    expected = Preparation(guess(frame, "y")).fit(frame).transform(frame)
    for name, array in fitted.preparation.transform(frame).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)
    assert cli.main(["show", str(again.path)]) == 0
    assert "before the model was trained again" in capsys.readouterr().out


def test_it_is_trained_for_exactly_so_many_epochs() -> None:
    frame = table()
    target = Target.fit(frame["y"])
    preparation = Preparation(guess(frame, "y")).fit(frame)
    options = TrainOptions("", "y", hidden=(4,), epochs=50, patience=1, lr=0.5)  # one that would stop early

    def build() -> pydl.Model:
        return refitting.build(preparation.inputs, target, options)

    parts = [{"train": prepared(frame, preparation, target)}] * 2
    _, networks, _ = fit_members(build, parts, target, options, Watch(), "refit", epochs=[9, 4])
    assert [(n.epochs, n.best_epoch, n.ended_by) for n in networks] == [(9, 9, "epochs"), (4, 4, "epochs")]


def test_few_rows_and_several_networks(tmp_path: Path) -> None:
    found = run(tmp_path, "--refit", frame=table(60))
    info = found.json("info.json")
    assert len(info["networks"]) == len(info["refit"]["epochs"]) == 7
    assert info["refit"]["rows"] == 60
    assert len([layer for layer in found.fitted().model.layers if isinstance(layer, pydl.Model)]) == 7
    found = run(tmp_path, "--refit", "--ensemble", "2")
    assert found.json("info.json")["refit"]["rows"] == 300
    assert len([layer for layer in found.fitted().model.layers if isinstance(layer, pydl.Model)]) == 2


def test_a_test_file_counts_as_rows_and_classes_do(tmp_path: Path) -> None:
    frame = table().assign(y=np.where(table()["x"] > 0, "yes", "no"))
    other = frame.iloc[:50].assign(gaps=["?"] * 50, more=1)
    other.to_csv(tmp_path / "test.csv", index=False)
    found = run(tmp_path, "--refit", "--test", str(tmp_path / "test.csv"), frame=frame)
    assert found.json("info.json")["refit"]["rows"] == 350
    assert found.fitted().predict(frame).probabilities is not None


def test_images_as_well(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert cli.main(["train", "digits", "--epochs", "1", "--hidden", "4", "--refit", "--out", str(out)]) == 0
    assert Run.open(str(out)).json("info.json")["refit"]["rows"] == 1797


@pytest.mark.parametrize("when", ["training", "writing"])
def test_ctrl_c_keeps_the_judged_model(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = what_it_says(run(tmp_path))
    keep, kept = Run.keep, list[object]()

    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    def half(self: Run, fitted: Any, options: TrainOptions) -> None:
        kept.append(fitted)
        if len(kept) == 2:
            fitted.model.save(self.path / "model.safetensors")
            raise KeyboardInterrupt
        keep(self, fitted, options)

    if when == "training":
        monkeypatch.setattr(refitting, "fit_members", interrupted)
    else:
        monkeypatch.setattr(Run, "keep", half)
    capsys.readouterr()
    found = run(tmp_path, "--refit", code=130)
    assert "--refit was interrupted: the model of this run is the one that was judged" in capsys.readouterr().err
    np.testing.assert_array_equal(what_it_says(found), judged)
    assert found.finished
    assert "of" not in found.json("metrics.json")
    info = found.json("info.json")
    assert (info["refit"], info["interrupted"]) == (None, True)


def test_time_that_is_over_keeps_the_judged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = what_it_says(run(tmp_path))

    def late(*arguments: Any, **more: Any) -> tuple[None, list[Trained], bool]:
        return None, [Trained({}, 1, 1, 9, TIME)], False

    monkeypatch.setattr(refitting, "fit_members", late)
    found = run(tmp_path, "--refit", "--time-budget", "9999")
    np.testing.assert_array_equal(what_it_says(found), judged)
    info = json.loads((found.path / "info.json").read_text())
    assert info["refit"] is None
    assert any("the time was over before --refit was done" in note for note in info["notes"])


def test_a_refit_of_a_stream_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    words = ["train", str(tmp_path / "t.csv"), "--target", "y", "--refit", "--stream", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 1
    assert "--refit needs the data in memory" in capsys.readouterr().err


def test_cells_to_judge_on_that_cannot_be_read_are_missing(tmp_path: Path) -> None:
    test = table(60).astype({"gaps": object})
    test.loc[::2, "gaps"] = "n.v."
    test.to_csv(tmp_path / "test.csv", index=False)
    found = run(tmp_path, "--test", str(tmp_path / "test.csv"), "--refit")
    assert found.json("metrics.json")["test"]["rows"] == 60
    assert found.json("info.json")["refit"]["rows"] == 360

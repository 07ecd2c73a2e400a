"""Networks from several seeds that predict as one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pydl
from pydl import cli
from pydl.pipeline import crossval, worker
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Outcome, Watch
from pydl.pipeline.fitted import predict
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred rows are many here, so that trainings take no time."""
    monkeypatch.setattr(worker, "_FEW", 200)


def table(rows: int, kind: str = "number") -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    words = np.where(x > 0.5, "a", np.where(x < -0.5, "b", "c"))
    y = {"number": 3 + 50 * x, "two": np.where(x > 0, "yes", "no"), "three": words}[kind]
    return pd.DataFrame({"x": x, "k": rng.choice([*"uvw"], rows), "y": y})


def trained(frame: pd.DataFrame, **options: Any) -> Outcome:
    target = Target.fit(frame["y"])
    y, _ = target.encode(frame["y"])
    return worker.fit(frame, y, target, guess(frame, "y"), TrainOptions("", "y", **options), Watch(), "training")


def members(model: pydl.Model) -> list[pydl.Model]:
    return [layer for layer in model.layers if isinstance(layer, pydl.Model)]


@pytest.mark.parametrize("kind", ["number", "two", "three"])
def test_networks_of_several_seeds_are_averaged(kind: str) -> None:
    outcome = trained(table(240, kind), ensemble=3, epochs=2, hidden=(4,))
    parts, target, model = outcome.parts, outcome.fitted.target, outcome.fitted.model
    assert (len(parts["train"].y), len(parts["validation"].y)) == (204, 36)
    inputs = parts["validation"].inputs
    single = [member.predict(inputs, verbose=0) for member in members(model)]
    assert len(single) == len(outcome.networks) == 3
    assert not np.allclose(single[0], single[1], atol=1e-3), "from different seeds"
    np.testing.assert_allclose(model.predict(inputs, verbose=0), np.mean(single, axis=0), rtol=1e-5, atol=1e-6)
    alone = trained(table(240, kind), epochs=2, hidden=(4,))
    np.testing.assert_array_equal(single[0], alone.fitted.model.predict(inputs, verbose=0))
    np.testing.assert_allclose(
        outcome.history["val_loss"], np.mean([n.history["val_loss"] for n in outcome.networks], axis=0)
    )
    found = predict(model, target, inputs)
    if found.probabilities is not None:
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)


def test_few_rows_are_averaged_as_often_as_asked() -> None:
    frame = table(40)
    assert members(trained(frame, ensemble=1, epochs=2).fitted.model) == []
    alone = trained(frame, ensemble=1, epochs=2)
    assert (len(alone.parts["train"].y), len(alone.parts["validation"].y)) == (34, 6)
    for count in (2, 9):
        outcome = trained(frame, ensemble=count, epochs=2)
        assert len(members(outcome.fitted.model)) == len(outcome.networks) == count
        assert len(outcome.parts["train"].y) == 40
    target = Target.fit(frame["y"])
    preparation = alone.fitted.preparation
    part = worker.prepared(frame, preparation, target)  # type: ignore[arg-type]
    turns = worker._in_parts(part, 16, 7, target, 0)
    held_out = [tuple(each["validation"].frame.index) for each in turns]
    assert len(set(held_out)) == 16, "the second and third time round, other parts"
    assert sorted(np.concatenate(held_out[:7])) == list(range(40))
    assert all(len(each["train"].y) + len(each["validation"].y) == 40 for each in turns)


def test_without_a_part_to_validate_on_seeds_alone_differ() -> None:
    outcome = trained(table(40), ensemble=2, epochs=2, val=0.0)
    assert len(outcome.parts["train"].y) == 40
    first, second = (m.predict(outcome.parts["train"].inputs, verbose=0) for m in members(outcome.fitted.model))
    assert not np.allclose(first, second, atol=1e-3)


def test_how_each_network_went() -> None:
    outcome = trained(table(240), ensemble=2, epochs=30, patience=1, lr=0.05)
    for network in outcome.networks:
        values = network.history["val_loss"]
        assert network.epochs == len(values)
        assert network.best_epoch == 1 + int(np.argmin(values))
        assert network.steps == network.epochs * 13  # of 204 rows by 16
        assert network.ended_by == ("epochs" if network.epochs == 30 else "patience")
    assert "patience" in [network.ended_by for network in outcome.networks]


class Interrupting(Watch):
    """Presses Ctrl-C in some epoch of some training."""

    def __init__(self, training: int, epoch: int) -> None:
        self.left, self.epoch = training, epoch

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        self.left -= 1
        return [pydl.callbacks.LambdaCallback(on_epoch_begin=self.press)] if self.left == 0 else []

    def press(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("training", "epoch", "left"), [(2, 0, 1), (3, 0, 2), (2, 1, 2), (1, 1, 1)])
def test_ctrl_c_leaves_the_mean_of_those_that_have_learnt(training: int, epoch: int, left: int) -> None:
    frame = table(240)
    target = Target.fit(frame["y"])
    options = TrainOptions("", "y", ensemble=4, epochs=3)
    watch = Interrupting(training, epoch)
    outcome = worker.fit(frame, target.encode(frame["y"])[0], target, guess(frame, "y"), options, watch, "training")
    assert outcome.interrupted
    assert len(outcome.networks) == left
    assert len(members(outcome.fitted.model)) == (left if left > 1 else 0)
    assert outcome.networks[0].ended_by == ("epochs" if training > 1 else "Ctrl-C")


@pytest.mark.parametrize(("training", "ensemble"), [(2, 1), (5, 2)])
def test_ctrl_c_in_a_fold_ends_the_folds(training: int, ensemble: int) -> None:
    """What a fold that was not trained to its end gives is no figure of it."""
    frame = table(240)
    target = Target.fit(frame["y"])
    options = TrainOptions("", "y", ensemble=ensemble, epochs=3, cv=3)
    y = target.encode(frame["y"])[0]
    watch = Interrupting(training, 2)
    watch.silent = lambda: watch  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        crossval.folds(frame, y, target, guess(frame, "y"), options, watch)


@pytest.mark.long  # several networks
@pytest.mark.usefixtures("no_pictures")
def test_a_run_of_several_networks_is_used_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, first, second = tmp_path / "t.csv", tmp_path / "first", tmp_path / "second"
    table(300, "three").to_csv(data, index=False)
    command = ["train", str(data), "--target", "y", "--ensemble", "3", "--epochs", "2", "--hidden", "4"]
    assert cli.main([*command, "--out", str(first)]) == 0
    assert "network 3 of 3" in capsys.readouterr().err
    assert len(members(Run.open(str(first)).fitted().model)) == 3
    info = json.loads((first / "info.json").read_text())
    assert [network["epochs"] for network in info["networks"]] == [2, 2, 2]
    assert cli.main(["train", "--config", str(first / "config.json"), "--out", str(second)]) == 0
    assert (first / "predictions.csv").read_bytes() == (second / "predictions.csv").read_bytes()
    capsys.readouterr()
    assert cli.main(["evaluate", str(first), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 300
    assert cli.main(["predict", str(first), str(data), "--out", str(tmp_path / "p.csv")]) == 0
    assert cli.main(["show", str(first)]) == 0
    assert "--ensemble 3" in capsys.readouterr().out


@pytest.mark.long  # several networks; tables stay
@pytest.mark.usefixtures("no_pictures")
def test_networks_on_images_are_averaged_too(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", "digits", "--epochs", "1", "--hidden", "4", "--ensemble", "2", "--out", str(run)]) == 0
    assert len(members(Run.open(str(run)).fitted().model)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ensemble", "0"], "--ensemble: expected an integer of at least 1, got 0"),
        (["--ensemble", "2", "--stream"], "--ensemble needs the data in memory"),
    ],
)
def test_ensembles_that_cannot_be(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(40).to_csv(tmp_path / "t.csv", index=False)
    arguments = ["train", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "run"), *words]
    assert cli.main(arguments) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]

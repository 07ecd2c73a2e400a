"""Nets for images in a run: augmented, gone on with from another run, and compared with what they are without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import cli
from pydl.pipeline import image_nets, image_run
from pydl.pipeline.contract import CTRL_C, EPOCHS, Trained, Watch
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.options import AUGMENTATIONS, TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.scoring import evaluate_file
from pydl.pipeline.target import Target
from pydl.pipeline.training import train
from tests.pipeline.test_images import archive

pytestmark = pytest.mark.long  # trains convolutional networks; test_digits and the layers' own tests stay

TARGET = Target("class", "classification", ["a", "b", "c"])


class Told(Watch):
    def __init__(self) -> None:
        self.trainings: list[tuple[str, Trained]] = []

    def ended(self, what: str, trained: Trained) -> None:
        self.trainings.append((what, trained))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Archives of digits 0 to 4 and, fewer of them, 5 to 7."""
    (x, y), _ = pydl.datasets.digits.load_data()
    x, folder = 15 * x, tmp_path_factory.mktemp("digits")
    some, few = y < 5, np.flatnonzero((y >= 5) & (y < 8))[:150]
    return (
        archive(folder / "some.zip", {"": (x[some], y[some])}), archive(folder / "few.zip", {"": (x[few], y[few])})
    )  # fmt: skip


@pytest.fixture(scope="module")
def first(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        TrainOptions(str(files[0]), out=str(tmp_path_factory.mktemp("runs") / "a"), hidden=(32,), epochs=6, lr=0.01)
    )


def test_from_a_run(files: tuple[Path, Path], first: Run, tmp_path: Path) -> None:
    watch = Told()
    options = TrainOptions(
        str(files[1]), out=str(tmp_path / "b"), from_model=str(first.path), epochs=15, lr=0.02, compare=True
    )
    run = train(options, watch)
    assert [name for name, _ in watch.trainings] == ["training, top alone", "training", "without --from"]
    assert any(note.startswith("--from: with its top alone trained") for note in run.json("info.json")["notes"])
    figures = run.json("metrics.json")
    assert list(figures["baselines"])[:2] == ["without --from", "constant"]
    assert figures["baselines"]["without --from"]["rows"] == figures["test"]["rows"] == 30
    assert figures["test"]["accuracy"] > 0.8
    page = (run.path / "report.html").read_text()
    for words in ("Some test images", "Worst-predicted test images", "Confusion matrix", "without --from"):
        assert words in page
    assert "--from" in re.sub(r"\s+", " ", page)
    assert evaluate_file(run, str(files[1]))["accuracy"] > 0.8
    learnt = run.fitted().model
    assert learnt.get_layer(image_nets.BODY).inputs[0].shape == (None, 8, 8, 1)
    assert run.options().command()[-3:] == ["--from", str(first.path), "--compare"]


def test_augmented_and_compared(files: tuple[Path, Path], tmp_path: Path) -> None:
    """A net with convolutions, its images flipped and shifted in training only."""
    watch = Told()
    options = TrainOptions(str(files[1]), out=str(tmp_path / "c"), model="simple", augment=True, compare=True, epochs=2)
    run = train(options, watch)
    assert [name for name, _ in watch.trainings] == ["training", "without --augment"]
    assert "without --augment" in run.json("metrics.json")["baselines"]
    assert any(note.startswith("images are mirrored") for note in run.json("info.json")["notes"])
    model = run.fitted().model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[1:3] == ["RandomFlip", "RandomTranslation"]
    assert kinds.count("Conv2D") == 2
    assert run.json("info.json")["settings"]["batch_size"] == 16
    x = np.full((2, 8, 8, 1), 100, np.uint8)
    x[:, :, :4] = 0
    np.testing.assert_array_equal(model.predict(x, verbose=0)[0], model.predict(x, verbose=0)[1])
    assert [image_nets.rows_of_step((n, n, 3)) for n in (28, 32, 64, 224)] == [128, 128, 32, 8]


def test_the_net_where_none_is_asked_for(digits_of_16: Path) -> None:
    default = TrainOptions("x").hidden
    assert image_nets.suited((15, 40, 3), default) == "dense"
    assert image_nets.suited((16, 16, 1), default) == "simple"
    assert image_nets.suited((28, 28, 1), (64,)) == "dense"
    outcome = image_run.train_images(TrainOptions(str(digits_of_16), task="image", epochs=1), Watch())
    assert [type(layer).__name__ for layer in outcome.fitted.model.layers].count("Conv2D") == 4
    assert outcome.settings["model"] == "simple"
    assert outcome.settings["hidden"] == []
    assert any(note.startswith("the net is simple") for note in outcome.notes)


@pytest.fixture
def digits_of_16(tmp_path: Path) -> Path:
    (x, y), _ = pydl.datasets.digits.load_data()
    return archive(tmp_path / "16.zip", {"": (np.repeat(np.repeat(15 * x[:60], 2, 1), 2, 2), y[:60] % 3)})


def test_the_two_phases(first: Run) -> None:
    """What is in front of the new top stays as it was until it is thawed; then it is trained, more slowly."""
    start = image_nets.base(str(first.path))
    given = [w.copy() for w in start.model.get_weights()]
    options = TrainOptions("x", from_model=str(first.path), lr=0.01)
    model = image_nets.build(ImagePreparation((8, 8, 1), 255.0), TARGET, options, start)
    body = model.get_layer(image_nets.BODY)
    x, y = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8), np.arange(40) % 3
    model.fit(x, y, epochs=2, verbose=0)
    for before, after in zip(given, body.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    image_nets.thaw(model, TARGET, options)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)
    model.fit(x, y, epochs=1, verbose=0)
    assert all((a != b).any() for a, b in zip(given, body.get_weights(), strict=True))
    for before, kept in zip(given, start.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, kept)  # the net gone on with is a copy
    anew = image_nets.build(ImagePreparation((8, 8, 1), 255.0), TARGET, options, start, anew=True)
    assert (anew.get_layer(image_nets.BODY).get_weights()[0] != given[0]).any()
    assert anew.get_layer(image_nets.BODY).trainable


def test_brightness_of_the_net_gone_on_with(first: Run, tmp_path: Path) -> None:
    """A net sees values as large as those it was trained with, whatever full brightness is now."""
    images = np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1))
    start = image_nets.base(str(first.path))
    assert start.top == 255
    expected = start.model.predict(images / 16 * 255, verbose=0)
    options = TrainOptions("x", from_model="x")
    model = image_nets.build(ImagePreparation((8, 8, 1), 16.0), TARGET, options, start)
    inner = pydl.Model(model.inputs, model.layers[-1].input)
    np.testing.assert_allclose(inner.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-5)
    start.model.save(tmp_path / "plain.safetensors")
    assert image_nets.base(str(first.path / "model.safetensors")).top == 255  # it scales bytes itself
    x = pydl.Input((8, 8, 1))
    h = pydl.layers.Dense(4, "relu")(pydl.layers.Flatten()(x))
    pydl.Model(x, pydl.layers.Dense(2)(h)).save(tmp_path / "plain.safetensors")
    assert image_nets.base(str(tmp_path / "plain.safetensors")).top == 1


def test_the_first_of_an_ensemble(files: tuple[Path, Path], tmp_path: Path) -> None:
    run = train(TrainOptions(str(files[1]), out=str(tmp_path / "e"), hidden=(8,), epochs=1, ensemble=2))
    body = image_nets.base(str(run.path)).model
    assert body.output_shape == (None, 8)


def test_ctrl_c_in_the_first_phase(files: tuple[Path, Path], first: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the new top has learnt is kept, and nothing else is trained."""
    trained = []

    def interrupted(model: Any, *args: Any) -> Trained:
        trained.append(args)
        return Trained({"loss": [1.0], "accuracy": [0.5]}, 1, 1, 3, CTRL_C)

    monkeypatch.setattr(image_run, "fit_model", interrupted)
    outcome = image_run.train_images(
        TrainOptions(str(files[1]), task="image", from_model=str(first.path), compare=True), Watch()
    )
    assert outcome.interrupted
    assert len(trained) == 1
    assert [network.ended_by for network in outcome.networks] == [CTRL_C]
    assert outcome.rivals == {}


def test_ctrl_c_in_a_comparison(files: tuple[Path, Path], first: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that was asked for is kept."""

    def network(self: Any, options: TrainOptions, watch: Watch, what: str, *, anew: bool = False) -> Any:
        if anew:
            raise KeyboardInterrupt
        model = image_nets.build(self.preparation, self.target, options, self.start)
        return model, [Trained({"loss": [1.0]}, 1, 1, 3, EPOCHS)], False

    monkeypatch.setattr(image_run._Lesson, "network", network)
    outcome = image_run.train_images(
        TrainOptions(str(files[1]), task="image", from_model=str(first.path), compare=True), Watch()
    )
    assert outcome.interrupted
    assert outcome.rivals == {}
    assert outcome.fitted.model is not None


@pytest.mark.parametrize(("second", "kept"), [(0.9, True), (0.1, False)])
def test_the_better_phase_is_kept(
    files: tuple[Path, Path], first: Run, monkeypatch: pytest.MonkeyPatch, second: float, kept: bool
) -> None:
    """By the log loss of the validation rows, whatever a training tells of itself; the other's weights are gone."""
    biases = iter([0.5, second])  # what each phase says of the right class, in place of a training

    def trained(model: Any, parts: Any, *args: Any) -> Trained:
        share = next(biases)
        kernel, _ = model.layers[-1].get_weights()
        right = int(parts["validation"].y[0])
        others = np.log((1 - share) / 2 / share)
        model.layers[-1].set_weights([0 * kernel, np.where(np.arange(3) == right, 0, others)])
        return Trained({"loss": [1.0], "accuracy": [share]}, 1, 1, 3, EPOCHS)

    def of_one_class(*args: Any, **options: Any) -> Any:
        rows, y, held, y_val = split(*args, **options)
        return rows, y, held, 0 * y_val

    split = image_run.split
    monkeypatch.setattr(image_run, "fit_model", trained)
    monkeypatch.setattr(image_run, "split", of_one_class)
    outcome = image_run.train_images(TrainOptions(str(files[1]), task="image", from_model=str(first.path)), Watch())
    share = second if kept else 0.5
    assert [network.history["accuracy"] for network in outcome.networks] == [[share]]
    probabilities = outcome.fitted.predict(outcome.parts["test"].frame).probabilities
    np.testing.assert_allclose(probabilities[:, 0], share, rtol=1e-5)
    worse = "made it worse, log_loss 0.6931, then 2.303 of the validation rows"
    assert any(worse in note for note in outcome.notes) != kept


def test_ctrl_c_at_the_start_of_the_second_phase(
    files: tuple[Path, Path], first: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first one has learnt is kept."""
    phases = iter("ab")

    def trained(model: Any, *args: Any) -> Trained:
        if next(phases) == "b":
            model.set_weights([0 * w for w in model.get_weights()])
            raise KeyboardInterrupt
        return Trained({"loss": [1.0], "accuracy": [0.5]}, 1, 1, 3, EPOCHS)

    monkeypatch.setattr(image_run, "fit_model", trained)
    outcome = image_run.train_images(TrainOptions(str(files[1]), task="image", from_model=str(first.path)), Watch())
    assert outcome.interrupted
    assert any(w.any() for w in outcome.fitted.model.get_weights())


def test_ways_to_augment(capsys: pytest.CaptureFixture[str]) -> None:
    def layers(**given: Any) -> list[str]:
        options = TrainOptions("x", model="simple", **given)
        model = image_nets.build(ImagePreparation((8, 8, 1), 255.0), TARGET, options)
        return [type(layer).__name__ for layer in model.layers if type(layer).__name__.startswith("Random")]

    assert layers() == []
    assert layers(augment=True) == ["RandomFlip", "RandomTranslation"]
    assert layers(augment_by=("shift",)) == ["RandomTranslation"]
    assert layers(augment=True, augment_by=("zoom", "rotate")) == ["RandomRotation", "RandomZoom"]
    every = ["RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom", "RandomContrast", "RandomBrightness"]
    assert layers(augment_by=AUGMENTATIONS[::-1]) == every
    assert TrainOptions("x", augment_by=("shift", "zoom")).command()[-2:] == ["--augment-by", "shift,zoom"]
    assert cli.main(["train", "digits", "--out", "x", "--augment-by", "shift,turn"]) == 1
    assert "--augment-by: expected one of flip, shift, rotate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "resnet"}, "--model: expected one of dense, simple"),
        ({"model": "simple", "from_model": "a"}, "leave --model out"),
        ({"compare": True}, "give one of them"),
        ({"from_model": "a", "refit": True}, "--refit trains from the start"),
    ],
)
def test_options_that_do_not_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TrainOptions("x", **given)


def test_what_cannot_be_gone_on_with(files: tuple[Path, Path], first: Run, tmp_path: Path) -> None:
    def refused(words: str, **given: Any) -> None:
        with pytest.raises(ValueError, match=words):
            train(TrainOptions(str(files[1]), out=str(tmp_path / "run"), **given))

    refused("takes 8 x 8 pixels", from_model=str(first.path), image_size=9)
    refused("expected the folder of a run", from_model=str(tmp_path))
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    with pytest.raises(ValueError, match="--from is for images"):
        train(TrainOptions(str(tmp_path / "t.csv"), target="y", out=str(tmp_path / "t"), from_model=str(first.path)))
    table = train(TrainOptions(str(tmp_path / "t.csv"), target="y", out=str(tmp_path / "t"), epochs=1, hidden=(2,)))
    refused("expected a run on images", from_model=str(table.path))
    x = pydl.Input((8, 8, 1))
    pydl.Model(x, pydl.layers.Dense(2)(pydl.layers.Flatten()(x))).save(tmp_path / "flat.safetensors")
    refused("weights in front of the layer that tells", from_model=str(tmp_path / "flat.safetensors"))

"""Images to train on: MNIST from an archive of PNG files, other layouts, and what cannot be used."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pydl
from pydl.pipeline import images
from pydl.pipeline.contract import Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.scoring import evaluate_file, predict_file
from pydl.pipeline.seen import Seen
from pydl.pipeline.training import train

pytestmark = pytest.mark.long  # trains on images; data/test_images and test_digits stay


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def archive(path: Path, parts: dict[str, tuple[Any, Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for part, (x, y) in parts.items():
            for i, (pixels, label) in enumerate(zip(x, y, strict=True)):
                made.writestr(f"{part}{label}/{i:05d}.png", png(pixels))
    return path


def test_mnist(data_dir: Path, tmp_path: Path) -> None:
    with np.load(data_dir / "mnist.npz") as a:
        shown, test = (a["x_train"], a["y_train"]), (a["x_test"], a["y_test"])
    path = archive(tmp_path / "mnist.zip", {"train/": shown, "test/": test})
    found = images.read_images(path)
    assert found.classes == [str(i) for i in range(10)]
    assert found.notes[0] == "60000 images of 10 classes, 28 x 28, grey"
    order = [int(name.rsplit("/")[-1][:5]) for name in found.test_names]
    np.testing.assert_array_equal(found.x_test[..., 0], test[0][order])
    np.testing.assert_array_equal(found.y_test, test[1][order])
    run = train(TrainOptions(str(path), out=str(tmp_path / "run"), task="image", model="dense", epochs=12, patience=3))
    figures = run.json("metrics.json")
    assert figures["test"]["accuracy"] >= 0.975
    assert "Worst-predicted test images" in (run.path / "report.html").read_text()


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    (x, y), _ = pydl.datasets.digits.load_data()
    return 15 * x[:500], y[:500]


@pytest.mark.parametrize("top", ["", "digits/", "digits/train/"])
def test_without_a_folder_for_testing(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path, top: str) -> None:
    path = archive(tmp_path / "d.zip", {top: digits})
    found = images.read_images(path, seed=1)
    assert (len(found.x), len(found.x_test)) == (400, 100)
    assert not set(found.names) & set(found.test_names)
    assert np.ptp(np.bincount(found.y_test)) <= 2
    assert "100 images were set aside" in found.notes[1]
    np.testing.assert_array_equal(images.read_images(path, seed=1).y, found.y)
    assert images.read_images(path, seed=2).names != found.names


def test_folders_and_sizes(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    path = archive(tmp_path / "d.zip", {"train/": (x[:300], y[:300]), "val/": (x[300:], y[300:])})
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "d")
    for place in (path, tmp_path / "d"):
        found = images.read_images(place, size=(6, 5))
        assert found.x.shape == (300, 6, 5, 1)
        assert found.x_test.shape == (200, 6, 5, 1)
    apart = archive(tmp_path / "apart.zip", {"": (x[300:], y[300:])})
    found = images.read_images(path, test=apart)
    assert len(found.test_names) == 200
    assert 'the folder "val" is not used' in found.notes
    names, some, labels = images.read_unlabelled(apart, found.x.shape[1:], found.classes)
    np.testing.assert_array_equal(some, found.x_test)
    np.testing.assert_array_equal(labels, found.y_test)
    names, some, labels = images.read_unlabelled(tmp_path / "d" / "val" / "3", (8, 8, 1), found.classes)
    assert len(names) == len(some) == (y[300:] == 3).sum()
    assert labels is None
    one = next((tmp_path / "d" / "val" / "3").iterdir())
    assert images.read_unlabelled(one, (8, 8, 1), found.classes)[1].shape == (1, 8, 8, 1)


def test_built_in() -> None:
    found = images.read_images("digits")
    assert (found.x.shape, found.x_test.shape, found.top) == ((1437, 8, 8, 1), (360, 8, 8, 1), 16)


def test_what_cannot_be_used(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    with pytest.raises(FileNotFoundError):
        images.read_images(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="expected images in folders"):
        images.read_images(tmp_path / "empty")
    with pytest.raises(ValueError, match='two classes, found only "0"'):
        images.read_images(archive(tmp_path / "one.zip", {"train/": (x[:5], [0] * 5)}))
    with pytest.raises(ValueError, match='class "1" has one image'):
        images.read_images(archive(tmp_path / "few.zip", {"": (x[:5], [0, 0, 0, 0, 1])}))
    with pytest.raises(ValueError, match=r'they lie in folders of "a", "b"'):
        images.read_images(archive(tmp_path / "ab.zip", {"a/": (x[:9], y[:9]), "b/": (x[:9], y[:9])}))
    with pytest.raises(ValueError, match="not known"):
        images.read_images(archive(tmp_path / "new.zip", {"train/": (x[:4], [0, 0, 1, 1]), "test/": (x[:1], [2])}))


def saved(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(pixels))


def test_what_is_not_used_or_not_alike_is_told(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, top = digits[0], tmp_path / "d"
    for k in range(158):
        saved(x[k], top / "ab"[k % 2] / f"{k:03d}.png")
    for k in range(2):
        saved(x[170 + k], top / "rare" / f"{k}.png")
    saved(np.zeros((9, 5), np.uint8), top / "b" / "small.png")
    saved(np.full((8, 8, 3), [9, 8, 7], np.uint8), top / "a" / "colour.png")
    saved(x[180], top / "stray.png")
    (top / "c" / "inner").mkdir(parents=True)
    (top / "a" / "notes.txt").write_text("?")
    (top / "a" / "Thumbs.db").write_text("?")
    found = images.read_images(top)
    assert found.notes == [
        "162 images of 3 classes, 8 x 8, grey",
        'no images in the folder "c", which is no class',
        '1 image in no folder of a class not used, such as "stray.png"',
        '1 file of other kinds not read, such as "a/notes.txt"',
        "no folder for testing: 32 images were set aside",
        'no image to judge by of "rare"',
        "1 image of other sizes was brought to 8 x 8, --image-size N to N x N",
        "1 image in colour, made grey as the first one is",
    ]


def test_images_that_are_stored_on_their_side_are_told(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for k in range(24):
        image = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
        image.getexif()[0x0112] = (6, 1)[k > 1]
        path = tmp_path / "d" / "ab"[k % 2] / f"{k:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, exif=image.getexif())
    told = images.read_images(tmp_path / "d").notes[-1]
    assert told.startswith("2 images say that viewers should turn or mirror it (Exif)")


def test_images_that_are_there_twice_are_told(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    path = archive(tmp_path / "d.zip", {"train/": (x[:100], y[:100]), "test/": (x[98:150], y[98:150])})
    assert images.read_images(path).notes[2:] == [
        "2 of 52 test images are among the training images too, pixel by pixel as they are read: they make figures "
        "too good; leave the copies out"
    ]
    path = archive(tmp_path / "e.zip", {"train/": (x[[0, 1, 2, 0]], [3, 4, 5, 6]), "test/": (x[9:13], [3, 4, 5, 6])})
    assert images.read_images(path).notes[2:] == ["1 training image is there under several classes"]
    with zipfile.ZipFile(path, "a") as more, pytest.warns(UserWarning, match="Duplicate name"):
        more.writestr("train/4/00001.png", png(x[77]))
    found = images.read_images(path)
    np.testing.assert_array_equal(found.x[1, ..., 0], x[77])
    assert '1 name more than once in the archive, such as "train/4/00001.png": the last file' in found.notes[1]


def test_folders_that_are_links(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    for k in range(12):
        saved(digits[0][k], tmp_path / ("d/a", "elsewhere")[k % 2] / f"{k:02d}.png")
    (tmp_path / "d" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "a" / "loop").symlink_to(tmp_path / "d")
    found = images.read_images(tmp_path / "d")
    assert found.classes == ["a", "b"]
    assert len(found.x) + len(found.x_test) == 12
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "train").symlink_to(tmp_path / "d")  # in which a class is a link
    assert images.read_images(tmp_path / "e").classes == ["a", "b"]


def test_a_run_predicts_and_evaluates(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    path, n = archive(tmp_path / "d.zip", {"": (x[y < 3], y[y < 3])}), (y < 3).sum()
    runs = []
    for name, threads in (("a", 1), ("b", 2)):
        options = TrainOptions(
            str(path), out=str(tmp_path / name), task="image", epochs=8, hidden=(32,), threads=threads
        )
        runs.append(train(options))
    pydl.config.set_num_threads(None)
    a, b = runs
    assert (a.path / "metrics.json").read_bytes() == (b.path / "metrics.json").read_bytes()
    assert evaluate_file(a, str(path))["accuracy"] > 0.8
    assert predict_file(a, str(path), str(tmp_path / "p.csv")) == n
    judged = pd.read_csv(a.path / "predictions.csv")
    assert (judged["image"].str[0].astype(int) == judged["truth"]).all()
    assert judged["image"].nunique() == len(judged) == a.json("metrics.json")["test"]["rows"]
    told = pd.read_csv(tmp_path / "p.csv")
    both = judged.merge(told, on="image")
    assert (both["prediction"] == both["class predicted"]).all()
    assert list(told.columns[:3]) == ["image", "class predicted", "probability 0"]
    assert (told["class predicted"] == told["image"].str[0].astype(int)).mean() > 0.8
    with pytest.raises(ValueError, match="--target is for tables"):
        train(TrainOptions(str(path), target="y", out=str(tmp_path / "c"), task="image"))
    parted = archive(tmp_path / "e.zip", {"train/": (x[y < 3], y[y < 3]), "test/": (x[y < 3][:30], y[y < 3][:30])})
    found = evaluate_file(a, str(parted))
    assert found["rows"] == 30
    assert found["notes"] == [f'the images in "test" are judged, not the {n} others, which are to learn from']
    with zipfile.ZipFile(parted, "a") as more:
        more.writestr("train/9/new.png", png(x[0]))
    assert evaluate_file(a, str(parted))["rows"] == 30  # whatever there is to learn from
    with zipfile.ZipFile(parted, "a") as more:
        more.writestr("train/0/broken.png", b"")
    with pytest.raises(ValueError, match=r"train/0/broken.png.* cannot be read as an image"):
        predict_file(a, str(parted), str(tmp_path / "p.csv"))
    seen = Seen()
    assert predict_file(a, str(parted), str(tmp_path / "p.csv"), seen, leave_out=True) == n + 31
    assert seen.notes() == ['1 file that cannot be read as images left out, such as "train/0/broken.png"']
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(ValueError, match="none of 1 files can be read as an image"):
        predict_file(a, str(tmp_path / "broken.png"), str(tmp_path / "p.csv"), seen, leave_out=True)


def test_decoded_while_it_trains(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """In pieces or in memory: the same weights, figures, predictions and pictures, refitted on all rows as well."""
    path = archive(tmp_path / "d.zip", {"": digits})
    given: dict[str, Any] = {"hidden": (16,), "epochs": 3, "refit": True, "ensemble": 2, "metric": "accuracy"}
    runs = {}
    for name, stream in (("memory", False), ("pieces", True)):
        watch = Said()
        runs[name] = train(TrainOptions(str(path), out=str(tmp_path / name), stream=stream, **given), watch)
        assert ("images are decoded anew in each epoch" in watch.said) == stream
    for file in ("metrics.json", "history.csv", "predictions.csv"):
        first, second = ((run.path / file).read_bytes() for run in runs.values())
        assert first == second, file
    for a, b in zip(*(run.fitted().model.get_weights() for run in runs.values()), strict=True):
        np.testing.assert_array_equal(a, b)
    pages = [(run.path / "report.html").read_text() for run in runs.values()]
    first, second = (re.findall(r'src="data:image[^"]+"', page) for page in pages)
    assert first == second
    assert len(first) >= 5
    assert predict_file(runs["pieces"], str(path), str(tmp_path / "p.csv")) == 500


class Said(Watch):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_images_that_do_not_fit_into_memory(
    digits: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "d.zip", {"": digits})
    size = 500 * 8 * 8
    monkeypatch.setattr(images, "available", lambda: 3 * size)
    assert isinstance(images.read_images(path).x, np.ndarray)
    monkeypatch.setattr(images, "available", lambda: 3 * size - 1)
    found = images.read_images(path)
    assert isinstance(found.x, images.Undecoded)
    assert "decoded anew in each epoch: 0.0 GB, of 0.0 GB that are free" in found.notes[-1]
    whole = images.read_images(path, stream=False).x
    assert isinstance(whole, images.Undecoded)
    np.testing.assert_array_equal(np.concatenate(list(whole.pieces())), whole[:])
    np.testing.assert_array_equal(whole.some(np.array([7, 3]))[1], whole[3])
    both = images.joined([found.x.some(np.array([1])), found.x.some(np.array([0]))])
    assert isinstance(both, images.Undecoded)
    np.testing.assert_array_equal(both[:], found.x[[1, 0]])
    np.testing.assert_array_equal(images.joined([found.x, whole]), np.concatenate([found.x[:], whole[:]]))

"""Folders and archives of images as Keras's `image_dataset_from_directory` gives them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pydl
from pydl import data
from pydl.utils import image_dataset_from_directory

Array = np.ndarray[Any, Any]

FILES = {"b/1.png": 10, "b/0.png": 20, "b/deep/2.png": 30, "a/9.png": 40, "a/10.PNG": 50, "c/x.bmp": 60}
IN_ORDER = ["a/10.PNG", "a/9.png", "b/0.png", "b/1.png", "b/deep/2.png", "c/x.bmp"]
LABELS = [0, 0, 1, 1, 1, 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of images of one grey each, at two depths, and files that do not count."""
    top = tmp_path / "photos"
    for name, grey in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (grey,) * 3).save(top / name)
    (top / "a" / "notes.txt").write_text("no image")
    (top / "a" / "._9.png").write_text("what a Mac leaves in archives")
    (top / ".hidden").mkdir()
    Image.new("RGB", (6, 4)).save(top / ".hidden" / "h.png")
    Image.new("RGB", (6, 4), (70,) * 3).save(top / "top.png")  # in no class
    return top


def archive(folder: Path, within: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, within + str(file.relative_to(folder)))
    return path


def read(where: Any, **how: Any) -> Any:
    return image_dataset_from_directory(where, **({"image_size": (4, 6), "shuffle": False, "verbose": False} | how))


def greys(x: Array) -> list[int]:
    assert (x.min(axis=(1, 2, 3)) == x.max(axis=(1, 2, 3))).all()
    return x[:, 0, 0, 0].astype(int).tolist()


def test_labels_by_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(folder, batch_size=4, verbose=True)
    assert capsys.readouterr().out == "Found 6 files belonging to 3 classes.\n"
    assert found.class_names == ["a", "b", "c"]
    assert found.file_paths == [str(folder / name) for name in IN_ORDER]
    (x, y), (rest, _) = found
    assert (x.dtype, x.shape, y.dtype, y.shape) == (np.float32, (4, 4, 6, 3), np.int32, (4,))
    assert greys(np.concatenate([x, rest])) == [FILES[name] for name in IN_ORDER]
    assert len(found) == 2
    assert np.concatenate([y for _, y in found]).tolist() == LABELS
    one_hot = next(iter(read(folder, label_mode="categorical")))[1]
    assert one_hot.dtype == np.float32
    np.testing.assert_array_equal(one_hot, np.eye(3)[LABELS])
    two = read(folder, label_mode="binary", class_names=["c", "a"])
    x, y = next(iter(two))
    assert (y.dtype, y.tolist(), greys(x)) == (np.float32, [[0], [1], [1]], [60, 50, 40])


def test_labels_that_are_given_and_none(folder: Path) -> None:
    every = ["top.png", ".hidden/h.png", *IN_ORDER]
    given = read(folder, labels=[5, 0, 0, 0, 7, 7, 0, 0])
    assert [Path(path).relative_to(folder).as_posix() for path in given.file_paths] == every
    assert given.class_names == ["0", "5", "7"]
    assert next(iter(given))[1].tolist() == [5, 0, 0, 0, 7, 7, 0, 0]
    for none in (read(folder, labels=None), read(folder, label_mode=None)):
        assert none.class_names is None
        assert len(none.file_paths) == 8
        assert next(iter(none)).shape == (8, 4, 6, 3)
    single = list(read(folder, batch_size=None))
    assert len(single) == 6 == len(read(folder, batch_size=None))
    assert (single[0][0].shape, int(single[0][1])) == ((4, 6, 3), 0)


def test_archives(folder: Path) -> None:
    shutil.rmtree(folder / ".hidden")
    (folder / "top.png").unlink()
    for place in (archive(folder), archive(folder, "photos/"), archive(folder, "photos/") / "photos"):
        found = read(place)
        assert found.class_names == ["a", "b", "c"]
        assert greys(next(iter(found))[0]) == [FILES[name] for name in IN_ORDER]
    both = archive(folder, "train/")
    with zipfile.ZipFile(both, "a") as packed:
        packed.write(folder / "c" / "x.bmp", "test/c/x.bmp")
    assert len(read(both / "train").file_paths) == 6
    assert len(read(both / "test" / "c", labels=None).file_paths) == 1
    with pytest.raises(FileNotFoundError, match='no images in "other/"'):
        read(both / "other")


def test_colours(folder: Path) -> None:
    Image.new("RGBA", (6, 4), (10, 20, 30, 40)).save(folder / "c" / "x.png")
    (folder / "c" / "x.bmp").unlink()
    for mode, pixel in (("rgb", [10, 20, 30]), ("rgba", [10, 20, 30, 40]), ("grayscale", [18])):
        x, _ = next(iter(read(folder, class_names=["c"], color_mode=mode)))
        assert x[0, 0, 0].tolist() == pixel


def test_shuffled_as_keras_does(folder: Path) -> None:
    """Keras puts the sorted paths in the order of `RandomState(seed)`, and takes the validation part from its end."""
    expected = list(IN_ORDER)
    np.random.RandomState(7).shuffle(expected)
    found = read(folder, shuffle=True, seed=7, batch_size=2)
    assert [Path(path).relative_to(folder).as_posix() for path in found.file_paths] == expected
    whole = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    again = read(folder, shuffle=True, seed=7, batch_size=2)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in again]), whole[0])
    of_grey = {FILES[name]: label for name, label in zip(IN_ORDER, LABELS, strict=True)}
    for _ in range(4):  # passes in other orders, each file with its label
        x, y = (np.concatenate(parts) for parts in zip(*again, strict=True))
        assert [of_grey[grey] for grey in greys(x)] == y.tolist()
        assert sorted(greys(x)) == sorted(FILES.values())
    passes = {tuple(greys(np.concatenate([x for x, _ in again]))) for _ in range(8)}
    assert len(passes) > 4
    parts = read(folder, shuffle=True, seed=7, validation_split=0.4, subset="both")
    assert [[Path(p).name for p in part.file_paths] for part in parts] == [
        [Path(p).name for p in expected[:4]], [Path(p).name for p in expected[4:]]
    ]  # fmt: skip
    assert read(folder, shuffle=True, seed=7, validation_split=0.4, subset="validation").rows == 2
    for order in (list(parts[1]), list(parts[1])):
        assert greys(order[0][0]) == [FILES[p] for p in expected[4:]]  # the validation part stays as it is


def bilinear(x: Array, size: tuple[int, int]) -> Array:
    """Values between the four nearest pixels, whose middles are at halves."""
    for axis, n in enumerate(size):
        if x.shape[axis] == n:
            continue
        at = np.clip((np.arange(n) + 0.5) * x.shape[axis] / n - 0.5, 0, x.shape[axis] - 1)
        low = np.minimum(at.astype(int), x.shape[axis] - 2)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(3)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, low + 1, axis) * share
    return x


@pytest.mark.parametrize("size", [(5, 9), (30, 17), (12, 16), (6, 8), (7, 3), (10, 10), (9, 10)])
def test_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "x.png")

    def found(**how: Any) -> Array:
        result: Array = read(tmp_path, labels=None, **({"image_size": size} | how)).decode(np.arange(1))[0]
        return result

    np.testing.assert_allclose(found(), bilinear(pixels.astype(float), size), atol=1e-4)
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size, (12, 16), strict=True))
    np.testing.assert_array_equal(found(interpolation="nearest"), pixels[rows][:, columns])
    high, wide = size
    h, w = min(12, 16 * high // wide), min(16, 12 * wide // high)
    top, left = (12 - h) // 2, (16 - w) // 2
    cut = pixels[top : top + h, left : left + w].astype(float)
    np.testing.assert_allclose(found(crop_to_aspect_ratio=True), bilinear(cut, size), atol=1e-4)
    h, w = (min(high, 12 * wide // 16), min(wide, 16 * high // 12))
    framed = np.zeros((*size, 3))
    top, left = int((high - min(high, 12 * wide / 16)) / 2), int((wide - min(wide, 16 * high / 12)) / 2)
    framed[top : top + h, left : left + w] = bilinear(pixels.astype(float), (h, w))
    np.testing.assert_allclose(found(pad_to_aspect_ratio=True), framed, atol=1e-4)
    for other in ("bicubic", "lanczos3", "lanczos5"):  # they were smoothed and rounded
        wanted = pydl.layers.Resizing(*size, other)(pixels.astype("float32"))
        np.testing.assert_allclose(found(interpolation=other), wanted, rtol=1e-4, atol=1e-3)
    for other in ("area", "gaussian", "mitchellcubic"):
        assert abs(found(interpolation=other).mean() - pixels.mean()) < 12
    if size == (6, 8):
        halves = pixels.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(found(interpolation="area"), halves, rtol=1e-5)


def test_damaged_files_are_named(folder: Path) -> None:
    whole = (folder / "b" / "1.png").read_bytes()
    for content, words in ((b"text", "cannot be read as an image"), (whole[:50], "cannot be")):
        (folder / "b" / "1.png").write_bytes(content)
        with pytest.raises(ValueError, match=rf'"b/1\.png" {words}'):
            list(read(folder, batch_size=2))
        with pytest.raises(ValueError, match=rf'"b/1\.png" {words}'):  # through the thread that reads ahead
            model().fit(read(folder, batch_size=2), verbose=0)


def model() -> pydl.Model:
    made = pydl.Sequential([pydl.layers.Flatten(), pydl.layers.Rescaling(1 / 255), pydl.layers.Dense(3, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def test_fit_evaluate_predict(folder: Path) -> None:
    outcomes = []
    for threads in (1, 2):
        pydl.config.set_num_threads(threads)
        pydl.utils.set_random_seed(3)
        train, held = read(folder, shuffle=True, seed=1, validation_split=0.4, subset="both", batch_size=3)
        made = model()
        history = made.fit(train, validation_data=held, epochs=2, verbose=0).history
        assert made.optimizer.iterations == 4  # of three images, then one
        inputs, labels = (np.concatenate(parts) for parts in zip(*held, strict=True))
        np.testing.assert_array_equal(made.predict(held, verbose=0), made.predict(inputs, verbose=0))
        assert made.evaluate(held, verbose=0) == made.evaluate(inputs, labels, verbose=0)
        outcomes.append((history, made.get_weights()[0].tobytes()))
    pydl.config.set_num_threads(None)
    assert outcomes[0] == outcomes[1]
    parts = data.split(read(folder), test=0.5)
    assert [len(parts.train), len(parts.test)] == [3, 3]


def test_loops_over_some_batches(folder: Path) -> None:
    found = read(folder, batch_size=2)
    mapped = found.map(lambda x, y: (x + 1, y))
    assert found.cardinality() == mapped.cardinality() == 3
    for batches, brighter in ((found, 0), (mapped, 1)):
        every = [greys(x - brighter) for x, _ in batches.as_numpy_iterator()]
        assert every == [[50, 40], [20, 10], [30, 60]]
        assert [greys(x - brighter) for x, _ in batches.take(2)] == every[:2]
        assert [greys(x - brighter) for x, _ in batches.skip(2)] == every[2:]
    with pytest.raises(ValueError, match=r"`skip` must be an integer >= 0, got -1"):
        found.skip(-1)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"labels": "other"}, 'expected "inferred", None or a list'),
        ({"labels": [0, 1]}, "one for each of the 8 files"),
        ({"labels": [0] * 8, "class_names": ["a"]}, 'class_names goes with labels="inferred"'),
        ({"label_mode": "other"}, "Invalid value for argument `label_mode`. Expected one of"),
        ({"label_mode": "binary"}, "is for two classes"),
        ({"color_mode": "cmyk"}, "Invalid value for argument `color_mode`. Expected one of"),
        ({"class_names": ["a", "z"]}, "which are a, b, c; got 'z'"),
        ({"image_size": (4, 4, 3)}, "image_size must be an integer or 2"),
        ({"interpolation": "cubic"}, "Invalid value for argument `interpolation`. Expected one of"),
        ({"data_format": "channels_first"}, "channels_first"),
        ({"subset": "training"}, "goes with validation_split"),
        ({"validation_split": 0.2}, "Invalid value for argument `subset`. Expected one of"),
        ({"validation_split": 1.5, "subset": "both"}, "validation_split"),
        ({"validation_split": 0.2, "subset": "both", "shuffle": True}, "expected a seed"),
        ({"validation_split": 0.01, "subset": "both"}, "leaves one part empty"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "got both"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_arguments_that_do_not_fit(folder: Path, how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(folder, **how)


def test_nothing_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="no images found"):
        read(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    with pytest.raises(ValueError, match="folder or a zip archive"):
        read(folder / "top.png")


@pytest.mark.long  # ten thousand images; small folders stay
def test_cifar(data_dir: Path) -> None:
    source = read(data_dir / "cifar10-jpg.zip" / "test", image_size=32, batch_size=500)
    assert len(source.class_names) == 10
    assert len(source) == 20
    batches = source.batches(prefetch=0)
    x, y = next(batches)
    assert (x.shape, y.tolist()) == ((500, 32, 32, 3), [0] * 500)
    with zipfile.ZipFile(data_dir / "cifar10-jpg.zip") as packed:
        name = sorted(n for n in packed.namelist() if n.startswith("test/airplane/") and n.endswith(".jpg"))[3]
        with packed.open(name) as file:
            np.testing.assert_array_equal(x[3], np.asarray(Image.open(file), np.float32))

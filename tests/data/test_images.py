"""Images in folders and archives: CIFAR-10 as JPEG files, and files that are not what they should be."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pydl
from pydl import data
from pydl.data.images import parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of PNG files, of one colour each, one of another size, and files that are no images."""
    for kind, colour in (("cat", 10), ("dog", 200)):
        (tmp_path / "pets" / "train" / kind).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (6, 4), colour + i).save(tmp_path / "pets" / "train" / kind / f"{i:02d}.png")
    Image.new("RGB", (12, 8), (0, 0, 255)).save(tmp_path / "pets" / "train" / "dog" / "blue.PNG")
    (tmp_path / "pets" / "train" / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "pets" / "train" / "dog" / "._00.png").write_text("no image either")
    return tmp_path / "pets"


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


def test_a_folder_and_its_archive(folder: Path) -> None:
    packed = zipped(folder)
    assert parts(folder) == ["train"]
    assert parts(packed) == ["pets/train"]
    for source in (data.ImageSource(folder, "train"), data.ImageSource(packed, "pets/train")):
        assert source.classes == ["cat", "dog"]
        assert source.shape == (4, 6, 1)
        assert len(source) == 41
        x, y = source.take(np.arange(41))
        assert (x.dtype, x.shape) == (np.uint8, (41, 4, 6, 1))
        np.testing.assert_array_equal(x[:20, 0, 0, 0], 10 + np.arange(20))
        np.testing.assert_array_equal(y, [0] * 20 + [1] * 21)
        assert x[-1].max() == x[-1].min() == 29  # blue as grey
    colours = data.ImageSource(folder, "train", size=(2, 2), channels=3)
    np.testing.assert_array_equal(colours.decode([40])[0], np.full((2, 2, 3), (0, 0, 255)))


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_values_of_two_bytes_are_brought_to_one(tmp_path: Path, ending: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    (tmp_path / "a").mkdir()
    Image.fromarray(values).save(tmp_path / "a" / f"x.{ending}")
    for channels in (1, 3):
        (image,) = data.ImageSource(tmp_path, channels=channels).decode(np.array([0]))
        np.testing.assert_array_equal(image[..., 0], values >> 8)
    kept = pydl.utils.load_img(tmp_path / "a" / f"x.{ending}", color_mode="grayscale")
    np.testing.assert_array_equal(pydl.utils.img_to_array(kept)[..., 0], values)


@pytest.mark.parametrize(("dtype", "said"), [("f4", "floating point"), ("i4", "whole numbers of four bytes")])
def test_values_without_a_white_are_refused(tmp_path: Path, dtype: str, said: str) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "a" / "x.tif")
    with pytest.raises(ValueError, match=f'"a/x.tif" cannot be decoded: its values are {said}'):
        data.ImageSource(tmp_path).decode(np.array([0]))


def test_wrong_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no images"):
        data.ImageSource(folder)
    with pytest.raises(FileNotFoundError):
        data.ImageSource(tmp_path / "none")
    with pytest.raises(ValueError, match="folder or a zip archive"):
        data.ImageSource(folder / "train" / "cat" / "00.png", "train")
    with pytest.raises(ValueError, match=r'"train/dog/00\.png" is of a class that is not known; the classes are cat'):
        data.ImageSource(folder, "train", classes=["cat"])
    (folder / "train" / "cat" / "07.png").write_bytes((folder / "train" / "cat" / "07.png").read_bytes()[:50])
    (folder / "train" / "cat" / "08.png").write_text("text")
    source = data.ImageSource(folder, "train")
    for row, words in ((7, "cannot be decoded|cannot be read"), (8, "cannot be read as an image")):
        with pytest.raises(ValueError, match=f'"train/cat/0{row}.png" ({words})'):
            source.decode([row])


@pytest.mark.long  # ten thousand images; small folders stay
def test_cifar(data_dir: Path) -> None:
    path = data_dir / "cifar10-jpg.zip"
    assert parts(path) == ["test", "train"]
    source = data.ImageSource(path, "test")
    assert len(source.classes) == 10
    assert source.shape == (32, 32, 3)
    np.testing.assert_array_equal(np.bincount(source.labels), [1000] * 10)
    some = data.split(source, test=0.1, validation=0.2, stratify=source.labels)
    assert [len(part) for part in some] == [7000, 2000, 1000]
    x, y = next(some.test.batches(64, seed=3))
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist()[:1]:
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(archive.read(name)))), source.decode([0])[0])
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential(
        [
            pydl.Input((32, 32, 3)), pydl.layers.Rescaling(1 / 127.5, -1), pydl.layers.Flatten(),
            pydl.layers.Dense(64, "relu"), pydl.layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(some.train, batch_size=64, epochs=2, verbose=0)
    assert model.evaluate(some.test, return_dict=True, verbose=0)["accuracy"] > 0.25  # chance: 0.1
    assert model.predict(some.test).shape == (1000, 10)
    assert (x.shape, y.shape) == ((64, 32, 32, 3), (64,))


def test_only_the_formats_that_are_promised(folder: Path) -> None:
    """An EPS file is a program: Pillow would start Ghostscript for it, whatever its name ends in."""
    eps = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n"
    for name in ("program.png", "program.jpg"):
        path = folder / "train" / "cat" / name
        path.write_text(eps)
        source = data.ImageSource(folder, "train")
        with pytest.raises(ValueError, match=rf"{name}.* cannot be read as an image; expected one of PNG, JPEG"):
            source.decode(np.arange(len(source)))
        path.unlink()


def png_header(wide: int, high: int) -> bytes:
    """The beginning of a PNG file, which says its size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return start + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_images_larger_than_any(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, width in (("cat/wide.png", 10_000), ("dog/wider.png", 20_000)):  # beyond Pillow's warning, its error
        (folder / "train" / name).write_bytes(png_header(width, 10_000))
        source = data.ImageSource.of_files(folder, [f"train/{name}"], (4, 6, 1))
        with pytest.raises(ValueError, match=rf"{name}.*pixels"):
            source.decode([0])
    monkeypatch.setattr("pydl.data.folders._MOST_BYTES", 50)
    for path, part in ((folder, ""), (zipped(folder), "pets/")):
        source = data.ImageSource.of_files(path, [f"{part}train/cat/00.png"], (4, 6, 1))
        with pytest.raises(ValueError, match="expected at most 50"):
            source.decode([0])


def test_images_that_are_kept(folder: Path) -> None:
    source = data.ImageSource(folder, "train", size=(4, 6))
    expected = source.decode(np.arange(41))
    kept = source.cache()
    rows = np.arange(1, 41, 2)
    np.testing.assert_array_equal(kept.decode(rows), expected[rows])
    for name in rows[:-1]:
        (folder / source.names[name]).unlink()
    np.testing.assert_array_equal(kept.decode(rows), expected[rows])
    with pytest.raises(ValueError, match="No such file"):
        source.decode(rows)  # keeps nothing

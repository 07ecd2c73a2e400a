"""Data sets: the shipped one to the bit, the others from a folder and over (local) HTTP."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl.datasets import (
    _housing,
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    mnist,
)

# Of x_train, y_train, x_test, y_test: the split may never change, results quoted for it would.
DIGITS_SHA256 = "136e1678387012f883abcaabd5412d51630a09ef5e0a3ff68e96bc4ad379763b"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield folder, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No PYDL_DATA_DIR, an empty cache folder and a quiet pooch."""
    pooch = pytest.importorskip("pooch")
    monkeypatch.delenv("PYDL_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    pooch.get_logger().setLevel("ERROR")
    return tmp_path / "cache" / "pydl"


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content).hexdigest()}"


def small_mnist() -> tuple[dict[str, np.ndarray], bytes]:
    images = np.arange(5 * 28 * 28).reshape(5, 28, 28).astype(np.uint8)
    arrays = {"x_train": images[:3], "y_train": np.uint8([3, 1, 4]), "x_test": images[3:], "y_test": np.uint8([1, 5])}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return arrays, file.getvalue()


def same(split: digits.Split, arrays: dict[str, np.ndarray]) -> None:
    (x_train, y_train), (x_test, y_test) = split
    for name, array in {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}.items():
        np.testing.assert_array_equal(array, arrays[name])
        assert array.dtype == np.uint8


def test_digits() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((1437, 8, 8), (1437,), (360, 8, 8), (360,))
    assert x_train.dtype == y_train.dtype == np.uint8
    assert x_train.max() == 16
    shares = np.bincount(y_test) / np.bincount(np.concatenate([y_train, y_test]))
    np.testing.assert_allclose(shares, 360 / 1797, atol=1 / 174)  # one image of the smallest class
    digest = hashlib.sha256(b"".join(array.tobytes() for array in (x_train, y_train, x_test, y_test))).hexdigest()
    assert digest == DIGITS_SHA256


def test_digits_parts_share_no_image() -> None:
    (x_train, _), (x_test, _) = digits.load_data()
    assert len({image.tobytes() for image in np.concatenate([x_train, x_test])}) == 1797


def test_mnist_from_a_path(tmp_path: Path) -> None:
    arrays, content = small_mnist()
    (tmp_path / "mine.npz").write_bytes(content)
    same(mnist.load_data(tmp_path / "mine.npz"), arrays)


def test_mnist_from_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, content = small_mnist()
    (tmp_path / "mnist.npz").write_bytes(content)
    monkeypatch.setenv("PYDL_DATA_DIR", str(tmp_path))
    same(mnist.load_data(), arrays)


def test_mnist_downloaded_once(cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = served
    arrays, content = small_mnist()
    (folder / "mnist.npz").write_bytes(content)
    monkeypatch.setattr(mnist, "URL", url + "mnist.npz")
    monkeypatch.setattr(mnist, "CHECKSUM", f"sha256:{hashlib.sha256(content).hexdigest()}")
    same(mnist.load_data(), arrays)
    (folder / "mnist.npz").unlink()
    same(mnist.load_data(), arrays)
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]


def test_wrong_checksum(cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = served
    (folder / "mnist.npz").write_bytes(small_mnist()[1])
    monkeypatch.setattr(mnist, "URL", url + "mnist.npz")
    with pytest.raises(ValueError, match="hash"):
        mnist.load_data()
    assert not list(cache.iterdir())


def test_no_pooch(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    for data in (mnist, fashion_mnist, cifar10):
        with pytest.raises(ImportError, match=r"pydl\[datasets\]"):
            data.load_data()


def test_mnist_never_unpickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.array([print], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        mnist.load_data(tmp_path / "mnist.npz")


def test_fashion_mnist(cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = served
    arrays, _ = small_mnist()
    files = dict(zip(fashion_mnist.CHECKSUMS, ("x_train", "y_train", "x_test", "y_test"), strict=True))
    checksums = {}
    for name, key in files.items():
        sizes = struct.pack(f">{arrays[key].ndim}I", *arrays[key].shape)
        content = gzip.compress(bytes([0, 0, 8, arrays[key].ndim]) + sizes + arrays[key].tobytes())
        (folder / name).write_bytes(content)
        checksums[name] = md5(content)
    monkeypatch.setattr(fashion_mnist, "URL", url)
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", checksums)
    same(fashion_mnist.load_data(), arrays)


@pytest.mark.parametrize(
    "content", [b"", bytes([0, 0, 8]), bytes([0, 0, 13, 1, 0, 0, 0, 0]), bytes([0, 0, 8, 1, 0, 0, 0, 9])]
)
def test_fashion_mnist_refuses_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    for name in fashion_mnist.CHECKSUMS:
        (tmp_path / f"fashion-{name}").write_bytes(gzip.compress(content))
    monkeypatch.setenv("PYDL_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="IDX"):
        fashion_mnist.load_data()


def test_cifar10_binary(cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = served
    images = np.random.default_rng(0).integers(0, 256, (6, 2, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(12, dtype=np.uint8).reshape(6, 2, 1) % 10
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for name, x, y in zip(names, images, labels, strict=True):
            raw = np.concatenate([y, x.transpose(0, 3, 1, 2).reshape(2, -1)], axis=1).tobytes()
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(raw)
            tar.addfile(entry, io.BytesIO(raw))
    monkeypatch.setattr(cifar10, "URL", url + "cifar-10-binary.tar.gz")
    monkeypatch.setattr(cifar10, "CHECKSUM", md5((folder / "cifar-10-binary.tar.gz").read_bytes()))
    train = {"x_train": images[:5].reshape(-1, 32, 32, 3), "y_train": labels[:5].reshape(-1, 1)}
    same(cifar10.load_data(), train | {"x_test": images[5], "y_test": labels[5]})


def test_cifar10_without_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz"):
        pass
    monkeypatch.setenv("PYDL_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"data_batch_1\.bin"):
        cifar10.load_data()


def test_cifar10_jpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_module = pytest.importorskip("PIL.Image")
    with zipfile.ZipFile(tmp_path / "cifar10-jpg.zip", "w") as archive:
        for part, count in (("train", 2), ("test", 1)):
            for i, kind in enumerate(cifar10.CLASSES):
                for number in range(count):
                    file = io.BytesIO()
                    image_module.new("RGB", (32, 32), (20 * i, 100, 200)).save(file, "JPEG")
                    archive.writestr(f"{part}/{kind}/{number:04d}.jpg", file.getvalue())
    monkeypatch.setenv("PYDL_DATA_DIR", str(tmp_path))
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape) == ((20, 32, 32, 3), (20, 1), (10, 32, 32, 3))
    np.testing.assert_array_equal(y_test[:, 0], np.arange(10))
    np.testing.assert_array_equal(y_train[:, 0], np.repeat(np.arange(10), 2))
    np.testing.assert_allclose(x_test[:, 0, 0, 0], 20 * np.arange(10), atol=4)  # JPEG loses a little


def test_cifar10_jpeg_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "cifar10-jpg.zip", "w"):
        pass
    monkeypatch.setenv("PYDL_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pydl\[image\]"):
        cifar10.load_data()


@pytest.mark.parametrize(("module", "rows"), [(boston_housing, 20), (california_housing, 700)])
def test_housing(
    cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, module: Any, rows: int
) -> None:
    folder, url = served
    x, y = np.arange(rows * 2.0).reshape(rows, 2), np.arange(rows)
    name = f"{module.__name__.rpartition('.')[2]}.npz"
    np.savez(folder / name, x=x, y=y)
    monkeypatch.setattr(_housing, "_FOLDER", url)
    monkeypatch.setattr(module, "CHECKSUM", md5((folder / name).read_bytes()))
    (x_train, y_train), (x_test, y_test) = module.load_data(test_split=0.25)
    order = np.random.RandomState(113).permutation(rows)  # shuffles the numbers as Keras does
    assert np.array_equal(np.concatenate([y_train, y_test]), order)
    assert np.array_equal(np.concatenate([x_train, x_test]), x[order])
    assert len(y_test) == rows // 4
    assert (cache / name).is_file()
    assert len(module.load_data(path=folder / name, test_split=0.0)[0][0]) == rows
    with pytest.raises(ValueError, match="test_split"):
        module.load_data(test_split=1.0)


def test_small_california_housing(tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=np.arange(1400.0).reshape(700, 2), y=np.arange(700))
    (_, y_train), (_, y_test) = california_housing.load_data("small", path=tmp_path / "c.npz")
    assert sorted([*y_train, *y_test]) == list(range(600))
    with pytest.raises(ValueError, match="version"):
        california_housing.load_data("tiny", path=tmp_path / "c.npz")


def test_cifar100(cache: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = served
    random = np.random.default_rng(0)
    images = random.integers(256, size=(5, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(100, size=(5, 2), dtype=np.uint8)
    rows = np.hstack([labels, images.transpose(0, 3, 1, 2).reshape(5, -1)])
    name = "cifar-100-binary.tar.gz"
    with tarfile.open(folder / name, "w:gz") as tar:
        for part, chosen in (("train", rows[:3]), ("test", rows[3:])):
            entry = tarfile.TarInfo(f"cifar-100-binary/{part}.bin")
            entry.size = chosen.size
            tar.addfile(entry, io.BytesIO(chosen.tobytes()))
    monkeypatch.setattr(cifar100, "URL", url + name)
    monkeypatch.setattr(cifar100, "CHECKSUM", md5((folder / name).read_bytes()))
    for mode, column in (("fine", 1), ("coarse", 0)):
        (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
        assert np.array_equal(np.concatenate([x_train, x_test]), images)
        assert np.array_equal(np.concatenate([y_train, y_test])[:, 0], labels[:, column])
        assert y_train.shape == (3, 1)
    with pytest.raises(ValueError, match="label_mode"):
        cifar100.load_data("rough")

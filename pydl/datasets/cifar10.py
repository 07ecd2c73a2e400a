"""CIFAR-10: small colour photographs."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pydl.datasets._files import fetch, local
from pydl.datasets.digits import Split

if TYPE_CHECKING:
    import tarfile

# The authors publish the images as Python pickles as well; this is the archive without code in it.
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CHECKSUM = "md5:c32a1d4ab5d03f1284b67883e8d87530"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_JPEG = "cifar10-jpg.zip"


def load_data() -> Split:
    """Load CIFAR-10, 60,000 colour photographs of ten kinds of things, 32 x 32.

    Taken from the folder that the environment variable PYDL_DATA_DIR names, as ``cifar-10-binary.tar.gz`` or as
    ``cifar10-jpg.zip`` (JPEG files ``train/<class>/<number>.jpg`` and ``test/...``, ordered by class; decoded with
    Pillow), or downloaded (162 MB).

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images uint8 of shape (50000, 32, 32, 3) and (10000, 32, 32, 3) with values from 0 to 255; classes uint8 of
        shape (50000, 1) and (10000, 1): airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Raises
    ------
    ImportError
        When a package is missing: ``pip install "pydl[image]"`` for the JPEG files, ``"pydl[datasets]"`` to download.
    ValueError
        When a file is not what was published.

    References
    ----------
    A. Krizhevsky: Learning multiple layers of features from tiny images, 2009.
    """
    import tarfile  # here, because importing it takes a tenth of the time that importing pydl may take

    name = URL.rpartition("/")[2]
    if local(name) is None and (archive := local(_JPEG)):
        return _jpeg(archive, "train"), _jpeg(archive, "test")
    with tarfile.open(fetch(name, URL, CHECKSUM)) as tar:
        return _binary(tar, [f"data_batch_{i}.bin" for i in range(1, 6)]), _binary(tar, ["test_batch.bin"])


def _binary(tar: "tarfile.TarFile", names: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    parts = [read_binary(tar, f"cifar-10-batches-bin/{name}", 1) for name in names]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def read_binary(tar: "tarfile.TarFile", name: str, labels: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and their labels: each row has a byte for each label, then the red, green and blue planes."""
    size = labels + 3 * 32 * 32
    try:
        file = tar.extractfile(name)
    except KeyError:
        file = None
    raw = file.read() if file else b""
    if not raw or len(raw) % size:
        raise ValueError(f'"{tar.name!s}": expected {name} with rows of {size} bytes, got {len(raw)} bytes')
    rows = np.frombuffer(raw, np.uint8).reshape(-1, size)
    images = rows[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), rows[:, :labels].copy()


def _jpeg(archive: Path, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    import zipfile

    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f'"{archive}" holds JPEG files, which need Pillow: pip install "pydl[image]"') from error
    with zipfile.ZipFile(archive) as images:
        names = sorted(name for name in images.namelist() if name.startswith(f"{part}/") and name.endswith(".jpg"))
        x = np.empty((len(names), 32, 32, 3), np.uint8)
        y = np.empty((len(names), 1), np.uint8)
        for i, name in enumerate(names):
            kind = name.split("/")[1]
            if kind not in CLASSES:
                raise ValueError(f'"{archive}": expected folders named {", ".join(CLASSES)}, got "{kind}"')
            with Image.open(io.BytesIO(images.read(name)), formats=("PNG", "JPEG")) as image:
                x[i] = np.asarray(image.convert("RGB"))
            y[i] = CLASSES.index(kind)
    return x, y

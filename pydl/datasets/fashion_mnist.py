"""Fashion-MNIST: articles of clothing."""

import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.datasets._files import fetch
from pydl.datasets.digits import Split

URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}


def load_data() -> Split:
    """Load Fashion-MNIST, 70,000 grey images of ten kinds of clothing, 28 x 28.

    The four files are taken from the folder that the environment variable PYDL_DATA_DIR names (as
    ``fashion-train-images-idx3-ubyte.gz`` and so on) or downloaded (31 MB).

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images uint8 of shape (60000, 28, 28) and (10000, 28, 28) with values from 0 to 255; classes uint8: T-shirt,
        trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When a file is not what was published.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747, MIT licence.
    """
    train_x, train_y, test_x, test_y = (_idx(name) for name in CHECKSUMS)
    return (train_x, train_y), (test_x, test_y)


def _idx(name: str) -> NDArray[Any]:
    """Read an IDX file of bytes: a magic number 0x08 and rank, big-endian sizes, then the data."""
    raw = gzip.decompress(fetch(f"fashion-{name}", URL + name, CHECKSUMS[name]).read_bytes())
    rank = raw[3] if len(raw) > 3 and raw[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(raw, ">u4", rank, 4).tolist() if len(raw) >= 4 + 4 * rank else []
    if not shape or len(raw) != 4 + 4 * rank + np.prod(shape, dtype=object):
        raise ValueError(f'"{name}": expected an IDX file of bytes, got another format; download it again')
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()

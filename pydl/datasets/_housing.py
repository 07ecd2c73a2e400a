"""What the two data sets of house prices have in common: a file of Keras's, shuffled and parted."""

import os

import numpy as np

from pydl._base.args import real, whole
from pydl.datasets._files import fetch
from pydl.datasets.digits import Split

_FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def load(
    owner: str, path: str | os.PathLike[str], name: str, checksum: str, test_split: float, seed: int, rows: int | None
) -> Split:
    """The first rows of a file with the arrays x and y, in the order of a seed; the last share of them is for tests.

    `rows`: None for all.
    """
    share = real(owner, "test_split", test_split, at_least=0, below=1)
    file = path if os.path.isfile(path) else fetch(os.fspath(path), _FOLDER + name, checksum)
    with np.load(file, allow_pickle=False) as arrays:
        x, y = arrays["x"][:rows], arrays["y"][:rows]
    order = np.arange(len(x))
    # This very generator, so that the rows of the two parts are those that Keras gives.
    np.random.RandomState(whole(owner, "seed", seed)).shuffle(order)
    x, y = x[order], y[order]
    kept = int(len(x) * (1 - share))
    return (x[:kept].copy(), y[:kept].copy()), (x[kept:].copy(), y[kept:].copy())

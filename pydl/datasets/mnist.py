"""MNIST: handwritten digits."""

import os

import numpy as np

from pydl.datasets._files import fetch
from pydl.datasets.digits import Split

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CHECKSUM = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> Split:
    """Load MNIST, 70,000 grey images of handwritten digits, 28 x 28.

    Parameters
    ----------
    path : str or path-like, default "mnist.npz"
        A file, or the name of one in the folder that the environment variable PYDL_DATA_DIR names; where neither is
        there, the file is downloaded (11 MB) and kept under this name.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images uint8 of shape (60000, 28, 28) and (10000, 28, 28) with values from 0 to 255; digits uint8.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When the download is not the file that was published.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, CC BY-SA 3.0.
    """
    file = path if os.path.isfile(path) else fetch(os.fspath(path), URL, CHECKSUM)
    with np.load(file, allow_pickle=False) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])

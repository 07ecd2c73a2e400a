"""CIFAR-100: small colour photographs of a hundred kinds of things."""

from pydl._base.args import one_of
from pydl.datasets._files import fetch
from pydl.datasets.cifar10 import read_binary
from pydl.datasets.digits import Split

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
CHECKSUM = "md5:03b5dce01913d631647c71ecec9e9cb8"


def load_data(label_mode: str = "fine") -> Split:
    """Load CIFAR-100, 60,000 colour photographs of a hundred kinds of things, 32 x 32.

    Taken from the folder that the environment variable PYDL_DATA_DIR names, as ``cifar-100-binary.tar.gz``, or
    downloaded (161 MB).

    Parameters
    ----------
    label_mode : "fine" or "coarse"
        Whether classes are the hundred kinds or the twenty groups of them.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images uint8 of shape (50000, 32, 32, 3) and (10000, 32, 32, 3) with values from 0 to 255; classes uint8 of
        shape (50000, 1) and (10000, 1).

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When a file is not what was published.

    References
    ----------
    A. Krizhevsky: Learning multiple layers of features from tiny images, 2009.
    """
    import tarfile  # here, because importing it takes a tenth of the time that importing pydl may take

    label = {"coarse": 0, "fine": 1}[one_of("cifar100", "label_mode", label_mode, ("fine", "coarse"))]
    name = URL.rpartition("/")[2]
    with tarfile.open(fetch(name, URL, CHECKSUM)) as tar:
        parts = [read_binary(tar, f"cifar-100-binary/{part}.bin", 2) for part in ("train", "test")]
    (x, y), (x_test, y_test) = parts
    return (x, y[:, label : label + 1].copy()), (x_test, y_test[:, label : label + 1].copy())

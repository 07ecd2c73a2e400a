"""California house prices of 1990."""

import os

from pydl._base.args import one_of
from pydl.datasets import _housing
from pydl.datasets.digits import Split

CHECKSUM = "sha256:1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """Load the California house prices, 20,640 districts; the rows of the two parts are those that Keras gives.

    Parameters
    ----------
    version : "large" or "small"
        All rows, or the first 600.
    path : str or path-like
        A file, or the name of one in the folder that the environment variable PYDL_DATA_DIR names; where neither is
        there, the file is downloaded (743 kB) and kept under this name.
    test_split : float
        Share of the rows that are for tests.
    seed : int
        Of the order of the rows.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        8 numbers for each district, the median price in dollars.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When the download is not the file that was published.

    References
    ----------
    R. K. Pace, R. Barry: Sparse spatial autoregressions, 1997.
    """
    rows = {"large": None, "small": 600}[one_of("california_housing", "version", version, ("large", "small"))]
    return _housing.load("california_housing", path, "california_housing.npz", CHECKSUM, test_split, seed, rows)

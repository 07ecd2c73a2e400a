"""Boston house prices of the 1970s."""

import os

from pydl.datasets import _housing
from pydl.datasets.digits import Split

CHECKSUM = "sha256:f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Split:
    """Load the Boston house prices, 506 suburbs; the rows of the two parts are those that Keras gives.

    The data have ethical problems (one column is made of the share of Black inhabitants); see `california_housing`.

    Parameters
    ----------
    path : str or path-like
        A file, or the name of one in the folder that the environment variable PYDL_DATA_DIR names; where neither is
        there, the file is downloaded (57 kB) and kept under this name.
    test_split : float
        Share of the rows that are for tests.
    seed : int
        Of the order of the rows.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        13 numbers for each suburb, the median price in 1000 dollars.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed: ``pip install "pydl[datasets]"``.
    ValueError
        When the download is not the file that was published.

    References
    ----------
    D. Harrison, D. Rubinfeld: Hedonic prices and the demand for clean air, 1978.
    """
    return _housing.load("boston_housing", path, "boston_housing.npz", CHECKSUM, test_split, seed, None)

"""Two parts of some arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.random import next_seed, permutation


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Two parts of an array, or of a tuple, list or dict of arrays of one length.

    Parameters
    ----------
    dataset : array, or tuple, list or dict of arrays
    left_size, right_size : float or int, optional
        How many rows, or which share of them; one of them may follow from the other. Rows in neither are left out.
    shuffle : bool
        Whether to draw the rows of both parts, from `seed`.
    seed : int, optional

    Returns
    -------
    (left, right), of the kind of `dataset`; `model.fit(*left)` takes a part that is a tuple `(x, y)`.

    Raises
    ------
    ValueError
        Neither size, or sizes that do not fit; arrays of differing lengths.
    """
    owner = "split_dataset"
    keys = list(dataset) if isinstance(dataset, dict) else None
    listed = list(dataset.values()) if isinstance(dataset, dict) else dataset
    arrays = [np.asarray(a) for a in (listed if isinstance(listed, list | tuple) else [listed])]
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1:
        raise ValueError(f"{owner}: expected arrays of one length, got {sorted(lengths)}")
    n = lengths.pop()
    if left_size is None and right_size is None:
        raise ValueError(f"{owner}: expected left_size or right_size, as in left_size=0.8")
    left, right = _rows(owner, "left_size", left_size, n), _rows(owner, "right_size", right_size, n)
    left = n - (right or 0) if left is None else left
    right = n - left if right is None else right
    if left < 1 or right < 1 or left + right > n:
        raise ValueError(f"{owner}: expected two parts of at least one of {n} rows, got {left} and {right}")
    order: Any = slice(None)
    if shuffle:
        order = permutation(n, next_seed() if seed is None else whole(owner, "seed", seed))
    parts = [[a[order][rows] for a in arrays] for rows in (slice(left), slice(n - right, None))]
    made = [
        dict(zip(keys, part, strict=True)) if keys is not None
        else type(dataset)(part) if isinstance(dataset, list | tuple) else part[0]
        for part in parts
    ]  # fmt: skip
    return made[0], made[1]


def _rows(owner: str, name: str, size: Any, n: int) -> int | None:
    """A number or share of rows as a number."""
    if isinstance(size, float):
        return round(n * real(owner, name, size, at_least=0, at_most=1))
    return None if size is None else whole(owner, name, size)

"""Rows in a folder of NPZ files: what a stream is put down as once, to be read many times."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pydl._base.replacing import replaced
from pydl.data import nested
from pydl.data.base import Batch
from pydl.data.chunked import BUFFER, ChunkedSource

_INDEX = "index.json"


class ShardWriter:
    """Write batches into a folder, a file each; `close` makes it a whole that `ShardSource` reads.

    They are `(x, y)` or `(x, y, sample_weight)`, all of them alike. Inputs may be one array or a dict of arrays; the
    target is one array.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there; what it holds already is replaced.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _INDEX).unlink(missing_ok=True)
        self.sizes: list[int] = []

    def write(self, x: Any, y: Any, weights: Any = None) -> None:
        """Append some rows."""
        rows = nested.length("ShardWriter", (x, y))
        if rows:
            inputs = {f"x {name}": part for name, part in x.items()} if isinstance(x, dict) else {"x": x}
            more = {} if weights is None else {"w": weights}
            np.savez(self.folder / f"{len(self.sizes)}.npz", y=y, **more, **inputs)
            self.sizes.append(rows)

    def close(self) -> None:
        """Write the index; without one the folder counts as unfinished."""
        with replaced(self.folder / _INDEX, "w") as file:
            json.dump({"sizes": self.sizes}, file)


class ShardSource(ChunkedSource):
    """Rows that a `ShardWriter` has put into a folder.

    Parameters
    ----------
    folder : str or path-like
    buffer : int
        Rows to shuffle at a time.
    unit : float
        What their weights are divided by.

    Raises
    ------
    ValueError
        A folder without an index: it is not one of shards, or its writer did not finish.
    """

    def __init__(self, folder: str | os.PathLike[str], buffer: int = BUFFER, unit: float = 1.0) -> None:
        super().__init__(buffer)
        self.unit = unit
        self.folder = Path(folder)
        try:
            self.sizes = [int(n) for n in json.loads((self.folder / _INDEX).read_text())["sizes"]]
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            raise ValueError(
                f'ShardSource: "{self.folder}" is not a finished folder of shards; write it anew'
            ) from None
        self.rows = sum(self.sizes)

    def group(self, number: int) -> Iterator[Batch]:
        with np.load(self.folder / f"{number}.npz", allow_pickle=False) as arrays:
            inputs = {name.removeprefix("x "): arrays[name] for name in arrays.files if name.startswith("x ")}
            weights = (arrays["w"] / self.unit,) if "w" in arrays.files else ()
            yield inputs or arrays["x"], arrays["y"], *weights

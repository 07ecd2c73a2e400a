"""Files below a folder or in an archive, labelled by their folders, with Keras's arguments and in Keras's order."""

from __future__ import annotations

import copy
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pydl._base.args import one_of, real, whole
from pydl._base.random import derived, next_seed
from pydl.data.base import Batch
from pydl.data.folders import files
from pydl.data.indexed import IndexedSource
from pydl.data.mapped import Chained

Array = NDArray[Any]

_LABEL_MODES = ("int", "categorical", "binary", None)


class LabelledFiles(IndexedSource, Chained):
    """Batches of files, read while they are waited for. A subclass sets `path`, `names` and `rows` and writes `read`.

    `fit`, `evaluate` and `predict` take it as `x` or as `validation_data`; then its own `batch_size` counts. A loop
    over it gives `(contents, labels)`, or contents where there are no labels.

    Attributes
    ----------
    class_names : list of str or None
    file_paths : list of str
        The file of each row.
    labels : int64 array or None
        The class of each row.
    """

    path: Path
    names: list[str]
    _anew = True  # whether each pass has an order of its own

    def _label(
        self, labels: Array | None, class_names: list[str] | None, label_mode: str | None,
        batch_size: int | None, shuffle: bool, seed: int,
    ) -> None:  # fmt: skip
        self.labels, self.classes = labels, class_names or []
        self.class_names, self.file_paths = class_names, [os.path.join(self.path, name) for name in self.names]
        self.batch_size, self._mode, self._shuffle, self._seed = batch_size, label_mode, shuffle, seed
        self._passes = 0

    def read(self, rows: Array) -> Array:
        """What the files of these rows hold."""
        raise NotImplementedError

    def __len__(self) -> int:
        """How many batches, or files where there is no batch size."""
        return self.batch_count(1)

    def __iter__(self) -> Iterator[Any]:
        """The batches, shuffled anew in each pass if the data set is to be shuffled; single files without a size."""
        order = derived(self._seed, self._passes * self._anew) if self._shuffle else None
        self._passes += 1
        for batch in self.batches(1, seed=order):
            parts = batch if self.batch_size else tuple(part[0] for part in batch)
            yield parts if len(parts) > 1 else parts[0]

    def batch_count(self, batch_size: int) -> int:
        return -(-self.rows // (self.batch_size or batch_size))

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        order = derived(seed * self._anew, self._seed) if self._shuffle and seed is not None else None
        return super()._read(self.batch_size or batch_size, order, start, stop)

    def take(self, rows: Any) -> Any:
        """The batch of these rows; of a whole number, a loop over so many of the first batches, as in Keras."""
        if isinstance(rows, int | np.integer):
            return self.first(int(rows))
        contents = self.read(rows)
        return (contents,) if self.labels is None else (contents, self._coded(self.labels[rows]))

    def shuffle(self, buffer_size: Any = None, seed: Any = None, reshuffle_each_iteration: Any = None) -> Self:
        found = copy.copy(self)
        found._shuffle, found._anew = True, reshuffle_each_iteration is not False
        found._seed = self._seed if seed is None else whole(type(self).__name__, "seed", seed)
        return found

    def _coded(self, labels: Array) -> Array:
        if self._mode == "categorical":
            return (labels[:, None] == np.arange(len(self.classes))).astype(np.float32)
        return labels.astype(np.int32) if self._mode == "int" else labels[:, None].astype(np.float32)


def from_directory(
    make: Callable[..., LabelledFiles], owner: str, suffixes: tuple[str, ...], of: str,
    directory: str | os.PathLike[str], labels: Any, label_mode: str | None, class_names: Sequence[str] | None,
    batch_size: int | None, shuffle: bool, seed: int | None, validation_split: float | None, subset: str | None,
    follow_links: bool, verbose: bool,
) -> Any:  # fmt: skip
    """The data sets that `make` makes of a folder's files: of all, of the one `subset`, or a list of both.

    `make` gets the place, the names of the files, and the arguments of `LabelledFiles._label` by name.
    """
    if one_of(owner, "label_mode", label_mode, _LABEL_MODES) is None or labels is None:
        labels = label_mode = None
    share = _share(owner, validation_split, subset, shuffle, seed)
    seed = next_seed() % 2**32 if seed is None else whole(owner, "seed", seed, below=2**32)
    size = None if batch_size is None else whole(owner, "batch_size", batch_size, at_least=1)
    place = _Place(owner, Path(directory), suffixes, of, follow_links)
    names, numbers, known = place.labelled(labels, class_names)
    if label_mode == "binary" and len(known or ()) != 2:
        raise ValueError(f'{owner}: label_mode="binary" is for two classes, got {known}')
    if verbose:
        belonging = f" belonging to {len(known)} classes" if known is not None else ""
        print(f"Found {len(names)} files{belonging}.")
    if not names:
        raise ValueError(f'{owner}: no {of} found in "{directory}"; expected {", ".join(suffixes)}')
    order = np.arange(len(names))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)  # the order that Keras gives them

    def made(rows: Array, mixed: bool) -> LabelledFiles:
        return make(
            place.path, [place.inside + names[i] for i in rows], labels=None if numbers is None else numbers[rows],
            class_names=known, label_mode=label_mode, batch_size=size, shuffle=mixed, seed=seed,
        )  # fmt: skip

    if not share:
        return made(order, shuffle)
    held = int(share * len(names))
    if not 0 < held < len(names):
        raise ValueError(
            f'{owner}: validation_split={share} of {len(names)} files leaves one part empty in "{directory}"'
        )
    parts = {"training": order[:-held], "validation": order[-held:]}
    wanted = list(parts) if subset == "both" else [str(subset)]
    if verbose:
        for part in wanted:
            print(f"Using {len(parts[part])} files for {part}.")
    found = [made(parts[part], shuffle and (part == "training" or subset != "both")) for part in wanted]
    return found if subset == "both" else found[0]


def _share(owner: str, split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> float:
    """The share of the files that are for validation, 0 where there is no such part."""
    if split is None or split == 0:
        if subset is not None:
            raise ValueError(f"{owner}: subset={subset!r} goes with validation_split, as in validation_split=0.2")
        return 0.0
    share = real(owner, "validation_split", split, at_least=0, below=1)
    one_of(owner, "subset", subset, ("training", "validation", "both"))
    if shuffle and seed is None:
        raise ValueError(
            f"{owner}: expected a seed with validation_split, or shuffle=False: without one, training and validation "
            "might share files"
        )
    return share


class _Place:
    """A folder, or a folder in an archive, whose files are listed in the order in which Keras walks."""

    def __init__(self, owner: str, path: Path, suffixes: tuple[str, ...], of: str, follow_links: bool) -> None:
        self.owner, self.suffixes, self.of, self.follow_links = owner, suffixes, of, follow_links
        self.path, self.inside, packed = self._located(path)
        self.names = None if packed is None else [n.removeprefix(self.inside) for n in packed]
        self.called = f"{self.path}/{self.inside}".rstrip("/")

    def _located(self, path: Path) -> tuple[Path, str, list[str] | None]:
        """A folder, or an archive, the folder in it and the files there."""
        place, inside = path, ""
        while not place.exists() and place != place.parent:
            place, inside = place.parent, f"{place.name}/{inside}"
        if place.is_dir():
            if inside:
                raise FileNotFoundError(f'{self.owner}: there is no "{path}"')
            return place, "", None
        if not zipfile.is_zipfile(place):
            raise ValueError(f'{self.owner}: "{place}": expected a folder or a zip archive of {self.of}')
        names = files(place, self.suffixes, self.of)
        if inside and not any(name.startswith(inside) for name in names):
            raise FileNotFoundError(f'{self.owner}: there are no {self.of} in "{inside}" of "{place}"')
        around = names[0].partition("/")[0] + "/" if names else ""
        if not inside and all(name.count("/") > 1 and name.startswith(around) for name in names):
            inside = around
        return place, inside, [name for name in names if name.startswith(inside)]

    def folders(self) -> list[str]:
        """Those of the classes."""
        if self.names is None:
            found = {entry.name for entry in self.path.iterdir() if entry.is_dir()}
        else:
            found = {name.partition("/")[0] for name in self.names if "/" in name}
        return sorted(name for name in found if not name.startswith("."))

    def below(self, folder: str) -> list[str]:
        """The files of a folder, of all for "": folder by folder, and in each by name."""
        if self.names is None:
            walk = os.walk(self.path / folder, followlinks=self.follow_links)
            every = [Path(at, name).relative_to(self.path).as_posix() for at, _, names in walk for name in names]
        else:
            every = [name for name in self.names if name.startswith(f"{folder}/") or not folder]
        named = [name for name in every if name.lower().endswith(self.suffixes) and "/._" not in f"/{name}"]
        return sorted(named, key=lambda name: name.rpartition("/")[::2])

    def labelled(
        self, labels: Any, class_names: Sequence[str] | None
    ) -> tuple[list[str], Array | None, list[str] | None]:
        """The files that count, their class numbers and the names of the classes."""
        if isinstance(labels, str) and labels == "inferred":
            folders = self.folders()
            known = folders if class_names is None else list(class_names)
            if absent := [name for name in known if name not in folders]:
                raise ValueError(
                    f'{self.owner}: class_names: expected some of the folders of "{self.called}", which are '
                    f"{', '.join(folders)}; got {', '.join(map(repr, absent))}"
                )
            of_each = [self.below(name) for name in known]
            numbers = np.repeat(range(len(known)), list(map(len, of_each)))
            return [name for each in of_each for name in each], numbers, known
        if class_names is not None:
            raise ValueError(f'{self.owner}: class_names goes with labels="inferred" only')
        if not isinstance(labels, list | tuple | np.ndarray | None):
            raise ValueError(
                f'{self.owner}: labels: expected "inferred", None or a list with a whole number for each file, '
                f"got {labels!r}"
            )
        names = self.below("")
        if labels is None:
            return names, None, None
        if len(labels) != len(names):
            raise ValueError(
                f"{self.owner}: labels: expected one for each of the {len(names)} files in "
                f'"{self.called}", got {len(labels)}'
            )
        numbers = np.array([whole(self.owner, "labels", label) for label in labels], np.int64)
        return names, numbers, [str(label) for label in sorted(set(numbers.tolist()))]

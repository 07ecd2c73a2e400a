"""Folders and archives of images: read, split, and brought to one shape."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl import datasets
from pydl._base.replacing import replaced
from pydl.data import ImageSource, IndexedSource, ahead, split_rows
from pydl.data.base import Batch
from pydl.data.images import empty, files, left_aside, parts
from pydl.pipeline import image_checks
from pydl.pipeline.memory import available

Array = NDArray[Any]

BUILT_IN = ("digits", "mnist", "fashion_mnist", "cifar10")

_TEST = ("test", "val", "valid", "validation")  # what folders of images to be judged by are called
_TEST_SHARE = 0.2  # where there is no such folder
_COPIES = 3  # of all images, for which there must be memory: as read, parted, and room for the maps of a step
_PIECE = 256  # images that are decoded at a time, to be judged


def looks_like_images(data: str | Path) -> bool:
    """Whether DATA names a built-in set, a folder or a zip archive."""
    path = Path(data)
    return (
        path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file()) or (data in BUILT_IN and not path.exists())
    )


class Undecoded:
    """Images of a source, as an array that is not in memory: those that are asked for are decoded.

    Parameters
    ----------
    source : ImageSource
    rows : int64 array
        Which of its images.
    """

    ndim, dtype = 4, np.dtype(np.uint8)

    def __init__(self, source: ImageSource, rows: Array) -> None:
        self.source, self.rows, self.shape = source, rows, (len(rows), *source.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Any) -> Array:
        """The image at a place, or those at some of them."""
        rows = self.rows[places]
        return self.source.decode(rows) if np.ndim(rows) else self.source.decode(rows[None])[0]

    def some(self, places: Array) -> Undecoded:
        """Those at some places, not decoded."""
        return Undecoded(self.source, self.rows[places])

    def readable(self) -> NDArray[np.bool_]:
        """Which of them can be decoded."""

        def one(row: int) -> bool:
            try:
                self.source.decode(np.array([row]))
            except ValueError:
                return False
            return True

        return np.array([one(row) for row in self.rows], bool)

    def pieces(self) -> Iterator[Array]:
        """All of them, some at a time, the next ones decoded while the last ones are looked at."""
        return ahead((self[first : first + _PIECE] for first in range(0, len(self), _PIECE)), 1)


class Labelled(IndexedSource):
    """`Undecoded` images and their targets, as `fit` takes them: decoded by a thread while it trains."""

    def __init__(self, x: Undecoded, y: Array) -> None:
        self.x, self.y, self.rows = x, y, len(y)

    def take(self, rows: Array) -> Batch:
        return self.x[rows], self.y[rows]


def some(x: Array | Undecoded, places: Array) -> Array | Undecoded:
    """The images at some places, decoded if x is."""
    return x.some(places) if isinstance(x, Undecoded) else x[places]


def joined(parts: Sequence[Array | Undecoded]) -> Array | Undecoded:
    """The images of some parts as one; those of several sources are decoded."""
    undecoded = [part for part in parts if isinstance(part, Undecoded)]
    if len(undecoded) == len(parts) and all(part.source is undecoded[0].source for part in undecoded):
        return Undecoded(undecoded[0].source, np.concatenate([part.rows for part in undecoded]))
    return np.concatenate([part[:] for part in parts])


@dataclass(frozen=True)
class Images:
    """Labelled images of one size.

    Attributes
    ----------
    x, y : array
        For training: `(n, height, width, channels)` uint8, or `Undecoded`, and int64 class numbers.
    x_test, y_test : array
        To be judged by, likewise.
    classes : list of str
    names, test_names : list of str
        The file of each image, empty for built-in data.
    top : float
        The value of full brightness.
    notes : list of str
        What was noticed and decided.
    """

    x: Array | Undecoded
    y: Array
    x_test: Array | Undecoded
    y_test: Array
    classes: list[str]
    names: list[str]
    test_names: list[str]
    top: float = 255.0
    notes: list[str] = field(default_factory=list)


def read_images(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, test: str | os.PathLike[str] | None = None,
    seed: int = 0, channels: int | None = None, stream: bool = False,
) -> Images:  # fmt: skip
    """The images of a folder or zip archive, or of built-in data ("digits", "mnist", "fashion_mnist", "cifar10").

    Layouts: `train/<class>/*.png|jpg` with or without `test/<class>/...`, or `<class>/*` alone; one folder around all
    of it does not matter. Where nothing is set aside for testing, a fifth of each class is.

    Parameters
    ----------
    path : str or path-like
    size : (height, width), optional
        By default that of the first image. Built-in images stay as they are.
    channels : 1 or 3, optional
        By default as in the first image; with a number, built-in images that have another are refused.
    test : str or path-like, optional
        Another folder or archive to be judged by.
    seed : int
        Of the split.
    stream : bool
        Leave the images undecoded, as is done where three times as much memory as they take is not free.

    Raises
    ------
    FileNotFoundError
    ValueError
        No images; one class only; files that cannot be decoded.
    """
    if os.fspath(path) in BUILT_IN and not Path(path).exists():
        return _built_in(os.fspath(path), channels)
    found = parts(path)
    if not found:
        raise ValueError(f'"{os.fspath(path)}": expected images in folders train/<class>/*.png or <class>/*.png')
    part, held = _layout(os.fspath(path), found)
    held = held if test is None else None
    unused = [name for name in found if name not in (part, held)]
    train = ImageSource(path, part, size=size, channels=channels)
    if len(train.classes) < 2:
        raise ValueError(f'"{os.fspath(path)}": expected at least two classes, found only "{train.classes[0]}"')
    high, wide, colours = train.shape
    notes = [f"{len(train)} images of {len(train.classes)} classes, {wide} x {high}, {_COLOURS[colours]}"]
    notes += [f'the folder "{name}" is not used' for name in unused]
    notes += [f'no images in the folder "{name}", which is no class' for name in empty(path, part, train.classes)
              if all(each.split("/")[0] != name for each in found)]  # fmt: skip
    notes += [*image_checks.outside(path, [part, *unused, *([held] if held else [])]), *left_aside(path)]
    labels = train.labels
    assert labels is not None
    x = Undecoded(train, np.arange(len(train)))
    if test is None and held is None:
        rows = split_rows(len(train), test=_TEST_SHARE, stratify=_enough(train, labels), seed=seed)
        notes.append(f"no folder for testing: {len(rows.test)} images were set aside")
        notes += image_checks.never_judged(train.classes, labels[rows.test])
        return _in_memory(Images(
            x.some(rows.train), labels[rows.train], x.some(rows.test), labels[rows.test], train.classes,
            [train.names[i] for i in rows.train], [train.names[i] for i in rows.test], notes=notes,
        ), stream)  # fmt: skip
    place = path if test is None else test
    inside = held if test is None else _alone(os.fspath(place))
    judged = ImageSource(place, inside or "", size=(high, wide), channels=colours, classes=train.classes)
    notes.append(f"{len(judged)} images for testing")
    assert judged.labels is not None
    notes += image_checks.never_judged(train.classes, judged.labels)
    x_test = Undecoded(judged, np.arange(len(judged)))
    return _in_memory(
        Images(x, labels, x_test, judged.labels, train.classes, train.names, judged.names, notes=notes), stream
    )


def _in_memory(found: Images, stream: bool) -> Images:
    """The same, decoded, unless it is to be read in pieces or is too large for that."""
    size, free = sum(int(np.prod(x.shape)) for x in (found.x, found.x_test)), available()
    if not stream and _COPIES * size <= free:
        decoded = replace(found, x=found.x[:], x_test=found.x_test[:])
        sources = {id(x.source): x.source for x in (found.x, found.x_test) if isinstance(x, Undecoded)}
        said = [
            *image_checks.differing(list(sources.values())),
            *image_checks.twice(decoded.x[:], decoded.y, decoded.x_test[:]),
        ]
        return replace(decoded, notes=[*found.notes, *said])
    why = "" if stream else f": {size / 1e9:,.1f} GB, of {free / 1e9:,.1f} GB that are free"
    return replace(found, notes=[*found.notes, f"images are decoded anew in each epoch{why}"])


_COLOURS = {1: "grey", 3: "in colour"}


def _layout(path: str, found: list[str]) -> tuple[str, str | None]:
    """The folder to train on, and the one for testing if there is one."""
    if len(found) == 1:
        return found[0], None
    last = {name.rsplit("/", 1)[-1].lower(): name for name in found}
    if "train" not in last:
        named = ", ".join(f'"{name}"' if name else "the top" for name in found)
        raise ValueError(
            f'"{path}": expected images right in folders of classes, those in a folder "train" (and "test") or all of '
            f"them in one; they lie in folders of {named}"
        )
    return last["train"], next((last[name] for name in _TEST if name in last), None)


def to_judge_by(path: str | os.PathLike[str]) -> str | None:
    """The folder for testing, where there is one beside that for training."""
    found = parts(path)
    try:
        return _layout(os.fspath(path), found)[1] if len(found) > 1 else None
    except ValueError:  # folders of something else
        return None


def _alone(path: str) -> str:
    """The folder of the images to be judged by, in a place of their own."""
    found = parts(path)
    if not found:
        raise ValueError(f'"{path}": expected images in folders <class>/*.png')
    return found[0] if len(found) == 1 else (_layout(path, found)[1] or found[0])


def _enough(source: ImageSource, labels: Array) -> Array:
    """The labels, to stratify by.

    Raises
    ------
    ValueError
        A class with a single image.
    """
    counts = np.bincount(labels, minlength=len(source.classes))
    if counts.min() < 2:
        alone = source.classes[int(counts.argmin())]
        raise ValueError(f'"{source.path}": class "{alone}" has one image; expected at least two, one to test with')
    return labels


def _built_in(name: str, channels: int | None) -> Images:
    (x, y), (x_test, y_test) = getattr(datasets, name).load_data()
    if channels not in (None, x.shape[3] if x.ndim == 4 else 1):
        raise ValueError(f"{name}: expected images of {channels} channels, as the net of --from takes them")
    classes = sorted({int(label) for label in y.reshape(-1)})
    grey = x.ndim == 3
    return Images(
        x[..., None] if grey else x, y.reshape(-1).astype(np.int64), x_test[..., None] if grey else x_test,
        y_test.reshape(-1).astype(np.int64), [str(label) for label in classes], [], [], float(x.max()),
        [f"{name}: {len(x)} images to train on, {len(x_test)} for testing"],
    )  # fmt: skip


def read_unlabelled(
    path: str | os.PathLike[str], shape: tuple[int, int, int], classes: Sequence[str], part: str | None = None
) -> tuple[list[str], Undecoded, Array | None]:
    """Images to predict: a file, or a folder or archive with images anywhere in it.

    Parameters
    ----------
    path : str or path-like
    shape : (height, width, channels)
        What the network takes; other sizes are resized.
    classes : sequence of str
        Where each image lies in a folder named by one of these, the labels are returned as well.
    part : str, optional
        The folder whose images alone are wanted.

    Returns
    -------
    names, x, y
        x not decoded yet; y is None where there are no labels.
    """
    file = Path(path)
    if file.is_file() and file.suffix.lower() != ".zip":
        source = ImageSource.of_files(file.parent, [file.name], shape)
    else:
        names = [name for name in files(file) if part is None or name.startswith(f"{part}/")]
        source = ImageSource.of_files(file, names, shape)
    if not source.names:
        raise ValueError(f"{file}: expected images (*.png, *.jpg, ...), found none")
    folders = [name.rsplit("/", 2)[-2] if "/" in name else "" for name in source.names]
    number = {label: i for i, label in enumerate(classes)}
    labels = np.array([number[f] for f in folders]) if all(f in number for f in folders) else None
    return source.names, Undecoded(source, np.arange(len(source))), labels


class ImagePreparation:
    """What a network needs to know of images before it sees them; it takes their bytes as they are.

    Attributes
    ----------
    shape : (height, width, channels)
    top : float
        The value of full brightness.
    """

    columns: Sequence[Any] = ()

    def __init__(self, shape: Sequence[int], top: float) -> None:
        high, wide, channels = (int(n) for n in shape)
        self.shape, self.top = (high, wide, channels), float(top)

    def transform(self, x: Any) -> dict[str, Any]:
        """The network's input."""
        return {"image": x}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file beside where the preparation of a table would be."""
        with replaced(Path(path).with_suffix(".json"), "w") as file:
            file.write(json.dumps({"shape": self.shape, "top": self.top}) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ImagePreparation:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            No such file, or not one that `save` wrote.
        """
        file = Path(path).with_suffix(".json")
        try:
            state = json.loads(file.read_text())
            return cls(state["shape"], state["top"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file}: expected the preparation of images ({error!r}); train again") from None

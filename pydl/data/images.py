"""Image files in a folder or a zip archive, one folder per class."""

from __future__ import annotations

import copy
import io
import os
import zipfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pydl.config import get_num_threads
from pydl.data import folders
from pydl.data.base import Batch
from pydl.data.folders import UNREADABLE, content, ending, opened
from pydl.data.indexed import IndexedSource

Array = NDArray[Any]

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by channels
_SMALL = 128 * 128  # pixels of an image below which threads wait for each other longer than they decode
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_ORIENTATION = 0x0112  # the number of this tag in Exif
_MOST_PIXELS = 89_478_485  # beyond which Pillow warns; far beyond any photograph that a network takes


class ImageSource(IndexedSource):
    """Images `<class>/<name>.png` (or .jpg, ...) in a folder or zip archive, decoded batch by batch in threads.

    Parameters
    ----------
    path : str or path-like
    part : str
        The folder inside it that holds the folders of the classes, such as "train"; "" for the top.
    size : (height, width), optional
        Images of other sizes are resized; by default to the size of the first one.
    channels : 1 or 3, optional
        Grey or colours; by default as the first image.
    classes : list of str, optional
        The classes by number; by default the folders' names in order. Give those of the training part to the others.

    Attributes
    ----------
    names : list of str
        The file of each row.
    labels : int64 array or None
        The class of each row; None for images `of_files`.
    shape : (height, width, channels)
    differing : set of (str, str)
        The images decoded so far that had another "size", or were grey among coloured ones or coloured among grey ones
        ("colour"): which of both, and the file.

    Raises
    ------
    FileNotFoundError
    ImportError
        Without Pillow.
    ValueError
        No images, classes that are not known, files that cannot be decoded (when they are).
    """

    def __init__(
        self, path: str | os.PathLike[str], part: str = "", *, size: tuple[int, int] | None = None,
        channels: int | None = None, classes: list[str] | None = None,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        if channels not in (None, 1, 3):
            raise ValueError(f"ImageSource: channels: expected 1, 3 or None, got {channels!r}")
        self._zip, self.differing = opened(self.path, "images"), set[tuple[str, str]]()
        found = [(folder.rsplit("/", 1)[-1], name) for folder, name in listed(self.path, part, self._zip)]
        if not found:
            where = f'"{part}/" of ' if part else ""
            raise ValueError(
                f'ImageSource: {where}"{self.path}" has no images; expected {part or "."}/<class>/*.png or *.jpg'
            )
        self.classes = sorted({label for label, _ in found}) if classes is None else list(classes)
        number = {label: i for i, label in enumerate(self.classes)}
        for label, name in found:
            if label not in number:
                raise ValueError(
                    f'ImageSource: "{name}" is of a class that is not known; the classes are {", ".join(self.classes)}'
                )
        self.names = [name for _, name in found]
        self.labels: Array | None = np.array([number[label] for label, _ in found])
        self.rows = len(found)
        with self._image(self.names[0]) as first:
            wide, high = first.size
            colours = 1 if _is_grey(first) else 3
        self.shape: tuple[int, int, int] = (*(size or (high, wide)), channels or colours)

    @classmethod
    def of_files(cls, path: str | os.PathLike[str], names: list[str], shape: tuple[int, int, int]) -> Self:
        """Images without labels: the files of these names in a folder or archive, brought to one shape."""
        source = object.__new__(cls)
        source.path, source.names, source.shape = Path(path), names, shape
        source._zip = opened(source.path, "images")
        source.classes, source.labels, source.rows = [], None, len(names)
        source.differing = set()
        return source

    dtype: Any = np.uint8  # of the arrays of images
    _kept: dict[int, Array] | None = None  # images by row, where they are to be kept

    def take(self, rows: Array) -> Batch:
        """Images uint8 `(n, height, width, channels)`, and class numbers if there are any."""
        images = self.decode(rows)
        return (images,) if self.labels is None else (images, self.labels[rows])

    def decode(self, rows: Array) -> Array:
        """The images of some rows, in as many threads as pydl may use."""
        images = np.empty((len(rows), *self.shape), self.dtype)
        threads = min(get_num_threads(), -(-len(rows) // 8))
        if threads > 1 and (self._kept is None or rows[0] not in self._kept):
            with self._image(self.names[rows[0]]) as first:
                threads = threads if first.width * first.height >= _SMALL else 1

        def part(first: int) -> None:
            for i in range(first, len(rows), threads):
                images[i] = self._row(int(rows[i]))

        if threads <= 1:
            if len(rows):
                part(0)
        else:
            with ThreadPoolExecutor(threads, "pydl-images") as pool:
                list(pool.map(part, range(threads)))
        return images

    def cache(self) -> Self:
        """The same images, each of which is decoded once and then kept in memory, as bytes where it has its size."""
        found = copy.copy(self)
        found._kept = {}
        return found

    def _row(self, row: int) -> Array:
        if self._kept is None:
            return self._pixels(self.names[row])
        if row not in self._kept:
            self._kept[row] = self._pixels(self.names[row])
        return self._kept[row]

    def _image(self, name: str) -> Any:
        try:
            from PIL import Image, UnidentifiedImageError
        except ImportError as error:
            raise ImportError('reading images needs Pillow: pip install "pydl[image]"') from error
        try:
            # Only what is promised: of Pillow's other formats, some start programs.
            image = Image.open(io.BytesIO(content(self.path, self._zip, name)), formats=_FORMATS)
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; expected at most {_MOST_PIXELS:,}")
        except UnidentifiedImageError:
            raise ValueError(
                f'"{self.path}": "{name}" cannot be read as an image; expected one of {", ".join(_FORMATS)}'
            ) from None
        except (*UNREADABLE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f'"{self.path}": "{name}" cannot be read as an image: {error}') from None
        return image

    def _pixels(self, name: str) -> Array:
        mode = _MODES[self.shape[2]]
        with self._image(name) as image:
            try:
                image.load()
                self._note_differing(image, name)
                picture = self._in_mode(image, mode)
            except (*UNREADABLE, SyntaxError) as error:
                raise ValueError(f'"{self.path}": "{name}" cannot be decoded: {error}') from None
            return self._resized(picture).reshape(self.shape)

    def _in_mode(self, image: Any, mode: str) -> Any:
        """A decoded image with the channels of all."""
        picture = in_bytes(image)
        return picture if picture.mode == mode else picture.convert(mode)

    def _note_differing(self, image: Any, name: str) -> None:
        """Note a decoded image that is not as all are to be."""
        high, wide, channels = self.shape
        if image.size != (wide, high):
            self.differing.add(("size", name))
        if (channels == 1) != _is_grey(image):
            self.differing.add(("colour", name))
        if image.getexif().get(_ORIENTATION, 1) > 1:
            self.differing.add(("turned", name))

    def _resized(self, picture: Any) -> Array:
        """A decoded image in the size of all."""
        high, wide, _ = self.shape
        return np.asarray(picture if picture.size == (wide, high) else picture.resize((wide, high)))


def _is_grey(image: Any) -> bool:
    return image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16")


def in_bytes(image: Any) -> Any:
    """A Pillow image whose values are from 0 to 255: of two bytes the higher one, as TensorFlow takes it.

    Raises
    ------
    ValueError
        Values of which nothing says where white is: of floating point, or of four bytes.
    """
    from PIL import Image

    of_two = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if of_two:
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "floating point" if image.mode == "F" else "whole numbers of four bytes"
        raise ValueError(f"its values are {kind}, of which nothing says where white is; save it with 8 or 16 bits")
    return image


def listed(path: Path, part: str, archive: zipfile.ZipFile | None) -> list[tuple[str, str]]:
    """`(folder, file)` of the images that lie in folders directly below `part`, in the order of their names."""
    depth = part.count("/") + 2 if part else 1
    return [
        (n.rsplit("/", 1)[0], n)
        for n in ending(path, archive, SUFFIXES)
        if n.count("/") == depth and (not part or n.startswith(f"{part}/"))
    ]


def parts(path: str | os.PathLike[str]) -> list[str]:
    """The folders that hold folders of images: `["test", "train"]`, or `[""]`, or `["photos/train"]`, or `[]`."""
    return sorted({n.rsplit("/", 2)[0] if n.count("/") > 1 else "" for n in files(path) if "/" in n})


def files(path: str | os.PathLike[str]) -> list[str]:
    """The images anywhere in a folder or zip archive, in the order of their names."""
    return folders.files(path, SUFFIXES, "images")


def empty(path: str | os.PathLike[str], part: str, classes: Collection[str]) -> list[str]:
    """The folders directly below `part` that are no class, as no image lies in them."""
    return [name for name in folders.below(path, part, "images") if name not in classes]


def left_aside(path: str | os.PathLike[str]) -> list[str]:
    """What is not read as an image, a sentence each."""
    return folders.left_aside(path, SUFFIXES, "images")

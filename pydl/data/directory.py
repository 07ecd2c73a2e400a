"""`pydl.utils.image_dataset_from_directory`: image files as batches, with Keras's arguments and Keras's order."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl._base.args import one_of, real, whole
from pydl._base.random import derived, next_seed
from pydl.data.base import Batch
from pydl.data.images import ImageSource, files
from pydl.data.resizing import INTERPOLATIONS, Aspect, resized
from pydl.layers.spatial import channels_last, each_axis

Array = NDArray[Any]

_OWNER = "image_dataset_from_directory"
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras looks for
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_LABEL_MODES = ("int", "categorical", "binary", None)


class SizedImages(ImageSource):
    """Image files in one size, as numbers of float32 from 0 to 255.

    Attributes
    ----------
    interpolation, aspect
        See `resized`.
    """

    dtype = np.float32
    interpolation: str
    aspect: Aspect

    def _resized(self, picture: Any) -> Array:
        return resized(picture, self.shape[:2], self.interpolation, self.aspect)


class ImageDataset(SizedImages):
    """Batches of image files, decoded while they are waited for; what `image_dataset_from_directory` returns.

    `fit`, `evaluate` and `predict` take it as `x` or as `validation_data`; then its own `batch_size` counts. A loop
    over it gives `(images, labels)`, or images where there are no labels.

    Attributes
    ----------
    class_names : list of str or None
    file_paths : list of str
        The file of each row.
    labels : int64 array or None
        The class of each row.
    """

    def __init__(
        self, path: Path, names: list[str], labels: Array | None, class_names: list[str] | None, *,
        shape: tuple[int, int, int], label_mode: str | None, batch_size: int | None, shuffle: bool, seed: int,
        interpolation: str, aspect: Aspect,
    ) -> None:  # fmt: skip
        made = ImageSource.of_files(path, names, shape)
        self.path, self.names, self.shape, self._zip = made.path, made.names, made.shape, made._zip
        self.differing = made.differing
        self.labels, self.classes, self.rows = labels, class_names or [], len(names)
        self.class_names, self.file_paths = class_names, [os.path.join(path, name) for name in names]
        self.batch_size, self._mode, self._shuffle, self._seed = batch_size, label_mode, shuffle, seed
        self.interpolation, self.aspect = interpolation, aspect
        self._passes = 0

    def __len__(self) -> int:
        """How many batches, or images where there is no batch size."""
        return self.batch_count(1)

    def __iter__(self) -> Iterator[Any]:
        """The batches, shuffled anew in each pass if the data set is to be shuffled; single images without a size."""
        order = derived(self._seed, self._passes) if self._shuffle else None
        self._passes += 1
        for batch in self.batches(1, seed=order):
            parts = batch if self.batch_size else tuple(part[0] for part in batch)
            yield parts if len(parts) > 1 else parts[0]

    def batch_count(self, batch_size: int) -> int:
        return -(-self.rows // (self.batch_size or batch_size))

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        order = derived(seed, self._seed) if self._shuffle and seed is not None else None
        return super()._read(self.batch_size or batch_size, order, start, stop)

    def take(self, rows: Array) -> Batch:
        images = self.decode(rows)
        return (images,) if self.labels is None else (images, self._coded(self.labels[rows]))

    def _coded(self, labels: Array) -> Array:
        if self._mode == "categorical":
            return (labels[:, None] == np.arange(len(self.classes))).astype(np.float32)
        return labels.astype(np.int32) if self._mode == "int" else labels[:, None].astype(np.float32)


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Image files below a folder, or in a zip archive, as batches for `fit`, `evaluate` and `predict`.

    Files are decoded in threads while batches are waited for; a few batches are in memory at a time. Where all images
    fit into memory, `.cache()` of what is returned decodes each only once. With a seed, files are parted and put in
    order as Keras does it.

    Parameters
    ----------
    directory : str or path-like
        A folder, a zip archive or a folder inside one, such as "cifar10.zip/train"; a single folder around all that an
        archive holds does not matter. Files `.jpg .jpeg .png .bmp .gif` count, others do not; of GIFs, the first image.
    labels : "inferred", None or list of int
        By the folder right below `directory` in which a file lies, at any depth; none; or one for each file, in the
        order of their paths.
    label_mode : {"int", "categorical", "binary"} or None
        int32 class numbers `(n,)`, one-hot float32 `(n, classes)`, float32 zeros and ones `(n, 1)`, or no labels.
    class_names : list of str, optional
        Names of folders, in the order of their numbers; others are left out. By default all, in the order of the
        alphabet.
    color_mode : {"rgb", "grayscale", "rgba"}
    batch_size : int or None
        None: a loop over the data set gives single images.
    image_size : (int, int) or int
        Height and width that images are brought to.
    shuffle : bool
        Put files into a random order, once, and batches into another one in each pass of `fit` or of a loop.
        `evaluate` and `predict` keep to the order of `file_paths`.
    seed : int, optional
        Below 2**32. None: drawn from the seed that `set_random_seed` sets.
    validation_split : float, optional
        The share of the files, at the end of their order, that are the subset "validation".
    subset : {"training", "validation", "both"}, optional
        Goes with `validation_split`; "both" returns two data sets.
    interpolation : {"bilinear", "nearest", "bicubic", "area", "lanczos3"}
        The first two look at the pixels around a point, as Keras does, and give its values; the others look at all
        pixels, and round to whole values.
    follow_links : bool
        Whether to enter folders that are links.
    crop_to_aspect_ratio, pad_to_aspect_ratio : bool
        For images of another shape: cut off what is too much, or put black at the sides, rather than distort.
    data_format : "channels_last"
    format : str
        Taken because Keras takes it.
    verbose : bool
        Say how many files there are.

    Returns
    -------
    ImageDataset, or a list of two for `subset="both"`. Images are float32 `(n, height, width, channels)` from 0 to 255.

    Raises
    ------
    FileNotFoundError
    ValueError
        Arguments that do not fit each other or the folder; no images. Where a file is read later, one that is damaged:
        the message names it.
    """
    if one_of(_OWNER, "label_mode", label_mode, _LABEL_MODES) is None or labels is None:
        labels = label_mode = None
    channels = CHANNELS[one_of(_OWNER, "color_mode", color_mode, tuple(CHANNELS))]
    one_of(_OWNER, "interpolation", str(interpolation).lower(), INTERPOLATIONS)
    channels_last(_OWNER, data_format, 2)
    one_of(_OWNER, "format", format, ("tf", "grain"))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{_OWNER}: expected crop_to_aspect_ratio or pad_to_aspect_ratio, got both")
    share = _share(validation_split, subset, shuffle, seed)
    seed = next_seed() % 2**32 if seed is None else whole(_OWNER, "seed", seed, below=2**32)
    size = None if batch_size is None else whole(_OWNER, "batch_size", batch_size, at_least=1)
    height, width = each_axis(_OWNER, "image_size", image_size, 2)
    path, inside = _located(Path(directory))
    names, numbers, known = _labelled(_Place(path, inside, follow_links), labels, class_names)
    if label_mode == "binary" and len(known or ()) != 2:
        raise ValueError(f'{_OWNER}: label_mode="binary" is for two classes, got {known}')
    if verbose:
        of = f" belonging to {len(known)} classes" if known is not None else ""
        print(f"Found {len(names)} files{of}.")
    if not names:
        raise ValueError(f'{_OWNER}: no images found in "{directory}"; expected {", ".join(_SUFFIXES)}')
    order = np.arange(len(names))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)  # the order that Keras gives them
    aspect: Aspect = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"

    def made(rows: Array, mixed: bool) -> ImageDataset:
        return ImageDataset(
            path, [inside + names[i] for i in rows], None if numbers is None else numbers[rows], known,
            shape=(height, width, channels), label_mode=label_mode, batch_size=size, shuffle=mixed, seed=seed,
            interpolation=str(interpolation).lower(), aspect=aspect,
        )  # fmt: skip

    if not share:
        return made(order, shuffle)
    held = int(share * len(names))
    if not 0 < held < len(names):
        raise ValueError(
            f'{_OWNER}: validation_split={share} of {len(names)} files leaves one part empty in "{directory}"'
        )
    parts = {"training": order[:-held], "validation": order[-held:]}
    wanted = list(parts) if subset == "both" else [str(subset)]
    if verbose:
        for part in wanted:
            print(f"Using {len(parts[part])} files for {part}.")
    found = [made(parts[part], shuffle and (part == "training" or subset != "both")) for part in wanted]
    return found if subset == "both" else found[0]


def _share(split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> float:
    """The share of the files that are for validation, 0 where there is no such part."""
    if split is None or split == 0:
        if subset is not None:
            raise ValueError(f"{_OWNER}: subset={subset!r} goes with validation_split, as in validation_split=0.2")
        return 0.0
    share = real(_OWNER, "validation_split", split, at_least=0, below=1)
    one_of(_OWNER, "subset", subset, ("training", "validation", "both"))
    if shuffle and seed is None:
        raise ValueError(
            f"{_OWNER}: expected a seed with validation_split, or shuffle=False: without one, training and validation "
            "might share files"
        )
    return share


def _located(path: Path) -> tuple[Path, str]:
    """A folder, or an archive and the folder in it."""
    place, inside = path, ""
    while not place.exists() and place != place.parent:
        place, inside = place.parent, f"{place.name}/{inside}"
    if place.is_dir():
        if inside:
            raise FileNotFoundError(f'{_OWNER}: there is no "{path}"')
        return place, ""
    if not zipfile.is_zipfile(place):
        raise ValueError(f'{_OWNER}: "{place}": expected a folder or a zip archive of images')
    names = files(place)
    if inside and not any(name.startswith(inside) for name in names):
        raise FileNotFoundError(f'{_OWNER}: there are no images in "{inside}" of "{place}"')
    around = names[0].partition("/")[0] + "/" if names else ""
    within = not inside and all(name.count("/") > 1 and name.startswith(around) for name in names)
    return place, around if within else inside


class _Place:
    """A folder, or a folder in an archive, whose files are listed in the order in which Keras walks."""

    def __init__(self, path: Path, inside: str, follow_links: bool) -> None:
        self.path, self.follow_links = path, follow_links
        self.names = None if path.is_dir() else [n.removeprefix(inside) for n in files(path) if n.startswith(inside)]
        self.called = f"{path}/{inside}".rstrip("/")

    def folders(self) -> list[str]:
        """Those of the classes."""
        if self.names is None:
            found = {entry.name for entry in self.path.iterdir() if entry.is_dir()}
        else:
            found = {name.partition("/")[0] for name in self.names if "/" in name}
        return sorted(name for name in found if not name.startswith("."))

    def below(self, folder: str) -> list[str]:
        """The images of a folder, of all for "": folder by folder, and in each by name."""
        if self.names is None:
            walk = os.walk(self.path / folder, followlinks=self.follow_links)
            every = [Path(at, name).relative_to(self.path).as_posix() for at, _, names in walk for name in names]
        else:
            every = [name for name in self.names if name.startswith(f"{folder}/") or not folder]
        named = [name for name in every if name.lower().endswith(_SUFFIXES) and "/._" not in f"/{name}"]
        return sorted(named, key=lambda name: name.rpartition("/")[::2])


def _labelled(
    place: _Place, labels: Any, class_names: Sequence[str] | None
) -> tuple[list[str], Array | None, list[str] | None]:
    """The files that count, their class numbers and the names of the classes."""
    if isinstance(labels, str) and labels == "inferred":
        folders = place.folders()
        known = folders if class_names is None else list(class_names)
        if absent := [name for name in known if name not in folders]:
            raise ValueError(
                f'{_OWNER}: class_names: expected some of the folders of "{place.called}", which are '
                f"{', '.join(folders)}; got {', '.join(map(repr, absent))}"
            )
        of_each = [place.below(name) for name in known]
        return [name for each in of_each for name in each], np.repeat(range(len(known)), list(map(len, of_each))), known
    if class_names is not None:
        raise ValueError(f'{_OWNER}: class_names goes with labels="inferred" only')
    if not isinstance(labels, list | tuple | np.ndarray | None):
        raise ValueError(
            f'{_OWNER}: labels: expected "inferred", None or a list with a whole number for each file, got {labels!r}'
        )
    names = place.below("")
    if labels is None:
        return names, None, None
    if len(labels) != len(names):
        raise ValueError(
            f'{_OWNER}: labels: expected one for each of the {len(names)} files in "{place.called}", got {len(labels)}'
        )
    numbers = np.array([whole(_OWNER, "labels", label) for label in labels], np.int64)
    return names, numbers, [str(label) for label in sorted(set(numbers.tolist()))]

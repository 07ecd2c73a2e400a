"""`pydl.utils.image_dataset_from_directory`: image files as batches, with Keras's arguments and Keras's order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl._base.args import each_axis, one_of
from pydl.data.images import ImageSource
from pydl.data.labelled_files import LabelledFiles, from_directory
from pydl.data.resizing import INTERPOLATIONS, Aspect, resized
from pydl.layers.spatial import channels_last

Array = NDArray[Any]

_OWNER = "image_dataset_from_directory"
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras looks for
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


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


class ImageDataset(LabelledFiles, SizedImages):
    """Batches of image files, decoded while they are waited for; what `image_dataset_from_directory` returns.

    See `LabelledFiles` for what it has, and what can be done with it.
    """

    def __init__(
        self, path: Path, names: list[str], *, shape: tuple[int, int, int], interpolation: str, aspect: Aspect,
        **labelled: Any,
    ) -> None:  # fmt: skip
        self.__dict__.update(vars(ImageSource.of_files(path, names, shape)))
        self.interpolation, self.aspect = interpolation, aspect
        self._label(**labelled)

    def read(self, rows: Array) -> Array:
        return self.decode(rows)


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
    interpolation : str
        "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic": all look at the pixels
        around a point, as Keras does; or "area", the mean of what a pixel covers.
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
    channels = CHANNELS[one_of(_OWNER, "color_mode", color_mode, tuple(CHANNELS))]
    one_of(_OWNER, "interpolation", str(interpolation).lower(), INTERPOLATIONS)
    channels_last(_OWNER, data_format, 2)
    one_of(_OWNER, "format", format, ("tf", "grain"))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{_OWNER}: expected crop_to_aspect_ratio or pad_to_aspect_ratio, got both")
    height, width = each_axis(_OWNER, "image_size", image_size, 2)
    aspect: Aspect = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"

    def make(path: Path, names: list[str], **labelled: Any) -> ImageDataset:
        return ImageDataset(
            path, names, shape=(height, width, channels), interpolation=str(interpolation).lower(), aspect=aspect,
            **labelled,
        )  # fmt: skip

    return from_directory(
        make, _OWNER, _SUFFIXES, "images", directory, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip

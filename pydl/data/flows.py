"""Batches of what an `ImageDataGenerator` makes of arrays, or of image files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from pydl._base.args import each_axis, one_of, whole
from pydl._base.random import derived, next_seed, permutation
from pydl.data.directory import CHANNELS
from pydl.data.images import ImageSource
from pydl.utils import PyDataset, array_to_img
from pydl.utils.images import INTERPOLATIONS, brought_to, is_wide

Array = np.ndarray

_CLASS_MODES = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)
_GIVEN = ("multi_output", "raw")  # targets as they stand in columns
_SAVED = ("bmp", "jpeg", "jpg", "png")
_LISTED = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")  # the files that Keras's flows count


class Flow(PyDataset):
    """Batches of pictures, changed by chance: what the `flow` methods of `ImageDataGenerator` return.

    `fit`, `evaluate` and `predict` take it. A loop over it has no end, as in Keras. What is drawn for a batch depends
    on the seed, the pass and the batch's place in it alone.

    Attributes
    ----------
    n, samples : int
        Pictures.
    batch_size : int
    image_shape : (height, width, channels)
    """

    n: int
    image_shape: Any

    def __init__(self, generator: Any, *, batch_size: int, shuffle: bool, seed: int | None, save: Any) -> None:
        super().__init__()
        self.image_data_generator, self.shuffle, self.seed = generator, bool(shuffle), seed
        self.batch_size = whole("ImageDataGenerator", "batch_size", batch_size, at_least=1)
        self.save_to_dir, self.save_prefix, self.save_format = save
        one_of("ImageDataGenerator", "save_format", self.save_format, _SAVED)
        if not self.n:
            raise ValueError("ImageDataGenerator: expected pictures, found none")
        self._seed = next_seed() if seed is None else whole("ImageDataGenerator", "seed", seed, below=2**64)
        self._passes, self.batch_index, self._lock = 0, 0, Lock()

    def __len__(self) -> int:
        return (self.n + self.batch_size - 1) // self.batch_size

    @property
    def samples(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"expected a batch below {len(self)}, got {index}")
        return self._batch(self._passes, index)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._lock:
            passes, index = self._passes, self.batch_index
            self.batch_index = (index + 1) % len(self)
            self._passes += self.batch_index == 0
        return self._batch(passes, index)

    next = __next__

    def reset(self) -> None:
        """Let `next` begin with the first batch again."""
        self.batch_index = 0

    def begin_pass(self, number: int) -> None:
        """Make of the batches that follow those of a pass, counted from 0.

        `fit` says which: one that is resumed goes on with the order and the changes of the one that was interrupted.
        """
        self._passes = number

    def on_epoch_end(self) -> None:
        """Another order, and other changes."""
        self._passes += 1

    def _batch(self, passes: int, index: int) -> Any:
        seed = derived(self._seed, passes)
        order = permutation(self.n, seed) if self.shuffle else np.arange(self.n)
        first = index * self.batch_size
        rows = order[first : first + self.batch_size]
        made = self.image_data_generator
        rng = np.random.default_rng((seed, index))
        drawn = [made.get_random_transform(self.image_shape, rng) for _ in rows]
        pictures = made.changed(self._pictures(rows), drawn).astype(made.dtype, copy=False)
        for picture in pictures:
            picture[...] = made.standardize(picture)
        for i, row in enumerate(rows if self.save_to_dir else ()):
            name = f"{self.save_prefix}_{row}_{seed % 10**7}.{self.save_format}"
            array_to_img(pictures[i], scale=True).save(os.path.join(self.save_to_dir, name))
        return self._with_targets(pictures, rows)

    def _pictures(self, rows: Array) -> Any:
        """The pictures of some rows, as they are."""
        raise NotImplementedError

    def _with_targets(self, pictures: Array, rows: Array) -> Any:
        """A batch, with its targets and weights if it has any."""
        raise NotImplementedError


class ArrayFlow(Flow):
    """Of arrays."""

    def __init__(
        self, generator: Any, x: Any, y: Any, sample_weight: Any, part: Any, any_classes: bool, **options: Any
    ) -> None:
        others: list[Any] = []
        if isinstance(x, list | tuple):
            x, more = x
            others = [np.asarray(one) for one in (more if isinstance(more, list) else [more])]
        x = np.asarray(x)
        if x.ndim != 4:
            raise ValueError(
                f"ImageDataGenerator: flow: expected x (n, height, width, channels), got shape {x.shape}; a picture "
                "without channels gets one by x[..., None]"
            )
        beside = {"x": others, "y": [] if y is None else [np.asarray(y)]}
        beside["sample_weight"] = [] if sample_weight is None else [np.asarray(sample_weight)]
        for name, arrays in beside.items():
            for one in arrays:
                if len(one) != len(x):
                    raise ValueError(f"ImageDataGenerator: flow: {name}: expected {len(x)} rows as x, got {len(one)}")
        rows = slice(None)
        if part is not None:
            rows = slice(*(int(len(x) * end) for end in part))
            cut = int(len(x) * generator.validation_split)
            differ = [np.setxor1d(one[:cut], one[cut:]).size for one in beside["y"]]
            if any(differ) and not any_classes:
                raise ValueError(
                    "ImageDataGenerator: flow: training and validation have different classes; shuffle the rows "
                    "first, or pass ignore_class_split=True"
                )
        self.x, self.x_misc = x[rows], [one[rows] for one in others]
        self.y = beside["y"][0][rows] if beside["y"] else None
        self.sample_weight = beside["sample_weight"][0][rows] if beside["sample_weight"] else None
        self.n, self.image_shape = len(self.x), x.shape[1:]
        super().__init__(generator, **options)

    def _pictures(self, rows: Array) -> Any:
        return self.x[rows].astype(self.image_data_generator.dtype)

    def _with_targets(self, pictures: Array, rows: Array) -> Any:
        x = [pictures, *(one[rows] for one in self.x_misc)] if self.x_misc else pictures
        if self.y is None:
            return x
        weights = () if self.sample_weight is None else (self.sample_weight[rows],)
        return (x, self.y[rows], *weights)


class _Resampled(ImageSource):
    """Image files in one size, as Pillow resizes them, as numbers of float32."""

    dtype = np.float32
    interpolation: str
    crop: bool

    def _in_mode(self, image: Any, mode: str) -> Any:
        return image if mode == "L" and is_wide(image) else super()._in_mode(image, mode)

    def _resized(self, picture: Any) -> Array:
        return np.asarray(brought_to(picture, self.shape[:2], self.interpolation, self.crop))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) in ("<NA>", "NaT")


class FileFlow(Flow):
    """Of image files.

    Attributes
    ----------
    filenames, filepaths : list of str
        The file of each picture, below the folder and as a path.
    class_indices : dict of str to int
    classes : int array
        The class of each picture.
    labels : array, or list of them
        What targets are made of.
    num_classes : int
    """

    def __init__(
        self, generator: Any, folder: str, filenames: list[str], classes: Sequence[str], labels: Any,
        sample_weight: Array | None = None, *, target_size: Any, color_mode: str, class_mode: str | None,
        interpolation: str, crop: bool, **options: Any,
    ) -> None:  # fmt: skip
        owner = "ImageDataGenerator"
        self.class_mode = one_of(owner, "class_mode", class_mode, _CLASS_MODES)
        self.color_mode = one_of(owner, "color_mode", color_mode, tuple(CHANNELS))
        self.target_size = each_axis(owner, "target_size", target_size, 2)
        self.image_shape = (*self.target_size, CHANNELS[color_mode])
        self.directory, self.filenames, self.n = folder, filenames, len(filenames)
        self.filepaths = [os.path.join(folder, name) for name in filenames]
        self.class_indices = {name: i for i, name in enumerate(classes)}
        self.num_classes, self.labels, self.sample_weight = len(classes), labels, sample_weight
        if labels is not None and class_mode not in _GIVEN:
            self.classes = labels
        if class_mode == "binary" and len(classes) != 2:
            raise ValueError(f'{owner}: class_mode="binary" is for two classes, got {list(classes)}')
        self._source = _Resampled.of_files(folder, filenames, self.image_shape)
        self._source.interpolation = one_of(owner, "interpolation", interpolation, INTERPOLATIONS)
        self._source.crop = crop
        super().__init__(generator, **options)
        of = f" belonging to {len(classes)} classes" if classes else ""
        print(f"Found {self.n} images{of}.")

    @classmethod
    def of_folder(
        cls, generator: Any, directory: Any, classes: Any, follow_links: bool, part: Any, *, class_mode: Any,
        **options: Any,
    ) -> FileFlow:  # fmt: skip
        """Each folder in it is a class; `part`: from which share of its files to which."""
        if class_mode in _GIVEN:
            raise ValueError(f'ImageDataGenerator: class_mode="{class_mode}" is for flow_from_dataframe')
        folder = Path(directory)
        found = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        known = list(classes) if classes else found
        if absent := [name for name in known if name not in found]:
            raise ValueError(
                f'ImageDataGenerator: classes: expected some of the folders of "{folder}", which are '
                f"{', '.join(found)}; got {', '.join(map(repr, absent))}"
            )
        of_each = []
        for name in known:
            walk = sorted(os.walk(folder / name, followlinks=follow_links))
            every = [
                Path(at, file).relative_to(folder).as_posix()
                for at, _, files in walk
                for file in sorted(files)
                if file.lower().endswith(_LISTED)
            ]
            of_each.append(every if part is None else every[slice(*(int(len(every) * end) for end in part))])
        labels = np.repeat(np.arange(len(known), dtype=np.int32), list(map(len, of_each)))
        filenames = [name for each in of_each for name in each]
        return cls(generator, str(folder), filenames, known, labels, class_mode=class_mode, **options)

    @classmethod
    def of_frame(
        cls, generator: Any, frame: Any, directory: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any,
        check: bool, part: Any, *, class_mode: Any, **options: Any,
    ) -> FileFlow:  # fmt: skip
        """A row of a data frame is a file; those whose file is not there are left out, with a warning."""
        targets = [] if class_mode in (None, "input") else list(y_col) if isinstance(y_col, list | tuple) else [y_col]
        wanted = [x_col, *targets, *([weight_col] if weight_col else [])]
        if absent := [name for name in wanted if name not in list(frame.columns)]:
            raise ValueError(
                f"ImageDataGenerator: flow_from_dataframe: no column {absent[0]!r} in {list(frame.columns)}"
            )
        names = [str(name) for name in frame[x_col]]
        folder = str(directory or "")
        keep = np.ones(len(names), bool)
        if check:
            keep &= [n.lower().endswith(_LISTED) and os.path.isfile(os.path.join(folder, n)) for n in names]
            if not keep.all():
                warnings.warn(
                    f"ImageDataGenerator: flow_from_dataframe: {(~keep).sum()} of {len(keep)} rows name no image file "
                    "that is there; they are left out",
                    stacklevel=3,
                )
        columns = [frame[name].to_numpy() for name in targets]
        known: list[str] = []
        labels: Any = None
        if class_mode == "multi_output":
            labels = [np.array(list(column)) for column in columns]
        elif class_mode == "raw":
            labels = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        elif targets:
            if len(columns) != 1:
                raise ValueError(f'ImageDataGenerator: y_col: expected one column for class_mode="{class_mode}"')
            for row in np.flatnonzero(keep):
                if _is_missing(columns[0][row]):
                    raise ValueError(
                        f'ImageDataGenerator: flow_from_dataframe: row {row}, of "{names[row]}", has no class in '
                        f"{targets[0]!r}; leave such rows out, or give them a class of their own"
                    )
            several = class_mode == "categorical" and any(isinstance(v, list | tuple) for v in columns[0])
            values = [list(map(str, v if isinstance(v, list | tuple) else [v])) for v in columns[0]]
            among = {name for each, k in zip(values, keep, strict=True) for name in each if k}
            known = [str(name) for name in classes] if classes else sorted(among)
            keep &= [any(name in known for name in each) for each in values]
            hot = np.array([[name in each for name in known] for each in values], np.int32).reshape(len(values), -1)
            labels = hot if several else hot.argmax(axis=1).astype(np.int32)
        rows = np.flatnonzero(keep)
        rows = rows if part is None else rows[slice(*(int(len(rows) * end) for end in part))]
        weights = None if weight_col is None else np.asarray(frame[weight_col])[rows]
        filenames = [names[row] for row in rows]
        if labels is not None:
            labels = [each[rows] for each in labels] if class_mode == "multi_output" else labels[rows]
        return cls(generator, folder or os.curdir, filenames, known, labels, weights, class_mode=class_mode, **options)

    def _pictures(self, rows: Array) -> Any:
        return self._source.decode(rows)

    def _with_targets(self, pictures: Array, rows: Array) -> Any:
        if self.class_mode == "input":
            targets: Any = pictures.copy()
        elif self.labels is None or self.class_mode is None:
            return pictures
        elif self.class_mode == "categorical":
            hot = self.labels[rows]  # of pictures of several classes; else numbers
            hot = hot if hot.ndim == 2 else hot[:, None] == np.arange(self.num_classes)
            targets = hot.astype(pictures.dtype)
        elif self.class_mode == "multi_output":
            targets = [each[rows] for each in self.labels]
        else:
            targets = self.labels[rows]
            targets = targets if self.class_mode == "raw" else targets.astype(pictures.dtype)
        return (pictures, targets) if self.sample_weight is None else (pictures, targets, self.sample_weight[rows])

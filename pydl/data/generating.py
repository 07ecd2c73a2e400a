"""`ImageDataGenerator` of Keras 2: pictures changed by chance, in NumPy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import one_of, real
from pydl._base.random import next_seed
from pydl._base.sampling import FILLS, grid, read
from pydl.data.flows import ArrayFlow, FileFlow, Flow
from pydl.layers.spatial import channels_last
from pydl.utils import array_to_img, img_to_array

Array = np.ndarray

_OWNER = "ImageDataGenerator"


class ImageDataGenerator:
    """Batches of pictures that are changed by chance and brought to one scale, as in Keras 2.

    For programs that have it: in new ones, layers do the same in C, `RandomFlip`, `RandomRotation` and their kin,
    `Rescaling` and `Normalization`. This is NumPy. A turn by theta degrees, a shift by (tx, ty)
    pixels, a shear by an angle and a zoom by (zx, zy) make the pixel at (x, y) from the middle that at
    `R(theta) (S(shear) (zx x, zy y) + (tx, ty))` of the picture, between pixels as the mean of the four around.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool
        Subtract the channels' means, divide by their deviations, which `fit` finds.
    samplewise_center, samplewise_std_normalization : bool
        The same with those of each picture.
    zca_whitening, zca_epsilon : bool, float
        Make pixels uncorrelated, by what `fit` finds; what is added to singular values. For small pictures: its matrix
        has as many rows, and columns, as a picture has numbers.
    rotation_range : float
        Degrees: theta is drawn from (-r, r).
    width_shift_range, height_shift_range : float, int or list
        A float below 1 is a share of the side, another one are pixels, both drawn from (-r, r); an int n draws whole
        pixels below n, to either side; a list, one of its values.
    brightness_range : (float, float), optional
        Of the factor of brightness; needs Pillow.
    shear_range : float
        Degrees, drawn from (-r, r).
    zoom_range : float or (float, float)
        zx and zy are drawn from it; f stands for (1 - f, 1 + f).
    channel_shift_range : float
        What is added to all numbers is drawn from (-r, r); they stay within the picture's range.
    fill_mode, cval : {"nearest", "constant", "reflect", "wrap"}, float
        What is beyond the edge: the last pixel; cval; the picture mirrored there; the picture repeated.
    horizontal_flip, vertical_flip : bool
        Whether half of the pictures are mirrored.
    rescale : float, optional
        A factor, before all that is subtracted.
    preprocessing_function : callable, optional
        Of one picture, `(height, width, channels)`, after it was changed and before it is scaled.
    data_format : {"channels_last"}, optional
    validation_split : float
        The share that `subset="validation"` stands for: the first of arrays, the first files of each class.
    interpolation_order : {1, 0}
        0: the nearest pixel.
    dtype : str, optional
        Of the batches; default `pydl.config.floatx()`.

    Attributes
    ----------
    mean, std, zca_whitening_matrix : array or None
        What `fit` found.
    """

    def __init__(
        self, featurewise_center: bool = False, samplewise_center: bool = False,
        featurewise_std_normalization: bool = False, samplewise_std_normalization: bool = False,
        zca_whitening: bool = False, zca_epsilon: float = 1e-6, rotation_range: float = 0,
        width_shift_range: Any = 0.0, height_shift_range: Any = 0.0, brightness_range: Any = None,
        shear_range: float = 0.0, zoom_range: Any = 0.0, channel_shift_range: float = 0.0, fill_mode: str = "nearest",
        cval: float = 0.0, horizontal_flip: bool = False, vertical_flip: bool = False, rescale: float | None = None,
        preprocessing_function: Callable[[Array], Any] | None = None, data_format: str | None = None,
        validation_split: float = 0.0, interpolation_order: int = 1, dtype: str | None = None,
    ) -> None:  # fmt: skip
        self.data_format = channels_last(_OWNER, data_format, 2)
        self.featurewise_center = bool(featurewise_center or featurewise_std_normalization or zca_whitening)
        self.featurewise_std_normalization = bool(featurewise_std_normalization and not zca_whitening)
        self.samplewise_center = bool(samplewise_center or samplewise_std_normalization)
        self.samplewise_std_normalization = bool(samplewise_std_normalization)
        self.zca_whitening, self.zca_epsilon = bool(zca_whitening), real(_OWNER, "zca_epsilon", zca_epsilon, above=0)
        self.rotation_range = real(_OWNER, "rotation_range", rotation_range, at_least=0)
        self.width_shift_range = _shift("width_shift_range", width_shift_range)
        self.height_shift_range = _shift("height_shift_range", height_shift_range)
        self.brightness_range = None if brightness_range is None else _pair("brightness_range", brightness_range)
        self.shear_range = real(_OWNER, "shear_range", shear_range, at_least=0)
        ends = zoom_range if isinstance(zoom_range, list | tuple) else None
        self.zoom_range = _pair("zoom_range", ends) if ends else _around_one(real(_OWNER, "zoom_range", zoom_range))
        self.channel_shift_range = real(_OWNER, "channel_shift_range", channel_shift_range, at_least=0)
        self.fill_mode, self.cval = one_of(_OWNER, "fill_mode", fill_mode, FILLS), real(_OWNER, "cval", cval)
        self.horizontal_flip, self.vertical_flip = bool(horizontal_flip), bool(vertical_flip)
        self.rescale = None if rescale is None else real(_OWNER, "rescale", rescale)
        if preprocessing_function is not None and not callable(preprocessing_function):
            raise TypeError(f"{_OWNER}: preprocessing_function: expected a function, got {preprocessing_function!r}")
        self.preprocessing_function = preprocessing_function
        self.validation_split = real(_OWNER, "validation_split", validation_split, at_least=0, below=1)
        self.interpolation_order = one_of(_OWNER, "interpolation_order", interpolation_order, (0, 1))
        self.dtype = str(np.dtype(dtype or config.floatx()))
        self.mean: Array | None = None
        self.std: Array | None = None
        self.zca_whitening_matrix: Array | None = None

    # -- batches --------------------------------------------------------------------------------------------------

    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = True, sample_weight: Any = None,
        seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png",
        ignore_class_split: bool = False, subset: str | None = None,
    ) -> Flow:  # fmt: skip
        """Batches of arrays `(n, height, width, channels)`, with targets and weights if they are given.

        `save_to_dir` is a folder for the pictures as they come out. `x` may be a pair: pictures, and an array or list
        of arrays of other inputs.
        """
        return ArrayFlow(
            self, x, y, sample_weight, self._part(subset), ignore_class_split, batch_size=batch_size, shuffle=shuffle,
            seed=seed, save=(save_to_dir, save_prefix, save_format),
        )  # fmt: skip

    def flow_from_directory(
        self, directory: str | os.PathLike[str], target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png",
        follow_links: bool = False, subset: str | None = None, interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> Flow:  # fmt: skip
        """Batches of the image files in the folders of a folder, each of which is a class.

        Parameters
        ----------
        directory : str or path-like
        target_size : (height, width)
        color_mode : {"rgb", "grayscale", "rgba"}
        classes : list of str, optional
            The folders that count, in the order of their numbers; by default all, in the order of the alphabet.
        class_mode : {"categorical", "binary", "sparse", "input"} or None
            One-hot targets, numbers (0 or 1), numbers, the pictures themselves; none.
        batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset
            As of `flow`.
        follow_links : bool
            Whether to enter folders that are links.
        interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}
        keep_aspect_ratio : bool
            Cut off what the other shape has no room for, rather than distort.
        """
        return FileFlow.of_folder(
            self, directory, classes, bool(follow_links), self._part(subset), target_size=target_size,
            color_mode=color_mode, class_mode=class_mode, interpolation=interpolation, crop=keep_aspect_ratio,
            batch_size=batch_size, shuffle=shuffle, seed=seed, save=(save_to_dir, save_prefix, save_format),
        )  # fmt: skip

    def flow_from_dataframe(
        self, dataframe: Any, directory: Any = None, x_col: str = "filename", y_col: Any = "class",
        weight_col: str | None = None, target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png",
        subset: str | None = None, interpolation: str = "nearest", validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> Flow:  # fmt: skip
        """Batches of the image files that a column names, in `directory` or by whole paths.

        `y_col` holds the names of classes (for "categorical", lists of them too) or, for the `class_mode` "raw", the
        targets as they are, in one column or a list of them; for "multi_output", a list of columns becomes a list of
        targets. `validate_filenames`: leave out rows whose file is not there, with a warning. The rest is as of
        `flow_from_directory`.
        """
        return FileFlow.of_frame(
            self, dataframe, directory, x_col, y_col, weight_col, classes, validate_filenames, self._part(subset),
            target_size=target_size, color_mode=color_mode, class_mode=class_mode, interpolation=interpolation,
            crop=keep_aspect_ratio, batch_size=batch_size, shuffle=shuffle, seed=seed,
            save=(save_to_dir, save_prefix, save_format),
        )  # fmt: skip

    def _part(self, subset: str | None) -> tuple[float, float] | None:
        """From which share of the rows to which."""
        if one_of(_OWNER, "subset", subset, ("training", "validation", None)) is None:
            return None
        if not self.validation_split:
            raise ValueError(f"{_OWNER}: subset={subset!r} goes with validation_split, as in validation_split=0.2")
        return (0.0, self.validation_split) if subset == "validation" else (self.validation_split, 1.0)

    # -- one picture ----------------------------------------------------------------------------------------------

    def get_random_transform(self, img_shape: tuple[int, ...], seed: Any = None) -> dict[str, Any]:
        """Draw what `apply_transform` takes, for a picture of a shape; the same for the same seed.

        A NumPy Generator in the place of a seed is drawn from as it stands.
        """
        rng = np.random.default_rng(next_seed() if seed is None else seed)

        def between(most: float) -> float:
            return rng.uniform(-most, most) if most else 0.0

        found: dict[str, Any] = {
            "theta": between(self.rotation_range), "tx": _drawn(rng, self.width_shift_range, img_shape[1]),
            "ty": _drawn(rng, self.height_shift_range, img_shape[0]), "shear": between(self.shear_range),
        }  # fmt: skip
        found["zx"], found["zy"] = (1.0, 1.0) if self.zoom_range == (1, 1) else rng.uniform(*self.zoom_range, 2)
        across, down = rng.random(2) < 0.5
        found |= {"flip_horizontal": self.horizontal_flip and across, "flip_vertical": self.vertical_flip and down}
        shift, brightness = self.channel_shift_range, self.brightness_range
        found["channel_shift_intensity"] = between(shift) if shift else None
        return found | {"brightness": None if brightness is None else rng.uniform(*brightness)}

    def apply_transform(self, x: Any, transform_parameters: Mapping[str, Any]) -> Array:
        """A picture `(height, width, channels)`, changed; of the parameters each may be missing.

        Parameters
        ----------
        x : array
        transform_parameters : dict
            "theta", "shear" (degrees), "tx", "ty" (pixels), "zx", "zy", "flip_horizontal", "flip_vertical",
            "channel_shift_intensity" and "brightness", as `get_random_transform` draws them.
        """
        x = np.asarray(x)
        if x.ndim != 3:
            raise ValueError(f"{_OWNER}: expected a picture (height, width, channels), got shape {x.shape}")
        return self.changed(x[None], [transform_parameters])[0]

    def changed(self, x: Array, drawn: Sequence[Mapping[str, Any]]) -> Array:
        """Pictures `(n, height, width, channels)`, each by parameters of its own; faster than one by one."""
        matrices = np.stack([_matrix(p) for p in drawn])
        moved = (matrices != np.eye(3)).any((1, 2))
        if moved.any():
            x = x.astype(np.result_type(x, np.float32))
            x[moved] = self._seen(x[moved], matrices[moved])
        toned = [_toned(one, p) for one, p in zip(x, drawn, strict=True)]
        return np.stack(toned)

    def _seen(self, x: Array, matrices: Array) -> Array:
        """Each pixel from the place that a matrix of (x, y, 1), from the middle, gives it."""
        rows, columns = grid(x)
        high, wide = x.shape[1:3]
        middles = (wide - 1) / 2, (high - 1) / 2
        across, down = columns - middles[0], rows - middles[1]
        m = matrices[..., None, None]
        at = [m[:, k, 0] * across + m[:, k, 1] * down + m[:, k, 2] + middles[k] for k in (0, 1)]
        kind = "bilinear" if self.interpolation_order else "nearest"
        if self.fill_mode != "constant":
            return read(x, at[1], at[0], self.fill_mode, self.cval, kind)
        inside = (at[0] >= 0) & (at[0] <= wide - 1) & (at[1] >= 0) & (at[1] <= high - 1)
        return np.where(inside[..., None], read(x, at[1], at[0], "nearest", 0.0, kind), x.dtype.type(self.cval))

    def random_transform(self, x: Any, seed: Any = None) -> Array:
        """A picture, changed by chance."""
        x = np.asarray(x)
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: Any) -> Array:
        """A picture, or a batch, brought to scale; an array of floats is changed in place, as in Keras."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean(keepdims=True)
        if self.samplewise_std_normalization:
            x /= x.std(keepdims=True) + 1e-6
        for wanted, found in (
            (self.featurewise_center, self.mean), (self.featurewise_std_normalization, self.std),
            (self.zca_whitening, self.zca_whitening_matrix),
        ):  # fmt: skip
            if wanted and found is None:
                warnings.warn(f"{_OWNER}: not all of what was asked for is done: call fit(x) first", stacklevel=2)
                return x
        if self.mean is not None and self.featurewise_center:
            x -= self.mean
        if self.std is not None and self.featurewise_std_normalization:
            x /= self.std + 1e-6
        if self.zca_whitening_matrix is not None and self.zca_whitening:
            x = (x.reshape(-1, len(self.zca_whitening_matrix)) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the means, deviations and the whitening matrix of pictures `(n, height, width, channels)`.

        Parameters
        ----------
        x : array
        augment : bool
            Of pictures changed by chance, `rounds` times each.
        rounds : int
        seed : int, optional
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"{_OWNER}: fit: expected pictures (n, height, width, channels), got shape {x.shape}")
        if self.rescale:
            x *= self.rescale
        if augment:
            seed = next_seed() if seed is None else seed
            x = np.stack([self.random_transform(one, (seed, r, i)) for r in range(rounds) for i, one in enumerate(x)])
        if self.featurewise_center:
            self.mean = x.mean((0, 1, 2))[None, None]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std((0, 1, 2))[None, None]
            x /= self.std + 1e-6
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{_OWNER}: {name} must be a pair of numbers, (low, high), got {value!r}")
    low, high = (real(_OWNER, name, v) for v in value)
    return low, high


def _around_one(range_: float) -> tuple[float, float]:
    return 1 - range_, 1 + range_


def _shift(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [real(_OWNER, name, v) for v in value]
    number = real(_OWNER, name, value, at_least=0)
    return int(value) if isinstance(value, int | np.integer) else number


def _drawn(rng: np.random.Generator, range_: Any, side: int) -> float:
    """Pixels to shift by."""
    if not range_:
        return 0.0
    if isinstance(range_, list | int):
        found = float(rng.choice(range_)) * rng.choice([-1, 1])
    else:
        found = rng.uniform(-range_, range_)
    most = max(range_) if isinstance(range_, list) else range_
    return found * side if most < 1 else found


def _matrix(p: Mapping[str, Any]) -> Array:
    """Where (x, y, 1), from the middle, is read."""
    turn, shear = np.deg2rad(p.get("theta", 0)), np.deg2rad(p.get("shear", 0))
    moved = np.array([[1, -np.sin(shear), p.get("tx", 0)], [0, np.cos(shear), p.get("ty", 0)], [0, 0, 1.0]])
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return np.asarray(turned @ moved @ np.diag([p.get("zx", 1), p.get("zy", 1), 1]))


def _toned(x: Array, p: Mapping[str, Any]) -> Array:
    """A picture with other numbers, then mirrored, then darker or brighter."""
    shift, brightness = p.get("channel_shift_intensity"), p.get("brightness")
    x = x if shift is None else np.clip(x + shift, x.min(), x.max())
    x = x[:, ::-1] if p.get("flip_horizontal") else x
    x = x[::-1] if p.get("flip_vertical") else x
    return x if brightness is None else _brightened(x, brightness)


def _brightened(x: Array, factor: float) -> Array:
    """By Pillow, which knows 256 levels; numbers beyond 0 to 255 are brought there and back."""
    from PIL import ImageEnhance  # few want it

    low, high = float(x.min()), float(x.max())
    beyond = low < 0 or high > 255
    found = img_to_array(ImageEnhance.Brightness(array_to_img(x, scale=beyond)).enhance(factor))
    return found / 255 * (high - low) + low if beyond else found

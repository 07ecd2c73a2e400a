"""The public namespace `pydl.utils`, as in Keras 3."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._base.args import whole
from pydl._base.later import Later
from pydl._base.naming import reset_names
from pydl._base.random import set_seed
from pydl._base.registry import custom_object_scope
from pydl._engine.graph import SymbolicTensor
from pydl.config import standardize_dtype

if TYPE_CHECKING:  # by __getattr__: few programs need them
    from pydl.config import (
        disable_interactive_logging,
        enable_interactive_logging,
        is_interactive_logging_enabled,
    )
    from pydl.utils import bounding_boxes, np_utils
    from pydl.utils.batch_parts import pack_x_y_sample_weight, unpack_x_y_sample_weight
    from pydl.utils.drawing import model_to_dot, plot_model
    from pydl.utils.feature_space import FeatureSpace
    from pydl.utils.files import get_file
    from pydl.utils.images import array_to_img, img_to_array, load_img, save_img
    from pydl.utils.installing import install_as_keras
    from pydl.utils.progbar import Progbar
    from pydl.utils.sequences import pad_sequences, timeseries_dataset_from_array
    from pydl.utils.splitting import split_dataset

__all__ = [
    "CustomObjectScope", "FeatureSpace", "Progbar", "PyDataset", "Sequence", "array_to_img", "bounding_boxes",
    "clear_session", "custom_object_scope", "deserialize_keras_object", "disable_interactive_logging",
    "enable_interactive_logging", "get_custom_objects", "get_file", "get_registered_name", "get_registered_object",
    "image_dataset_from_directory", "img_to_array", "install_as_keras", "is_interactive_logging_enabled",
    "is_keras_tensor", "load_img", "model_to_dot", "normalize", "np_utils", "pack_x_y_sample_weight",
    "pad_sequences", "plot_model", "register_keras_serializable", "save_img", "serialize_keras_object",
    "set_random_seed", "split_dataset", "standardize_dtype", "text_dataset_from_directory",
    "timeseries_dataset_from_array", "to_categorical", "unpack_x_y_sample_weight",
]  # fmt: skip

CustomObjectScope = custom_object_scope

__getattr__ = Later(
    __name__,
    {
        "batch_parts": "pack_x_y_sample_weight unpack_x_y_sample_weight",
        "bounding_boxes": "",
        "drawing": "model_to_dot plot_model",
        "feature_space": "FeatureSpace",
        "files": "get_file",
        "images": "array_to_img img_to_array load_img save_img",
        "installing": "install_as_keras",
        "np_utils": "",
        "progbar": "Progbar",
        "sequences": "pad_sequences timeseries_dataset_from_array",
        "splitting": "split_dataset",
        ".data.directory": "image_dataset_from_directory",
        ".data.texts": "text_dataset_from_directory",
        ".config": "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled",
        ".saving": (
            "deserialize_keras_object get_custom_objects get_registered_name get_registered_object "
            "register_keras_serializable serialize_keras_object"
        ),
    },
)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor: what `pydl.Input` makes and layers make of it."""
    return isinstance(x, SymbolicTensor)


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and pydl.

    With the same seed, instruction set and program, pydl then gives the same bits for any number of threads.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**32, which is what NumPy takes.
    """
    import random  # only here: it takes longer to import than most of pydl

    seed = whole("set_random_seed", "seed", seed, below=2**32)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it is NumPy's global generator that users expect to be seeded
    set_seed(seed)


def clear_session(free_memory: bool = True) -> None:
    """Number automatic names anew: the next `Dense` is called "dense". There is nothing else to clear.

    `free_memory` is taken because Keras takes it.
    """
    reset_names()


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows.

    Parameters
    ----------
    x : array_like of whole numbers, shape (...,) or (..., 1)
        A last axis of size one is dropped where there is another.
    num_classes : int, optional
        Default max(x) + 1.

    Returns
    -------
    float64 ndarray of shape (..., num_classes).

    Raises
    ------
    ValueError
        Numbers that are not whole, negative, or not below `num_classes`.
    """
    labels = np.asarray(x)
    if labels.dtype.kind in "OUS":  # digits, as data sets from elsewhere have them
        with suppress(TypeError, ValueError, OverflowError):
            numbers = [int(v) if isinstance(v, str) else v for v in labels.ravel().tolist()]
            labels = np.array(numbers, np.int64 if not numbers else None).reshape(labels.shape)
    if labels.dtype.kind not in "buif":
        raise TypeError(
            f"to_categorical: expected class numbers, got an array of {labels.dtype}; StringLookup numbers words"
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        raise ValueError("to_categorical: class numbers must be whole numbers")
    classes = labels.astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if num_classes is None:
        num_classes = int(classes.max(initial=-1)) + 1
    num_classes = whole("to_categorical", "num_classes", num_classes)
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise ValueError(
            f"to_categorical: class numbers must be in [0, {num_classes}), got {classes.min()} to {classes.max()}"
        )
    one_hot = np.zeros((classes.size, num_classes))
    one_hot[np.arange(classes.size), classes.ravel()] = 1
    return one_hot.reshape(*classes.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """x divided by its norms of `order` along `axis`; where a norm is zero, x itself.

    Parameters
    ----------
    x : array_like
    axis : int, default -1
    order : float, default 2
        As in `numpy.linalg.norm`.
    """
    x = np.asarray(x)
    norms = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norms == 0, 1, norms)


class PyDataset:
    """Base class of data sets that make their batches in Python.

    A subclass implements `__getitem__(index)`, which returns batch number `index` as (inputs, targets) or (inputs,
    targets, sample_weights), and `__len__`, the number of batches.

    Parameters
    ----------
    workers : int, default 1
        Threads that may call `__getitem__` at once; the order of the batches does not depend on it.
    use_multiprocessing : bool, default False
        True: threads all the same, with a warning; the batches are the same.
    max_queue_size : int, default 10
        Batches made ahead at most.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        if use_multiprocessing:
            warnings.warn("PyDataset: batches are made in threads here, not in processes", stacklevel=2)
        self.workers = whole(type(self).__name__, "workers", workers, at_least=1)
        self.use_multiprocessing = False
        self.max_queue_size = whole(type(self).__name__, "max_queue_size", max_queue_size, at_least=1)

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must implement __getitem__(index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must implement __len__()")

    @property
    def num_batches(self) -> int:
        """Number of batches of an epoch."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset  # its name in Keras 2

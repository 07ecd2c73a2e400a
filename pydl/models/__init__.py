"""Models: graphs of layers (`Model`) and chains of them (`Sequential`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydl._base.registry import custom_object_scope
from pydl.models.cloning import clone_model
from pydl.models.configs import model_from_config
from pydl.models.model import Model
from pydl.models.sequential import Sequential

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_keras",
    "load_model",
    "load_onnx",
    "model_from_config",
    "model_from_json",
    "save_model",
]


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    filepath : str or path-like
    custom_objects : dict of str to class, optional
        Classes of your own that the file names. Nothing else than these and pydl's own table is looked up.
    compile : bool
        Also restore the optimizer, with its state, and the losses and metrics.
    safe_mode : bool
        Taken because Keras takes it: code in a file is never run.

    Raises
    ------
    pydl.FormatError
        When the file is damaged, hostile or of another kind.
    """
    from pydl import saving

    return saving.load_model(filepath, custom_objects, compile, safe_mode)


def load_keras(
    filepath: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Model:
    """Read a model that Keras 2 or 3 wrote, whatever the file is called: `.keras`, else HDF5.

    Its predictions are Keras's, but for the order of sums. Only layers that pydl has, and `custom_objects`, are looked
    up; code in the file is never run. Parameters are those of `load_model`, which reads `.keras`, `.h5` and `.hdf5` so.

    Raises
    ------
    ImportError
        Without h5py.
    pydl.FormatError
        A file of another kind; layers or arguments that pydl does not have, which the message names.
    """
    from pydl._keras import files

    return files.load_model(filepath, custom_objects, compile)


def load_onnx(path: str | os.PathLike[str], inputs: str = "nchw", dtype: str | None = None) -> Model:
    """Read a model from an ONNX file, to be used and trained further; the package onnx is not needed.

    Matrices and kernels become `Dense`, `Conv2D` and other layers, the file's other tensors weights too, all of them
    trainable but the statistics of batch normalization and single numbers. The first axis of inputs and outputs is the
    batch, of any size, whatever size the file says. Floats and whole numbers alike are computed with in one type.

    Parameters
    ----------
    path : str or path-like
    inputs : {"nchw", "nhwc"}
        What is fed and what comes out. "nchw": arrays as the file describes them; images that have channels behind the
        batch there are transposed once, in front of the first layer. "nhwc": all inputs and outputs of four axes,
        `(batch, channels, rows, columns)` in the file, are `(batch, rows, columns, channels)`, as pydl's layers and
        data sources have them: nothing is transposed. Within the model, channels are last either way.
    dtype : {None, "float32", "float64"}
        What the model computes with. None: float64 where the inputs are, else float32, which holds whole numbers
        exactly up to 16,777,216: a warning names the first op that computes with some. float64 does up to 2**53.

    Raises
    ------
    pydl.FormatError
        A file that is damaged, hostile or of another kind, whose weights are in other files, or in which a node is
        nothing that layers compute: the message names its op, version and name. In a model samples do not meet, so
        neither may they in the file.

    Examples
    --------
    >>> model = pydl.models.load_onnx("resnet50.onnx", inputs="nhwc")  # doctest: +SKIP
    >>> model.compile("adam", "sparse_categorical_crossentropy")  # doctest: +SKIP
    >>> model.fit(images, labels)  # doctest: +SKIP
    """
    from pydl._onnx import importing

    return importing.load(path, inputs, dtype, lambda tensors, outputs, name: Model(tensors, outputs, name=name))


def save_model(
    model: Model, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None,
    include_optimizer: bool = True, save_format: str | None = None,
) -> None:  # fmt: skip
    """The same as `model.save` with these arguments."""
    model.save(filepath, overwrite, zipped, include_optimizer, save_format)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model, with new weights, from what `Model.to_json` returned, here or in Keras.

    Raises
    ------
    ValueError
        Text that is not such JSON, or that names classes which are neither pydl's nor in `custom_objects`.
    """
    import json

    document = json.loads(json_string)
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ValueError("model_from_json: expected the JSON text of Model.to_json, got another document")
    if "order" in config or "input" in config:  # as pydl writes graphs and chains
        return model_from_config(config, custom_objects)
    from pydl._keras import configs

    with custom_object_scope(custom_objects):
        return model_from_config(configs.read_model(document))

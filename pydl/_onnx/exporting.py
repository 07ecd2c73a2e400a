"""A model as an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydl._base.args import one_of, whole
from pydl._engine.graph import SymbolicTensor, open_batch
from pydl._onnx.graph import Graph, Value
from pydl._onnx.metadata import documents
from pydl._onnx.sizes import dims
from pydl._onnx.walking import walk
from pydl._onnx.writing import IR, Port, write

if TYPE_CHECKING:
    from pydl.models.model import Model


def export(
    model: Model,
    path: Path,
    *,
    opset: int = 17,
    dtype: str = "float32",
    inputs: str = "nhwc",
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model as an ONNX file, which ONNX Runtime and others run without pydl.

    Inputs are called as the model's, outputs as the layers that give them. The first axis of all is "batch" and may
    have any size; so may axes whose size is None, "time" that of steps.

    Parameters
    ----------
    model : Model
    path : Path
    opset : int, default 17
        The version of the operators, from 13 to 21. It says which programs can read the file: 17 is what ONNX Runtime
        reads from 1.12 on. In 13, `LayerNormalization` is several operators; texts can be compared from 19 on.
    dtype : {"float32", "float64"}
        Of what is computed, and of floats that come in and out. A float64 model is written in float32 by default, with
        a warning; ONNX Runtime lacks float64 for convolutions and some activations, which is an error.
    inputs : {"nhwc", "nchw"}
        The order of axes of images that come in. pydl's own is "nhwc"; with "nchw" (batch, channels, rows, columns) no
        transposition is needed in front of a convolution.
    class_names, feature_names : list of str, optional
        What outputs and inputs mean, for the file's metadata.
    metadata : dict of str to str, optional
        More entries for it.

    Raises
    ------
    ValueError
        A layer without an ONNX form, which is named, or more than 2 GB of weights.
    """
    whole("export", "opset", opset, at_least=min(IR), below=max(IR) + 1)
    one_of("export", "dtype", dtype, ("float32", "float64"))
    one_of("export", "inputs", inputs, ("nhwc", "nchw"))
    if dtype == "float32" and model.dtype == "float64":
        warnings.warn(
            'export: the model computes in float64, the file in float32; dtype="float64" keeps it', stacklevel=4
        )
    model.name_variables()
    g = Graph(opset, dtype)
    g.reserve([*(t.name for t in model.inputs), *model.output_names])
    given = [_input(g, t, inputs) for t in model.inputs]
    found = walk(g, model.inputs, model.outputs, model.calls, given)
    dims_in, dims_out = dims(model)
    ins = [
        Port(t.name, v.dtype, [d[0], d[-1], *d[1:-1]] if _channels_first(t, inputs) else d)
        for t, v, d in zip(model.inputs, given, dims_in, strict=True)
    ]
    outs = [(Port(name, v.dtype, d), g.last(v)) for name, v, d in zip(model.output_names, found, dims_out, strict=True)]
    about = {**documents(model, g, inputs, class_names, feature_names), **(metadata or {})}
    write(g, path, model.name, ins, outs, about)


def _input(g: Graph, t: SymbolicTensor, order: str) -> Value:
    """An input, of floats of the file's dtype or of its own."""
    value = Value(shape=open_batch(t.shape), dtype=g.dtype if t.dtype.startswith("float") else t.dtype)
    if _channels_first(t, order):
        value.first = t.name
    else:
        value.last = t.name
    return value


def _channels_first(t: SymbolicTensor, order: str) -> bool:
    return order == "nchw" and len(t.shape) == 4

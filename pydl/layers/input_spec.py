"""InputSpec: what a layer of one's own expects of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydl._base.args import open_shape_of, optional_whole


class InputSpec:
    """What an input has to be, as the attribute `input_spec` of a layer, alone or in a list of one for each input.

    Parameters
    ----------
    dtype : str, optional
        Kept; a layer computes in its own.
    shape : tuple of int or None, optional
        With the batch; None: any size.
    ndim, max_ndim, min_ndim : int, optional
        How many axes there are, the batch among them.
    axes : dict, optional
        Sizes of some axes by their numbers, -1 for the last.
    allow_last_axis_squeeze : bool
        Whether a last axis of size 1 may be there or not, whatever `shape` says.
    name, optional
        Kept.

    Examples
    --------
    >>> import pydl
    >>> class Steps(pydl.layers.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.input_spec = pydl.layers.InputSpec(ndim=3)
    ...     def call(self, x):
    ...         return pydl.ops.mean(x, axis=1)
    >>> Steps()(pydl.Input((5, 2))).shape
    (None, 2)
    """

    def __init__(
        self, dtype: str | None = None, shape: Sequence[int | None] | None = None, ndim: int | None = None,
        max_ndim: int | None = None, min_ndim: int | None = None, axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False, name: str | None = None, optional: bool = False,
    ) -> None:  # fmt: skip
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else open_shape_of("InputSpec", shape)
        self.ndim = optional_whole("InputSpec", "ndim", ndim) if self.shape is None else len(self.shape)
        self.max_ndim = optional_whole("InputSpec", "max_ndim", max_ndim)
        self.min_ndim = optional_whole("InputSpec", "min_ndim", min_ndim)
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def wrong_about(self, shape: Sequence[int | None]) -> str | None:
        """What is expected instead of this shape; None where it fits."""
        rank, wanted = len(shape), self.shape
        squeezed = self.allow_last_axis_squeeze and wanted is not None
        if squeezed and wanted is not None and wanted and wanted[-1] == 1 and rank == len(wanted) - 1:
            wanted = wanted[:-1]
        elif squeezed and wanted is not None and rank == len(wanted) + 1 and shape[-1] == 1:
            shape, rank = shape[:-1], rank - 1
        ndim = self.ndim if wanted is None else len(wanted)
        if ndim is not None and rank != ndim:
            return f"{ndim} axes"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"at most {self.max_ndim} axes"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"at least {self.min_ndim} axes"
        for axis, size in self.axes.items():
            if not -rank <= axis < rank or (size is not None and shape[axis] not in (size, None)):
                return f"size {size} on axis {axis}"
        if wanted is not None and any(None not in (a, b) and a != b for a, b in zip(wanted, shape, strict=True)):
            return f"shape {wanted}"
        return None


def require(layer: Any, input_shape: Any) -> None:
    """Refuse shapes that a layer's `input_spec` does not describe.

    Raises
    ------
    ValueError
        Another number of inputs; a shape that does not fit.
    """
    specs = layer.input_spec if isinstance(layer.input_spec, list | tuple) else [layer.input_spec]
    if not all(spec is None or isinstance(spec, InputSpec) for spec in specs):
        raise TypeError(
            f'layer "{layer.name}": input_spec must be an InputSpec, or a list of them, got {layer.input_spec!r}'
        )
    several = isinstance(input_shape, list)
    shapes = input_shape if several else [input_shape]
    if not all(isinstance(shape, tuple) for shape in shapes):  # in dicts and the like
        return
    if len(specs) != len(shapes):
        raise ValueError(
            f'layer "{layer.name}": expected {len(specs)} inputs, as its input_spec says, got {len(shapes)}'
        )
    for i, (spec, shape) in enumerate(zip(specs, shapes, strict=True)):
        wrong = None if spec is None else spec.wrong_about(shape)
        if wrong is not None:
            which = f" of input {i}" * several
            raise ValueError(
                f'layer "{layer.name}": expected {wrong}{which}, as its input_spec says, got shape {shape}'
            )

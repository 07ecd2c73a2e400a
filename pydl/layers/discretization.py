"""Discretization: which of some ranges numbers lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pydl._base.args import optional_whole, real
from pydl._base.arrays import float_array
from pydl._engine.graph import Shape
from pydl.layers.host import HostLayer, batches_of, encode, encoded_shape, mode_of, refuse_sparse

Array = np.ndarray


class Discretization(HostLayer):
    """The number of the range that each number lies in: how many of the boundaries are at or below it.

    Parameters
    ----------
    bin_boundaries : list of float, optional
        In rising order; n of them make n + 1 ranges.
    num_bins : int, optional
        How many ranges `adapt` is to find, each with about the same share of the data. This, or the boundaries.
    epsilon : float
        How exact `adapt` is: shares are off by about this much at most.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The numbers, as int32, or what `CategoryEncoding` makes of them.
    sparse : bool
        Not available.
    **kwargs
        `name`, `dtype` of the output.

    Raises
    ------
    ValueError
        Both or none of boundaries and number; a call before `adapt`.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_bins = optional_whole("Discretization", "num_bins", num_bins, at_least=1)
        if (bin_boundaries is None) == (num_bins is None):
            given = "Both `num_bins` and `bin_boundaries` were given" if num_bins is not None else "neither was given"
            raise ValueError(
                f'Discretization "{self.name}": expected one of the two ways to say where bins are: {given}'
            )
        self.bin_boundaries = None if bin_boundaries is None else self._rising(bin_boundaries)
        self.epsilon = real("Discretization", "epsilon", epsilon, above=0, below=1)
        self.output_mode = mode_of("Discretization", output_mode)
        refuse_sparse("Discretization", sparse)
        self.sparse = False
        self.reset_state()

    def _rising(self, boundaries: Any) -> list[float]:
        values = [real("Discretization", "bin_boundaries", b) for b in boundaries]
        if values != sorted(values):
            raise ValueError(f'Discretization "{self.name}": expected bin_boundaries in rising order, got {values}')
        return values

    @property
    def output_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else super().output_dtype

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer that `get_config` described, with the boundaries that `adapt` found."""
        found = config.get("bin_boundaries")
        if found is None or config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config({**config, "bin_boundaries": None})
        layer.bin_boundaries = layer._rising(found)
        return layer

    # -- adapting -------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries between which the data lie in equal shares; forget what was found before.

        Parameters
        ----------
        data : array, list, or iterable of batches
        steps : int, optional
            Batches to look at; default: all.

        Raises
        ------
        ValueError
            A layer with given boundaries.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget the data seen."""
        self._summary = np.zeros((2, 0), np.float32)  # numbers in rising order, and how many each stands for

    def update_state(self, data: Any) -> None:
        """Take note of more data."""
        if self.num_bins is None:
            raise ValueError(
                f'Discretization "{self.name}": bin_boundaries were given; make one with num_bins to adapt'
            )
        values = np.sort(float_array("Discretization", "data", data, "float32").ravel())
        if not values.size:
            return
        step = max(values.size * self.epsilon, 1)
        some = values[int(step - 1) :: int(step)]
        more = np.stack([some, np.full(some.shape, step, np.float32)])
        both = np.concatenate([more, self._summary], axis=1)
        self._summary = _thinned(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Set the boundaries from the data seen."""
        if self.num_bins is not None and self._summary.size:
            self.bin_boundaries = [float(v) for v in _thinned(self._summary, 1 / self.num_bins)[0, :-1]]

    # -- applying -------------------------------------------------------------------------------------------------

    def _depth(self) -> int:
        return int(self.num_bins or 0) if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self._depth())

    def preprocess(self, x: Array) -> Array:
        if self.bin_boundaries is None:
            raise ValueError(
                f'Discretization "{self.name}": You need either to call adapt(), or to give `bin_boundaries`, first'
            )
        values = float_array("Discretization", "inputs", x)
        if x.dtype.kind == "f":  # what a model, and `adapt`, see
            values = values.astype(np.float32)
        codes = np.digitize(values, np.asarray(self.bin_boundaries, values.dtype))
        return encode(np.asarray(codes), self.output_mode, self._depth(), self.output_dtype)


def _thinned(summary: Array, share: float) -> Array:
    """Numbers that stand for `share` of the data each, in between those of a summary, if it has more."""
    if summary.shape[1] * share < 1:
        return summary
    wanted = share + np.arange(0.0, 1.0, share)
    weights = summary[1].cumsum()
    places = weights / weights[-1]
    up_to = np.interp(wanted, places, weights)
    return np.stack([np.interp(wanted, places, summary[0]), np.diff(up_to, prepend=0)]).astype(np.float32)

"""FeatureSpace: the columns of a table as one array of numbers, each column by a preprocessing layer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pydl import layers
from pydl._base.args import one_of, optional_whole
from pydl._base.frames import array_of_any
from pydl._base.registry import Configurable, serialize
from pydl._engine.graph import is_symbolic

Array = np.ndarray
KINDS = (
    "float", "float_rescaled", "float_normalized", "float_discretized", "integer_categorical", "string_categorical",
    "integer_hashed", "string_hashed",
)  # fmt: skip


class Feature(Configurable):
    """A column: its dtype, the layer that prepares it, and whether that is "int", "one_hot" or "float" in the end."""

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        self.dtype = dtype
        self.preprocessor = layers.deserialize(preprocessor) if isinstance(preprocessor, Mapping) else preprocessor
        self.output_mode = one_of("Feature", "output_mode", output_mode, ("int", "one_hot", "float"))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values, with what the layer learnt."""
        config = super().get_config()
        layer = self.preprocessor
        if isinstance(layer, layers.Normalization) and layer._mean is not None and layer._variance is not None:
            learnt = {"mean": layer._mean.numpy(), "variance": layer._variance.numpy()}
            config["preprocessor"]["config"] |= {name: value.ravel().tolist() for name, value in learnt.items()}
        return config

    @property
    def adapts(self) -> bool:
        """Whether the layer learns from data, and has not been given what it would learn."""
        layer = self.preprocessor
        given = getattr(layer, "_given", None) or getattr(layer, "bin_boundaries", None) is not None
        return hasattr(layer, "adapt") and not given


class Cross(Configurable):
    """Columns whose values, together, are hashed into `crossing_dim` bins."""

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = one_of("Cross", "output_mode", output_mode, ("int", "one_hot"))

    @property
    def name(self) -> str:
        """The names of the columns."""
        return "_X_".join(self.feature_names)


class FeatureSpace(Configurable):
    """Columns of a table, as a dict of arrays, encoded: by default all side by side in one array.

    `adapt` learns from data; then a call encodes them, and `get_inputs()` and `get_encoded_features()` are ends of
    models: `Model(space.get_inputs(), y)` takes columns, `Model(space.get_encoded_features(), y)` what a call returned.
    Columns are in the order of their names, crosses behind them.

    Parameters
    ----------
    features : dict of str to str or Feature
        By column, one of "float" (as it is), "float_rescaled", "float_normalized" (mean 0, variance 1),
        "float_discretized", "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the
        class methods of these names make with other options; `FeatureSpace.feature` takes any preprocessing layer.
    output_mode : {"concat", "dict"}
    crosses : list, optional
        Tuples of names of columns, or what `FeatureSpace.cross` makes.
    crossing_dim, hashing_dim, num_discretization_bins : int
        How many bins, where nothing else is said.
    name : str, optional

    Raises
    ------
    ValueError
        No columns, unknown kinds or names; what cannot be encoded as asked.

    Examples
    --------
    >>> space = pydl.utils.FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    >>> space.adapt({"age": [20, 40], "job": ["cook", "clerk"]})
    >>> space({"age": [30], "job": ["cook"]}).shape
    (1, 4)
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        if not features:
            raise ValueError("FeatureSpace: `features` cannot be None or empty: give a dict of columns")
        self.name = name or "feature_space"
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = one_of("FeatureSpace", "output_mode", output_mode, ("dict", "concat"))
        self.features = {column: self._as_feature(column, given) for column, given in features.items()}
        self.crosses = [self._as_cross(given) for given in crosses or ()]
        self._crossers = {c.name: layers.HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self._adapted = not any(f.adapts for f in self.features.values())
        self._ends: tuple[dict[str, Any], Any] | None = None

    # -- columns --------------------------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Columns to be hashed together."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column with a layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A number as it is."""
        return Feature("float32", layers.Identity(name=_called(name)), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """`x * scale + offset`."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_called(name)), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """A number with mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(axis=-1, name=_called(name)), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The bin of a number: bins that hold as many each, or between given boundaries."""
        kept = {"num_bins": num_bins} if bin_boundaries is None else {"bin_boundaries": bin_boundaries}
        return Feature("float32", layers.Discretization(**kept, name=_called(name)), output_mode)

    @classmethod
    def integer_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:  # fmt: skip
        """Whole numbers that are names."""
        layer = layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_called(name))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:  # fmt: skip
        """Texts that are names."""
        layer = layers.StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_called(name))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Texts by their hash."""
        return Feature("string", layers.Hashing(num_bins, name=_called(name)), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Whole numbers by their hash."""
        return Feature("int32", layers.Hashing(num_bins, name=_called(name)), output_mode)

    def _as_feature(self, column: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, Mapping):
            return Feature(**given["config"])
        kind = one_of("FeatureSpace", f"the kind of {column!r}", given, KINDS)
        first = {"float_discretized": self.num_discretization_bins, "integer_hashed": self.hashing_dim}
        first["string_hashed"] = self.hashing_dim
        made: Feature = getattr(self, kind)(*([first[kind]] if kind in first else []), name=column)
        return made

    def _as_cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = Cross(**given["config"])
        if not isinstance(given, Cross):
            dim = optional_whole("FeatureSpace", "crossing_dim", self.crossing_dim, at_least=1)
            given = Cross(given, dim or 32)
        if unknown := [column for column in given.feature_names if column not in self.features]:
            raise ValueError(
                f"FeatureSpace: crosses: expected names of columns, {', '.join(self.features)}, got {unknown}"
            )
        return given

    # -- data -----------------------------------------------------------------------------------------------------

    def adapt(self, dataset: Any) -> None:
        """Learn from a dict of arrays, or an iterable of such dicts."""
        batches = [dataset] if isinstance(dataset, Mapping) else list(dataset) if isinstance(dataset, Iterable) else []
        if not batches or not all(isinstance(batch, Mapping) for batch in batches):
            raise ValueError(f"FeatureSpace.adapt: expected a dict of arrays, or batches of them, got {dataset!r}")
        for column, feature in self.features.items():
            if feature.adapts:
                parts = [np.atleast_1d(array_of_any(_column(batch, column))) for batch in batches]
                values = np.concatenate(parts)
                preprocessor: Any = feature.preprocessor
                preprocessor.adapt(values[:, None] if values.ndim == 1 else values)
        self._adapted = True

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """The columns of a dict of arrays, of symbolic tensors, or of the values of one row, encoded."""
        if not isinstance(data, Mapping):
            raise ValueError(f"FeatureSpace: expected a dict of columns, got {data!r}")
        self._check_adapted()
        given = {column: _column(data, column) for column in self.features}
        if any(is_symbolic(x) for x in given.values()):
            return self._encoded(given)
        arrays = {column: array_of_any(x) for column, x in given.items()}
        one = any(a.ndim == 0 for a in arrays.values())
        arrays = {c: a.reshape(1, 1) if a.ndim == 0 else a[:, None] if a.ndim == 1 else a for c, a in arrays.items()}
        found = self._encoded(arrays)
        if not one:
            return found
        return {name: x[0] for name, x in found.items()} if isinstance(found, dict) else found[0]

    def get_inputs(self) -> dict[str, Any]:
        """Symbolic tensors for the columns, by name."""
        return self._both_ends()[0]

    def get_encoded_features(self) -> Any:
        """What becomes of the columns: a symbolic tensor, or a dict of them."""
        return self._both_ends()[1]

    def _both_ends(self) -> tuple[dict[str, Any], Any]:
        self._check_adapted()
        if self._ends is None:
            inputs = {c: layers.Input((1,), dtype=f.dtype, name=c) for c, f in self.features.items()}
            self._ends = inputs, self._encoded(inputs)
        return self._ends

    def _check_adapted(self) -> None:
        if not self._adapted:
            raise ValueError("FeatureSpace: call adapt(data) first: some of its layers learn from data")

    def _encoded(self, given: Mapping[str, Any]) -> Any:
        codes = {column: self.features[column].preprocessor(x) for column, x in given.items()}
        parts = {c: self._encode(c, codes[c], f.output_mode, f.preprocessor) for c, f in sorted(self.features.items())}
        for cross in sorted(self.crosses, key=lambda c: c.name):
            crosser = self._crossers[cross.name]
            crossed = crosser([codes[column] for column in cross.feature_names])
            parts[cross.name] = self._encode(cross.name, crossed, cross.output_mode, crosser)
        if self.output_mode == "dict":
            return parts
        for name, x in parts.items():
            if not str(x.dtype).startswith("float"):
                raise ValueError(
                    f"FeatureSpace: {name!r} is not encoded, its dtype is {x.dtype}: it cannot stand beside others; "
                    'take output_mode="dict"'
                )
        listed = list(parts.values())
        if is_symbolic(listed[0]):
            return layers.Concatenate()(listed) if len(listed) > 1 else listed[0]
        return np.concatenate(listed, axis=-1)

    def _encode(self, name: str, x: Any, mode: str, layer: Any) -> Any:
        if mode != "one_hot":
            return x
        size = _cardinality(layer)
        if size is None or not str(x.dtype).startswith("int"):
            raise ValueError(
                f'FeatureSpace: {name!r}: output_mode "one_hot" needs a layer that gives codes of a known number, such '
                f'as StringLookup, got {type(layer).__name__}; take "int" or "float"'
            )
        return layers.CategoryEncoding(size, output_mode="multi_hot")(x)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values, with what layers learnt."""
        config = super().get_config()
        config["features"] = {column: serialize(feature) for column, feature in self.features.items()}
        return config


def _called(name: str | None) -> str | None:
    return name and f"{name}_preprocessor"


def _column(data: Mapping[str, Any], column: str) -> Any:
    if column not in data:
        raise ValueError(f"FeatureSpace: expected the column {column!r}, got {', '.join(map(str, data))}")
    return data[column]


def _cardinality(layer: Any) -> int | None:
    """How many codes a layer gives."""
    if isinstance(layer, layers.IntegerLookup | layers.StringLookup):
        return layer.vocabulary_size()
    if isinstance(layer, layers.Discretization):
        return layer.num_bins or len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, layers.CategoryEncoding):
        return layer.num_tokens
    return layer.num_bins if isinstance(layer, layers.HashedCrossing | layers.Hashing) else None

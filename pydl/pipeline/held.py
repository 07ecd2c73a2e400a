"""Tables in memory, which go where the path of a file does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pydl.pipeline import values


class Held(str):
    """What a table in memory is called in the options of a run, with the table itself.

    Attributes
    ----------
    frame : DataFrame
        As `plain` gives it.
    """

    __slots__ = ("frame",)
    frame: pd.DataFrame

    def __new__(cls, name: str, frame: pd.DataFrame) -> Held:
        held = super().__new__(cls, name)
        held.frame = frame
        return held

    def __deepcopy__(self, memo: Any) -> str:
        return str(self)  # in what is written down of a run, it is its name

    def sha256(self) -> str:
        """A digest of names, dtypes and cells."""
        found = hashlib.sha256()
        for name in self.frame:
            column = self.frame[name]
            found.update(repr((name, str(column.dtype))).encode("utf-8", "backslashreplace"))
            text = column.map(repr) if column.dtype == object else column  # lists have no hash
            found.update(pd.util.hash_pandas_object(text, index=False).to_numpy().tobytes())
        return found.hexdigest()


def is_table(data: Any) -> bool:
    """Whether `data` is a table, not the name of a file."""
    return not isinstance(data, str | os.PathLike)


def as_frame(data: Any, what: str) -> pd.DataFrame:
    """A table of pandas, polars, pyarrow or whoever speaks Arrow; a dict of columns; a list of dicts.

    Raises
    ------
    TypeError
        Anything else.
    ValueError
        Columns of different lengths, or named twice, or by several levels.
    """
    if isinstance(data, pd.DataFrame):
        frame = data
    elif hasattr(data, "__arrow_c_stream__") and not isinstance(data, pd.Series):
        import pyarrow

        table = pyarrow.table(data)
        frame = pd.DataFrame({i: column.to_pandas() for i, column in enumerate(table.columns)}, range(len(table)))
        frame.columns = pd.Index(table.column_names, dtype=object)
    elif isinstance(data, Mapping) and any(_is_scalar(v) for v in data.values()):
        frame = pd.DataFrame([dict(data)])  # one row
    elif isinstance(data, Mapping) or (isinstance(data, list) and all(isinstance(row, Mapping) for row in data)):
        try:
            frame = pd.DataFrame(data)
        except ValueError as error:
            raise ValueError(f"{what}: expected columns of equal length ({error})") from None
    else:
        kinds = "a path, a DataFrame of pandas or polars, a table of pyarrow, a dict of columns or a list of dicts"
        raise TypeError(f"{what}: expected {kinds}, got {type(data).__name__}")
    if frame.columns.nlevels > 1:
        raise ValueError(
            f"{what}: columns have names of {frame.columns.nlevels} levels; join them to one text each first"
        )
    names = pd.Index([str(name) for name in frame.columns])
    if names.has_duplicates:
        raise ValueError(f'{what}: two columns are called "{names[names.duplicated()][0]}"; rename one of them')
    return frame


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str) or not hasattr(value, "__len__")


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A new frame with the dtypes that files bring: numbers, truth values, times, text, objects; rows from 0 on."""
    columns = {str(name): _plain(frame.iloc[:, i]) for i, name in enumerate(frame.columns)}
    return pd.DataFrame({name: c.set_axis(range(len(frame))) for name, c in columns.items()}, range(len(frame)))


def _plain(column: pd.Series) -> pd.Series:
    dtype, types = column.dtype, pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        levels = _plain(pd.Series(dtype.categories))
        codes = column.cat.codes.to_numpy()
        return pd.Series(levels.reindex(codes).to_numpy(object), column.index).infer_objects()
    if isinstance(dtype, pd.SparseDtype):
        return _plain(column.sparse.to_dense())
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return column.astype(object).map(str, na_action="ignore")
    if types.is_timedelta64_dtype(dtype):
        return column.dt.total_seconds()
    if types.is_complex_dtype(dtype):
        raise ValueError(f'column "{column.name}": complex numbers; give real and imaginary parts as columns')
    if not types.is_extension_array_dtype(dtype) or isinstance(dtype, pd.DatetimeTZDtype | pd.StringDtype):
        return column.copy(deep=False)
    gaps = column.isna()
    if types.is_bool_dtype(dtype):
        return column.astype(object).where(~gaps, None) if gaps.any() else column.astype(bool)
    if types.is_integer_dtype(dtype) and gaps.any():
        large = (column.abs() > values.WHOLE).fillna(False).any()
        return column.astype(object).where(~gaps, None).map(str, na_action="ignore") if large else _floats(column)
    if types.is_integer_dtype(dtype):
        return column.astype("uint64" if types.is_unsigned_integer_dtype(dtype) else "int64")
    if types.is_float_dtype(dtype):
        return _floats(column)
    if types.is_datetime64_any_dtype(dtype):
        return pd.to_datetime(column.astype(object).where(~gaps, None))
    return column.astype(object).where(~gaps, None).infer_objects()


def _floats(column: pd.Series) -> pd.Series:
    return pd.Series(column.to_numpy("float64", na_value=float("nan")), column.index, name=column.name)


def numeric_categories(frame: pd.DataFrame) -> list[str]:
    """Columns that are categories to whoever made the frame, though their levels are numbers."""
    return [
        str(name)
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(dtype.categories.dtype)
    ]

"""`pydl train` from Python: a table in, a run out that takes and gives tables."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pydl.pipeline import run as names
from pydl.pipeline import values
from pydl.pipeline.card import save_pretrained
from pydl.pipeline.contract import Watch
from pydl.pipeline.evaluation import Figures
from pydl.pipeline.fitted import Fitted, Predictions
from pydl.pipeline.held import Held, as_frame, is_table, numeric_categories, plain
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.scoring import evaluate_tables
from pydl.pipeline.seen import Seen
from pydl.pipeline.table import typed
from pydl.pipeline.target import Target
from pydl.pipeline.training import train

_LISTS = list | tuple | np.ndarray | pd.Index
_TYPES = {"str": str, "int": Integral, "float": Real, "bool": bool | np.bool_, "tuple": tuple}


class Trained:
    """A finished run, on tables in memory.

    Attributes
    ----------
    path : Path
        Its folder; a temporary one lives as long as this object and its copies.
    """

    def __init__(
        self, run: Run, temporary: _Temporary | None = None, classes: Mapping[str, pd.Series] | None = None
    ) -> None:  # fmt: skip
        self.path, self._run, self._temporary = run.path, run, temporary
        self._classes = dict(classes or {})  # of targets by name: the values that their classes were given as

    def __copy__(self) -> Trained:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: Any) -> Trained:
        return type(self)(self._run, self._temporary, self._classes)

    def __reduce__(self) -> Any:
        if self._temporary is not None:
            raise TypeError(
                "a run in a temporary folder cannot be pickled: the folder goes with this object; give fit a folder "
                '(out="runs/first"), which Run.open reads anywhere'
            )
        return type(self), (self._run, None, self._classes)

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds: figures by part, of baselines, and intervals."""
        found: dict[str, Any] = self._run.json(names.METRICS)
        return found

    @property
    def notes(self) -> list[str]:
        """What was noticed and decided in training."""
        found: list[str] = self._run.json(names.INFO)["notes"]
        return found

    @property
    def report(self) -> Path:
        """The report, a page for browsers."""
        return self.path / names.REPORT

    @cached_property
    def fitted(self) -> Fitted:
        """Preparation, target and model."""
        return self._run.fitted()

    def predict(self, data: Any) -> pd.DataFrame:
        """The prediction for each row, in the column `<target> predicted`; a column for each target.

        Of classes it is a value of the target, as it was in the table that was learnt from: True, "1" or 0.5.

        Parameters
        ----------
        data : DataFrame or whatever `fit` takes; one dict is one row
            With the columns of the training; others are ignored. Cells that cannot be read count as missing.

        Returns
        -------
        DataFrame
            With the index of `data`.

        Raises
        ------
        ValueError
            A column is missing.
        """
        index, found = self._predictions(data)
        each = zip(self.fitted.target.names, found, strict=True)
        return pd.DataFrame({f"{name} predicted": self._as_given(name, one.values) for name, one in each}, index)

    def predict_proba(self, data: Any) -> pd.DataFrame:
        """The probability of each class, a column each, called as the class is; arguments as for `predict`.

        Of several targets those that have classes, in columns of two levels: `predict_proba(data)["survived"]` is what
        it would be of that target alone.

        Raises
        ------
        ValueError
            The run is a regression.
        """
        targets = self.fitted.target.each
        if not any(one.classes for one in targets):
            names = " and ".join(f'"{one.name}"' for one in targets)
            are = "is a number and has" if len(targets) == 1 else "are numbers and have"
            raise ValueError(f"predict_proba: {names} {are} no classes; use predict")
        index, found = self._predictions(data)
        tables = {
            one.name: pd.DataFrame(
                each.probabilities, index, pd.Index(np.asarray(self._as_given(one.name, one.classes)))
            )
            for one, each in zip(targets, found, strict=True)
            if one.classes
        }
        return tables[targets[0].name] if len(targets) == 1 else pd.concat(tables, axis=1)

    def evaluate(self, data: Any) -> Figures:
        """Figures for rows with a target, as `pydl evaluate` gives them; arguments as for `predict`.

        Raises
        ------
        ValueError
            No column of the target, or no value in it.
        """
        seen = Seen()
        return evaluate_tables(self.fitted, (frame for _, frame in self._tables(data, seen)), seen, "data")

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write a folder for others, with a model card and without rows of the data, see `card.save_pretrained`."""
        return save_pretrained(self._run, Path(folder))

    def _as_given(self, name: str, classes: Any) -> Any:
        """Classes as the values of the target that was learnt from; others as they are."""
        given = self._classes.get(name)
        if given is None or not set(map(str, classes)) <= set(given.index):
            return classes
        return given.loc[list(map(str, classes))].array

    def _predictions(self, data: Any) -> tuple[pd.Index, list[Predictions]]:
        """The index of all rows, and their predictions, of each target."""
        index, found = [], []
        for rows, frame in self._tables(data, seen := Seen()):
            index.append(rows)
            found.append(self.fitted.predictions(frame, seen))
        whole = index[0] if len(index) == 1 else index[0].append(index[1:])
        return whole, [Predictions.joined(pieces) for pieces in zip(*found, strict=True)]

    def _tables(self, data: Any, seen: Seen) -> Iterator[tuple[pd.Index, Any]]:
        """Tables as the preparation takes them, each behind the index of its rows."""
        if not is_table(data):
            yield from ((frame.index, frame) for _, frame in self.fitted.read(os.fspath(data), seen))
            return
        if self._run.options().task == "image":
            yield pd.RangeIndex(len(data)), np.asarray(data)
            return
        frame = as_frame(data, "data")
        yield frame.index, typed(plain(frame), *self.fitted.as_read())


def fit(
    data: Any, target: str | Sequence[str] | None = None, out: str | os.PathLike[str] | None = None, *,
    test: Any = None, overwrite: bool = False, verbose: bool = False, **options: Any,
) -> Trained:  # fmt: skip
    """Train on a table and judge on rows held out, as `pydl train` does: the same rows give the same bits.

    Parameters
    ----------
    data : path, DataFrame of pandas or polars, table of pyarrow, dict of columns, list of dicts
        It is not changed. A column of categories is one, even if its levels are numbers.
    target : str or sequence of str, optional
        The column to predict, or several, which one network predicts; images need none.
    out : path, optional
        The folder to write; without it a temporary one, which goes with what is returned.
    test : as `data`, optional
        Rows to judge on.
    overwrite : bool
        Whether to replace a run in `out`.
    verbose : bool
        Whether to print on standard error what happens.
    **options
        Those of `pydl.pipeline.options.TrainOptions`: ``epochs=5``, ``hidden=(64, 32)``, ``drop=["id"]``,
        ``kind={"zip": "category"}``.

    Returns
    -------
    Trained
        With `metrics`, `predict`, `predict_proba`, `evaluate`, `report` and `path`.

    Raises
    ------
    TypeError
        An option that does not exist, or of another type; data that are no table.
    ValueError
        Data that cannot be learnt from, options that do not fit them.

    Examples
    --------
    >>> run = pydl.pipeline.fit(frame, target="price", epochs=20)
    >>> run.metrics["test"]["r2"]
    0.81
    >>> frame["guess"] = run.predict(frame)["price predicted"]
    """
    given = _options(options)
    targets = [] if target is None else [target] if not isinstance(target, _LISTS) else list(target)
    for name, value in (("data", data), ("test", test)):
        if value is not None and is_table(value):
            frame = as_frame(value, name)
            if name == "data":
                told = [each.rpartition("=")[0] for each in given.get("kind", ())]
                own = [
                    c for c in numeric_categories(frame) if c not in (*told, *given.get("drop", ()), *map(str, targets))
                ]
                given["kind"] = (*given.get("kind", ()), *(f"{column}=category" for column in own))
            given[name] = Held(f"({name} in memory)", plain(frame))
        elif value is not None:
            given[name] = os.fspath(value)
    if given.get("stream") and any(isinstance(given.get(name), Held) for name in ("data", "test")):
        raise ValueError("stream: expected files; what is in memory needs no reading in pieces")
    named = tuple(map(str, targets))
    temporary = None
    if out is None:
        temporary = _Temporary()
        out = temporary.path / "run"
    run = train(
        TrainOptions(target=named[0] if len(named) == 1 else named or None, out=os.fspath(out), **given),
        _Told() if verbose else None,
        overwrite,
    )
    found = Trained(run, temporary)
    if isinstance(given["data"], Held):
        found = Trained(run, temporary, _classes_of(as_frame(data, "data"), found.fitted.target.each))
    return found


class _Temporary:
    """A folder that lives as long as this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="pydl-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _classes_of(frame: pd.DataFrame, targets: Sequence[Target]) -> dict[str, pd.Series]:
    """The values that classes were given as, by what they are called."""
    found, names = {}, list(map(str, frame.columns))
    for one in targets:
        if one.name in names and one.classes:
            column = frame.iloc[:, names.index(one.name)].dropna()
            column = column if column.dtype == object else column.drop_duplicates()
            spelt = plain(column.to_frame(one.name))[one.name]
            spelt.attrs["codes"] = [one.name] * (values.CODE in one.classes)
            first = pd.Series(range(len(column)), values.labels(spelt)).groupby(level=0).first()
            found[one.name] = column.iloc[first].set_axis(first.index.astype(str))
    return found


class _Told(Watch):
    """Says what happens on standard error."""

    def say(self, text: str) -> None:
        print(text, file=sys.stderr)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the types that `TrainOptions` has."""
    known = {f.name: str(f.type) for f in fields(TrainOptions)}
    found = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"fit: no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if name == "kind" and isinstance(value, Mapping):
            value = tuple(f"{column}={kind}" for column, kind in value.items())
        if known[name].startswith("tuple") and value is not None:
            listed = list(value) if isinstance(value, _LISTS) else [value]
            value = tuple(int(v) if isinstance(v, Integral) else str(v) for v in listed)
        kinds = [kind.partition("[")[0] for kind in known[name].split(" | ") if kind != "None"]
        right = any(isinstance(value, _TYPES[kind]) for kind in kinds)
        right &= "bool" in kinds or not isinstance(value, bool)
        if not right and not (value is None and known[name].endswith("None")):
            raise TypeError(f"fit: {name}: expected {known[name]}, got {value!r}")
        found[name] = value.item() if isinstance(value, np.generic) else value
    return found

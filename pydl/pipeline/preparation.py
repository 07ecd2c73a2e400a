"""From the columns of a table to a network's arrays: scikit-learn's imputers, scalers and encoders, fitted once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

from pydl._base.args import optional_real
from pydl.pipeline import trusted, values
from pydl.pipeline.cells import FEW, PARTS, Cells, Odd, as_frame, of_frame, of_rows
from pydl.pipeline.columns import Column
from pydl.pipeline.levels import Levels
from pydl.pipeline.ngrams import UNIT, NGrams, described
from pydl.pipeline.reading import Found
from pydl.pipeline.scaling import Scaling, bounds, logarithms, number_steps, powers, scaled_by, units_of_logarithms
from pydl.pipeline.seen import Seen, Usual

FEATURES = "features"  # the name of the array of everything but embedded columns
MISSING_LEVEL = "(missing)"
BEYOND = 3.0  # deviations by which a number may be beyond what training saw, before it is clipped
FARTHEST = 1e4  # deviations from the mean that runs without a record of what training saw clip at
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InputSpec:
    """One array that a network takes.

    Attributes
    ----------
    name : str
        Its key in what `Preparation.transform` returns.
    width : int
        How many values a row has.
    levels : int or None
        For an embedded column, how many codes there are, 0 included: ``input_dim`` of its Embedding.
    unit : float
        What its numbers are multiplied by.
    """

    name: str
    width: int
    levels: int | None = None
    unit: float = 1.0


class Preparation:
    """What is done to a table before a network sees it.

    Numbers: the median for what is missing, logarithms where they are skewed, mean 0 and deviation 1. Flags: 1 and 0.
    Dates: their parts, as numbers. None of these is ever more than 3 deviations (a flag: 3) beyond the least and the
    most that `fit` saw; what is farther is clipped. Each number, flag or part of a date with missing values gets a
    feature that says so. Categories: one feature per level, one of them for "missing" where that occurred; a level
    never seen has 0 in all of them. Categories of many levels: a code from 1 on, to be embedded; 0 stands for a level
    that is missing, was never seen, or once only. `levels.Levels` says which spellings are one level. Texts: numbers of
    their words and pairs of words, or of runs of characters, see `ngrams.NGrams`.

    Parameters
    ----------
    columns : sequence of Column
        What `columns.guess` found.
    clip : float, optional
        Numbers beyond this quantile on either side are set to it: 0.01 clips the lowest and the highest hundredth.

    Attributes
    ----------
    columns : list of Column
        As given; after `fit` their treatment says the figures.
    feature_names : list of str
        What stands in each column of ``"features"``.
    """

    def __init__(self, columns: Sequence[Column], clip: float | None = None) -> None:
        self.columns = list(columns)
        self.clip = optional_real("Preparation", "clip", clip, at_least=0.0, below=0.5)
        if not any(c.used for c in self.columns):
            why = "; ".join(f'"{c.name}" {c.treatment}' for c in self.columns[:5]) or "the table has no other column"
            raise ValueError(f"no column is left to learn from: {why}")
        self.feature_names: list[str] = []
        self._usual: dict[str, Usual] = {}
        self._ngrams: dict[str, NGrams] = {}
        self._fitted = False
        self.found = Found()  # of the table
        self._codes: Collection[str] = ()  # columns of which NA is a level

    def fit(
        self, frame: pd.DataFrame, lenient: bool = False, weights: NDArray[np.float64] | None = None
    ) -> Preparation:  # fmt: skip
        """Learn medians, scales and levels from a table; nothing of the table itself is kept.

        Parameters
        ----------
        frame : DataFrame
        lenient : bool
            Cells that cannot be read are missing, and no error.
        weights : ndarray, optional
            How much each row counts in scales; a row of weight 0 is as good as none.
        """
        if weights is not None:
            told, frame, weights = frame.attrs, frame[weights > 0], weights[weights > 0]
            frame.attrs = told
        if not len(frame):
            raise ValueError("Preparation.fit: the table has no rows; expected at least one")
        cells = self._cells(frame)
        notation = values.COMMA if frame.attrs.get("notation") == values.COMMA else None
        told = frame.attrs
        self.found = Found(notation, told.get("encoding"), told.get("width"), bool(told.get("about")))
        unread = Counter[str]() if lenient else None
        self._parts = {c.name: _varying_parts(cells.dates(c, unread)) for c in self._of("date")}
        names, raw = self._raw_numbers(cells, lambda name: unread)
        flags = np.arange(len(names) - len(self._of("flag")), len(names))
        scaled = np.arange(flags[0] if len(flags) else len(names))
        self._low, self._high = bounds(raw, scaled, self.clip)
        raw = np.clip(raw, self._low, self._high)
        with np.errstate(all="ignore"):
            self._least, self._most = np.fmin.reduce(raw), np.fmax.reduce(raw)
        self._units = units_of_logarithms(raw, scaled)
        x = logarithms(raw, self._units)
        missing = np.flatnonzero(np.isnan(x).any(axis=0))
        self._numbers = number_steps(scaled, flags, missing)
        self._encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        self.feature_names = names + [f"{names[i]} missing" for i in missing]
        x = scaled_by(self._numbers, x, weights) if names else x
        if self._of("category"):
            self._encoder.fit(self._categories(cells))
            for c, levels in zip(self._of("category"), self._encoder.categories_, strict=True):
                self.feature_names += [f"{c.name}={level}" for level in levels]
        self._levels = {c.name: _frequent_levels(cells[c.name]) for c in self._of("many")}
        texts = {c.name: cells.labels(c.name) for c in self._texts()}
        self._ngrams = {c.name: NGrams(c.format).fit(texts[c.name]) for c in self._texts()}
        self._set_up()
        self.columns = self._described(dict(zip(names, raw.T, strict=True)))
        seen = Seen()
        self._begin(seen, len(frame))
        self._note_missing(seen, raw)
        for c in self._of("number", "flag"):
            seen.add(c.name, x[:, self._places[c.name][0]])
        for name, levels in self._indices.items():
            labels = values.labels(cells[name])
            seen.unknown(name, labels[levels.codes(labels) < 0])
        for c in self._of("category"):
            seen.missing(c.name, sum(label is None for label in values.labels(cells[c.name])))
        for name, ngrams in self._ngrams.items():
            seen.words(name, texts[name], ngrams.words(texts[name]))
        self._usual = seen.shares()
        self._fitted = True
        if self._ngrams and not self.inputs:
            raise ValueError("no column is left to learn from: no text has a word, or a character, in it")
        return self

    def transform(
        self, frame: pd.DataFrame | Sequence[Mapping[Any, Any]], seen: Seen | None = None
    ) -> dict[str, NDArray[Any]]:  # fmt: skip
        """The arrays of some rows: ``"features"`` in float32, in int32 the codes of each embedded column.

        And in uint8, in 255ths, the numbers of each column of texts. All but the first are called as `input_of` says.

        Columns that the preparation does not know are ignored.

        Parameters
        ----------
        frame : DataFrame, or sequence of mappings
            Each mapping is a row by column.
        seen : Seen, optional
            An account of the rows, to be added to. Without one, a cell that cannot be read is an error.

        Raises
        ------
        ValueError
            A column that is missing, or, unless `seen` counts them, a cell of another kind than in `fit`.
        """
        self._require_fit()
        cells, numbers = self._read(frame, seen)
        arrays: dict[str, NDArray[Any]] = {}
        if self.feature_names:
            features = np.empty((len(frame), len(self.feature_names)), np.float32)
            if len(frame):  # scikit-learn takes no table without rows
                self._write_features(cells, numbers, features, seen)
            arrays[FEATURES] = features
        for name, levels in self._indices.items():
            labels = cells.labels(name)
            codes = levels.codes(labels)
            if seen is not None:
                seen.unknown(name, labels[codes < 0])
            arrays[self.input_of(name)] = (codes + 1).astype(np.int32)
        for name, ngrams in self._ngrams.items():
            texts = cells.labels(name)
            weights, words = ngrams.transform(texts)
            if seen is not None:
                seen.words(name, texts, words)
            if ngrams.width:
                arrays[self.input_of(name)] = weights
        return arrays

    def _read(self, frame: Any, seen: Seen | None) -> tuple[Cells, tuple[list[str], Floats]]:
        """The cells of some rows, and the numbers among them: of a few rows one by one, where that can be."""
        few = of_frame if isinstance(frame, pd.DataFrame) else of_rows
        cells: Cells
        try:
            if not hasattr(frame, "__len__") or not 0 < len(frame) <= FEW:
                raise Odd
            cells = few(frame, self._used, self._codes)
            numbers = self._raw_numbers(cells)
            if seen is not None:
                self._begin(seen, len(frame))
        except Odd:
            frame = frame if isinstance(frame, pd.DataFrame) else as_frame(frame, self._used)
            cells = self._cells(frame)
            if seen is not None:
                self._begin(seen, len(frame))
            numbers = self._raw_numbers(cells, None if seen is None else seen.unread)
        return cells, numbers

    def _write_features(
        self, cells: Cells, numbers: tuple[list[str], Floats], features: NDArray[np.float32], seen: Seen | None
    ) -> None:  # fmt: skip
        names, raw = numbers
        width = 0
        if names:
            x = self._scaling(logarithms(np.clip(raw, self._low, self._high), self._units))
            width, n = x.shape[1], len(names)
            low, high = self._reach
            near = np.clip(x[:, :n], low, high)
            if seen is not None:
                self._note_missing(seen, raw)
                self._note_outside(seen, raw, near != x[:, :n])
                for c in self._of("number", "flag"):
                    seen.add(c.name, near[:, self._places[c.name][0]])
            x[:, :n] = near
            features[:, :width] = x
        features[:, width:] = 0
        for c, levels in zip(self._of("category"), self._one_hot, strict=True):
            labels = cells.labels(c.name)
            gaps = labels == None  # noqa: E711  (element by element)
            codes = levels.codes(np.where(gaps, MISSING_LEVEL, labels))
            known = np.flatnonzero(codes >= 0)
            features[known, width + codes[known]] = 1
            width += len(levels)
            if seen is not None:
                seen.unknown(c.name, labels[(codes < 0) | gaps])
        if width != features.shape[1]:
            raise ValueError(f"expected {features.shape[1]} features, as many as have names, got {width}")

    def plain(self, features: NDArray[np.float32]) -> Floats:
        """Of prepared ``"features"`` the numbers that were taken by their logarithms, as they were, clipped."""
        n = len(self._units)
        x = features[:, :n].astype(np.float64) * self._scaling.scale + self._scaling.mean
        return powers(x, self._units)

    def _begin(self, seen: Seen, rows: int) -> None:
        seen.begin(rows, {c.name: c.kind for c in self.columns if c.used}, self._usual)

    def _sources(self) -> list[str]:
        """The column that each raw number comes from."""
        dates = [c.name for c in self._of("date") for _ in self._parts[c.name]]
        return [*(c.name for c in self._of("number")), *dates, *(c.name for c in self._of("flag"))]

    def _note_missing(self, seen: Seen, raw: Floats) -> None:
        counts = np.isnan(raw).sum(axis=0)
        for name, places in self._places.items():
            seen.missing(name, counts[places[0]])

    def _note_outside(self, seen: Seen, raw: Floats, outside: NDArray[np.bool_]) -> None:
        for name, places in self._places.items():
            rows = np.flatnonzero(outside[:, places].any(axis=1))
            if len(rows):
                first, parts = rows[0], list(self._parts.get(name, ()))
                place = int(outside[first, places].argmax())
                example = f"{raw[first, places[place]]:.6g}"
                if "days" in parts:
                    days = places[parts.index("days")]
                    of = "" if outside[first, days] else f"the {parts[place]} of "
                    example = of + _as_date(raw[first, days])
                seen.outside(name, len(rows), example)

    @property
    def inputs(self) -> list[InputSpec]:
        """The arrays that `transform` gives."""
        self._require_fit()
        features = [InputSpec(FEATURES, len(self.feature_names))] if self.feature_names else []
        embedded = [InputSpec(self.input_of(n), 1, len(levels) + 1) for n, levels in self._levels.items()]
        texts = [InputSpec(self.input_of(n), g.width, unit=UNIT) for n, g in self._ngrams.items() if g.width]
        return features + embedded + texts

    def input_of(self, name: str) -> str:
        """The array that an embedded column, or one of texts, becomes: called by its place, as a layer can be."""
        return f"column {1 + [c.name for c in self.columns].index(name)}"

    def features_of(self, name: str) -> list[int]:
        """Which columns of ``"features"`` come from a column of the table; none where it is embedded."""
        self._require_fit()
        own = {name, *(f"{name} {part}" for part in self._parts.get(name, ()))}
        own |= {f"{each} missing" for each in own}
        levels = f"{name}=" if any(c.name == name for c in self._of("category")) else None
        return [
            i for i, feature in enumerate(self.feature_names)
            if feature in own or (levels is not None and feature.startswith(levels))
        ]  # fmt: skip

    def known(self, name: str) -> tuple[float | None, float | None, list[str]]:
        """The least and the most that training saw in a column of numbers, and the levels that it learnt of another."""
        self._require_fit()
        if name in self.levels:
            return None, None, list(self.levels[name])
        numbers = [c.name for c in self._of("number")]
        if name in numbers and self._least is not None:
            least, most = (float(ends[numbers.index(name)]) for ends in (self._least, self._most))
            return (least, most, []) if least <= most else (None, None, [])
        return None, None, []

    @property
    def texts(self) -> list[str]:
        """The arrays of texts, the commonest n-grams first."""
        return [self.input_of(name) for name, each in self._ngrams.items() if each.width]

    @property
    def text_columns(self) -> list[str]:
        """Columns that `table.read_table` should leave as text: texts, and what is written in a way of its own."""
        own = [c for c in self.columns if c.kind in ("category", "many") or c.format not in ("", values.POINT)]
        return [c.name for c in own if c.used]

    @property
    def codes(self) -> list[str]:
        """Columns of which NA is a level."""
        features = set(self.feature_names)
        known = {c.name for c in self.columns if f"{c.name}={values.CODE}" in features}
        return [*known, *(name for name, levels in self._levels.items() if values.CODE in levels)]

    def save(self, path: str | Path) -> None:
        """Write to a file that `load` reads: no pickle, nothing that can run."""
        self._require_fit()
        state = {
            "columns": [c.state() for c in self.columns],
            "clip": self.clip,
            "found": self.found._asdict(),
            "feature_names": self.feature_names,
            "parts": self._parts,
            "levels": self._levels,
            "usual": {name: list(shares) for name, shares in self._usual.items()},
        }
        arrays = {
            "low": self._low, "high": self._high, "units": self._units, "least": self._least, "most": self._most
        }  # fmt: skip
        for name, each in self._ngrams.items():
            arrays |= {
                f"n-grams of {self.input_of(name)}": each.places,
                f"rarity of {self.input_of(name)}": each.rarity,
            }
        trusted.dump({"state": json.dumps(state), "numbers": self._numbers, "encoder": self._encoder, **arrays}, path)

    @classmethod
    def load(cls, path: str | Path) -> Preparation:
        """What `save` wrote.

        Raises
        ------
        ValueError
            The file holds anything else than such a preparation.
        """
        content = trusted.load(path)
        try:
            state = json.loads(content["state"])
            loaded = cls([Column.from_state(c) for c in state["columns"]], state["clip"])
            loaded.found = Found(**state.get("found", {"notation": state.get("notation")}))
            loaded.feature_names, loaded._parts, loaded._levels = (
                state["feature_names"],
                state["parts"],
                state["levels"],
            )
            loaded._low, loaded._high, loaded._units = (content[k] for k in ("low", "high", "units"))
            loaded._least, loaded._most = content.get("least"), content.get("most")  # earlier runs have neither
            loaded._usual = {name: Usual(*shares) for name, shares in state.get("usual", {}).items()}
            loaded._numbers, loaded._encoder = content["numbers"], content["encoder"]
            for c in loaded._texts():
                kept = (content[f"{what} of {loaded.input_of(c.name)}"] for what in ("n-grams", "rarity"))
                loaded._ngrams[c.name] = NGrams(c.format, *kept)
            loaded._set_up()
            loaded._fitted = True
            loaded.transform(pd.DataFrame({c.name: [None] for c in loaded.columns}, dtype=object))
        except Exception as error:
            raise ValueError(f"{path}: not a preparation that pydl wrote, or damaged: {error}") from None
        return loaded

    def _require_fit(self) -> None:
        if not self._fitted:
            raise ValueError("this Preparation has not been fitted; call fit(frame) first")

    def _of(self, *kinds: str) -> list[Column]:
        """The columns of some kinds, kind by kind."""
        return [c for kind in kinds for c in self.columns if c.kind == kind]

    def _texts(self) -> list[Column]:
        """The columns of texts that are read."""
        return [c for c in self._of("text") if c.used]

    def _cells(self, frame: pd.DataFrame) -> Cells:
        """The columns that are used, by name."""
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"Preparation: expected a pandas DataFrame, got {type(frame).__name__}")
        wanted = {c.name for c in self.columns if c.used}
        found = Cells()
        for i, name in enumerate(map(str, frame.columns)):
            if name in found:
                raise ValueError(f'the table has two columns called "{name}"; rename one of them')
            if name in wanted:
                found[name] = frame.iloc[:, i].rename(name)
                found[name].attrs["notation"] = found[name].attrs.get("notation") or self.found.notation
                if name in self._codes:
                    found[name].attrs["codes"] = [name]
        absent = [f'"{c.name}"' for c in self.columns if c.used and c.name not in found]
        if absent:
            names = ", ".join(absent[:5]) + " ..." * (len(absent) > 5)
            raise ValueError(
                f"the table lacks column{'s' * (len(absent) > 1)} {names}; expected all that were used in training"
            )
        return found

    def _raw_numbers(
        self, cells: Cells, unread_in: Callable[[str], Counter[str] | None] | None = None
    ) -> tuple[list[str], Floats]:  # fmt: skip
        """Numbers, then parts of dates, then flags, side by side, NaN where missing; and what each is called.

        Cells of a column that cannot be read are counted in what `unread_in` has for it, or refused.
        """
        found: dict[str, Floats] = {}
        for c in self._of("number", "date", "flag"):
            unread = None if unread_in is None else unread_in(c.name)
            if c.kind == "number":
                found[c.name] = cells.numbers(c, unread)
            elif c.kind == "date":
                parts = self._parts[c.name]
                found |= {f"{c.name} {part}": x for part, x in cells.parts(c, parts, unread).items()}
            else:
                found[c.name] = cells.flags(c, unread)
        return list(found), np.column_stack(list(found.values())) if found else np.empty((cells.rows, 0))

    def _categories(self, cells: Cells) -> NDArray[np.object_]:
        found = np.column_stack([cells.labels(c.name) for c in self._of("category")])
        found[found == None] = MISSING_LEVEL  # noqa: E711  (element by element)
        return found

    def _set_up(self) -> None:
        """What follows from all that was learnt."""
        self._indices = {name: Levels(levels) for name, levels in self._levels.items()}
        self.levels: dict[str, list[str]] = dict(self._levels)  # that were learnt, by column
        self._one_hot = [Levels(levels) for levels in self._encoder.categories_] if self._of("category") else []
        for c, found in zip(self._of("category"), self._encoder.categories_ if self._one_hot else (), strict=True):
            self.levels[c.name] = [str(level) for level in found if level != MISSING_LEVEL]
        self._places: dict[str, list[int]] = {}  # of the raw numbers of a column
        for i, name in enumerate(self._sources()):
            self._places.setdefault(name, []).append(i)
        numbers = len(self._sources())
        self._scaling = Scaling(self._numbers if numbers else None, numbers)
        self._used = [c.name for c in self.columns if c.used]
        self._codes = frozenset(self.codes)
        self._reach: tuple[Any, Any] = (-FARTHEST, FARTHEST)
        if numbers and self._least is not None:
            ends = self._scaling(logarithms(np.stack([self._least, self._most]), self._units))[:, :numbers]
            self._reach = ends[0] - BEYOND, ends[1] + BEYOND

    def _described(self, raw: dict[str, Floats]) -> list[Column]:
        """The columns, with the figures of what is done to them."""
        places = {name: i for i, name in enumerate(raw)}
        return [
            replace(c, treatment=self._of_number(raw[c.name], places[c.name]))
            if c.kind == "number"
            else replace(c, treatment=_of_flag(c.treatment, raw[c.name]))
            if c.kind == "flag"
            else replace(
                c, treatment=f"taken apart: {', '.join(self._parts[c.name]) or 'nothing, it is always the same'}"
            )
            if c.kind == "date"
            else replace(c, treatment=f"free text: {described(c.format, self._ngrams[c.name].width)}")
            if c.name in self._ngrams
            else c
            for c in self.columns
        ]

    def _of_number(self, x: Floats, i: int) -> str:
        gone = int(np.isnan(x).sum())
        said = []
        if gone:
            said.append(
                f"{gone} missing: set to the median {0.0 if gone == len(x) else np.nanmedian(x):.4g} and marked"
            )
        if np.isfinite(self._low[i]):
            said.append(f"clipped to {self._low[i]:.4g} ... {self._high[i]:.4g}")
        if self._units[i]:
            said.append("its logarithm, for it is skewed")
        return ", ".join([*said, "scaled to mean 0 and deviation 1"])


def _of_flag(treatment: str, x: Floats) -> str:
    gone = int(np.isnan(x).sum())
    return f"{treatment}; {gone} missing: set to the more frequent and marked" if gone else treatment


def _as_date(days: float) -> str:
    """A number of days since 1970 as a date, with the time of day if there is one."""
    moment = np.datetime64(round(days * 86400), "s")
    return str(moment.astype("datetime64[D]") if days == int(days) else moment)


def _varying_parts(dates: pd.Series) -> list[str]:
    """The parts of a date that are not the same in every row."""
    return [part for part, take in PARTS.items() if take(dates).nunique() > 1]


def _frequent_levels(column: pd.Series) -> list[str]:
    """Levels that occur more than once, in the order of their names."""
    counts = pd.Series(values.labels(column), dtype=object).value_counts()
    return sorted(counts.index[counts > 1])

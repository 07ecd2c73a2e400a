"""What a careful colleague would say of a table and its split before any training, a sentence each.

All of it takes a second or so: columns are looked at in up to 5,000 rows and up to 200 of them.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pydl.pipeline import dates, values
from pydl.pipeline.asked_parting import part_of
from pydl.pipeline.columns import MIXED, NEARLY, Column
from pydl.pipeline.parting import TRAIN
from pydl.pipeline.stand_ins import stand_ins
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget

Array = NDArray[Any]

_ALONE = 0.99  # area or R2 from which on a column alone tells the target
_OTHERS = {"regression": 0.5, "classification": 0.75}  # R2 and ROC AUC of half of few rows, by the other half
_ROWS, _COLUMNS = 5000, 200  # to look at
_FEWEST = 20  # rows below which a column tells a target by chance
_LEAVES = 256  # of a tree that follows a number
_LARGEST = 1e30  # that a tree takes: it counts in float32
_RARE = 10  # training rows of a class that is hardly learnt
_CHANCE = 3  # times as many equal rows as chance gives are copies
_VARIED = 0.05  # of the rows have values of their own in some column: else rows of equal values need not be copies
_NAMED = 5
_ORDERED = 0.9  # of the steps from row to row go one way: tables of several groups start anew with each
_STEPS = 8  # that tell an order
_TIME = re.compile(
    r"(?!.*(?:birth|born|built|found))(?:.*[_\s.-])?(?:year|yr|jahr|año|ano|année|annee|anno|time|timestamp|epoch|unixtime|date|datetime|ts)",
    re.IGNORECASE,
)
_LASTING = re.compile(r"(?:.*[_\s.-])?time", re.IGNORECASE)  # what may be a span of time as well
_SECONDS = 1e8  # since 1970: no span of time, in whatever unit, has so many
_FINER = ("month", "day", "hour", "minute")  # columns that say more than the year beside them
_PARTS = 4  # words for parts of a table
_OWNERS = (  # names of columns that say whose a row is
    re.compile(r"(?:.*[_\s.-])?(?:id|key|uuid|guid)", re.IGNORECASE),
    re.compile(r".*[a-z](?:ID|Id)"),
    re.compile(r"(?:.*[_\s.-])?(?:patient|subject|participant|person|individual|student|pupil|user|customer|client|"
               r"member|household|family|animal|speaker|writer|author|session|device|machine|engine|sensor)s?"
               r"(?:[_\s.-]?(?:id|no|nr|num|number|name|code))?", re.IGNORECASE),
)  # fmt: skip
_COUNT = re.compile(r".*[a-z]{3}s", re.IGNORECASE)  # of persons, sessions: names in the plural, over numbers
_OWNED, _REPEATED = 10, 0.1  # at least so many different, and this share of the rows not the first of theirs


def of_order(frame: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    """Whether rows that are to be split by chance follow each other in time."""
    for name, time in _times(frame, columns):
        time = time[~np.isnan(time)]
        up, down = _steps(time)
        if _ordered(time):
            found = f'rows are in order of time ("{name}")'
        elif len(time) >= _FEWEST and _regular(time):
            found = f'rows are a time series ("{name}"), though not in its order'
        else:
            continue
        composed = any(c.name == name and c.kind == "number" for c in columns) and _finer(frame, name)
        option = "--split time" if composed and up > down else f'--time "{name}"'
        return [
            f"{found}, but those to judge on were drawn by chance from between the others: figures too good for a "
            f"model that is to tell the future; {option} holds out the latest instead, or give them with --test"
        ]
    return []


def of_groups(frame: pd.DataFrame, columns: Sequence[Column], target: str | Sequence[str]) -> list[str]:
    """Whether rows that are to be split by chance belong together, or the file says how to split them."""
    said, found = [], []
    targets = (target,) if isinstance(target, str) else target
    for c in columns:
        if c.kind == "category" and c.levels <= _PARTS:
            levels = {label for label in values.labels(frame[c.name]) if label is not None}
            if TRAIN in (words := {part_of(level) for level in levels}) and None not in words and len(words) > 1:
                named = " and ".join(f'"{level}"' for level in sorted(levels))
                said.append(
                    f'"{c.name}" says {named}, but rows were split by chance; --fold "{c.name}" does as it says'
                )
    counts = {c.name for c in columns if c.kind == "number" and _COUNT.fullmatch(c.name)}
    fractions = {n for n in frame.columns if pd.api.types.is_float_dtype(frame[n]) and (frame[n] % 1 > 0).any()}
    for name in frame.columns:
        if name not in targets and name not in counts | fractions and any(p.fullmatch(name) for p in _OWNERS):
            rows, levels = int(frame[name].notna().sum()), frame[name].nunique()
            if levels >= _OWNED and rows - levels >= _REPEATED * rows:
                found.append((name, f'"{name}" ({levels:,} different in {rows:,} rows)'))
    if found:
        said.append(
            f"rows that seem to belong together: {_listed([text for _, text in found])}; some of each may be on both "
            f'sides of the split: if new rows will be of others, --group "{found[0][0]}" keeps each on one side'
        )
    return said


def _finer(frame: pd.DataFrame, name: str) -> list[str]:
    """Columns of numbers that say more of the time than the one of the years."""
    names = {str(each).strip().lower(): str(each) for each in frame.columns}
    found = [names[part] for part in _FINER if part in names and names[part] != name]
    return [each for each in found if pd.api.types.is_numeric_dtype(frame[each])]


def _times(frame: pd.DataFrame, columns: Sequence[Column]) -> list[tuple[str, Array]]:
    """Columns that may be a time, as numbers: dates, and numbers by their name, years with months and days beside."""
    found = []
    for c in columns:
        if c.kind == "date":
            days = dates.read(frame[c.name], c.format, c.words)
            found.append((c.name, days.dt.as_unit("s").astype("int64").where(days.notna()).to_numpy(np.float64)))
    for c in columns:
        if c.kind == "number" and _TIME.fullmatch(c.name):
            time = values.numbers(frame[c.name], c.format or values.of_file(frame[c.name]), c.words)
            if _LASTING.fullmatch(c.name) and not _are_moments(time):
                continue
            for part in _finer(frame, c.name):
                time = time * 100 + frame[part].to_numpy(np.float64, na_value=np.nan)
            found.append((c.name, time))
    return found


def _are_moments(time: Array) -> bool:
    """Whether a "time" says when, in seconds since 1970 or in even steps, and not how long something lasted."""
    moments = np.unique(time[~np.isnan(time)])
    steps = np.diff(moments)
    return len(steps) > 0 and (bool(moments[0] > _SECONDS) or bool((steps == np.median(steps)).mean() > 0.5))


def _steps(time: Array) -> tuple[int, int]:
    """How many steps from row to row go up, and how many down."""
    steps = np.diff(time)
    return int((steps > 0).sum()), int((steps < 0).sum())


def _ordered(time: Array) -> bool:
    """Whether nearly all of the steps from row to row go one way."""
    up, down = _steps(time)
    return up + down >= _STEPS and max(up, down) >= _ORDERED * (up + down)


def _regular(time: Array) -> bool:
    """Whether nearly each row has a time of its own, at steps that are mostly the same, as dates of birth are not."""
    moments = np.unique(time)
    steps = np.diff(moments)
    return len(moments) > 0.9 * len(time) and bool((steps == np.median(steps)).mean() > 0.5)


def of_split(train: pd.DataFrame, test: pd.DataFrame, target: AnyTarget, columns: Sequence[Column]) -> list[str]:
    """What is odd about rows to learn from and rows to judge on; both with targets."""
    several = len(target.each) > 1
    of_classes, alone = [], []
    for one in target.each:
        mine, others = (frame[one.encode(one.of(frame))[1]] if several else frame for frame in (train, test))
        said = f'"{one.name}": ' * several
        of_classes += [said + note for note in _classes(mine, one)]
        alone += [said + note for note in _alone(mine, others, one, columns)]
    found = [
        *_left_out(columns),
        *_read_as_text(columns),
        *_nearly_numbers(columns),
        *_mixed(columns),
        *_stand_ins(train, target, columns),
        *of_classes,
    ]
    return [*found, *_twice(train, test, target.names, columns), *alone]


def _left_out(columns: Sequence[Column]) -> list[str]:
    gone = [f'"{c.name}" ({c.treatment.removeprefix("left out: ")})' for c in columns if not c.used]
    return [f"columns left out: {_listed(gone)}"] if gone else []


def _read_as_text(columns: Sequence[Column]) -> list[str]:
    read = [f'"{c.name}"' for c in columns if c.used and c.kind == "text"]
    return [f"columns read as free text: {_listed(read)}; --kind COLUMN=drop leaves one out"] if read else []


def _nearly_numbers(columns: Sequence[Column]) -> list[str]:
    nearly = [c for c in columns if c.note.startswith(NEARLY)]
    if not nearly:
        return []
    found = _listed([f'"{c.name}" ({c.note.removeprefix(NEARLY)})' for c in nearly])
    said = "COLUMN" if len(nearly) > 1 else nearly[0].name
    return [f"numbers but for some cells, so no quantity: {found}; --kind {said}=number takes those as missing"]


def _mixed(columns: Sequence[Column]) -> list[str]:
    found = [
        f'"{c.name}" ({part.removeprefix(MIXED)})'
        for c in columns
        for part in c.note.split("; ")
        if part.startswith(MIXED)
    ]
    return [f"numbers of different makes in one column, each read as the number that it shows: {_listed(found)}; are "
            "they the same quantity?"] if found else []  # fmt: skip


def _stand_ins(train: pd.DataFrame, target: AnyTarget, columns: Sequence[Column]) -> list[str]:
    numbers = {c.name: _as_one_number(train[c.name], c) for c in columns if c.kind == "number"}
    numbers |= {
        one.name: one.encode(train[one.name])[0] for one in target.each if one.task == "regression" and not one.log
    }
    for name in numbers:
        if pd.api.types.is_numeric_dtype(train[name]):  # as they stand, however large
            numbers[name] = train[name].to_numpy(np.float64, na_value=np.nan)
    found = [(name, value, count) for name, x in numbers.items() for value, count in stand_ins(x).items()]
    if not found:
        return []
    told = [f'{value:.17g} in "{name}" ({count:,} rows)' for name, value, count in found]
    return [f"numbers that repeat, far from all others: {_listed(told)}; where they stand for missing values, "
            f"--missing {found[0][1]:.17g} says so, for every column"]  # fmt: skip


def _classes(train: pd.DataFrame, target: Target) -> list[str]:
    if target.task == "regression":
        return []
    alike: dict[str, list[str]] = {}
    for label in map(str, target.classes):
        alike.setdefault(" ".join(re.split(r"[\s_-]+", label.strip().casefold())), []).append(f'"{label}"')
    groups = [" and ".join(labels) for labels in alike.values() if len(labels) > 1]
    said = [f"classes that differ in case or blanks only: {_listed(groups)}; are they the same?"] if groups else []
    if set(alike) <= values.YES | values.NO and len(alike) > 2:
        both = [
            [f'"{label}"' for label in map(str, target.classes) if label.lower() in words]
            for words in (values.YES, values.NO)
        ]
        groups = [" and ".join(labels) for labels in both if len(labels) > 1]
        said.append(f"classes that say the same in other words: {_listed(groups)}; write them alike")
    y, _ = target.encode(train[target.name])
    counts = np.bincount(y, minlength=len(target.classes))
    rare = [f'"{target.classes[k]}" ({counts[k]})' for k in np.flatnonzero(counts < _RARE)]
    if rare:
        said.append(f"classes with fewer than {_RARE} training rows, which are hardly learnt: {_listed(rare)}")
    return said


def _twice(train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[str], columns: Sequence[Column]) -> list[str]:
    told = [c.name for c in columns if (c.used or c.kind == "text") and c.name in test.columns]
    told += targets
    both = int(np.isin(_hashes(test, told), _hashes(train, told)).sum())
    most = max(train[name].nunique() for name in told)
    if most < _VARIED * len(train) or both <= _CHANCE * len(test) * _equal_by_chance(train, told):
        return []
    are = "is" if both == 1 else "are"
    end = ": rows that occur twice make figures too good; leave the copies out"
    others = [c.name for c in columns if c.kind == "identifier" and c.name in test.columns and c.name not in told]
    names = [o for o in others if np.isin(_hashes(test, [*told, o]), _hashes(train, [*told, o])).sum() < both]
    if names:
        but = _listed([f'"{name}"' for name in names])
        end = f", but for {but}: if these are copies, figures are too good, and it is better to leave them out"
    return [f"{both:,} of {len(test):,} test rows {are} among the training rows too, target and all{end}"]


def _equal_by_chance(train: pd.DataFrame, names: Sequence[str]) -> float:
    """How likely a row is to equal one of the training rows if its values have nothing to do with each other.

    Where columns have few values, rows are equal and yet not the same.
    """
    alike, pairs = 1.0, len(train) * (len(train) - 1)
    for name in names:
        counts = train[name].value_counts(dropna=False)
        alike *= float((counts * (counts - 1)).sum()) / max(1, pairs)
    return float(-np.expm1(-len(train) * alike))


def _hashes(frame: pd.DataFrame, names: Sequence[str]) -> Array:
    """A number for each row that is the same for equal rows, whatever the dtypes they were read as."""
    found = np.zeros(len(frame), np.uint64)
    for name in names:
        found = found * np.uint64(0x9E3779B97F4A7C15) + pd.util.hash_array(values.labels(frame[name]))
    return found


def _alone(train: pd.DataFrame, test: pd.DataFrame, target: Target, columns: Sequence[Column]) -> list[str]:
    train, test = train[:: max(1, len(train) // _ROWS)], test[:: max(1, len(test) // _ROWS)]
    if len(test) < _FEWEST:
        test = train = pd.concat([train, test])  # too few to be judged by
    if len(train) < _FEWEST:
        return []
    y, y_test = target.encode(train[target.name])[0], target.encode(test[target.name])[0]
    times = _times(train, columns) if target.task == "regression" else []
    axes = {name for name, time in times if _ordered(time[~np.isnan(time)])}  # of a series, known before its values
    figure = "R2" if target.task == "regression" else "ROC AUC"
    found = []
    looked_at = [c for c in columns if c.used and c.kind != "text" and c.name in test.columns and c.name not in axes]
    for c in looked_at[:_COLUMNS]:
        x, x_test = (_as_one_number(frame[c.name], c) for frame in (train, test))
        levels = c.kind in ("category", "many")
        if levels and train is test:
            continue  # a level tells the rows that it was learnt from
        tell = _by_level if levels else _by_tree
        score = tell(x, y, x_test, y_test, target)
        if score > _ALONE and train is not test:  # few test rows may be told by chance, those learnt from as well not
            x, y_all = np.concatenate([x, x_test]), np.concatenate([y, y_test])
            score = min(score, tell(x, y_all, x, y_all, target))
        elif score > _ALONE:  # rows that it was learnt from: it has to tell others as well
            parts = (slice(None, None, 2), slice(1, None, 2))
            others = min(tell(x[a], y[a], x[b], y[b], target) for a, b in (parts, parts[::-1]))
            score = score if others > _OTHERS[target.task] else 0.0
        if score > _ALONE:
            found.append(f'"{c.name}" ({figure} {score:.3f})')
    if not found:
        return []
    return [f"the target is told by a column by itself: {_listed(found)}; if it is not known before the target is, it "
            "is a leak, and --drop leaves it out"]  # fmt: skip


def _as_one_number(column: pd.Series, c: Column) -> Array:
    unread = Counter[str]()  # for these are missing, in rows to judge on
    if c.kind == "number":
        return values.numbers(column, c.format or values.of_file(column), c.words, unread)
    if c.kind == "flag":
        return values.flags(column, c.format == values.POINT, unread)
    if c.kind == "date":
        days = dates.read(column, c.format, c.words, unread)
        return days.dt.as_unit("s").astype("int64").where(days.notna()).to_numpy(np.float64)
    return values.labels(column)


def _by_tree(x: Array, y: Array, x_test: Array, y_test: Array, target: Target) -> float:
    """How well a tree on one column does: a stump for two classes, fine steps or a line for numbers."""
    x, x_test = (each.clip(-_LARGEST, _LARGEST)[:, None] for each in (x, x_test))
    if target.task == "classification":
        stump = DecisionTreeClassifier(max_leaf_nodes=max(2, len(target.classes)), random_state=0).fit(x, y)
        p = np.zeros((len(y_test), len(target.classes)))
        p[:, stump.classes_] = stump.predict_proba(x_test)
        return _area(y_test, p)
    steps = DecisionTreeRegressor(max_leaf_nodes=min(_LEAVES, max(2, len(y) // 5)), random_state=0).fit(x, y)
    scores = [r2_score(y_test, steps.predict(x_test))]
    there, there_test = (np.isfinite(each[:, 0]) for each in (x, x_test))
    if there.all() and there_test.all():
        middle, spread = x.mean(), x.std() or 1.0
        slope = float(((x[:, 0] - middle) / spread * (y - y.mean())).mean())
        scores.append(r2_score(y_test, y.mean() + slope * (x_test[:, 0] - middle) / spread))
    return float(max(scores))


def _by_level(x: Array, y: Array, x_test: Array, y_test: Array, target: Target) -> float:
    """How well the mean target of each level does."""
    levels, codes = np.unique(x.astype(str), return_inverse=True)  # missing is a level as well
    place = np.searchsorted(levels, x_test.astype(str)).clip(max=len(levels) - 1)
    known = levels[place] == x_test.astype(str)
    told = y[:, None] if target.task == "regression" else np.eye(len(target.classes))[y]
    means = np.stack([np.bincount(codes, each) / np.bincount(codes) for each in told.T], axis=1)
    said = np.where(known[:, None], means[place], told.mean(axis=0))
    return float(r2_score(y_test, said[:, 0])) if target.task == "regression" else _area(y_test, said)


def _area(y: Array, p: Array) -> float:
    """The mean area of the classes that are there, each against the others; 0 where there is one only."""
    present = np.unique(y)
    if len(present) < 2:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(np.mean([roc_auc_score(y == k, p[:, k]) for k in present]))


def _listed(things: Sequence[str]) -> str:
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")

"""From `--split`, `--time`, `--group` and `--fold` to a `Parting` of the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import dates, values
from pydl.pipeline.columns import MOSTLY, Column, guess
from pydl.pipeline.contract import Part
from pydl.pipeline.options import TrainOptions, one_of
from pydl.pipeline.parting import TEST, TRAIN, VALIDATION, ByFold, ByGroup, ByTime, ByWord, Parting

Array = NDArray[Any]

BY_CHANCE = "by chance"
_MOST_FOLDS = 100
_NAMED = 3
_BEYOND = 2200  # a year after which times stand for something else
_WORDS = {
    **dict.fromkeys(("train", "training", "learn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "publictest"), VALIDATION),
    **dict.fromkeys(("test", "testing", "holdout", "heldout", "privatetest"), TEST),
}


def left_out(options: TrainOptions, names: Sequence[str]) -> dict[str, str]:
    """The columns that only say which rows belong together, as kinds of columns for `guess`.

    Raises
    ------
    ValueError
        A name of an option that is not among `names`, or is the target's.
    """
    for option, column in (("--time", options.time), ("--group", options.group), ("--fold", options.fold)):
        if column is not None:
            one_of(option, column, names)
            if column in options.targets:
                raise ValueError(f"{option} {column}: this is the target")
    return {column: "identifier" for column in (options.group, options.fold) if column is not None}


def asked_parting(frame: pd.DataFrame, columns: Sequence[Column], options: TrainOptions) -> Parting | None:
    """How the options want these rows to be parted; None: by chance.

    Raises
    ------
    ValueError
        A column that cannot part rows: no times, no folds, words that are not known.
    """
    if options.group is not None:
        return _by_group(frame, options.group)
    if options.fold is not None:
        return _by_fold(frame, options.fold, options)
    if options.time is None and options.split != "time":
        return None
    name = options.time or only_date(frame, columns, options)
    if name is None:
        how, rows = "by time, the last of the file", np.arange(len(frame))
        return ByTime("--split time", how, rows, frame, frame.index)
    option = f'--time "{name}"' if options.time else f'--split time (by "{name}")'
    moments, words = _moments(frame, name, option, options)
    codes, names = pd.factorize(moments, sort=True)
    gone, such = int((codes < 0).sum()), f', such as "{words[0][:40]}"' if words else ""
    notes = [f'{_rows(gone)} without a usable "{name}"{such}: taken as the earliest, to learn from'] if gone else []
    if pd.api.types.is_datetime64_any_dtype(moments) and (moments.dropna().dt.normalize() == dates.NO_DAY).all():
        notes.append(f'"{name}" holds times of day and no days: those held out are the latest in the day, of any day')
    if pd.api.types.is_datetime64_any_dtype(moments) and (late := moments[moments.dt.year >= _BEYOND]).size:
        day = f"{late.iloc[0]:%Y-%m-%d}"
        notes.append(
            f'{_rows(late.size)} with "{name}" in a far future, such as {day}, which may stand for a time that is not '
            "known: they count as the latest; --missing, with the words of the file, says so"
        )
    how = f'by time, the latest by "{name}"'
    return ByTime(option, how, codes.clip(0), frame, names, notes)


def about(parting: Parting | None, parts: Mapping[str, Part], options: TrainOptions) -> dict[str, Any]:
    """What `info.json` says: how the rows were parted, how many are in each part, and which."""
    how = BY_CHANCE if parting is None else parting.how
    if options.test is not None:
        how += ", to validate on; --test gives those to judge on"
    said: dict[str, Any] = {"how": how}
    said["rows"] = {name: len(part.y) for name, part in parts.items()}
    if parting is not None:
        own = {name: part for name, part in parts.items() if name != TEST or options.test is None}
        said[f"{parting.unit}s"] = {name: parting.described(part.frame.index) for name, part in own.items()}
    return said


def in_both(frame: pd.DataFrame, test: pd.DataFrame, options: TrainOptions) -> list[str]:
    """Whether the rows of --test are of groups, or of times, that are learnt from."""
    if options.time is not None and options.time in test.columns:
        return _not_later(frame, test, options.time, options)
    name = options.group
    if name is None or name not in test.columns:
        return []
    known, those = ({*values.labels(each[name])} - {None} for each in (frame, test))
    both = len(known & those)
    return [f'{both:,} of the {len(those):,} groups of --test ("{name}") are learnt from as well'] if both else []


def _not_later(frame: pd.DataFrame, test: pd.DataFrame, name: str, options: TrainOptions) -> list[str]:
    """How many rows of --test are not later than all of the others."""
    both = pd.concat([frame[[name]], test[[name]]], ignore_index=True)
    try:
        moments, _ = _moments(both, name, f'--time "{name}"', options)
    except ValueError:  # the times of --test are none, which do not matter but here
        return []
    codes, _ = pd.factorize(moments, sort=True)
    ours, theirs = codes[: len(frame)], codes[len(frame) :]
    early = int(((theirs >= 0) & (theirs <= ours.max())).sum())
    if not early:
        return []
    return [f'{early:,} of the {len(test):,} rows of --test are not later, by "{name}", than all that are learnt from']


def only_date(frame: pd.DataFrame, columns: Sequence[Column], options: TrainOptions) -> str | None:
    """The one column of dates, dropped or not, if there is exactly one."""
    dropped = [name for name in options.drop if name not in {c.name for c in columns}]
    of_dates = [c.name for c in (*columns, *guess(frame[dropped])) if c.kind == "date"]
    return of_dates[0] if len(of_dates) == 1 else None


def _moments(frame: pd.DataFrame, name: str, option: str, options: TrainOptions) -> tuple[Any, Sequence[str]]:
    """A column as dates or numbers, missing where it is neither, and the words in it that are neither."""
    column = frame[name]
    said = {name: kind} if (kind := options.kinds.get(name)) in ("date", "number") else {}
    (c,) = guess(frame[[name]], kinds=said)
    if c.kind not in ("date", "empty", "constant"):
        try:
            (c,) = guess(frame[[name]], kinds={name: "number"})
        except ValueError:
            raise _no_times(option, column) from None
        odd = column.isin(c.words).sum() if c.words else 0
        if not said and odd > (1 - MOSTLY) * (len(column) - c.missing):
            raise _no_times(option, column[column.isin(c.words)])
    if c.kind in ("empty", "constant"):
        always = (
            "no row has a value" if c.kind == "empty" else f"all rows are of one moment, {values.label(column.iloc[0])}"
        )
        raise ValueError(f"{option}: {always}: there is no order in them; name another column, or leave the option out")
    if c.kind == "date":
        return dates.read(column, c.format, c.words), c.words
    return values.numbers(column, c.format or values.of_file(column), c.words), c.words


def _no_times(option: str, column: pd.Series) -> ValueError:
    example = values.label(column.dropna().iloc[0])[:40]
    return ValueError(f'{option}: expected dates or numbers, got "{example}"; name another column')


def by_group(name: str) -> str:
    """How rows are parted by a column of groups."""
    return f'by group, all rows of one "{name}" in one part'


def _by_group(frame: pd.DataFrame, name: str) -> Parting:
    option, labels = f'--group "{name}"', values.labels(frame[name])
    codes, names = pd.factorize(labels)
    alone = codes < 0
    if alone.all():
        raise ValueError(f"{option}: no row has a value; name another column, or leave the option out")
    codes[alone] = len(names) + np.arange(alone.sum())
    notes = []
    if alone.any():
        notes.append(f'{_rows(int(alone.sum()))} without a value in "{name}": each taken as a group of its own')
    if len(names) + alone.sum() == len(frame):
        notes.append(f'"{name}" is another in each row: to part rows by it is to part them by chance')
    if alike := _alike([str(each) for each in names]):
        more = " ..." * (len(alike) > _NAMED)
        notes.append(
            f'groups of "{name}" that differ in case, blanks, marks or zeros in front only: '
            f"{', '.join(alike[:_NAMED])}{more}; if they are the same, rows of one are in several parts"
        )
    return ByGroup(option, by_group(name), codes, frame, [*names, *[None] * int(alone.sum())], notes)


def _alike(names: Sequence[str]) -> list[str]:
    """Names of groups that look like one another, a text for each of them."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(re.sub(r"[\W_]+|(?<!\d)0+(?=\d)", "", name.strip().casefold()), []).append(f'"{name[:40]}"')
    return [" and ".join(each) for key, each in found.items() if key and len(each) > 1]


def _by_fold(frame: pd.DataFrame, name: str, options: TrainOptions) -> Parting:
    option, labels = f'--fold "{name}"', values.labels(frame[name])
    levels = sorted({label for label in labels if label is not None}, key=_in_order)
    words = _as_words(levels, name)
    if len(levels) + (bool(words) and None in set(labels)) < 2:
        always = f'every row says "{levels[0]}"' if levels else "no row has a value"
        raise ValueError(f"{option}: {always}; expected numbers of folds, or words such as train and test")
    if words:
        return _by_word(frame, option, name, [words.get(label) for label in labels], options)
    if len(levels) > _MOST_FOLDS:
        raise ValueError(
            f"{option}: expected at most {_MOST_FOLDS} folds, got {len(levels):,} different values; "
            f'--group "{name}" keeps rows of one value together'
        )
    if options.cv not in (0, len(levels)):
        raise ValueError(f"--cv {options.cv}: expected {len(levels)}, the folds of {option}; leave --cv out")
    codes = pd.Index(levels).get_indexer(labels)
    gone = int((codes < 0).sum())
    notes = [f'{_rows(gone)} without a value in "{name}": always learnt from, never judged'] if gone else []
    last = "" if options.test is not None else f', the last of which is "{levels[-1][:40]}"'
    return ByFold(option, f'by fold, as "{name}" says{last}', codes, frame, levels, notes)


def _in_order(label: str) -> tuple[float, list[tuple[int, str]]]:
    """Numbers by size, then words, the numbers within them by size as well."""
    number = float(label) if values.is_number(label) and re.fullmatch(r"-?[\d.]+", label) else np.inf
    return number, [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", label)]


def _as_words(levels: Sequence[str], name: str) -> dict[str, str]:
    """The part that each level names; nothing if they name none.

    Yes and no in a column that is called `is_train` name one as well.
    """
    words = {level: found for level in levels if (found := part_of(level))}
    meant = part_of(re.sub(r"^(?:is|in|for)(?=[\s_.-]|[A-Z])", "", name))
    if meant and {level.lower() for level in levels} <= values.YES | values.NO:
        other = TEST if meant == TRAIN else TRAIN
        return {level: meant if level.lower() in values.YES else other for level in levels}
    unknown = [level for level in levels if level not in words]
    if words and unknown:
        raise ValueError(
            f'--fold "{name}": expected words for train, validation and test, got "{unknown[0][:40]}" as well; '
            "write one of these words for each row, or leave the cell empty for rows to learn from"
        )
    return words


def part_of(word: str) -> str | None:
    """The part of the rows that a word names: train, validation or test."""
    return _WORDS.get(re.sub(r"[\s_.-]+", "", word.casefold()))


def _by_word(
    frame: pd.DataFrame, option: str, name: str, words: Sequence[str | None], options: TrainOptions
) -> Parting:  # fmt: skip
    gone, parts = words.count(None), [word or TRAIN for word in words]
    if TRAIN not in parts:
        raise ValueError(f"{option}: no row is to be learnt from; expected the word train in some")
    if options.test is not None and TEST in parts:
        raise ValueError(f"{option}: the file has rows to judge on, and --test gives others; leave one of them out")
    notes = [f'{_rows(gone)} without a word in "{name}": learnt from'] if gone else []
    if options.test is None and TEST not in parts:
        parts = [TEST if part == VALIDATION else part for part in parts]
        notes.append(f'"{name}" names no rows for test: its validation rows are judged on, others are validated on')
    elif VALIDATION in parts and not options.val:
        notes.append(f'--val 0: the rows that "{name}" names for validation are learnt from')
    names = [part for part in (TRAIN, VALIDATION, TEST) if part in parts]
    codes = np.array([names.index(part) for part in parts])
    return ByWord(option, f'by fold, as "{name}" says', codes, frame, names, notes)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count > 1)}"

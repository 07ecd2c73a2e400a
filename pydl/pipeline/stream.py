"""Tables larger than memory: laid down as shards of prepared rows in three passes, then trained on from disk.

The first pass finds what the columns hold; the second keeps a random sample, from which the preparation learns; the
third prepares every row and writes it into the shards of its part. They go by the row's number in the file, or by its
group, so that neither the size of the chunks nor a restart changes anything. `pydl.data.ShardSource` then feeds `fit`,
and `BackupAndRestore` resumes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl._base.replacing import replaced
from pydl.data import ShardSource, ShardWriter, ahead
from pydl.pipeline import losses, values
from pydl.pipeline.columns import guess, must_have
from pydl.pipeline.fitted import Batch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.places import located, part
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.reading import AS_FOUND, Reading
from pydl.pipeline.seen import Seen
from pydl.pipeline.stream_parts import PARTS, Which, by_chance, by_place, decided, hashes
from pydl.pipeline.table import Schema, chunk_rows, read_chunks, scan
from pydl.pipeline.target import Target
from pydl.pipeline.weights import even, weights_of

Array = NDArray[Any]
Chunks = Callable[[], Iterator[pd.DataFrame]]

SAMPLE_ROWS = 50_000
_BUFFER_BYTES = 16 << 20  # of prepared rows to shuffle at a time
_FEW_VALUES = 1000  # a target of more values is no class
_BATCH = 4096  # rows to judge at a time
_DONE = "stream.json"  # what each pass has found
_PLACES = "parts.npy"  # the part of each row, where a column says it
_ROWS = "rows.npy"  # the numbers of the rows of a part, beside its shards


@dataclass(frozen=True)
class Streamed:
    """A file ready to be trained on.

    Attributes
    ----------
    preparation : Preparation
    target : Target
    train, validation, test : ShardSource or None
        The prepared rows of each part; None for a part without rows.
    train_sample, test_sample : DataFrame
        Some rows of two parts as they stand in the file, at most `SAMPLE_ROWS` each, numbered as there.
    rows : dict of str to int
        How many rows each part has.
    notes : list of str
        What was noticed in the file and its rows.
    how : str
        How the rows were parted, in words, where `asked` says it.
    """

    preparation: Preparation
    target: Target
    train: ShardSource
    validation: ShardSource | None
    test: ShardSource | None
    train_sample: pd.DataFrame
    test_sample: pd.DataFrame
    rows: dict[str, int]
    notes: list[str]
    how: str = ""


def prepare(
    path: str | os.PathLike[str], target: str, folder: str | os.PathLike[str], *, task: str = "auto",
    drop: Sequence[str] = (), kinds: Mapping[str, str] | None = None, positive: str | None = None, log: bool = False,
    clip: float | None = None, validation: float = 0.1, test: float = 0.1, seed: int = 0,
    reading: Reading = AS_FOUND, say: Callable[[str], None] = lambda line: None, loss: str | None = None,
    group: str | None = None, weights: str | None = None, asked: TrainOptions | None = None,
) -> Streamed:  # fmt: skip
    """Lay a file down in a folder, or go on after the last pass that an earlier call with the same arguments ended.

    The folder takes four bytes for each value of a prepared row; `remove` deletes it after training.

    Parameters
    ----------
    path : str or path-like
        Whatever `table.read_chunks` reads in chunks.
    target, task, drop, kinds, positive, log, clip
        As for a table in memory.
    folder : str or path-like
    validation, test : float
        Shares of the rows to hold out.
    seed : int
        Of the parts and the sample.
    reading : Reading
        What is known about the file.
    say : callable
        Told what begins.
    loss : str, optional
        What the training is to lower, as for `TrainOptions`.
    group : str, optional
        A column whose values are each in one part only; rows without one are parted by themselves.
    weights : str, optional
        A column that says how much each row counts.
    asked : TrainOptions, optional
        Whose `split`, `time` or `fold` part the rows; without it chance or `group` does.

    Raises
    ------
    ValueError
        A file that cannot be read or learnt from.
    """
    place, source = Path(folder), located(path)
    counts = losses.is_of_counts(loss)
    key = _key(
        source, target, task, list(drop), kinds, positive, log, clip, validation, test, seed, asdict(reading), counts,
        group, weights, *([] if asked is None else [asked.split, asked.time, asked.fold]),
    )  # fmt: skip
    rows, shares = chunk_rows(source), {"validation": validation, "test": test}
    done = _read_done(place, key)
    if done is None:
        remove(place)
        place.mkdir(parents=True)
        done = {"key": key}

    def chunks() -> Iterator[pd.DataFrame]:
        return read_chunks(source, rows, Schema(done["kinds"]), reading=reading)

    if "kinds" not in done:
        say(f"reading {source} to see what its columns hold")
        done["kinds"] = scan(source, rows, reading=reading).kinds
        _write_json(place / _DONE, done)
    if target not in done["kinds"] and set(map(str.strip, target.split(","))) <= set(done["kinds"]):
        raise ValueError(f"--stream takes one target, got {target}; name one, or leave --stream out")
    which = by_chance(shares, seed, group)
    if asked is not None:
        if "how" not in done:
            say(f"reading {source} to see which part each row goes to")
            places, done["how"], done["said"] = decided(chunks(), asked, shares)
            np.save(place / _PLACES, places)
            _write_json(place / _DONE, done)
        which = by_place(np.load(place / _PLACES))
    if "notes" not in done:
        say(f"reading {source} for a sample of its rows")
        done["notes"] = sample(chunks, place, target, which, seed, group, weights) + done.get("said", [])
        _write_json(place / _DONE, done)
    frame = _read_frame(place / "train.parquet")  # as it was written: a resumed run reads the same
    fitted = Target.fit(frame[target], task, positive, log, counts)
    losses.must_suit(loss, fitted)
    fitted.quantile = losses.quantile_of(loss)
    _, keep = fitted.encode(frame[target])
    only = [group, None if asked is None else asked.fold]  # say which rows belong together, and nothing else
    kinds = {**(kinds or {}), **{name: "identifier" for name in only if name is not None}}
    drop = [*drop, *([] if weights is None else [weights])]
    by = even(weights_of(frame[keep], weights))
    if by is not None:
        fitted = fitted.scaled(frame[target][keep], by)
    preparation = Preparation(guess(frame[keep], target, drop, kinds), clip).fit(frame[keep], weights=by)
    if "rows" not in done:
        say(f"reading {source} to prepare its rows")
        done["rows"], done["units"], odd = lay_down(chunks, place, preparation, fitted, which, group, weights)
        done["notes"] += odd
        _write_json(place / _DONE, done)
    width = sum(spec.width for spec in preparation.inputs)
    buffer = max(1024, min(1 << 16, _BUFFER_BYTES // (4 * width)))
    found = {part: ShardSource(place / part, buffer, done["units"][part] or 1.0) for part in PARTS}
    if not found["train"].rows:
        raise ValueError(f"{source}: no row is left to train on; expected more rows, or smaller parts to hold out")
    if not done["units"]["train"]:
        raise ValueError(f"--weights: expected some above 0 among {found['train'].rows} rows to learn from, all are 0")
    for name, share in shares.items():
        if group is not None and share and not found[name].rows:
            raise ValueError(
                f'--group "{group}": there are too few groups to put one into each part; leave --stream out, which '
                "draws a part by itself for each group"
            )
    validating, testing = (found[p] if found[p].rows else None for p in PARTS[1:])
    return Streamed(
        preparation, fitted, found["train"], validating, testing, _read_frame(place / "train.parquet"),
        _read_frame(place / "test.parquet"), done["rows"], done["notes"], done.get("how", ""),
    )  # fmt: skip


def numbered(source: ShardSource) -> Iterator[Batch]:
    """All rows of the validation or the test part in the file's order, with the weights that the file gives them."""
    numbers, first = np.load(source.folder / _ROWS), 0
    for x, y, *weights in ShardSource(source.folder).batches(_BATCH):
        yield numbers[first : (first := first + len(y))], x, y, weights[0] if weights else None


def remove(folder: str | os.PathLike[str]) -> None:
    """Delete what `prepare` has laid down."""
    shutil.rmtree(folder, ignore_errors=True)


def sample(
    chunks: Chunks, folder: Path, target: str, which: Which, seed: int, group: str | None = None,
    weights: str | None = None,
) -> list[str]:  # fmt: skip
    """Write samples of the training and test rows as Parquet files; return what was noticed in the file.

    The rows whose numbers have the smallest hashes, and the first training row of each class: a class must be known.
    """
    kept: dict[str, list[tuple[Array, pd.DataFrame]]] = {"train": [], "test": []}
    firsts: list[pd.DataFrame] = []
    seen: set[Any] = set()
    notes: list[str] = []
    told: dict[str, Any] = {}
    with closing(ahead(chunks())) as frames:
        for frame in frames:
            must_have(frame, [target], "target")
            must_have(frame, [] if group is None else [group], "column of --group")
            must_have(frame, [] if weights is None else [weights], "column of --weights")
            notes = frame.attrs["notes"]
            told = {name: value for name, value in frame.attrs.items() if name != "notes"}
            numbers = frame.index.to_numpy()
            part, rank = which(frame), hashes(numbers, seed + 1)
            for name, held in kept.items():
                mine = np.flatnonzero(part == PARTS.index(name))
                held.append(_lowest(SAMPLE_ROWS, [(rank[mine], frame.iloc[mine])]))
                if sum(len(r) for r, _ in held) > 2 * SAMPLE_ROWS:
                    held[:] = [_lowest(SAMPLE_ROWS, held)]
            if len(seen) <= _FEW_VALUES:
                mine = np.flatnonzero(part == 0)
                found = frame[target].iloc[mine].drop_duplicates().dropna()
                fresh = found[~found.isin(seen)]
                seen |= set(fresh)
                firsts.append(frame.loc[fresh.index])
    if not kept["train"]:
        raise ValueError("no rows; expected a table with a header and at least one row")
    for name, held in kept.items():
        _, frame = _lowest(SAMPLE_ROWS, held)
        if name == "train" and len(seen) <= _FEW_VALUES:
            frame = pd.concat([frame, *firsts])
        frame = frame[~frame.index.duplicated()].sort_index()
        frame.attrs = told
        frame.to_parquet(folder / f"{name}.parquet")
    return notes


def _lowest(count: int, held: list[tuple[Array, pd.DataFrame]]) -> tuple[Array, pd.DataFrame]:
    """The rows with the lowest ranks."""
    rank = np.concatenate([ranks for ranks, _ in held])
    frame = pd.concat([rows for _, rows in held]) if len(held) > 1 else held[0][1]
    best = np.argsort(rank, kind="stable")[:count]
    return rank[best], frame.iloc[best]


def lay_down(
    chunks: Chunks, folder: Path, preparation: Preparation, target: Target, which: Which, group: str | None = None,
    weights: str | None = None,
) -> tuple[dict[str, int], dict[str, float], list[str]]:  # fmt: skip
    """Prepare all rows and write them into shards by part.

    Returns how many rows each part has, their mean weight (1 where nobody asked for any), and what is odd about them:
    the preparation has learnt from some only.
    """
    seen = Seen()
    writers = {part: ShardWriter(folder / part) for part in PARTS}
    numbers: dict[str, list[Array]] = {part: [] for part in PARTS[1:]}
    sums, alone = dict.fromkeys(PARTS, 0.0), 0
    with closing(ahead(chunks())) as frames:
        for frame in frames:
            y, keep = target.encode(frame[target.name])
            frame = frame[keep]
            rows, part = frame.index.to_numpy(), which(frame)
            alone += 0 if group is None else sum(label is None for label in values.labels(frame[group]))
            x, w = preparation.transform(frame, seen), weights_of(frame, weights)
            for number, name in enumerate(PARTS):
                mine = np.flatnonzero(part == number)
                writers[name].write({n: a[mine] for n, a in x.items()}, y[mine], None if w is None else w[mine])
                sums[name] += len(mine) if w is None else float(w[mine].sum())
                if name in numbers:
                    numbers[name].append(rows[mine])
    for name, found in numbers.items():
        np.save(folder / name / _ROWS, np.concatenate(found))
    for writer in writers.values():
        writer.close()
    counts = {part: sum(writer.sizes) for part, writer in writers.items()}
    notes = (
        [f'{alone:,} row{"s" * (alone > 1)} without a value in "{group}": each taken as a group of its own']
        if alone
        else []
    )
    return counts, {part: sums[part] / rows if rows else 1.0 for part, rows in counts.items()}, notes + seen.notes()


def _key(path: Path, *arguments: Any) -> str:
    """What tells one file and set of arguments from another."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; --stream reads one file")
    about = path.stat()
    given = json.dumps([os.path.realpath(path), part(path), about.st_size, about.st_mtime_ns, *arguments])
    return hashlib.sha256(given.encode()).hexdigest()


def _read_done(folder: Path, key: str) -> dict[str, Any] | None:
    """What the passes of earlier calls have found, None where there was none with this key."""
    try:
        done = json.loads((folder / _DONE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return done if isinstance(done, dict) and done.get("key") == key else None


def _write_json(path: Path, value: Any) -> None:
    with replaced(path, "w") as file:
        json.dump(value, file)


def _read_frame(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)

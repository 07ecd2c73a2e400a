"""A training run on a table larger than memory, which goes on after Ctrl-C where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd

import pydl
from pydl.data import ShardSource
from pydl.pipeline import checks, stream
from pydl.pipeline import run as names
from pydl.pipeline.columns import must_have
from pydl.pipeline.contract import Outcome, Part, Watch
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.stream import Streamed
from pydl.pipeline.table import read_chunks, scan
from pydl.pipeline.worker import class_weights, prepared

_HELD_OUT = 0.2  # the share of the rows to judge on where there is no --test
_BATCH = 256
_SAVE_FREQ = 2000  # batches between two backups, besides the end of each epoch
_FOLDER = "stream"


def train_stream(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    """Train on a file in pieces. All rows of the validation and the test part are judged, of the others a sample.

    Ctrl-C leaves what was prepared and a backup in the folder of the run; the same command goes on from there.

    Raises
    ------
    ValueError
        A file that cannot be used; options that need all of it in memory.
    """
    for option, given in (("--cv", options.cv), ("--tune", options.tune)):
        if given:
            raise ValueError(f"{option} needs the data in memory; leave it out, or --stream")
    if options.target is None:
        raise ValueError("--target: expected the name of the column to predict")
    folder = run.path / _FOLDER
    before = run.path / names.CONFIG
    if before.exists() and json.loads(before.read_text("utf-8")) != options.to_json():
        stream.remove(folder)
    run.write_json(names.CONFIG, options.to_json())  # that the folder is known as a run's from now on
    (run.path / names.MODEL).unlink(missing_ok=True)
    try:
        return _train(options, run, watch)
    except KeyboardInterrupt:
        watch.say("interrupted: the same command goes on from here")
        raise


def _train(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    test, folder = 0.0 if options.test else _HELD_OUT, run.path / _FOLDER
    found = stream.prepare(
        options.data, str(options.target), folder / "rows", task=options.task, drop=options.drop, clip=options.clip,
        validation=options.val * (1 - test), test=test, seed=options.seed, say=watch.say,
    )  # fmt: skip
    notes = watch.told([*found.notes, *found.target.notes])
    watch.say(", ".join(f"{n:,} rows for {part}" for part, n in found.rows.items() if n))
    pydl.utils.set_random_seed(options.seed)
    fitted = Fitted(found.preparation, found.target, build(found.preparation.inputs, found.target, options))
    test_sample, held_out = found.test_sample, {"validation": found.validation, "test": found.test}
    if options.test is not None:
        watch.say(f"reading {options.test} to prepare its rows")
        test_sample, held_out["test"] = _test_file(options.test, folder / "test", found)
    samples = {"train": found.train_sample, "test": test_sample}
    columns = found.preparation.columns
    if options.test is None:
        notes += watch.told(checks.of_order(found.train_sample, columns))
    parts = {name: prepared(frame, found.preparation, found.target) for name, frame in samples.items()}
    notes += watch.told(checks.of_split(parts["train"].frame, parts["test"].frame, found.target, columns))
    notes += _samples(
        found.rows["train"], held_out["test"], "drawn by chance" if options.test is None else "the first of the file"
    )
    history = _fit(fitted.model, found, parts["train"], options, run, watch)
    streams = {name: partial(stream.numbered, source) for name, source in held_out.items() if source is not None}
    return Outcome(
        fitted, parts, history, streams, columns=list(found.preparation.columns), notes=notes, scratch=folder
    )  # fmt: skip


def _fit(
    model: pydl.Model, found: Streamed, train: Part, options: TrainOptions, run: Run, watch: Watch
) -> dict[str, list[float]]:
    """Train from the shards until the validation rows get no better."""
    batch_size = options.batch_size or _BATCH
    epochs, patience = options.passes(-(-found.rows["train"] // batch_size))
    best = pydl.callbacks.EarlyStopping(
        "loss" if found.validation is None else "val_loss", patience=patience, restore_best_weights=True
    )
    backup = pydl.callbacks.BackupAndRestore(run.path / _FOLDER / "backup", save_freq=_SAVE_FREQ)
    weights = class_weights(train.y, found.target) if options.class_weight == "balanced" else None
    told = model.fit(
        found.train, batch_size=batch_size, epochs=epochs, verbose=0,
        validation_data=found.validation, class_weight=weights,
        callbacks=[best, *watch.callbacks("training", epochs), backup],
    )  # fmt: skip
    return told.history


def _test_file(path: str, folder: Path, found: Streamed) -> tuple[pd.DataFrame, ShardSource]:
    """Its first rows, and all of them prepared: what is wrong with one is to be told before the training."""
    schema = scan(path, text=found.preparation.text_columns)

    def chunks(rows: int | None = None) -> Iterator[pd.DataFrame]:
        return read_chunks(path, rows, schema)

    sample = next(chunks(stream.SAMPLE_ROWS))
    must_have(sample, [found.target.name], "target")
    rows = stream.lay_down(chunks, folder, found.preparation, found.target, {"validation": 0.0, "test": 1.0}, seed=0)
    if not rows["test"]:
        raise ValueError(f"--test {path}: no row has a usable value of {found.target.name}")
    return sample, ShardSource(folder / "test")


def _samples(train: int, test: ShardSource | None, how: str) -> list[str]:
    """What is said of parts that have more rows than are kept in memory."""
    said, most = [], f"{stream.SAMPLE_ROWS:,}"
    if train > stream.SAMPLE_ROWS:
        said.append(f"of the training rows, {most} drawn by chance are judged and teach the baselines")
    if test is not None and sum(test.sizes) > stream.SAMPLE_ROWS:
        said.append(f"pictures, groups, columns and the worst rows: of {most} test rows, {how}; the figures: of all")
    return said

"""A training run on a table larger than memory, which goes on after Ctrl-C where it was."""

from __future__ import annotations

import json

import pandas as pd

import pydl
from pydl.pipeline import run as names
from pydl.pipeline import stream
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.stream import Streamed
from pydl.pipeline.table import read_chunks
from pydl.pipeline.training import Outcome, Part, Watch, class_weights

_HELD_OUT = 0.2  # the share of the rows to judge on where there is no --test
_BATCH = 256
_SAVE_FREQ = 2000  # batches between two backups, besides the end of each epoch
_FOLDER = "stream"


def train_stream(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    """Train on a file in pieces. Judged are up to 50,000 rows of each part, drawn by chance.

    Ctrl-C leaves the prepared rows and a backup in the folder of the run; the same command goes on from there.

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
    test = 0.0 if options.test else _HELD_OUT
    found = stream.prepare(
        options.data, options.target, folder / "rows", task=options.task, drop=options.drop, clip=options.clip,
        validation=options.val * (1 - test), test=test, seed=options.seed, say=watch.say,
    )  # fmt: skip
    for note in (*found.notes, *found.target.notes):
        watch.say(note)
    watch.say(", ".join(f"{n:,} rows for {part}" for part, n in found.rows.items() if n))
    train, judged = _part(found, found.train_sample), _part(found, _test_rows(options, found))
    pydl.utils.set_random_seed(options.seed)
    model = build(found.preparation.inputs, found.target, options)
    history = _fit(model, found, train, options, run, watch)
    stream.remove(folder)
    said = f"of each part at most {stream.SAMPLE_ROWS:,} rows are judged: drawn by chance, the first of a --test file"
    return Outcome(
        Fitted(found.preparation, found.target, model), {"train": train, "test": judged}, history,
        list(found.preparation.columns), [*found.notes, said],
    )  # fmt: skip


def _fit(
    model: pydl.Model, found: Streamed, train: Part, options: TrainOptions, run: Run, watch: Watch
) -> dict[str, list[float]]:
    """Train from the shards until the validation rows get no better."""
    best = pydl.callbacks.EarlyStopping(
        "loss" if found.validation is None else "val_loss", patience=options.patience, restore_best_weights=True
    )
    backup = pydl.callbacks.BackupAndRestore(run.path / _FOLDER / "backup", save_freq=_SAVE_FREQ)
    weights = class_weights(train.y, found.target) if options.class_weight == "balanced" else None
    try:
        told = model.fit(
            found.train, batch_size=options.batch_size or _BATCH, epochs=options.epochs, verbose=0,
            validation_data=found.validation, class_weight=weights,
            callbacks=[best, *watch.callbacks("training", options.epochs), backup],
        )  # fmt: skip
    except KeyboardInterrupt:
        watch.say("interrupted: the same command goes on from here")
        raise
    return told.history


def _test_rows(options: TrainOptions, found: Streamed) -> pd.DataFrame:
    """The rows to judge on: those held out, or the first ones of another file."""
    if options.test is None:
        return found.test_sample
    frame = next(read_chunks(options.test, stream.SAMPLE_ROWS), None)
    if frame is None:
        raise ValueError(f"--test {options.test}: no rows")
    return frame


def _part(found: Streamed, frame: pd.DataFrame) -> Part:
    y, keep = found.target.encode(frame[found.target.name])
    frame = frame[keep].reset_index(drop=True)
    return Part(frame, found.preparation.transform(frame), y)

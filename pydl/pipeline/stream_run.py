"""A training run on a table larger than memory, which goes on after Ctrl-C where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

import pydl
from pydl.data import ShardSource
from pydl.pipeline import checks, selection, stream, threshold, values
from pydl.pipeline import run as names
from pydl.pipeline.asked_parting import BY_CHANCE, by_group
from pydl.pipeline.budget import within_time
from pydl.pipeline.columns import must_have
from pydl.pipeline.contract import Outcome, Part, Trained, Watch
from pydl.pipeline.fitted import Fitted, score
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run, must_be_finite
from pydl.pipeline.seen import Seen
from pydl.pipeline.stream import Streamed
from pydl.pipeline.stream_parts import by_chance
from pydl.pipeline.table import read_chunks, scan
from pydl.pipeline.worker import class_weights, prepared, settings, trained

_HELD_OUT = 0.2  # the share of the rows to judge on where there is no --test
_BATCH = 256
_SAVE_FREQ = 2000  # batches between two backups, besides the end of each epoch


def train_stream(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    """Train on a file in pieces. All rows of the validation and the test part are judged, of the others a sample.

    Ctrl-C leaves what was prepared and a backup beside the run's place; the same command goes on from there.

    Raises
    ------
    ValueError
        A file that cannot be used; options that need all of it in memory.
    """
    for option, given in (
        ("--cv", options.cv), ("--tune", options.tune), ("--ensemble", (options.ensemble or 1) > 1),
        ("--refit", options.refit), ("more than one --target", len(options.targets) > 1),
    ):  # fmt: skip
        if given:
            raise ValueError(f"{option} needs the data in memory; leave it out, or --stream")
    if not options.targets:
        raise ValueError("--target: expected the name of the column to predict")
    for option, column in (("--group", options.group), ("--weights", options.weights)):
        if column in options.targets:
            raise ValueError(f"{option} {column}: this is the target")
    test, folder = 0.0 if options.test else _HELD_OUT, run.path / names.STREAM
    found = stream.prepare(
        options.data, options.targets[0], folder / "rows", task=options.task, drop=options.drop,
        kinds=options.kinds, positive=options.positive, log=options.log_target, clip=options.clip,
        validation=options.val * (1 - test), test=test, seed=options.seed,
        reading=options.reading, say=watch.say, loss=options.loss, group=options.group, weights=options.weights,
        asked=options if options.time or options.fold or options.split == "time" else None,
    )  # fmt: skip
    notes = watch.told([*found.notes, *found.target.notes])
    selection.must_suit(options.metric, found.target)
    watch.say(", ".join(f"{n:,} rows for {part}" for part, n in found.rows.items() if n))
    target = threshold.given(found.target, options)
    pydl.utils.set_random_seed(options.seed)
    fitted = Fitted(found.preparation, target, build(found.preparation.inputs, target, options))
    test_sample, held_out = found.test_sample, {"validation": found.validation, "test": found.test}
    if options.test is not None:
        watch.say(f"reading {options.test} to prepare its rows")
        test_sample, held_out["test"], odd = _test_file(options, folder / "test", found)
        notes += watch.told([f"test rows: {note}" for note in odd])
    samples = {"train": found.train_sample, "test": test_sample}
    columns = found.preparation.columns
    if options.test is None and options.group is None and not found.how:
        notes += watch.told(checks.of_order(found.train_sample, columns))
    parts = {
        name: prepared(frame, found.preparation, found.target, Seen(), options.weights)
        for name, frame in samples.items()
    }
    notes += watch.told(checks.of_split(parts["train"].frame, parts["test"].frame, found.target, columns))
    notes += _samples(
        found.rows["train"], held_out["test"], "drawn by chance" if options.test is None else "the first of the file"
    )
    network = _fit(fitted, found, parts["train"], options, run, watch)
    must_be_finite(fitted.model, options)
    validation = iter(()) if found.validation is None else stream.numbered(found.validation)
    target = threshold.settled(target, options, score(fitted.model, target, validation))
    streams = {name: partial(stream.numbered, source) for name, source in held_out.items() if source is not None}
    chosen = settings(options.with_(batch_size=options.batch_size or _BATCH), found.rows["train"])
    how = found.how or (BY_CHANCE if options.group is None else by_group(options.group))
    return Outcome(
        replace(fitted, target=target), parts, network.history, streams, columns=list(found.preparation.columns),
        notes=notes, rows=sum(found.rows.values()), settings=chosen, networks=[network],
        split={"how": how, "rows": _counts(found, held_out["test"])},
    )  # fmt: skip


def _counts(found: Streamed, test: ShardSource | None) -> dict[str, int]:
    """The rows of each part."""
    counts = found.rows | {"test": 0 if test is None else sum(test.sizes)}
    return {part: rows for part, rows in counts.items() if rows}


def _fit(fitted: Fitted, found: Streamed, train: Part, options: TrainOptions, run: Run, watch: Watch) -> Trained:
    """Train from the shards until the validation rows get no better."""
    batch_size = options.batch_size or _BATCH
    epochs, patience = options.passes(-(-found.rows["train"] // batch_size))
    validation = None if found.validation is None else partial(stream.numbered, found.validation)
    best = selection.stopping(options, fitted.target, train.batches, validation, patience)
    backup = pydl.callbacks.BackupAndRestore(run.path / names.STREAM / "backup", save_freq=_SAVE_FREQ)
    weights = class_weights(train.y, found.target, train.weights) if options.class_weight == "balanced" else None
    history = pydl.callbacks.History()
    callbacks = [best, history, *watch.callbacks("training", epochs), backup]
    with within_time(callbacks):
        fitted.model.fit(
            found.train, batch_size=batch_size, epochs=epochs, verbose=0,
            validation_data=found.validation, class_weight=weights, callbacks=callbacks,
        )  # fmt: skip
    network = trained(fitted.model, history, best)
    watch.ended("training", network)
    return network


def _test_file(
    options: TrainOptions, folder: Path, found: Streamed
) -> tuple[pd.DataFrame, ShardSource, list[str]]:  # fmt: skip
    """Its first rows, all of them prepared, and what is odd: what is wrong is to be told before the training."""
    path = str(options.test)
    codes = (*found.preparation.codes, *[found.target.name] * (values.CODE in found.target.classes))
    reading = replace(options.reading, codes=codes)
    schema = scan(path, text=found.preparation.text_columns, reading=reading)

    def chunks(rows: int | None = None) -> Iterator[pd.DataFrame]:
        return read_chunks(path, rows, schema, reading=reading)

    sample = next(chunks(stream.SAMPLE_ROWS))
    must_have(sample, [found.target.name], "target")
    which = by_chance({"validation": 0.0, "test": 1.0}, 0)
    rows, _, odd = stream.lay_down(chunks, folder, found.preparation, found.target, which, weights=options.weights)
    if not rows["test"]:
        raise ValueError(f"--test {path}: no row has a usable value of {found.target.name}")
    return sample, ShardSource(folder / "test"), odd


def _samples(train: int, test: ShardSource | None, how: str) -> list[str]:
    """What is said of parts that have more rows than are kept in memory."""
    said, most = [], f"{stream.SAMPLE_ROWS:,}"
    if train > stream.SAMPLE_ROWS:
        said.append(f"of the training rows, {most} drawn by chance are judged and teach the baselines")
    if test is not None and sum(test.sizes) > stream.SAMPLE_ROWS:
        said.append(f"pictures, groups, columns and the worst rows: of {most} test rows, {how}; the figures: of all")
    return said

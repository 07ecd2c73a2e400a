"""A training run: what is asked for, read and split; searched, cross-validated and trained by others, then judged."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from typing import Any

from threadpoolctl import threadpool_limits

import pydl
from pydl._base.naming import own_names
from pydl.pipeline import checks, crossval, losses, selection, stream, threshold, tuning
from pydl.pipeline.asked_parting import about, asked_parting, in_both, left_out
from pydl.pipeline.budget import Budget
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Frame, Outcome, Watch
from pydl.pipeline.drafting import begun
from pydl.pipeline.identity import identity
from pydl.pipeline.image_run import train_images
from pydl.pipeline.images import looks_like_images
from pydl.pipeline.judging import conclude
from pydl.pipeline.options import TrainOptions, one_of
from pydl.pipeline.places import at_hand
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.refit import refit
from pydl.pipeline.run import STREAM, Run
from pydl.pipeline.seen import Seen
from pydl.pipeline.stream_run import train_stream
from pydl.pipeline.table import read_table
from pydl.pipeline.targets import look, options_of
from pydl.pipeline.totals import without_totals
from pydl.pipeline.values import is_text
from pydl.pipeline.weights import even, must_judge, weights_of
from pydl.pipeline.worker import fit, labelled, prepared, settings, split

_DRAWS = "matplotlib"  # the report, when all else is done
_HELD_OUT = 0.2  # the share of the rows to judge on where there is no --test


def train(options: TrainOptions, watch: Watch | None = None, overwrite: bool = False) -> Run:
    """Train as `options` say; what comes of it is in the folder of the run, which is there when all of it is written.

    After Ctrl-C once the training has ended, the model is there without the figures.

    Parameters
    ----------
    options : TrainOptions
    watch : Watch, optional
        Told what happens.
    overwrite : bool, default False
        Whether to replace a finished run in the same folder.

    Raises
    ------
    ValueError
        A line for people: data that cannot be read or learnt from, options that do not fit them.
    OSError
        When a file cannot be read or written.
    ImportError
        Without matplotlib: it is told before anything is trained.
    """
    if importlib.util.find_spec(_DRAWS) is None:
        raise ModuleNotFoundError(f"the report needs {_DRAWS}", name=_DRAWS)
    watch = watch or Watch()
    begin = time.monotonic()
    with at_hand(options.data, options.test, say=watch.say) as (data, test):
        return _train(options.with_(data=data, test=test), watch, begin, overwrite)


def _train(options: TrainOptions, watch: Watch, begin: float, overwrite: bool) -> Run:
    if options.task == "auto" and options.target is None and looks_like_images(options.data):
        options = options.with_(task="image")
    with (
        pydl.config.limit_threads(options.threads),
        threadpool_limits(pydl.config.get_num_threads()),  # what scikit-learn and NumPy run on
        begun(options.out, identity(options), overwrite, watch, aside=options.tune > 0) as run,
        own_names(),  # or the files of equal runs would differ in the names of their layers
    ):
        if options.time_budget is not None:
            watch = Budget(watch, options.time_budget, begin)
        outcome = _outcome(options, run, watch)
        if len(names := outcome.fitted.target.names) > 1:
            options = options.with_(target=names)  # however they were listed
        run.keep(outcome.fitted, options)
        if options.refit:
            outcome = refit(run, options, outcome, watch)
        outcome.notes.extend(watch.told(watch.notes()))
        conclude(run, options, outcome, begin, watch)
        stream.remove(run.path / STREAM)
    return Run.open(options.out)


def _outcome(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    if options.task == "image":
        return train_images(options, watch)
    for option, given in (
        ("--model", options.model), ("--augment", options.augmentation), ("--from", options.from_model),
    ):  # fmt: skip
        if given:
            raise ValueError(f"{option} is for images; leave it out, or give images with --task image")
    return train_stream(options, run, watch) if options.stream else _train_table(options, run, watch)


def _train_table(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    options, frame, held_out, notes = _read(options, watch)
    rows = len(frame)
    target = look(frame, options)
    for one in target.each:
        losses.must_suit(options_of(options, one).loss, one)
    selection.must_suit(options.metric, target)
    target = threshold.given_to_each(target, options)
    notes += watch.told(target.notes)
    frame, y = labelled(frame, target)
    even(weights_of(frame, options.weights))  # a wrong one is told before anything is trained
    whole, whole_y, kinds = frame, y, left_out(options, list(map(str, frame.columns)))
    columns = guess(frame, options.targets, options.left_out, options.kinds | kinds)
    parting = asked_parting(frame, columns, options)
    notes += watch.told([] if parting is None else parting.notes)
    if held_out is None:
        if parting is None:
            notes += watch.told(checks.of_order(frame, columns))
            notes += watch.told(checks.of_groups(frame, columns, target.names))
        frame, y, held_out, _ = split(frame, y, _HELD_OUT, target, options.seed, parting)
        told = f"{len(held_out):,} of {len(whole):,} rows are held out to judge on"
        if parting is None:
            watch.say(told)
        else:
            notes += watch.told([f"{told}: {parting.how}"])
    else:
        unseen = Seen()
        labels, _ = labelled(held_out, target, unseen.new_classes if len(target.each) == 1 else None)
        gone = len(held_out) - len(labels) - unseen.of_new_classes()
        held_out = labels
        notes += watch.told([f"test rows: {note}" for note in unseen.notes()])
        if gone:
            of = " or ".join(f'"{name}"' for name in target.names)
            notes += watch.told([f"{gone:,} test row{'s' * (gone > 1)} without a value of {of} left out"])
        notes += watch.told(in_both(frame, held_out, options))
    must_judge(weights_of(held_out, options.weights))
    notes += watch.told(checks.of_split(frame, held_out, target, columns))

    trials = None
    if options.tune:
        trials, options = tuning.search(frame, y, target, columns, options, run, watch.share(2), parting)
    folds = None
    if parting is not None and parting.folds:  # which part all rows, those to judge on as well
        folds = crossval.folds(whole, whole_y, target, columns, options, watch, parting)
    elif options.cv:
        folds = crossval.folds(frame, y, target, columns, options, watch, parting)
    share = watch.share(1 + options.refit)
    outcome = fit(frame, y, target, columns, options, share, "training", parting=parting)
    preparation, seen = outcome.fitted.preparation, Seen()
    assert isinstance(preparation, Preparation)
    test = prepared(held_out, preparation, outcome.fitted.target, seen, options.weights)
    notes += watch.told([f"test rows: {note}" for note in seen.notes()])
    parts = outcome.parts | {"test": test}
    return Outcome(
        outcome.fitted, parts, outcome.history,
        columns=list(preparation.columns), notes=notes, interrupted=outcome.interrupted, folds=folds,
        trials=trials, rows=rows, settings=settings(options, len(outcome.parts["train"].y)), networks=outcome.networks,
        split=about(parting, parts, options),
    )  # fmt: skip


def _read(options: TrainOptions, watch: Watch) -> tuple[TrainOptions, Frame, Frame | None, list[str]]:
    """The options with the names of the targets; the data, the data to judge on, and what was noticed in them."""
    if options.target is None:
        raise ValueError("--target: expected the name of the column to predict; images need none, but --task image")
    frames: list[Any] = []
    notes: list[str] = []
    for path in (options.data, options.test):
        if path is None:
            frames.append(None)
            continue
        text = [name for name in frames[0] if is_text(frames[0][name])] if frames else []  # both parts alike
        reading = options.reading
        if frames:
            reading = replace(reading, codes=tuple(frames[0].attrs.get("codes", ())))
        frame = read_table(path, text, reading)
        options = options.resolved([str(c) for c in frame.columns])
        watch.say(f"{path}: {len(frame):,} rows, {frame.shape[1]:,} columns")
        frame, of_totals = without_totals(frame)
        notes += watch.told([*frame.attrs.get("notes", []), *of_totals])
        frames.append(frame)
    for column in options.drop:
        one_of("--drop", column, [str(c) for c in frames[0].columns])
    if options.weights is not None:
        one_of("--weights", options.weights, [str(c) for c in frames[0].columns])
    for option, names in (("--drop", options.drop), ("--weights", (options.weights,))):
        for target in options.targets:
            if target in names:
                raise ValueError(f"{option} {target}: this is the target")
    return options, frames[0], frames[1], notes

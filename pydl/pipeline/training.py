"""A training run: read, split, prepare, train, judge, write."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

import pydl
from pydl.pipeline import baseline, crossval, stream, tuning
from pydl.pipeline import run as names
from pydl.pipeline.columns import Column, guess
from pydl.pipeline.evaluation import Judge
from pydl.pipeline.fitted import Batch, Fitted, Scored, score
from pydl.pipeline.images import looks_like_images
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions, one_of
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.table import read_table
from pydl.pipeline.target import Target
from pydl.pipeline.values import is_text

Array = NDArray[Any]
Frame = Any

_HELD_OUT = 0.2  # the share of the rows to judge on where there is no --test
_FEWEST = 10  # rows below which none are held out for validation
_CLASS_MEMBERS = 2  # a split by class needs so many of each


class Watch:
    """Whoever follows a run: told in words, and given a say in each training. This one is silent."""

    def say(self, text: str) -> None:
        """A line about what happens."""

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        """Callbacks for a training that is called `what`."""
        return []


@dataclass(frozen=True)
class Part:
    """Some rows: as read, prepared for the network, and their encoded targets."""

    frame: Frame
    inputs: dict[str, Array]
    y: Array

    def batches(self) -> Iterator[Batch]:
        """All of it at once, its rows as the file numbers them."""
        yield np.asarray(getattr(self.frame, "index", range(len(self.y)))), self.inputs, self.y


@dataclass(frozen=True)
class Outcome:
    """What a training gave, before it is judged.

    Attributes
    ----------
    fitted : Fitted
    parts : dict of str to Part
        "train", "validation" (may be missing) and "test"; of what is not in memory, some rows.
    streams : dict of str to callable
        All rows of the parts that are not in memory, in batches, anew with each call.
    history : dict of str to list of float
    columns : list of Column
    notes : list of str
        What was noticed and decided on the way.
    interrupted : bool
        Whether Ctrl-C ended the training.
    folds, trials
        What cross-validation and the search found; None without.
    scratch : Path or None
        A folder that nobody needs once the training is judged.
    """

    fitted: Fitted
    parts: dict[str, Part]
    history: dict[str, list[float]]
    streams: Mapping[str, Callable[[], Iterator[Batch]]] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    folds: dict[str, Any] | None = None
    trials: list[dict[str, Any]] | None = None
    scratch: Path | None = None


def train(options: TrainOptions, watch: Watch | None = None) -> Run:
    """Train as `options` say; what comes of it is in the folder of the run.

    Raises
    ------
    ValueError
        A line for people: data that cannot be read or learnt from, options that do not fit them.
    OSError
        When a file cannot be read or written.
    """
    watch = watch or Watch()
    begin = time.monotonic()
    if options.task == "auto" and options.target is None and looks_like_images(options.data):
        options = options.with_(task="image")
    run = Run.create(options.out)
    if options.threads:
        pydl.config.set_num_threads(options.threads)
    outcome = _outcome(options, run, watch)
    conclude(run, options, outcome, begin, watch)
    if outcome.scratch is not None:
        stream.remove(outcome.scratch)
    return run


def _outcome(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    from pydl.pipeline.image_run import train_images  # these two take the loop below from here
    from pydl.pipeline.stream_run import train_stream

    if options.task == "image":
        return train_images(options, watch)
    return train_stream(options, run, watch) if options.stream else _train_table(options, run, watch)


def _train_table(options: TrainOptions, run: Run, watch: Watch) -> Outcome:
    frame, held_out, notes = _read(options, watch)
    target = Target.fit(frame[options.target], options.task)
    for note in target.notes:
        watch.say(note)
    frame, y = labelled(frame, target, options, watch)
    columns = guess(frame, options.target, options.drop)
    if held_out is None:
        frame, y, held_out, y_test = split(frame, y, _HELD_OUT, target, options.seed)
        watch.say(f"{len(y_test):,} of {len(y) + len(y_test):,} rows are held out to judge on")
    else:
        held_out, y_test = labelled(held_out, target, options, watch)

    trials = None
    if options.tune:
        trials, options = tuning.search(frame, y, target, columns, options, run, watch)
    folds = crossval.folds(frame, y, target, columns, options, watch) if options.cv else None
    outcome = fit(frame, y, target, columns, options, watch, "training")
    test = Part(held_out, outcome.fitted.preparation.transform(held_out), y_test)
    return Outcome(
        outcome.fitted, outcome.parts | {"test": test}, outcome.history,
        columns=list(outcome.fitted.preparation.columns), notes=notes, interrupted=outcome.interrupted, folds=folds,
        trials=trials,
    )  # fmt: skip


def _read(options: TrainOptions, watch: Watch) -> tuple[Frame, Frame | None, list[str]]:
    """The data, the data to judge on, and what was noticed in them."""
    if options.target is None:
        raise ValueError("--target: expected the name of the column to predict; images need none, but --task image")
    frames: list[Any] = []
    notes: list[str] = []
    for path in (options.data, options.test):
        if path is None:
            frames.append(None)
            continue
        text = [name for name in frames[0] if is_text(frames[0][name])] if frames else []  # both parts alike
        frame = read_table(path, text)
        one_of("--target", options.target, [str(c) for c in frame.columns])
        watch.say(f"{path}: {len(frame):,} rows, {frame.shape[1]:,} columns")
        for note in frame.attrs.get("notes", []):
            watch.say(note)
            notes.append(note)
        frames.append(frame)
    for column in options.drop:
        one_of("--drop", column, [str(c) for c in frames[0].columns])
    if options.target in options.drop:
        raise ValueError(f"--drop {options.target}: this is the target")
    return frames[0], frames[1], notes


def labelled(frame: Frame, target: Target, options: TrainOptions, watch: Watch) -> tuple[Frame, Array]:
    """The rows that have a target, and it."""
    y, keep = target.encode(frame[options.target])
    if not keep.all():
        watch.say(f"{int((~keep).sum()):,} rows without a usable {options.target} are left out")
        frame = frame[keep]
    if len(y) == 0:
        raise ValueError(f"--target {options.target}: no row has a usable value; is this the column you mean?")
    return frame, y


def split(frame: Frame, y: Array, share: float, target: Target, seed: int) -> tuple[Frame, Array, Frame, Array]:
    """Some rows and the others, at random; the share of each class is the same in both where there are enough."""
    rows = max(1, round(share * len(y)))
    if len(y) < _CLASS_MEMBERS:
        raise ValueError(f"expected at least 2 rows with a target, got {len(y)}: there is nothing to hold out")
    classes = target.task == "classification"
    counts = np.unique(y, return_counts=True)[1] if classes else np.zeros(1)
    spread = classes and counts.min() >= _CLASS_MEMBERS and min(rows, len(y) - rows) >= len(counts)
    first, second = train_test_split(
        np.arange(len(y)), test_size=rows, random_state=seed, stratify=y if spread else None
    )
    first.sort()
    second.sort()
    return frame.iloc[first], y[first], frame.iloc[second], y[second]


def fit(
    frame: Frame, y: Array, target: Target, columns: Sequence[Column], options: TrainOptions, watch: Watch, what: str,
    extra: Sequence[pydl.callbacks.Callback] = (),
) -> Outcome:  # fmt: skip
    """Hold out a part for validation, prepare by the rest and train."""
    parts: dict[str, Part] = {}
    frame_val, y_val = frame.iloc[:0], y[:0]
    if options.val and len(y) >= _FEWEST:
        frame, y, frame_val, y_val = split(frame, y, options.val, target, options.seed)
    preparation = Preparation(columns, clip=options.clip).fit(frame)
    parts["train"] = Part(frame, preparation.transform(frame), y)
    if len(y_val):
        parts["validation"] = Part(frame_val, preparation.transform(frame_val), y_val)
    pydl.utils.set_random_seed(options.seed)
    model = build(preparation.inputs, target, options)
    history, interrupted = fit_model(model, parts, target, options, watch, what, extra)
    return Outcome(Fitted(preparation, target, model), parts, history, interrupted=interrupted)


def fit_model(
    model: pydl.Model, parts: dict[str, Part], target: Target, options: TrainOptions, watch: Watch, what: str,
    extra: Sequence[pydl.callbacks.Callback] = (),
) -> tuple[dict[str, list[float]], bool]:  # fmt: skip
    """Train on "train" until "validation" gets no better; the best epoch's weights stay, after Ctrl-C as well."""
    train, validation = parts["train"], parts.get("validation")
    history = pydl.callbacks.History()
    best = pydl.callbacks.EarlyStopping(
        "loss" if validation is None else "val_loss", patience=options.patience, restore_best_weights=True
    )
    weights = class_weights(train.y, target) if options.class_weight == "balanced" else None
    try:
        model.fit(
            train.inputs, train.y, batch_size=options.batch_size or _batch_size(len(train.y)), epochs=options.epochs,
            validation_data=None if validation is None else (validation.inputs, validation.y), class_weight=weights,
            callbacks=[history, best, *watch.callbacks(what, options.epochs), *extra], verbose=0,
        )  # fmt: skip
    except KeyboardInterrupt:
        if not history.history:
            raise
        watch.say(f"interrupted after {len(history.epoch)} epochs: going on with the best of them")
        best.on_train_end()
        return history.history, True
    return history.history, False


def class_weights(y: Array, target: Target) -> dict[int, float]:
    """Weights that let each class count the same: rows / (classes x rows of the class)."""
    if target.task == "regression":
        raise ValueError("--class-weight: a number has no classes; leave the option out")
    counts = np.bincount(y.astype(int), minlength=len(target.classes))
    return {k: len(y) / (len(counts) * n) if n else 1.0 for k, n in enumerate(counts.tolist())}


def _batch_size(rows: int) -> int:
    """32 for a thousand rows, 256 for fifty thousand: enough steps per epoch, and enough work per step."""
    return int(np.clip(2 ** round(np.log2(max(rows, 2) / 160)), 16, 256))


def conclude(run: Run, options: TrainOptions, outcome: Outcome, begin: float, watch: Watch) -> None:
    """Judge a training and write all that belongs to a run."""
    from pydl.pipeline.report import write_report

    fitted, target = outcome.fitted, outcome.fitted.target
    history = target.readable(outcome.history)
    batches = {name: part.batches for name, part in outcome.parts.items()} | dict(outcome.streams)
    judges = {part: Judge(target) for part in stream.PARTS if part in batches}
    for part, judge in judges.items():
        scored = _judged(score(fitted.model, target, batches[part]()), judge)
        if part == "test":
            run.write_csv(names.PREDICTIONS, *_prediction_rows(target, scored))
        else:
            deque(scored, maxlen=0)
    figures: dict[str, Any] = {part: judge.figures() for part, judge in judges.items()}
    figures["baselines"] = baseline.baselines(target, outcome.parts["train"], batches["test"](), options.seed)
    if outcome.folds is not None:
        figures["cross_validation"] = outcome.folds

    fitted.model.save(run.path / names.MODEL)
    fitted.preparation.save(run.path / names.PREPARATION)
    run.write_json(names.TARGET, target.state())
    run.write_json(names.METRICS, figures)
    columns = [list(range(1, 1 + len(history["loss"]))), *history.values()]
    run.write_csv(names.HISTORY, ["epoch", *history], zip(*columns, strict=True))
    run.write_json(names.CONFIG, options.to_json())
    info = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begin, 2),
        "versions": {"pydl": pydl.__version__, "Python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "pandas", "scikit-learn", "matplotlib")},
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": pydl.config.get_num_threads(),
        "interrupted": outcome.interrupted,
    }
    run.write_json(names.INFO, info)
    watch.say("writing the report")
    write_report(run, options, outcome, history, figures, info)


def _judged(scored: Iterable[Scored], judge: Judge) -> Iterator[Scored]:
    """The same, each judged as it passes."""
    for each in scored:
        judge.add(each.y, each.predictions)
        yield each


def _prediction_rows(target: Target, scored: Iterable[Scored]) -> tuple[list[str], Iterator[Any]]:
    """Header and rows of the table of predictions; `row` counts the data rows of the file from 0."""

    def rows() -> Iterator[Any]:
        for each in scored:
            found = each.predictions
            probabilities = [] if found.probabilities is None else list(found.probabilities.T)
            yield from zip(each.rows, target.decode(each.y), found.values, *probabilities, strict=True)

    return ["row", "truth", "prediction", *(f"probability {name}" for name in target.classes)], rows()

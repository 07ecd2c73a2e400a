"""A run on images: training, predictions in a file, and figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pydl
from pydl.data.images import files
from pydl.pipeline import image_nets, losses, selection, threshold
from pydl.pipeline.contract import CTRL_C, Outcome, Part, Trained, Watch
from pydl.pipeline.evaluation import Figures, Judge, judge
from pydl.pipeline.fitted import Fitted, Predictions, score
from pydl.pipeline.image_nets import Base
from pydl.pipeline.images import ImagePreparation, Undecoded, read_images, read_unlabelled, some, to_judge_by
from pydl.pipeline.network import averaged
from pydl.pipeline.options import LOSS, RISING, TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.seen import Seen
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit_members, fit_model, mean_history, scored, settings, split
from pydl.pipeline.writing import write_table

_NAME = "class"
_CONVOLVED = (
    "the net is simple, one with convolutions; --model dense, or units as --hidden, is quicker and mostly worse, "
    "--image-size makes large images small"
)
_MIRRORED = "images are mirrored, left and right: where they differ, as in digits and writing, use --augment-by shift"


def train_images(options: TrainOptions, watch: Watch) -> Outcome:
    """Train on a folder or archive of images, or on built-in ones.

    Raises
    ------
    ValueError
        Images that cannot be used; options that are for tables.
    """
    for option, given in (
        ("--target", options.target), ("--drop", options.drop), ("--clip", options.clip), ("--cv", options.cv),
        ("--tune", options.tune), ("--kind", options.kind),
        ("--positive", options.positive), ("--log-target", options.log_target), ("--weights", options.weights),
    ):  # fmt: skip
        if given:
            raise ValueError(f"{option} is for tables; leave it out with --task image")
    start = None if options.from_model is None else image_nets.base(options.from_model)
    form = _form(options, start)
    found = read_images(options.data, **form, test=options.test, seed=options.seed, stream=options.stream)
    for note in found.notes:
        watch.say(note)
    target = Target(_NAME, "classification", found.classes)
    losses.must_suit(options.loss, target)
    selection.must_suit(options.metric, target)
    target = threshold.given(target, options)
    preparation = ImagePreparation(found.x.shape[1:], found.top)
    parts: dict[str, Part] = {}
    rows, y = pd.DataFrame(index=range(len(found.y))), found.y
    if options.val:
        rows, y, held, y_val = split(rows, y, options.val, target, options.seed)
        x_val = some(found.x, held.index)
        parts["validation"] = Part(x_val, preparation.transform(x_val), y_val)
    x = some(found.x, rows.index)
    parts |= {
        "train": Part(x, preparation.transform(x), y),
        "test": Part(found.x_test, preparation.transform(found.x_test), found.y_test),
    }
    if "flip" in options.augmentation:
        found.notes.extend(watch.told([_MIRRORED]))
    if options.model is None and start is None:
        options = options.with_(model=image_nets.suited(preparation.shape, options.hidden))
        if not image_nets.is_dense(options):
            found.notes.extend(watch.told([_CONVOLVED]))
    if not image_nets.is_dense(options):
        most = image_nets.rows_of_step(preparation.shape)
        options = options.with_(
            hidden=(), batch_size=options.batch_size or min(most, settings(options, len(y))["batch_size"])
        )
    learnt = _Lesson(preparation, target, parts, start)
    model, networks, interrupted = learnt.network(options, watch.share(1 + options.refit), "training")
    rivals, stopped = ({}, False) if interrupted else learnt.rivals(options, watch)
    target = threshold.settled(target, options, scored(target, [(model, parts.get("validation"))]))
    return Outcome(
        Fitted(preparation, target, model), parts, mean_history(networks), notes=found.notes + learnt.notes,
        networks=networks, interrupted=interrupted or stopped, rivals=rivals, files=found.test_names,
        rows=len(found.y) + len(found.y_test) * (options.test is None),
        settings=settings(options, len(y)) | ({"model": options.model} if options.model else {}),
    )  # fmt: skip


def _form(options: TrainOptions, start: Base | None) -> dict[str, Any]:
    """The size and channels that images are read in."""
    side = options.image_size
    size = None if side is None else (side, side)
    if start is None:
        return {"size": size}
    high, wide, channels = start.shape
    if high is None or wide is None:
        return {"size": size, "channels": channels}
    if size not in (None, (high, wide)):
        raise ValueError(f"--image-size {side}: the net of --from takes {high} x {wide} pixels; leave the option out")
    return {"size": (high, wide), "channels": channels}


@dataclass(frozen=True)
class _Lesson:
    """What networks for images learn from, and how they do it."""

    preparation: ImagePreparation
    target: Target
    parts: dict[str, Part]
    start: Base | None
    notes: list[str] = field(default_factory=list)

    def network(
        self, options: TrainOptions, watch: Watch, what: str, *, anew: bool = False
    ) -> tuple[pydl.Model, list[Trained], bool]:
        """A trained network, how it went, and whether Ctrl-C ended it; `anew`: from random weights."""
        train = None if self.start is None or anew else partial(self._in_two, options)
        models, networks, interrupted = fit_members(
            lambda: image_nets.build(self.preparation, self.target, options, self.start, anew=anew),
            [self.parts] * (options.ensemble or 1), self.target, options, watch, what, train=train,
        )  # fmt: skip
        return averaged(models), networks, interrupted

    def _in_two(self, options: TrainOptions, model: pydl.Model, watch: Watch, what: str) -> Trained:
        """Train the new top of a net, the rest of which is frozen, then all of it; the better of both is kept."""
        top = fit_model(model, self.parts, self.target, options, watch.share(2), f"{what}, top alone")
        if top.ended_by == CTRL_C:
            return top
        part = "validation" if "validation" in self.parts else "training"
        accuracy = top.history.get("val_accuracy", top.history["accuracy"])[top.best_epoch - 1]
        note = f"--from: with its top alone trained, for {top.best_epoch} epochs, {accuracy:.1%} of the {part} rows"
        self._note(watch, f"{note} are told rightly")
        name, before = self._figure(model, options)
        learnt = model.get_weights()
        image_nets.thaw(model, self.target, options)
        try:
            whole = fit_model(model, self.parts, self.target, options, watch, what)
        except KeyboardInterrupt:  # in its first epoch
            model.set_weights(learnt)
            return replace(top, ended_by=CTRL_C)
        _, after = self._figure(model, options)
        if after >= before if RISING[name] else after <= before:
            return whole
        model.set_weights(learnt)
        change = f"{name} {before:.4g}, then {after:.4g} of the {part} rows"
        self._note(
            watch, f"--from: training all of it made it worse, {change}: the net with its top alone trained is kept"
        )
        return replace(top, ended_by=whole.ended_by)

    def _figure(self, model: pydl.Model, options: TrainOptions) -> tuple[str, float]:
        """What tells which of two nets is better, and how large it is for the rows that epochs are compared by."""
        name = "log_loss" if options.metric == LOSS else options.metric
        judge = Judge(self.target)
        for each in score(model, self.target, self.parts.get("validation", self.parts["train"]).batches()):
            judge.add(each.y, each.predictions, each.weights)
        value = selection.figure(judge.figures(), name)
        return name, math.nan if value is None else value

    def _note(self, watch: Watch, text: str) -> None:
        self.notes.extend(watch.told([text]))

    def rivals(self, options: TrainOptions, watch: Watch) -> tuple[dict[str, pydl.Model], bool]:
        """Networks trained without one of the options that `--compare` is about, and whether Ctrl-C ended that."""
        others: dict[str, Any] = {}
        if options.compare and options.augmentation:
            plain = options.with_(augment=False, augment_by=(), compare=False)
            others["without --augment"] = partial(self.network, plain)
        if options.compare and self.start is not None:
            others["without --from"] = partial(self.network, options, anew=True)
        found: dict[str, pydl.Model] = {}
        for name, train in others.items():
            try:
                found[name], _, interrupted = train(watch, name)
            except KeyboardInterrupt:
                interrupted = True
            if interrupted:
                found.pop(name, None)  # half a training is no rival
                return found, True
        return found, False


def predict_images(run: Run, data: str | Path, out: str, seen: Seen | None = None, leave_out: bool = False) -> int:
    """Write the file, the class and the probabilities of each image of `data` to `out`; returns how many.

    With `leave_out`, files that cannot be decoded are left out, and told to `seen`.
    """
    fitted = run.fitted()
    names, x, _ = read_unlabelled(data, _shape(fitted), [str(c) for c in fitted.target.classes])
    if leave_out:
        here = x.readable()
        lost = [name for name, there in zip(names, here, strict=True) if not there]
        names, x = [name for name, there in zip(names, here, strict=True) if there], x.some(np.flatnonzero(here))
        if not names:
            raise ValueError(f'{data}: none of {len(lost):,} files can be read as an image, such as "{lost[0]}"')
        if seen is not None and lost:
            told = f"{len(lost):,} file{'s' * (len(lost) > 1)} that cannot be read as images left out"
            seen.in_file = [f'{told}, such as "{lost[0]}"']
    found = _predicted(fitted, x)
    columns: dict[str, object] = {"image": names, f"{_NAME} predicted": found.values}
    assert found.probabilities is not None
    columns |= {f"probability {c}": p for c, p in zip(fitted.target.classes, found.probabilities.T, strict=True)}
    write_table(pd.DataFrame(columns), out)
    return len(names)


def evaluate_images(run: Run, data: str | Path) -> Figures:
    """The figures of a run's model on images in folders that are called as their classes."""
    fitted = run.fitted()
    notes, held = [], to_judge_by(data) if Path(data).is_dir() or Path(data).suffix.lower() == ".zip" else None
    _, x, y = read_unlabelled(data, _shape(fitted), [str(c) for c in fitted.target.classes], held)
    if held is not None:
        others = len(files(data)) - len(x)
        notes.append(f'the images in "{held}" are judged, not the {others:,} others, which are to learn from')
    if y is None:
        known = ", ".join(map(str, fitted.target.classes))
        raise ValueError(f"{data}: expected each image in a folder that is called as its class: {known}")
    return judge(fitted.target, np.asarray(y), _predicted(fitted, x)) | ({"notes": notes} if notes else {})


def _predicted(fitted: Fitted, x: Undecoded) -> Predictions:
    """Predictions for images, which are decoded in pieces."""
    return Predictions.joined([fitted.predict(piece) for piece in x.pieces()])


def _shape(fitted: Fitted) -> tuple[int, int, int]:
    assert isinstance(fitted.preparation, ImagePreparation)
    return fitted.preparation.shape

"""A run on images: training, predictions in a file, and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import pydl
from pydl.pipeline import losses, selection, threshold
from pydl.pipeline.contract import Outcome, Part, Watch
from pydl.pipeline.evaluation import Figures, judge
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.images import ImagePreparation, read_images, read_unlabelled
from pydl.pipeline.network import averaged, compile_, stack
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit_members, mean_history, scored, settings, split
from pydl.pipeline.writing import write_table

_NAME = "class"


def train_images(options: TrainOptions, watch: Watch) -> Outcome:
    """Train on a folder or archive of images, or on built-in ones.

    Raises
    ------
    ValueError
        Images that cannot be used; options that are for tables.
    """
    for option, given in (
        ("--target", options.target), ("--drop", options.drop), ("--clip", options.clip), ("--cv", options.cv),
        ("--tune", options.tune), ("--stream", options.stream), ("--kind", options.kind),
        ("--positive", options.positive), ("--log-target", options.log_target), ("--weights", options.weights),
    ):  # fmt: skip
        if given:
            raise ValueError(f"{option} is for tables; leave it out with --task image")
    size = None if options.image_size is None else (options.image_size, options.image_size)
    found = read_images(options.data, size=size, test=options.test, seed=options.seed)
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
        x_val = found.x[held.index]
        parts["validation"] = Part(x_val, preparation.transform(x_val), y_val)
    x = found.x[rows.index]
    parts |= {
        "train": Part(x, preparation.transform(x), y),
        "test": Part(found.x_test, preparation.transform(found.x_test), found.y_test),
    }
    models, networks, interrupted = fit_members(
        lambda: build(preparation, target, options), [parts] * (options.ensemble or 1), target, options,
        watch.share(1 + options.refit), "training",
    )  # fmt: skip
    model = averaged(models)
    target = threshold.settled(target, options, scored(target, [(model, parts.get("validation"))]))
    return Outcome(
        Fitted(preparation, target, model), parts, mean_history(networks), notes=found.notes, networks=networks,
        interrupted=interrupted,
        rows=len(found.y) + len(found.y_test) * (options.test is None), settings=settings(options, len(y)),
    )  # fmt: skip


def build(preparation: ImagePreparation, target: Target, options: TrainOptions) -> pydl.Model:
    """A compiled model from the bytes of images to classes: values from 0 to 1, flattened, then dense layers."""
    x = pydl.Input(preparation.shape, name="image")
    h = pydl.layers.Flatten()(pydl.layers.Rescaling(1 / preparation.top)(x))
    model = pydl.Model(x, stack(h, target, options))
    compile_(model, target, options)
    return model


def predict_images(run: Run, data: str | Path, out: str) -> int:
    """Write the file, the class and the probabilities of each image of `data` to `out`; returns how many."""
    fitted = run.fitted()
    names, x, _ = read_unlabelled(data, _shape(fitted), [str(c) for c in fitted.target.classes])
    found = fitted.predict(x)
    columns: dict[str, object] = {"image": names, f"{_NAME} predicted": found.values}
    assert found.probabilities is not None
    columns |= {f"probability {c}": p for c, p in zip(fitted.target.classes, found.probabilities.T, strict=True)}
    write_table(pd.DataFrame(columns), out)
    return len(names)


def evaluate_images(run: Run, data: str | Path) -> Figures:
    """The figures of a run's model on images in folders that are called as their classes."""
    fitted = run.fitted()
    _, x, y = read_unlabelled(data, _shape(fitted), [str(c) for c in fitted.target.classes])
    if y is None:
        known = ", ".join(map(str, fitted.target.classes))
        raise ValueError(f"{data}: expected each image in a folder that is called as its class: {known}")
    return judge(fitted.target, np.asarray(y), fitted.predict(x))


def _shape(fitted: Fitted) -> tuple[int, int, int]:
    assert isinstance(fitted.preparation, ImagePreparation)
    return fitted.preparation.shape

"""One training: rows with a target, some held out for validation, all prepared, a network fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

import pydl
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Array, Frame, Outcome, Part, Watch
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.network import build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.target import Target

_FEWEST = 10  # rows below which none are held out for validation
_CLASS_MEMBERS = 2  # a split by class needs so many of each


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
            train.inputs, train.y, batch_size=settings(options, len(train.y))["batch_size"], epochs=options.epochs,
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


def settings(options: TrainOptions, rows: int) -> dict[str, Any]:
    """What a training on so many rows goes by, whether asked for, found by a search or left to us."""
    chosen = {name: options.to_json()[name] for name in ("hidden", "optimizer", "lr", "dropout", "batch_size")}
    return chosen | {"batch_size": options.batch_size or _batch_size(rows)}


def _batch_size(rows: int) -> int:
    """32 for a thousand rows, 256 for fifty thousand: enough steps per epoch, and enough work per step."""
    return int(np.clip(2 ** round(np.log2(max(rows, 2) / 160)), 16, 256))

"""One training: rows with a target, some held out for validation, all prepared, a network fitted to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

import pydl
from pydl.pipeline import selection, threshold
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Array, Frame, Outcome, Part, Watch
from pydl.pipeline.fitted import Fitted, Scored, score
from pydl.pipeline.network import averaged, build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.seen import Seen
from pydl.pipeline.target import Target
from pydl.pipeline.weights import even, weights_of

_FEWEST = 10  # rows below which none are held out for validation
_FEW = 200  # rows below which one part tells too little
_PARTS = 10  # at most to hold out in turn
_WARM = 100  # steps before which a network has learnt little, and some part is told well by chance
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
    """Hold out a part for validation, prepare features and target by the rest and train.

    Of fewer than 200 rows a part is too small to tell when to stop, and one network too much a matter of chance: each
    part is held out in turn, and the mean of the networks is what is learnt.

    The target of the outcome is scaled by the rows that were learnt from: its codes are not those of `y`.
    """
    held_out = None
    in_parts = bool(options.val) and _FEWEST <= len(y) < _FEW and not extra
    if options.val and len(y) >= _FEWEST and not in_parts:
        frame, _, held_out, _ = split(frame, y, options.val, target, options.seed)
    preparation = Preparation(columns, clip=options.clip).fit(frame)
    target = target.scaled(frame[target.name])
    parts = {"train": prepared(frame, preparation, target, weights=options.weights)}
    if in_parts:
        model, history, interrupted, held_out_of = _fit_in_parts(
            preparation, parts["train"], target, options, watch, what
        )  # fmt: skip
        target = threshold.settled(target, options, scored(target, held_out_of))
        return Outcome(Fitted(preparation, target, model), parts, history, interrupted=interrupted)
    if held_out is not None:
        parts["validation"] = prepared(held_out, preparation, target, weights=options.weights)
    pydl.utils.set_random_seed(options.seed)
    model = build(preparation.inputs, target, options)
    history, interrupted = fit_model(model, parts, target, options, watch, what, extra)
    target = threshold.settled(target, options, scored(target, [(model, parts.get("validation"))]))
    return Outcome(Fitted(preparation, target, model), parts, history, interrupted=interrupted)


def _fit_in_parts(
    preparation: Preparation, rows: Part, target: Target, options: TrainOptions, watch: Watch, what: str
) -> tuple[pydl.Model, dict[str, list[float]], bool, list[tuple[pydl.Model, Part | None]]]:
    """The mean of networks that were each told by another part when to stop, and their mean history.

    Last, each network with the part that it was not fitted to.
    """
    count = int(np.clip(round(1 / options.val), 2, _PARTS))
    watch.say(f"{len(rows.y)} rows are few: {what} {count} networks, each validated on another part, to be averaged")
    models, histories, interrupted = [], [], False
    held_out: list[tuple[pydl.Model, Part | None]] = []
    for k, places in enumerate(in_turn(rows.y, count, target, options.seed)):
        pydl.utils.set_random_seed(options.seed + k)
        models.append(build(preparation.inputs, target, options))
        parts = dict(zip(("train", "validation"), map(rows.some, places), strict=True))
        history, interrupted = fit_model(models[-1], parts, target, options, Watch(), what, warm=_WARM)
        histories.append(history)
        held_out.append((models[-1], parts["validation"]))
        if interrupted:
            break
    shortest = min(len(history["loss"]) for history in histories)
    mean = {
        name: np.mean([history[name][:shortest] for history in histories], axis=0).tolist() for name in histories[0]
    }
    return averaged(models, preparation.inputs), mean, interrupted, held_out


def scored(target: Target, held_out: Iterable[tuple[pydl.Model, Part | None]]) -> Iterator[Scored]:
    """Truth and predictions of rows that models were not fitted to."""
    for model, part in held_out:
        if part is not None:
            yield from score(model, target, part.batches())


def in_turn(y: Array, parts: int, target: Target, seed: int) -> Iterator[tuple[Array, Array]]:
    """Rows to learn from and rows held out, each of so many parts in turn; with equal shares of classes if possible."""
    spread = target.task == "classification" and np.unique(y, return_counts=True)[1].min() >= parts
    kind = StratifiedKFold if spread else KFold
    for inside, outside in kind(parts, shuffle=True, random_state=seed).split(y, y):
        yield np.sort(inside), outside


def prepared(
    frame: Frame, preparation: Preparation, target: Target, seen: Seen | None = None, weights: str | None = None
) -> Part:  # fmt: skip
    """The rows that have a target, as a network takes them; `seen` as for `Preparation.transform`.

    `weights` is the column of their weights.
    """
    y, keep = target.encode(frame[target.name])
    frame = frame[keep]
    return Part(frame, preparation.transform(frame, seen), y, weights_of(frame, weights))


def fit_model(
    model: pydl.Model, parts: dict[str, Part], target: Target, options: TrainOptions, watch: Watch, what: str,
    extra: Sequence[pydl.callbacks.Callback] = (), warm: int = 0,
) -> tuple[dict[str, list[float]], bool]:  # fmt: skip
    """Train on "train" until "validation" gets no better; the best epoch's weights stay, after Ctrl-C as well.

    `warm` steps are taken before any epoch may be the best.
    """
    train, validation = parts["train"], parts.get("validation")
    history = pydl.callbacks.History()
    batch_size = settings(options, len(train.y))["batch_size"]
    steps = -(-len(train.y) // batch_size)
    epochs, patience = options.passes(steps)
    best = selection.stopping(
        options, target, train.batches, None if validation is None else validation.batches, patience,
        min(warm // steps, epochs - 1),
    )  # fmt: skip
    weights = class_weights(train.y, target, train.weights) if options.class_weight == "balanced" else None
    try:
        model.fit(
            train.inputs, train.y, batch_size=batch_size, epochs=epochs,
            validation_data=None if validation is None else (validation.inputs, validation.y, even(validation.weights)),
            class_weight=weights, sample_weight=even(train.weights),
            callbacks=[best, history, *watch.callbacks(what, epochs), *extra], verbose=0,
        )  # fmt: skip
    except KeyboardInterrupt:
        if not history.history:
            raise
        watch.say(f"interrupted after {len(history.epoch)} epochs: going on with the best of them")
        best.on_train_end()
        return history.history, True
    return history.history, False


def class_weights(y: Array, target: Target, weights: Array | None = None) -> dict[int, float]:
    """Weights that let each class count the same: rows / (classes x rows of the class), weighted ones by weight."""
    if target.task == "regression":
        raise ValueError("--class-weight: a number has no classes; leave the option out")
    counts = np.bincount(y.astype(int), weights, len(target.classes))
    total = len(y) if weights is None else float(weights.sum())
    return {k: total / (len(counts) * n) if n else 1.0 for k, n in enumerate(counts.tolist())}


def settings(options: TrainOptions, rows: int) -> dict[str, Any]:
    """What a training on so many rows goes by, whether asked for, found by a search or left to us."""
    chosen = {name: options.to_json()[name] for name in ("hidden", "optimizer", "lr", "dropout", "batch_size")}
    return chosen | {"batch_size": options.batch_size or _batch_size(rows)}


def _batch_size(rows: int) -> int:
    """32 for a thousand rows, 256 for fifty thousand: enough steps per epoch, and enough work per step."""
    return int(np.clip(2 ** round(np.log2(max(rows, 2) / 160)), 16, 256))

"""One training: rows with a target, some held out for validation, all prepared, a network fitted to them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

import pydl
from pydl.callbacks import EarlyStopping, History
from pydl.pipeline import selection, threshold
from pydl.pipeline.budget import within_time
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import CTRL_C, EPOCHS, PATIENCE, TIME, Array, Frame, Outcome, Part, Trained, Watch
from pydl.pipeline.fitted import Fitted, Scored, score
from pydl.pipeline.images import Labelled, Undecoded
from pydl.pipeline.network import averaged, build, output_of
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting, Places
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.seen import Seen
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget, Named, options_of
from pydl.pipeline.weights import even, weights_of

_FEWEST = 10  # rows below which none are held out for validation
_FEW = 1500  # rows below which one part tells too little
_PARTS = 10  # at most to hold out in turn
_WARM = 100  # steps before which a network has learnt little, and some part is told well by chance
SEEDS = 2**32  # there are
_CLASS_MEMBERS = 2  # a split by class needs so many of each


def labelled(
    frame: Frame, target: AnyTarget, new: dict[str, Counter[str]] | None = None
) -> tuple[Frame, Array]:  # fmt: skip
    """The rows that have a target, and it; `new` as for `Target.encode`."""
    y, keep = target.encode(target.of(frame), new)
    frame = frame if keep.all() else frame[keep]
    if len(y) == 0:
        for one in target.each:
            for label in (new or {}).get(one.name, ()):
                raise one.unknown_class(label)
        raise ValueError(f"--target {','.join(target.names)}: no row has a usable value; is this the column you mean?")
    return frame, y


def split(
    frame: Frame, y: Array, share: float, target: AnyTarget, seed: int, parting: Parting | None = None
) -> tuple[Frame, Array, Frame, Array]:
    """Some rows and the others, at random; the share of each class is the same in both where there are enough.

    With a `parting`, as it says.
    """
    rows = max(1, round(share * len(y)))
    if len(y) < _CLASS_MEMBERS:
        raise ValueError(f"expected at least 2 rows with a target, got {len(y)}: there is nothing to hold out")
    kind, strata = target.strata(y)
    if parting is not None and (places := parting.split(frame.index, strata, share, kind, seed)) is not None:
        for one, own in zip(target.each, y.reshape(len(y), -1).T, strict=True):
            parting.check(own, places, one)
        return at(frame, y, places)
    classes = kind.task == "classification"
    counts = np.unique(strata, return_counts=True)[1] if classes else np.zeros(1)
    spread = classes and counts.min() >= _CLASS_MEMBERS and min(rows, len(y) - rows) >= len(counts)
    first, second = train_test_split(
        np.arange(len(y)), test_size=rows, random_state=seed, stratify=strata if spread else None
    )
    first.sort()
    second.sort()
    return at(frame, y, (first, second))


def at(frame: Frame, y: Array, places: Places) -> tuple[Frame, Array, Frame, Array]:
    """The rows at some places, and those at the others."""
    first, second = places
    return frame.iloc[first], y[first], frame.iloc[second], y[second]


def fit(
    frame: Frame, y: Array, target: AnyTarget, columns: Sequence[Column], options: TrainOptions, watch: Watch,
    what: str, extra: Sequence[pydl.callbacks.Callback] = (), parting: Parting | None = None,
) -> Outcome:  # fmt: skip
    """Hold out a part for validation, prepare features and target by the rest and train.

    Of fewer than 1,500 rows a part is too small to tell when to stop, and one network too much a matter of chance: each
    part is held out in turn, and the mean of the networks is what is learnt. How many networks, `options.ensemble` can
    say; with more rows they are all validated on the same part. With callbacks in `extra` it is always one.

    The target of the outcome is scaled by the rows that were learnt from: its codes are not those of `y`.
    """
    held_out = None
    count = 1 if extra else options.ensemble
    in_parts = bool(options.val) and _FEWEST <= len(y) < _FEW and count != 1
    if parting is not None:
        in_parts = in_parts and parting.averages
    if options.val and len(y) >= _FEWEST and not in_parts:
        frame, _, held_out, _ = split(frame, y, options.val, target, options.seed, parting)
    weights = even(weights_of(frame, options.weights))
    preparation = Preparation(columns, clip=options.clip).fit(frame, weights=weights)
    target = target.scaled(target.of(frame), weights)
    parts = {"train": prepared(frame, preparation, target, weights=options.weights)}
    if held_out is not None:
        parts["validation"] = prepared(held_out, preparation, target, weights=options.weights)
    members = [parts] * (count or 1)
    if in_parts:
        turns = int(np.clip(round(1 / options.val), 2, _PARTS))
        turns = turns if parting is None else parting.few(parts["train"].frame.index, turns)
        members = _in_parts(parts["train"], count or turns, turns, target, options.seed, parting)
        ways = "each validated on another part, to be averaged"
        watch.say(f"{len(y)} rows are few: {what}{':' * (what != 'training')} {len(members)} networks, {ways}")
    models, networks, interrupted = fit_members(
        lambda: build(preparation.inputs, target, options), members, target, options,
        watch.silent() if in_parts else watch, what, extra, warm=_WARM if in_parts else 0,
    )  # fmt: skip
    model = averaged(models)
    judged = zip(models, members, strict=False) if in_parts else [(model, parts)]  # each by rows it was not fitted to
    target = settled(target, options, [(model, parts.get("validation")) for model, parts in judged])
    return Outcome(
        Fitted(preparation, target, model), parts, mean_history(networks), networks=networks,
        interrupted=interrupted,
    )  # fmt: skip


def settled(
    target: AnyTarget, options: TrainOptions, held_out: Sequence[tuple[pydl.Model, Part | None]]
) -> AnyTarget:  # fmt: skip
    """`threshold.settled` for each target, by rows that models were not fitted to."""
    found = []
    for k, one in enumerate(target.each):
        judged = ((output_of(model, k), None if rows is None else rows.of_each(target)[k]) for model, rows in held_out)
        found.append(threshold.settled(one, options_of(options, one), scored(one, judged)))
    return target.with_each(found)


def _in_parts(
    rows: Part, count: int, parts: int, target: AnyTarget, seed: int, parting: Parting | None = None
) -> list[dict[str, Part]]:
    """What each of some networks learns from and is validated on: part after part, and then parts of another split."""
    index = rows.frame.index
    rounds = (in_turn(rows.y, parts, target, (seed + k) % SEEDS, index, parting) for k in itertools.count())
    places = itertools.islice(itertools.chain.from_iterable(rounds), count)
    return [dict(zip(("train", "validation"), map(rows.some, each), strict=True)) for each in places]


def fit_members(
    build: Callable[[], pydl.Model], members: Sequence[dict[str, Part]], target: AnyTarget, options: TrainOptions,
    watch: Watch, what: str, extra: Sequence[pydl.callbacks.Callback] = (), warm: int = 0,
    epochs: Sequence[int] | None = None, train: Callable[[pydl.Model, Watch, str], Trained] | None = None,
) -> tuple[list[pydl.Model], list[Trained], bool]:  # fmt: skip
    """A network for each of `members`, from seeds of their own, how each went, and whether Ctrl-C ended it.

    After Ctrl-C, those that were trained for an epoch at least. `epochs` says how many each is trained for, whatever
    they bring; `train` is another way to train each than `fit_model`.
    """
    models: list[pydl.Model] = []
    networks: list[Trained] = []
    for k, parts in enumerate(members):
        pydl.utils.set_random_seed((options.seed + k) % SEEDS)
        model = build()
        name = what if len(members) == 1 else f"{what}, network {k + 1} of {len(members)}"
        exactly, share = None if epochs is None else epochs[k], watch.share(len(members) - k)
        try:
            if train is not None:
                networks.append(train(model, share, name))
            else:
                networks.append(fit_model(model, parts, target, options, share, name, extra, warm, exactly))
        except KeyboardInterrupt:
            if not models:
                raise
            return models, networks, True
        models.append(model)
        if networks[-1].ended_by == CTRL_C:
            return models, networks, True
    return models, networks, False


def mean_history(networks: Sequence[Trained]) -> dict[str, list[float]]:
    """Loss and metrics by epoch, the mean of some networks, as long as all of them were trained."""
    if len(networks) == 1:
        return networks[0].history
    shortest = min(len(each.history["loss"]) for each in networks)
    return {
        name: np.mean([each.history[name][:shortest] for each in networks], axis=0).tolist()
        for name in networks[0].history
    }


def scored(target: Target, held_out: Iterable[tuple[pydl.Model, Part | None]]) -> Iterator[Scored]:
    """Truth and predictions of rows that models were not fitted to."""
    for model, part in held_out:
        if part is not None:
            yield from score(model, target, part.batches())


def in_turn(
    y: Array, parts: int, target: AnyTarget, seed: int, index: Any = None, parting: Parting | None = None
) -> Iterator[Places]:
    """Rows to learn from and rows held out, each of so many parts in turn; with equal shares of classes if possible.

    With a `parting`, as it says of the rows with this `index`.
    """
    target, y = target.strata(y)
    if parting is not None and (found := parting.in_turn(index, y, parts, target, seed)) is not None:
        yield from found
        return
    spread = target.task == "classification" and np.unique(y, return_counts=True)[1].min() >= parts
    kind = StratifiedKFold if spread else KFold
    for inside, outside in kind(parts, shuffle=True, random_state=seed).split(y, y):
        yield np.sort(inside), outside


def prepared(
    frame: Frame, preparation: Preparation, target: AnyTarget, seen: Seen | None = None, weights: str | None = None
) -> Part:  # fmt: skip
    """The rows that have a target, as a network takes them; `seen` as for `Preparation.transform`.

    `weights` is the column of their weights.
    """
    y, keep = target.encode(target.of(frame))
    frame = frame[keep]
    return Part(frame, preparation.transform(frame, seen), y, weights_of(frame, weights))


def fit_model(
    model: pydl.Model, parts: dict[str, Part], target: AnyTarget, options: TrainOptions, watch: Watch, what: str,
    extra: Sequence[pydl.callbacks.Callback] = (), warm: int = 0, exactly: int | None = None,
) -> Trained:  # fmt: skip
    """Train on "train" until "validation" gets no better; the best epoch's weights stay, after Ctrl-C as well.

    `warm` steps are taken before any epoch may be the best. With `exactly`, so many epochs are run, and the last one's
    weights stay.
    """
    train, validation = parts["train"], parts.get("validation")
    history = pydl.callbacks.History()
    batch_size = settings(options, len(train.y))["batch_size"]
    steps = -(-len(train.y) // batch_size)
    epochs, patience = options.passes(steps) if exactly is None else (exactly, exactly)
    best = selection.stopping(
        options, target, train.batches, None if validation is None else validation.batches, patience,
        min(warm // steps, epochs - 1) if exactly is None else epochs,
    )  # fmt: skip
    x, y, counting, weights = fed(train, target, options.class_weight == "balanced")
    held_out = None if validation is None else _held_out(validation, target)
    named = [Named(target)] if len(target.each) > 1 else []
    callbacks = [*named, best, history, *watch.callbacks(what, epochs), *extra]
    try:
        with within_time(callbacks):
            model.fit(
                x, y, batch_size=batch_size, epochs=epochs, validation_data=held_out,
                class_weight=weights, sample_weight=counting, callbacks=callbacks, verbose=0,
            )  # fmt: skip
    except KeyboardInterrupt:
        if not history.history:
            raise
        watch.say(f"interrupted after {len(history.epoch)} epochs: going on with the best of them")
        best.on_train_end()
        return trained(model, history, best, interrupted=True)
    found = trained(model, history, best)
    watch.ended(what, found)
    return found


def trained(model: pydl.Model, history: History, best: EarlyStopping, interrupted: bool = False) -> Trained:
    """How a training went, from what its callbacks saw."""
    assert model.optimizer is not None
    begun, steps = len(history.epoch), int(model.optimizer.iterations)
    kept = best.best_epoch + 1 if best.best_weights else begun  # where no epoch counted, the last weights stay
    ended_by = PATIENCE if best.stopped_epoch else TIME if model.stop_training else EPOCHS
    whole = begun if history.params["steps"] is None else steps // history.params["steps"]
    return Trained(history.history, whole, kept, steps, CTRL_C if interrupted else ended_by)


def fed(part: Part, target: AnyTarget, balanced: bool = False) -> tuple[Any, Any, Any, dict[int, float] | None]:
    """What `fit` takes of some rows: inputs, values, weights of rows and of classes.

    Images that are not in memory are a source, which brings the values along.
    """
    y, counting, weights = lesson(part, target, balanced)
    x = part.inputs.get("image")
    if isinstance(x, Undecoded):
        return Labelled(x, y), None, None, weights
    return part.inputs, y, counting, weights


def _held_out(part: Part, target: AnyTarget) -> Any:
    """The same of rows to validate on."""
    x, y, counting, _ = fed(part, target)
    return x if y is None else (x, y, counting)


def lesson(part: Part, target: AnyTarget, balanced: bool = False) -> tuple[Any, Any, dict[int, float] | None]:
    """What a network learns from some rows: values and weights of rows, lists for several targets; class weights.

    A row without a value of one of several targets has some value and the weight 0 for it; class weights, which a model
    takes for a single output only, are part of the weights then.
    """
    if len(target.each) == 1:
        (one,) = target.each
        return part.y, even(part.weights), class_weights(part.y, one, part.weights) if balanced else None
    if balanced and not any(one.classes for one in target.each):
        raise ValueError("--class-weight: numbers have no classes; leave the option out")
    values, weights = [], []
    for one, (own, here) in zip(target.each, target.apart(part.y), strict=True):
        y, counting = np.zeros(len(part.y), own.dtype), np.zeros(len(part.y))
        y[here] = own
        counting[here] = 1.0 if part.weights is None else part.weights[here]
        if balanced and one.classes:
            of_class = class_weights(own, one, None if part.weights is None else part.weights[here])
            counting[here] *= np.array([of_class[k] for k in range(len(one.classes))])[own]
        values.append(y)
        weights.append(even(counting) if counting.any() else counting)
    return values, weights, None


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

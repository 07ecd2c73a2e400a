"""Several columns to learn at once, by one network with an output for each.

Whatever takes a `Target` and goes by `each`, `of`, `encode`, `apart` and `with_each` takes `Targets` as well. What is
of one target (figures, baselines, pictures) is made for each of them, with the output that is its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import pydl
from pydl.pipeline import losses
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.several import by_name
from pydl.pipeline.target import LEFT_OUT, Target

Array = NDArray[Any]

_ALIKE = 10  # rows of each combination of classes, if rows are to be parted by them


class Targets:
    """Some targets, side by side.

    Their values are an array (rows, targets) in float64: codes of classes and encoded numbers as `Target.encode` gives
    them, NaN where a row has none.

    Attributes
    ----------
    each : tuple of Target
    """

    def __init__(self, each: Sequence[Target]) -> None:
        self.each = tuple(each)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of their columns."""
        return tuple(one.name for one in self.each)

    @property
    def notes(self) -> list[str]:
        """What was noticed in each; rows that lack one of them are left out of its loss and figures alone."""
        found = [note.replace("--task ", f"--task {one.name}=") for one in self.each for note in one.notes]
        return [f"{note}, for this target only" if note.endswith(LEFT_OUT) else note for note in found]

    def with_each(self, each: Sequence[Target]) -> Targets:
        """The same with another target in the place of each."""
        return Targets(each)

    def of(self, frame: Any) -> pd.DataFrame:
        """What there is to learn in a table."""
        return frame[list(self.names)]

    def encode(
        self, frame: pd.DataFrame, new: dict[str, Counter[str]] | None = None
    ) -> tuple[Array, NDArray[np.bool_]]:
        """The values of the rows that have a target at least, and which rows these are; see `Target.encode`."""
        y = np.full((len(frame), len(self.each)), np.nan)
        for k, one in enumerate(self.each):
            found, here = one.encode(one.of(frame), new)
            y[here, k] = found
        keep = ~np.isnan(y).all(axis=1)
        return y[keep], keep

    def apart(self, y: Array) -> list[tuple[Array, Array]]:
        """For each target its values, in the dtype that it has by itself, and the places of the rows that have one."""
        found = []
        for k, one in enumerate(self.each):
            here = np.flatnonzero(~np.isnan(y[:, k]))
            found.append((y[here, k].astype(np.int32 if one.classes else np.float64), here))
        return found

    def scaled(self, frame: pd.DataFrame, weights: Array | None = None) -> Targets:
        """The same targets, each with mean and deviation of these rows, to be those that are learnt from.

        Raises
        ------
        ValueError
            No row has a value of one of them.
        """
        for one in self.each:
            if not one.encode(one.of(frame))[1].any():
                raise ValueError(
                    f"--target {one.name}: none of the {len(frame):,} rows to learn from has a value of it; hold out "
                    "less (--val), or train it by itself"
                )
        return Targets([one.scaled(one.of(frame), weights) for one in self.each])

    def strata(self, y: Array) -> tuple[Target, Array]:
        """By what rows are parted so that the parts are alike: the classes of all targets, where they are not rare
        together, or those of the first that has some."""
        of_classes = [k for k, one in enumerate(self.each) if one.classes]
        for some in (of_classes, of_classes[:1]):
            codes = np.where(np.isnan(y[:, some]), -1, y[:, some]).astype(np.int64)
            found, place, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
            if len(found) > 1 and (counts.min() >= _ALIKE or some != of_classes):
                ones = [self.each[k] for k in some]
                labels = [", ".join(_label(one, code) for one, code in zip(ones, row, strict=True)) for row in found]
                name = " and ".join(one.name for one in ones)
                return Target(name, "classification", labels), place.reshape(-1).astype(np.int32)
        return Target(" and ".join(self.names), "regression"), np.zeros(len(y))

    def told(self, history: Mapping[str, list[float]], one: Target) -> dict[str, list[float]]:
        """What a training tells of one of the targets by epoch, as if it were the only one."""
        end = f" of {one.name}"
        found = {name.removesuffix(end): told for name, told in history.items() if name.endswith(end)}
        return {name: told for name, told in found.items() if " " not in name}  # not those of "x of a" for "a"

    def readable(self, history: dict[str, list[float]]) -> dict[str, list[float]]:
        """What a training tells by epoch, absolute errors in the unit of their target; see `Target.readable`."""
        found = dict(history)
        for one in self.each:
            found |= {f"{name} of {one.name}": told for name, told in one.readable(self.told(history, one)).items()}
        return found

    def state(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {"targets": [one.state() for one in self.each]}


AnyTarget = Target | Targets


def from_state(state: dict[str, Any]) -> AnyTarget:
    """The target, or the targets, that `state` describes.

    Raises
    ------
    ValueError
        It is no such state.
    """
    if "targets" not in state:
        return Target.from_state(state)
    each = state["targets"]
    if not isinstance(each, list) or len(each) < 2 or not all(isinstance(one, dict) for one in each):
        raise ValueError("not the state of targets that pydl wrote, or damaged")
    return Targets([Target.from_state(one) for one in each])


def look(frame: pd.DataFrame, options: TrainOptions) -> AnyTarget:
    """Look at the target, or the targets, that the options name.

    Raises
    ------
    ValueError
        As `Target.fit`; an option that suits none of the targets, or does not say for which of them it is.
    """
    names = options.targets
    if len(names) == 1:
        counts = losses.is_of_counts(options.loss)
        one = Target.fit(frame[names[0]], options.task, options.positive, options.log_target, counts)
        one.quantile = losses.quantile_of(options.loss)
        return one
    positive = {} if options.positive is None else by_name("--positive", options.positive, names)
    if positive is None:
        raise ValueError(f"--positive {options.positive}: expected TARGET=CLASS, for there are {len(names)} targets")
    tasks = by_name("--task", options.task, names)
    found = []
    for name in names:
        series, task = frame[name], options.task if tasks is None else tasks.get(name, "auto")
        one = Target.fit(series, task)
        numbers = one.task == "regression"
        counts = losses.is_of_counts(options_of(options, one).loss)
        if name in positive or (numbers and (options.log_target or counts)):
            one = Target.fit(series, task, positive.get(name), options.log_target and numbers, counts)
        one.quantile = losses.quantile_of(options_of(options, one).loss)
        found.append(one)
    if options.log_target and all(one.classes for one in found):
        raise ValueError(f"--log-target: {_named(names)} are all taken for classes; leave it out")
    if options.loss is not None and all(options_of(options, one).loss is None for one in found):
        losses.must_suit(options.loss, found[0])
    return Targets(found)


def options_of(options: TrainOptions, target: Target) -> TrainOptions:
    """The options as they are for one of the targets: what is for others, or for another task, is left out."""
    names = options.targets
    if len(names) < 2:
        return options
    losses_, thresholds = by_name("--loss", options.loss, names), by_name("--threshold", options.threshold, names)
    loss, threshold = options.loss, options.threshold
    if losses_ is not None:
        loss = losses_.get(target.name)
    elif loss is not None and losses.parsed(loss)[0] not in losses.OF_TASK[target.task]:
        loss = None
    if thresholds is not None:
        threshold = thresholds.get(target.name)
    elif len(target.classes) != 2:
        threshold = None
    return options.with_(target=target.name, task=target.task, positive=None, loss=loss, threshold=threshold)


class Named(pydl.callbacks.Callback):
    """Tells what a network with several outputs says of each by the names of the targets: `val_mae of price`."""

    def __init__(self, target: AnyTarget) -> None:
        self.names = target.names

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        told = {self._named(key): value for key, value in logs.items()}
        logs.clear()  # it is the callbacks' own
        logs.update(told)

    def _named(self, key: str) -> str:
        found = re.fullmatch(r"(val_)?output_(\d+)_(.+)", key)
        return f"{found[1] or ''}{found[3]} of {self.names[int(found[2]) - 1]}" if found else key


def _label(one: Target, code: int) -> str:
    return "nothing" if code < 0 else str(one.classes[code])


def _named(names: Sequence[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)

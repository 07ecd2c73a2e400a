"""The network of a run: inputs as the preparation gives them, dense layers, an output that fits the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydl
from pydl.pipeline import losses
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import InputSpec
from pydl.pipeline.target import Target

_MOST_EMBEDDED = 32  # numbers that stand for a level


def build(inputs: Sequence[InputSpec], target: Target, options: TrainOptions) -> pydl.Model:
    """A compiled model: numbers and embedded categories side by side, hidden layers with relu and dropout.

    Parameters
    ----------
    inputs : sequence of InputSpec
        What `Preparation.inputs` says.
    target : Target
        One sigmoid for two classes, a softmax for more, one plain output for a standardised number, for counts
        the exponential of one.
    options : TrainOptions
    """
    given = _given(inputs)
    parts = [_part(x, spec) for x, spec in zip(given, inputs, strict=True)]
    h = parts[0] if len(parts) == 1 else pydl.layers.Concatenate()(parts)
    outputs = stack(h, target, options)
    model = pydl.Model(given, outputs)
    compile_(model, target, options)
    return model


def averaged(models: Sequence[pydl.Model]) -> pydl.Model:
    """The mean of what some models of the same inputs say, as one model."""
    if len(models) == 1:
        return models[0]
    given = [pydl.Input(x.shape[1:], name=x.name) for x in models[0].inputs]
    outputs = [model(given if len(given) > 1 else given[0]) for model in models]
    return pydl.Model(given, pydl.layers.Rescaling(1 / len(outputs))(pydl.layers.Add()(outputs)))


def stack(h: Any, target: Target, options: TrainOptions) -> Any:
    """Hidden layers and the output on top of some features."""
    for units in options.hidden:
        h = pydl.layers.Dense(units, activation="relu", kernel_initializer="he_normal")(h)
        if options.dropout:
            h = pydl.layers.Dropout(options.dropout)(h)
    classes = 0 if target.task == "regression" else len(target.classes)
    plain = "exponential" if losses.is_of_counts(options.loss) else "linear"
    units, activation = {0: (1, plain), 2: (1, "sigmoid")}.get(classes, (classes, "softmax"))
    return pydl.layers.Dense(units, activation=activation, name="output")(h)


def compile_(model: pydl.Model, target: Target, options: TrainOptions) -> None:
    """Loss, optimizer and a metric that people can read."""
    classes = 0 if target.task == "regression" else len(target.classes)
    try:
        optimizer = pydl.optimizers.get(options.optimizer)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--optimizer: {error}") from None
    assert optimizer is not None
    optimizer.learning_rate = options.lr
    told = ["accuracy" if classes else "mae"]
    plain, weighted = (told, None) if options.weights is None else (None, told)
    model.compile(optimizer, losses.loss_of(options.loss, target), metrics=plain, weighted_metrics=weighted)


def _given(inputs: Sequence[InputSpec]) -> list[Any]:
    return [pydl.Input((spec.width,) if spec.levels is None else (), name=spec.name) for spec in inputs]


def _part(x: Any, spec: InputSpec) -> Any:
    if spec.levels is not None:
        return _embedded(x, spec.levels)
    return x if spec.unit == 1 else pydl.layers.Rescaling(spec.unit)(x)


def _embedded(x: Any, levels: int) -> Any:
    """A category as some trained numbers: about the fourth root of its levels times 2, up to 32."""
    width = max(2, min(_MOST_EMBEDDED, round(2 * levels**0.25)))
    return pydl.layers.Embedding(levels, width)(x)

"""The network of a run: inputs as the preparation gives them, dense layers, an output that fits the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydl
from pydl.pipeline import losses
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import InputSpec
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget, options_of

_MOST_EMBEDDED = 32  # numbers that stand for a level


def build(inputs: Sequence[InputSpec], target: AnyTarget, options: TrainOptions) -> pydl.Model:
    """A compiled model: numbers and embedded categories side by side, hidden layers with relu and dropout.

    Parameters
    ----------
    inputs : sequence of InputSpec
        What `Preparation.inputs` says.
    target : Target or Targets
        One sigmoid for two classes, a softmax for more, one plain output for a standardised number, for counts
        the exponential of one; for several targets an output each.
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
    """The mean of what some models of the same inputs say, output by output, as one model."""
    if len(models) == 1:
        return models[0]
    given = [pydl.Input(x.shape[1:], name=x.name) for x in models[0].inputs]
    said = [_as_list(model(given if len(given) > 1 else given[0])) for model in models]
    share = 1 / len(models)
    return pydl.Model(
        given, _alone([pydl.layers.Rescaling(share)(pydl.layers.Add()(list(each))) for each in zip(*said, strict=True)])
    )


def output_of(model: pydl.Model, k: int) -> pydl.Model:
    """The model of one of the targets: the same weights, and the output that is its own."""
    return model if len(model.outputs) == 1 else pydl.Model(model.inputs, model.outputs[k])


def stack(h: Any, target: AnyTarget, options: TrainOptions) -> Any:
    """Hidden layers, and on top of them the output of each target: a tensor where there is one, else a list."""
    for units in options.hidden:
        h = pydl.layers.Dense(units, activation="relu", kernel_initializer="he_normal")(h)
        if options.dropout:
            h = pydl.layers.Dropout(options.dropout)(h)
    names = ["output"] if len(target.each) == 1 else [f"output_{k + 1}" for k in range(len(target.each))]
    return _alone(
        [_output(h, one, options_of(options, one), name) for one, name in zip(target.each, names, strict=True)]
    )


def _output(h: Any, target: Target, options: TrainOptions, name: str) -> Any:
    classes = 0 if target.task == "regression" else len(target.classes)
    plain = "exponential" if losses.is_of_counts(options.loss) else "linear"
    units, activation = {0: (1, plain), 2: (1, "sigmoid")}.get(classes, (classes, "softmax"))
    return pydl.layers.Dense(units, activation=activation, name=name)(h)


def compile_(model: pydl.Model, target: AnyTarget, options: TrainOptions) -> None:
    """Loss, optimizer and a metric that people can read, for each target; the sum of the losses is what is lowered."""
    try:
        optimizer = pydl.optimizers.get(options.optimizer)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--optimizer: {error}") from None
    assert optimizer is not None
    optimizer.learning_rate = options.lr
    told = _alone([["accuracy" if one.classes else "mae"] for one in target.each])
    lowered = _alone([losses.loss_of(options_of(options, one).loss, one) for one in target.each])
    # Of several targets a row may have some, and weighs nothing for the others.
    plain, weighted = (told, None) if options.weights is None and len(target.each) == 1 else (None, told)
    model.compile(optimizer, lowered, metrics=plain, weighted_metrics=weighted)


def _alone(things: list[Any]) -> Any:
    """As a model with that many outputs takes and gives them."""
    return things[0] if len(things) == 1 else things


def _as_list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


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

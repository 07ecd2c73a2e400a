"""What `compile` was given, resolved: a loss and a weight for each output, metrics with their names in the logs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pydl import losses, metrics
from pydl._base.args import real
from pydl._base.registry import serialize
from pydl._engine.graph import judged_shape
from pydl._training.several import SeveralLosses
from pydl.metrics.by_targets import ByTargets


class Targets(NamedTuple):
    """What is expected of the targets of one output.

    Attributes
    ----------
    name : str
        Of the loss or metric that asks for them.
    sparse : bool
        Whether they are class numbers.
    probability_targets : bool
        Whether they must be in [0, 1].
    own_shape : bool
        Whether they may be of another shape than the predictions: whoever reads them does so in NumPy.
    names_columns : bool
        Whether class numbers name units of the output.
    ignored : float, optional
        A class number that is no unit's: rows that do not count.
    missing : bool
        Whether they may hold NaN and infinity: what these mean is known to a loss of one's own alone.
    """

    name: str
    sparse: bool
    probability_targets: bool
    own_shape: bool
    names_columns: bool = True
    ignored: float | None = None
    missing: bool = False


class CompiledMetric(NamedTuple):
    """A metric of one output.

    Attributes
    ----------
    metric : Metric
    output : int
        Number of the output.
    weighted : bool
        Whether sample weights count.
    name : str
        In logs.
    """

    metric: Any
    output: int
    weighted: bool
    name: str

    def figures(self) -> dict[str, float]:
        """The figures so far by their names in logs: those of a mapping by its keys, those of an array numbered."""
        result = self.metric.result()
        if isinstance(result, Mapping):
            return {str(key): float(value) for key, value in result.items()}
        values = np.asarray(result)
        if values.size == 1:
            return {self.name: float(values.item())}
        return {f"{self.name}_{k}": float(value) for k, value in enumerate(values.flat)}


def per_output(what: str, given: Any, names: Sequence[str], *, lists: bool = False) -> list[Any]:
    """One entry per output from what Keras accepts: one value (for one output), a list, or a dict by output name.

    `lists`: an entry is itself a list (metrics).

    Raises
    ------
    ValueError
        Unknown output names; a wrong number of entries.
    """
    if isinstance(given, Mapping):
        unknown = [k for k in given if k not in names]
        if unknown:
            raise ValueError(f"compile: {what}: {unknown[0]!r} is not an output; the outputs are {list(names)}")
        return [given.get(n) for n in names]
    if len(names) == 1:
        if isinstance(given, list | tuple) and not lists:
            if len(given) != 1:
                raise ValueError(f"compile: {what}: expected one entry for output {names[0]!r}, got {len(given)}")
            return [given[0]]
        return [given]
    if given is None:
        return [None] * len(names)
    if not isinstance(given, list | tuple) or len(given) != len(names):
        raise ValueError(f"compile: {what}: expected a list of {len(names)} entries or a dict, for {list(names)}")
    return list(given)


def resolve_losses(given: Any, outputs: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """A loss for each output, None where it is only predicted."""
    several = isinstance(given, list | tuple | Mapping)
    if len(names) == 1 and isinstance(given, list | tuple) and len(given) > 1:  # all of them for the one output
        entries: list[Any] = [given]
    else:
        entries = per_output("loss", given, names) if several else [given] * len(names)
    resolved = [_one_loss(e) for e in entries]
    if given is not None and all(loss is None for loss in resolved):
        raise ValueError(f'compile: none of the outputs {list(names)} has a loss; pass loss="mse" or another')
    for name, output, loss in zip(names, outputs, resolved, strict=True):
        shape = judged_shape(output.shape)
        if loss is not None:
            loss.check_output(shape)
        if shape[-1] == 1 and isinstance(loss, losses.CategoricalCrossentropy):
            warnings.warn(
                f'compile: {loss.name} of output "{name}", which has one unit, is 0 whatever it says: nothing can be '
                'learnt; use "binary_crossentropy" for a probability, or a unit for each class',
                stacklevel=4,
            )
    return resolved


def _one_loss(given: Any) -> Any:
    """The loss that is meant for an output; of several, their sum."""
    if not isinstance(given, list | tuple):
        return losses.as_loss(given)
    parts = [losses.as_loss(part) for part in given]
    return parts[0] if len(parts) == 1 else SeveralLosses([part for part in parts if part is not None])


def resolve_loss_weights(given: Any, resolved_losses: Sequence[Any], names: Sequence[str]) -> list[float]:
    """A factor for each output's loss, 1 if none is given."""
    if len(names) == 1 and isinstance(resolved_losses[0], SeveralLosses) and isinstance(given, list | tuple):
        parts = resolved_losses[0].parts
        if len(given) != len(parts):
            raise ValueError(f"compile: loss_weights: expected {len(parts)} numbers, one for each loss, got {given!r}")
        resolved_losses[0].factors = [real("compile", "loss_weights", f) for f in given]
        return [1.0]
    factors = per_output("loss_weights", given, names)
    for name, loss, factor in zip(names, resolved_losses, factors, strict=True):
        if loss is None and factor:
            raise ValueError(f'compile: loss_weights: output "{name}" has no loss that {factor!r} could weigh')
    return [1.0 if f is None else real("compile", "loss_weights", f) for f in factors]


def resolve_metrics(
    plain: Any, weighted: Any, outputs: Sequence[Any], resolved_losses: Sequence[Any], names: Sequence[str]
) -> list[CompiledMetric]:
    """All metrics, in order of output; several outputs put theirs before the metric's name."""
    compiled: list[CompiledMetric] = []
    for is_weighted, given in ((False, plain), (True, weighted)):
        what = "weighted_metrics" if is_weighted else "metrics"
        if isinstance(given, str):  # the only one, as Keras 2 took it
            given = [given]
        if given is not None and not isinstance(given, list | tuple | Mapping):
            raise TypeError(f'compile: {what}: expected a list such as ["accuracy"], got {given!r}')
        if (
            len(names) == 1
            and isinstance(given, list | tuple)
            and len(given) == 1
            and isinstance(given[0], list | tuple)
        ):
            given = given[0]  # a list of lists, one for each output
        for i, entries in enumerate(per_output(what, given, names, lists=True)):
            listed = entries if isinstance(entries, list | tuple) else [] if entries is None else [entries]
            for entry in listed:
                metric = metrics.get(entry, loss=resolved_losses[i], output_shape=judged_shape(outputs[i].shape))
                if metric is None:
                    raise ValueError(f"compile: {what}: expected names, classes or Metric instances, got None")
                if any(c.metric is metric for c in compiled):
                    raise ValueError(f"compile: {what}: {metric.name!r} is given twice; make a metric for each use")
                output = f"{names[i]}_" if len(names) > 1 else ""
                name = output + metric.name
                if is_weighted and any(c.name == name for c in compiled):
                    name = f"{output}weighted_{metric.name}"  # as in Keras
                compiled.append(CompiledMetric(metric, i, is_weighted, _unused(name, metric.figures, compiled)))
    return sorted(compiled, key=lambda c: c.output)


def resolve_targets(
    resolved_losses: Sequence[Any], compiled: Sequence[CompiledMetric], names: Sequence[str]
) -> list[Targets | None]:
    """What each output's loss and metrics expect of its targets; None: it has neither and needs none."""
    found: list[Targets | None] = []
    for i, (name, loss) in enumerate(zip(names, resolved_losses, strict=True)):
        judges = [c.metric for c in compiled if c.output == i]
        if loss is None and len({metric.sparse for metric in judges}) > 1:
            raise ValueError(
                f'compile: metrics of output "{name}": some take class numbers, others do not: '
                f"{[metric.name for metric in judges]}; give the output a loss, or metrics of one kind"
            )
        readers = [*judges] if loss is None else [loss, *judges]
        if not readers:
            found.append(None)
            continue
        kernels = [reader for reader in readers if reader.op is not None]
        sparse = kernels[0].sparse if kernels and loss is not None and loss.in_code else readers[0].sparse
        names_of = " and ".join(dict.fromkeys(reader.name for reader in (readers[0], *kernels[:1])))
        probabilities = loss is not None and loss.probability_targets
        other = next((reader for reader in kernels if reader.sparse != sparse), None)
        if other is not None:
            raise ValueError(
                f'compile: output "{name}": {readers[0].name} and {other.name} take targets of different shapes: '
                "one number per row, and one for each unit; leave out the latter"
            )
        names_columns = loss is None or (loss.names_columns and getattr(loss, "axis", -1) == -1)
        ignored = None if loss is None else loss.ignore_class
        missing = loss is not None and loss.in_code
        own_shape = not kernels or (sparse and missing)
        found.append(Targets(names_of, sparse, probabilities, own_shape, names_columns, ignored, missing))
    return found


def losses_config(resolved: Sequence[Any], outputs: Sequence[str]) -> dict[str, Any]:
    """The losses of `compile` as JSON, by output; a list where an output has several."""
    config: dict[str, Any] = {"loss": {}}
    for loss, name in zip(resolved, outputs, strict=True):
        if isinstance(loss, SeveralLosses):
            config["loss"][name] = [serialize(part) for part in loss.parts]
        elif loss is not None:
            config["loss"][name] = serialize(loss)
    return config if config["loss"] else {"loss": None}


def _unused(name: str, figures: int, compiled: Sequence[CompiledMetric]) -> str:
    """The name, or that with a number, of a metric none of whose figures is called like one of another metric."""
    taken = {logged for c in compiled for logged in _logged(c.name, c.metric.figures)}
    n, candidate = 1, name
    while taken.intersection(_logged(candidate, figures)):
        candidate, n = f"{name}_{n}", n + 1
    return candidate


def _logged(name: str, figures: int) -> list[str]:
    return [name] if figures == 1 else [f"{name}_{k}" for k in range(figures)]


def metrics_config(compiled: Sequence[CompiledMetric], outputs: Sequence[str]) -> dict[str, Any]:
    """The metrics of `compile` as JSON, by argument and output."""
    config: dict[str, Any] = {"metrics": {}, "weighted_metrics": {}}
    for c in compiled:
        listed = config["weighted_metrics" if c.weighted else "metrics"].setdefault(outputs[c.output], [])
        listed.append(c.metric.identifier if isinstance(c.metric, ByTargets) else serialize(c.metric))
    return config

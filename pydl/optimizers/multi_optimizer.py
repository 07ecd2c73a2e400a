"""MultiOptimizer: other optimizers, each for some of the weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from pydl._base.registry import serialize, tables
from pydl._engine.variable import Variable
from pydl.optimizers.base import Optimizer

_REPEATS = 3  # of a key


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer has which weights: those whose path is a key, or matches one as a regular expression.

    Parameters
    ----------
    default_optimizer : Optimizer
        For weights that no key is for.
    optimizer_map : dict of str to Optimizer, optional

    Raises
    ------
    TypeError, ValueError
        Keys that are no strings, no regular expressions, repeat groups, or are there already; values that are no
        optimizers, or are made of others.

    Examples
    --------
    >>> chosen = pydl.optimizers.OptimizerMap(pydl.optimizers.Adam(), {"dense_1/.*": pydl.optimizers.SGD(0.1)})
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"OptimizerMap: default_optimizer must be an optimizer, got {default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(f"OptimizerMap: optimizer_map must be a dict, got {optimizer_map!r}")
        self.default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        """The optimizer for a path.

        Raises
        ------
        ValueError
            When several keys match it, and none is it.
        """
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"OptimizerMap: expected one key at most that matches {key!r}, got {matching}")
        return self._optimizer_map[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: expected a string as key, got {key!r}")
        if key in self._optimizer_map:
            raise ValueError(f"OptimizerMap: {key!r} is there already; delete it first")
        _check_pattern(key)
        _check(optimizer, f"the optimizer of {key!r}")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a weight."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": {key: serialize(optimizer) for key, optimizer in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> OptimizerMap:
        """The map that `get_config` described."""
        make = tables["optimizer"].deserialize
        return cls(make(config["default_optimizer"]), {k: make(v) for k, v in config["optimizer_map"].items()})


class MultiOptimizer(Optimizer):
    """Other optimizers, each of which takes the steps of some of the weights.

    Each one clips, decays, averages and accumulates as it says, its own weights alone, and has its own learning rate;
    `LearningRateScheduler` and `ReduceLROnPlateau` set them all. Steps are taken between the records of `fit`, which
    costs some time per step.

    Parameters
    ----------
    optimizer_map : OptimizerMap or callable
        The optimizer of a weight: a function of it, whose `path` is, say, "dense_1/kernel". A function is not saved.
    loss_scale_factor : float, optional
        As of any optimizer; those inside have none.
    name : str, optional

    Attributes
    ----------
    optimizers : list of Optimizer
        Those inside.

    Raises
    ------
    TypeError
        When a weight is given something else than an optimizer, or one made of others.
    """

    together = True

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        self.optimizers: list[Optimizer] = []
        self._groups: list[list[Variable]] = []
        self._optimizer_map = optimizer_map
        super().__init__(0.0, name=name, loss_scale_factor=loss_scale_factor)
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._place(optimizer)

    def _place(self, optimizer: Optimizer) -> int:
        """The place of an optimizer among those inside, where it takes one if it has none."""
        found = next((i for i, other in enumerate(self.optimizers) if other is optimizer), None)
        if found is None:
            optimizer.loss_scale_factor = None
            self.optimizers.append(optimizer)
            self._groups.append([])
        return len(self.optimizers) - 1 if found is None else found

    def build(self, variables: Sequence[Variable]) -> None:
        super().build(variables)
        self._groups = [[] for _ in self.optimizers]
        for variable in variables:
            optimizer = self._optimizer_map(variable)
            _check(optimizer, f"the optimizer of {variable.path!r}")
            self._groups[self._place(optimizer)].append(variable)
        for optimizer, group in self._used():
            optimizer.prepare(group)
            optimizer.batches = self.batches

    def _used(self) -> list[tuple[Optimizer, list[Variable]]]:
        """The optimizers that have weights, and these."""
        return [(o, group) for o, group in zip(self.optimizers, self._groups, strict=True) if group]

    def step_together(self, variables: Sequence[Variable]) -> None:
        """The steps of each optimizer on those of these weights that it has."""
        given = {id(v) for v in variables}
        for optimizer, group in self._used():
            if present := [v for v in group if id(v) in given]:
                optimizer.apply([v.gradient for v in present], present)

    @property
    def learning_rate(self) -> Any:
        """Each optimizer inside has its own."""
        raise AttributeError("MultiOptimizer has no learning_rate: each of its `optimizers` has one")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self.optimizers:
            raise AttributeError("MultiOptimizer has no learning_rate: set that of each of its `optimizers`")

    @property
    def schedule(self) -> Any:
        """What stands for a learning rate that is no number."""
        return self._optimizer_map

    def rates(self, iterations: int, steps: int = 1) -> np.ndarray:
        """Those of the first optimizer inside."""
        return self.optimizers[0].rates(iterations, steps) if self.optimizers else np.zeros(steps)

    @property
    def batches(self) -> int:
        """Batches trained on so far."""
        return int(self.counter[0])

    @batches.setter
    def batches(self, value: int) -> None:
        self.counter[0] = value
        for optimizer, _ in self._used():
            optimizer.batches = value

    @property
    def use_ema(self) -> bool:
        """Whether one of the optimizers inside keeps averages."""
        return any(optimizer.use_ema for optimizer in self.optimizers)

    @use_ema.setter
    def use_ema(self, value: bool) -> None:
        """Each optimizer inside says so of itself."""

    def average_of(self, variable: Variable) -> Variable | None:
        owners = [optimizer for optimizer, group in self._used() if any(v is variable for v in group)]
        return owners[0].average_of(variable) if owners else None

    def finalize_variable_values(self, variables: Sequence[Variable]) -> None:
        for optimizer, group in self._used():
            optimizer.finalize_variable_values([v for v in group if any(v is other for other in variables)])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        chosen = serialize(self._optimizer_map)
        return {"optimizer_map": chosen, "loss_scale_factor": self.loss_scale_factor, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MultiOptimizer:
        """The optimizer that `get_config` described, with no steps taken."""
        return cls(**{**config, "optimizer_map": OptimizerMap.from_config(config["optimizer_map"]["config"])})


def _check_pattern(key: str) -> None:
    """Refuse what is no pattern, and what might be tried in so many ways that it takes years: files bring patterns."""
    if re.search(r"\)[*+?{]", key) or sum(key.count(sign) for sign in "*+{") > _REPEATS:
        raise ValueError(
            f"OptimizerMap: expected a pattern of at most {_REPEATS} repetitions (*, +, {{}}) and none of a group, got "
            f"{key!r}; give several keys"
        )
    try:
        re.compile(key)
    except re.error as error:
        raise ValueError(f"OptimizerMap: expected a regular expression, got {key!r}: {error}") from None


def _check(optimizer: Any, what: str) -> None:
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"MultiOptimizer: {what} must be an optimizer, got {optimizer!r}")
    if optimizer.together:
        raise ValueError(f"MultiOptimizer: {what}: optimizer cannot be {type(optimizer).__name__}, made of others")

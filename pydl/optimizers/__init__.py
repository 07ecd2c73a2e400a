"""Optimizers, with the names, defaults and formulas of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydl._base.later import Later
from pydl._base.registry import Registry, serialize
from pydl.optimizers import schedules
from pydl.optimizers.base import Optimizer

if TYPE_CHECKING:  # by __getattr__
    from pydl.optimizers.adadelta import Adadelta
    from pydl.optimizers.adafactor import Adafactor
    from pydl.optimizers.adagrad import Adagrad
    from pydl.optimizers.adam import Adam, AdamW
    from pydl.optimizers.adamax import Adamax
    from pydl.optimizers.ftrl import Ftrl
    from pydl.optimizers.lamb import Lamb
    from pydl.optimizers.lion import Lion
    from pydl.optimizers.loss_scale_optimizer import LossScaleOptimizer
    from pydl.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
    from pydl.optimizers.muon import Muon
    from pydl.optimizers.nadam import Nadam
    from pydl.optimizers.rmsprop import RMSprop
    from pydl.optimizers.schedule_free_adamw import ScheduleFreeAdamW
    from pydl.optimizers.sgd import SGD

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "LossScaleOptimizer",
    "MultiOptimizer", "Muon", "Nadam", "Optimizer", "OptimizerMap", "RMSprop", "ScheduleFreeAdamW", "deserialize",
    "get", "schedules", "serialize",
]  # fmt: skip

_later = Later(
    __name__,
    {
        "adadelta": "Adadelta",
        "adafactor": "Adafactor",
        "adagrad": "Adagrad",
        "adam": "Adam AdamW",
        "adamax": "Adamax",
        "ftrl": "Ftrl",
        "lamb": "Lamb",
        "lion": "Lion",
        "loss_scale_optimizer": "LossScaleOptimizer",
        "multi_optimizer": "MultiOptimizer",
        "muon": "Muon",
        "nadam": "Nadam",
        "rmsprop": "RMSprop",
        "schedule_free_adamw": "ScheduleFreeAdamW",
        "sgd": "SGD",
    },
)


def __getattr__(name: str) -> Any:
    if name == "OptimizerMap":  # no optimizer, and so not in the table of those
        from pydl.optimizers.multi_optimizer import OptimizerMap

        return OptimizerMap
    return _later(name)


_registry = Registry("optimizer", Optimizer, [], spelling=str.lower, later=_later)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer | None:
    """An optimizer from its name ("adam"), class, instance or config; None stays None.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize

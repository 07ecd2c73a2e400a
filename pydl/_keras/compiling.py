"""What `compile` was given, as Keras writes it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from pydl import losses, metrics, optimizers
from pydl._base.registry import custom_object, serialize
from pydl._keras import configs

_KEYS = ("loss", "loss_weights", "metrics", "weighted_metrics")


def written(model: Any) -> dict[str, Any]:
    """The `compile_config` of a model, {} for one that is not compiled or whose losses a file cannot name."""
    if model.optimizer is None:
        return {}
    try:
        made = {key: _written(model._compile_arguments[key]) for key in _KEYS}
        return {"optimizer": configs.written(serialize(model.optimizer)), **made}
    except (TypeError, ValueError) as error:
        warnings.warn(f"the file says nothing of compile: {error}", stacklevel=5)
        return {}


def _written(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_written(v) for v in value]
    if isinstance(value, Mapping):
        return {key: _written(v) for key, v in value.items()}
    if getattr(value, "__module__", "").startswith("pydl.") and hasattr(value, "__name__"):
        return value.__name__  # one of pydl's functions
    if inspect.isfunction(value) and value.__name__ != "<lambda>":
        name = configs.registered_name(value.__name__)
        return {
            "module": "builtins", "class_name": "function", "config": value.__name__,
            "registered_name": name if ">" in name else "function",
        }  # fmt: skip
    return configs.written(serialize(value))


def read(config: Any) -> dict[str, Any]:
    """Arguments for `compile`."""
    if not isinstance(config, Mapping):
        raise ValueError(f"expected a compile_config, got {config!r:.80}")
    values = {key: configs.read_value(config.get(key)) for key in ("optimizer", *_KEYS)}
    made: dict[str, Any] = {"optimizer": optimizers.get(values["optimizer"]), "loss_weights": values["loss_weights"]}
    made["loss"] = _each(values["loss"], losses.get)
    for key in ("metrics", "weighted_metrics"):
        made[key] = _each(values[key], lambda m: metrics.deserialize(m) if isinstance(m, Mapping) else m)
    return made


def _each(value: Any, make: Any) -> Any:
    """`make` of each config in lists and dicts of them; of a name the caller's function, if it is one's."""
    if isinstance(value, list):
        return [_each(v, make) for v in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: _each(v, make) for key, v in value.items()}
    if isinstance(value, str):
        own = custom_object(value)
        return own if inspect.isfunction(own) else value
    return None if value is None else make(value)


def older(config: dict[str, Any]) -> dict[str, Any]:
    """The `training_config` of an `.h5` file."""
    optimizer = {key: config["optimizer"][key] for key in ("class_name", "config")}
    return {**{key: config[key] for key in _KEYS}, "optimizer_config": optimizer}


def newer(config: dict[str, Any]) -> dict[str, Any]:
    """The `compile_config` that a `training_config` stands for."""
    return {**config, "optimizer": config.get("optimizer_config")}

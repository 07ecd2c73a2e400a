"""Dtype policies by the names that Keras gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.registry import serialize as _serialize
from pydl.config import DTypePolicy

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

FloatDTypePolicy = DTypePolicy


def get(identifier: Any) -> DTypePolicy:
    """A policy by its name, or by what `serialize` made of it; None is that of `pydl.config.dtype_policy`."""
    return identifier if isinstance(identifier, DTypePolicy) else DTypePolicy(identifier)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """A policy as plain JSON values."""
    return _serialize(dtype_policy)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """The policy that `serialize` described. `custom_objects` is taken because Keras takes it."""
    return get(config)

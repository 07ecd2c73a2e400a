"""Dtype policies by the names that Keras gives them."""

from pydl.config import DTypePolicy

__all__ = ["DTypePolicy", "FloatDTypePolicy", "get"]

FloatDTypePolicy = DTypePolicy


def get(identifier: str | DTypePolicy | None) -> DTypePolicy:
    """A policy by its name; None is that of `pydl.config.dtype_policy`."""
    return identifier if isinstance(identifier, DTypePolicy) else DTypePolicy(identifier)

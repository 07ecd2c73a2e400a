"""Models: graphs of layers (`Model`) and chains of them (`Sequential`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydl.models.configs import model_from_config
from pydl.models.model import Model
from pydl.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model", "model_from_config"]


def load_model(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Model:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    path : str or path-like
    custom_objects : dict of str to class, optional
        Classes of your own that the file names. Nothing else than these and pydl's own table is looked up.
    compile : bool
        Also restore the optimizer, with its state, and the losses and metrics.

    Raises
    ------
    pydl.FormatError
        When the file is damaged, hostile or of another kind.
    """
    from pydl import saving

    return saving.load_model(path, custom_objects, compile)

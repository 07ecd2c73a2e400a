"""Axes of matplotlib to draw on."""

from typing import Any


def axes(owner: str, ax: Any) -> Any:
    """The axes given, or new ones.

    Raises
    ------
    ImportError
        When matplotlib is missing.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{owner} needs matplotlib: pip install matplotlib") from error
    return pyplot.subplots()[1]

"""A batch's parts, as training loops of one's own take them apart: x, y and sample_weight."""

from __future__ import annotations

from typing import Any


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """x alone, or a tuple of what there is; x in a tuple where it is one itself."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of what a source gives, None for what it lacks.

    Raises
    ------
    ValueError
        A tuple of more than three parts, or of none.
    """
    parts = tuple(data) if isinstance(data, tuple | list) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"unpack_x_y_sample_weight: expected (x,), (x, y) or (x, y, sample_weight), got {len(parts)}")
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight

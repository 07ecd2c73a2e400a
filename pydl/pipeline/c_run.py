"""A run as a C file that also prepares a row of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pydl import _c
from pydl._c.table import Table
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.target import Target


def export_prepared(fitted: Fitted, path: Path, **options: Any) -> None:
    """Write a run with what it does to numbers and levels before its network: `NAME_prepare` in the file.

    Raises
    ------
    ValueError
        A column of dates or free texts, which is named; images.
    """
    preparation = fitted.preparation
    if not isinstance(preparation, Preparation):
        raise ValueError("--with-preparation: images are prepared outside of the file; export without it")
    for c in preparation.columns:
        if c.used and c.kind in ("date", "text"):
            what = {"date": "dates", "text": "free texts"}[c.kind]
            raise ValueError(
                f'--with-preparation: column "{c.name}" holds {what}, which the C file cannot read; export without it '
                f"and prepare rows with pydl, or train with --drop {c.name!r}"
            )
    _c.export(fitted.model, path, table=table_of(preparation, [_said(one) for one in fitted.target.each]), **options)


def table_of(preparation: Preparation, outputs: list[str]) -> Table:
    """What a preparation has learnt, as the file needs it."""
    p, scaling = preparation, preparation._scaling
    numbers = [c.name for c in p._of("number", "flag")]
    least, most = (np.broadcast_to(np.asarray(each, float), len(numbers)) for each in p._reach)
    columns = (p._low, p._high, p._units, scaling.fill, scaling.mean, scaling.scale, least, most)
    one_hot = list(zip((c.name for c in p._of("category")), (each.labels for each in p._one_hot), strict=True))
    coded = [(name, each.labels) for name, each in p._indices.items()]
    steps = np.column_stack(columns) if numbers else np.empty((0, len(columns)))
    marked = [int(i) for i in scaling.marked]
    return Table(numbers, steps, marked, [*one_hot, *coded], len(one_hot), len(p.feature_names), outputs)


def _said(target: Target) -> str:
    """What the numbers of an output are."""
    if target.task == "regression":
        value = f"y * {target.scale!r} + {target.mean!r}"
        if target.log:
            value = f"s (exp(|v|) - 1) * {target.log!r}, v = {value} and s its sign"
        return f"{target.name} = {value}"
    if len(target.classes) == 2:
        return f"{target.name}: the probability of {target.classes[1]}, else {target.classes[0]}"
    return f"{target.name}: probabilities of {', '.join(map(str, target.classes))}"

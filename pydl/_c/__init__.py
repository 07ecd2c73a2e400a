"""`model.export("m.c")`: a model's prediction as one C99 file (docs/adr/0024).

`records` asks the layers for the records of one row's prediction, `ops` has a row for each op that says which function
of `library/` computes it, `memory` finds places for what lies between them, `text` writes the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl._base.replacing import replaced

if TYPE_CHECKING:
    from pydl._c.table import Table
    from pydl.models.model import Model


def export(
    model: Model, path: Path, *, name: str | None = None, weights: str = "inside", workspace: str | None = None,
    samples: Any = 4, table: Table | None = None,
) -> None:  # fmt: skip
    """Write a model as C.

    Parameters
    ----------
    model : Model
        Built, in float32 or float64. Sizes of its inputs must be known.
    path : Path
        Of the file, which ends in `.c`.
    name : str, optional
        What the names of all functions begin with; default the file's name. A C identifier.
    weights : {"inside", "apart"}
        "apart" puts them into a second file, `<stem>_weights.c`.
    workspace : {"stack", "static"}, optional
        Where `NAME_predict` has what lies between the layers: on the stack, so that threads may call it at the same
        time, or in static memory. Default the stack if that takes no more than 16 KB.
    samples : int or array or list of arrays
        Rows of the self-test: how many to draw, or the rows themselves, for each input.
    table : Table, optional
        How a row of a table becomes the inputs; the file then has `NAME_prepare`.

    Raises
    ------
    ValueError
        A layer that has no form in C, as those that compute in Python; an input of open size; weights that are not
        finite; a name that is not a C identifier.
    """
    from pydl._c import testing, text
    from pydl._c.unit import Unit

    title = f'export: model "{model.name}"'
    name = path.name.split(".")[0] if name is None else name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"{title}: name: expected letters, digits and _, a letter first, got {name!r}")
    one_of(title, "weights", weights, ("inside", "apart"))
    if workspace is not None:
        one_of(title, "workspace", workspace, ("stack", "static"))
    unit = Unit(model, title)
    rows = testing.rows_for(model, whole(title, "samples", samples, at_least=1) if np.isscalar(samples) else samples)
    apart = path.with_name(f"{path.name.removesuffix('.c')}_weights.c") if weights == "apart" else None
    main, constants = text.of(unit, name, rows, workspace, apart, table)
    for file, content in ((apart, constants), (path, main)):
        if file is not None:
            with replaced(file, "w") as out:
                out.write(content)

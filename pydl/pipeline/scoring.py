"""A finished run on other data, read in chunks: predictions in a file, and figures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pydl.pipeline import weights
from pydl.pipeline.evaluation import Figures, Judge
from pydl.pipeline.fitted import Fitted, apart, columns_of, predict
from pydl.pipeline.formats import SUFFIXES, format_of, suffix
from pydl.pipeline.image_run import evaluate_images, predict_images
from pydl.pipeline.places import at_hand
from pydl.pipeline.run import Run
from pydl.pipeline.seen import Seen
from pydl.pipeline.several import together
from pydl.pipeline.table import arrow_batches
from pydl.pipeline.totals import of_totals, said
from pydl.pipeline.writing import table_writer


def predict_file(
    run: Run, data: str, out: str, seen: Seen | None = None, leave_out: bool = False, encoding: str | None = None
) -> int:
    """Write the rows of `data` with their predictions to `out`, piece by piece; returns how many.

    New columns: as `columns_of` says, for each target. The others are as they were read; where the cells of a delimited
    file go into a format with types, as numbers where they are some. From Parquet and Arrow to either all stays as it
    is.

    Parameters
    ----------
    run : Run
    data, out : str
        `data` as for `pydl train`: standard input and addresses as well.
    seen : Seen, optional
        An account of the file and its rows, to be added to. Without one, a cell that cannot be read is an error.
    leave_out : bool
        Leave out a record of more values than there are columns, or an image that cannot be read, which else is an
        error, so that each has its prediction.
    encoding : str, optional
        Of the file, if it is not that of the training.
    """
    with at_hand(data) as (place,):
        if _is_of_images(run, encoding):
            return predict_images(run, place, out, seen, leave_out)
        return _predict_rows(run, place, out, seen, leave_out, encoding)


def _predict_rows(
    run: Run, data: str | Path, out: str, seen: Seen | None, leave_out: bool, encoding: str | None
) -> int:
    fitted, rows = run.fitted(encoding), 0
    source, goal = format_of(data), SUFFIXES.get(suffix(Path(out)), "")
    as_they_stand = goal == "delimited" or (goal == "json" and source != "delimited")
    of_arrow = source in ("parquet", "arrow") and goal in ("parquet", "arrow")
    batches = arrow_batches(data) if of_arrow else repeat(None)
    with table_writer(out) as file:
        for (cells, frame), batch in zip(fitted.read(data, seen, strict=not leave_out), batches, strict=of_arrow):
            if seen is not None and (totals := of_totals(frame, fitted.levels())):
                seen.totals.append(said(frame, totals, "predicted"))
            columns: dict[str, Any] = {}
            for one, found in zip(fitted.target.each, fitted.predictions(frame, seen), strict=True):
                names = columns_of(one, len(fitted.target.each) > 1)
                columns |= dict(zip(names, found.columns(), strict=True))
            if taken := [name for name in columns if name in cells.columns]:
                raise ValueError(
                    f'{data}: there is a column "{taken[0]}" already, which predictions would replace; rename it, or '
                    "leave it out"
                )
            if batch is not None:
                file.write(pd.DataFrame(columns), beside=batch)
            else:
                file.write((cells if as_they_stand else frame).assign(**columns))
            rows += len(frame)
    return rows


def evaluate_file(run: Run, data: str, encoding: str | None = None) -> Figures:
    """The figures of a run's model on the rows of `data` that have a target; under `drift`, how these differ.

    Of several targets the figures are as `several.together` has them. `encoding`: as for `predict_file`.
    """
    with at_hand(data) as (place,):
        return evaluate_images(run, place) if _is_of_images(run, encoding) else _evaluate_rows(run, place, encoding)


def _is_of_images(run: Run, encoding: str | None) -> bool:
    images = run.options().task == "image"
    if images and encoding is not None:
        raise ValueError(f"--encoding {encoding}: {run.path} is a run on images, which have none")
    return images


def _evaluate_rows(run: Run, data: str | Path, encoding: str | None) -> Figures:
    fitted, seen = run.fitted(encoding), Seen()
    return evaluate_tables(fitted, (frame for _, frame in fitted.read(data, seen, judged=True)), seen, str(data))


def evaluate_tables(fitted: Fitted, frames: Iterable[pd.DataFrame], seen: Seen, what: str) -> Figures:
    """The same for tables read as `Fitted.as_read` says; `what` they are called in an error."""
    each = fitted.each()
    judges = [Judge(one.target) for one in each]
    heaviest = []
    for batch in fitted.with_target(frames, seen, what):
        heaviest += [] if batch[3] is None else [batch[3].max()]
        for one, judge, (_, inputs, y, weight) in zip(each, judges, apart(fitted.target, batch), strict=True):
            judge.add(y, predict(one.model, one.target, inputs), weight)
    weights.must_judge(np.array(heaviest), weights.LEFT_OUT)
    found = [judge.figures() for judge in judges]
    judged = next((each for each in found if each["rows"]), found[0])
    notes = [*seen.notes(), *weights.said(judged, fitted.weights)]
    figures: Figures = together(fitted.target.names, found)
    return figures | {"drift": seen.table(), "notes": notes}

"""A finished run on other data, read in chunks: predictions in a file, and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from pydl.pipeline.evaluation import Figures, Judge
from pydl.pipeline.fitted import score
from pydl.pipeline.image_run import evaluate_images, predict_images
from pydl.pipeline.run import Run
from pydl.pipeline.writing import table_writer

Say = Callable[[str], None]


def predict_file(run: Run, data: str, out: str, say: Say = lambda line: None) -> int:
    """Write the rows of `data` with their predictions to `out`, piece by piece; returns how many.

    New columns: `<target> predicted`, and for classes `probability <class>`. What was noticed in the file is told to
    `say`; a record that is no row of the table is an error, so that each row has its prediction.
    """
    if run.options().task == "image":
        return predict_images(run, data, out)
    fitted, rows = run.fitted(), 0
    with table_writer(out) as file:
        for frame in _telling(fitted.read(data, strict=True), say):
            found = fitted.predict(frame)
            columns: dict[str, Any] = {f"{fitted.target.name} predicted": found.values}
            if found.probabilities is not None:
                names = [f"probability {name}" for name in fitted.target.classes]
                columns |= dict(zip(names, found.probabilities.T, strict=True))
            file.write(frame.assign(**columns))
            rows += len(frame)
    return rows


def evaluate_file(run: Run, data: str, say: Say = lambda line: None) -> Figures:
    """The figures of a run's model on the rows of `data` that have a target."""
    if run.options().task == "image":
        return evaluate_images(run, data)
    fitted = run.fitted()
    judge = Judge(fitted.target)
    for each in score(fitted.model, fitted.target, fitted.labelled(data, lambda frames: _telling(frames, say))):
        judge.add(each.y, each.predictions)
    return judge.figures()


def _telling(frames: Iterable[pd.DataFrame], say: Say) -> Iterator[pd.DataFrame]:
    """The same tables; when all were read, what was noticed in them is told."""
    notes: list[str] = []
    for frame in frames:
        notes = frame.attrs["notes"]
        yield frame
    for note in notes:
        say(note)

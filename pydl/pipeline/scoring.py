"""A finished run on other data, read in chunks: predictions in a file, and figures."""

from __future__ import annotations

from typing import Any

from pydl.pipeline.evaluation import Figures, Judge
from pydl.pipeline.fitted import score
from pydl.pipeline.image_run import evaluate_images, predict_images
from pydl.pipeline.run import Run
from pydl.pipeline.writing import table_writer


def predict_file(run: Run, data: str, out: str) -> int:
    """Write the rows of `data` with their predictions to `out`, piece by piece; returns how many.

    New columns: `<target> predicted`, and for classes `probability <class>`.
    """
    if run.options().task == "image":
        return predict_images(run, data, out)
    fitted, rows = run.fitted(), 0
    with table_writer(out) as file:
        for frame in fitted.read(data, strict=True):
            found = fitted.predict(frame)
            columns: dict[str, Any] = {f"{fitted.target.name} predicted": found.values}
            if found.probabilities is not None:
                names = [f"probability {name}" for name in fitted.target.classes]
                columns |= dict(zip(names, found.probabilities.T, strict=True))
            file.write(frame.assign(**columns))
            rows += len(frame)
    return rows


def evaluate_file(run: Run, data: str) -> Figures:
    """The figures of a run's model on the rows of `data` that have a target."""
    if run.options().task == "image":
        return evaluate_images(run, data)
    fitted = run.fitted()
    judge = Judge(fitted.target)
    for each in score(fitted.model, fitted.target, fitted.labelled(data)):
        judge.add(each.y, each.predictions)
    return judge.figures()

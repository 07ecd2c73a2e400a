"""A finished run on other data: predictions in a file, and figures."""

from __future__ import annotations

from typing import Any

from pydl.pipeline.evaluation import Figures, judge
from pydl.pipeline.image_run import evaluate_images, predict_images
from pydl.pipeline.options import one_of
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.table import read_table, write_table


def predict_file(run: Run, data: str, out: str) -> int:
    """Write the rows of `data` with their predictions to `out`; returns how many.

    New columns: `<target> predicted`, and for classes `probability <class>`.
    """
    if run.options().task == "image":
        return predict_images(run, data, out)
    fitted, target = run.fitted(), run.options().target
    assert isinstance(fitted.preparation, Preparation)
    frame = read_table(data, fitted.preparation.text_columns)
    found = fitted.predict(frame)
    columns: dict[str, Any] = {f"{target} predicted": found.values}
    if found.probabilities is not None:
        names = [f"probability {name}" for name in fitted.target.classes]
        columns |= dict(zip(names, found.probabilities.T, strict=True))
    write_table(frame.assign(**columns), out)
    return len(frame)


def evaluate_file(run: Run, data: str) -> Figures:
    """The figures of a run's model on the rows of `data` that have a target."""
    if run.options().task == "image":
        return evaluate_images(run, data)
    fitted, name = run.fitted(), run.options().target
    assert isinstance(fitted.preparation, Preparation)
    frame = read_table(data, fitted.preparation.text_columns)
    assert name is not None
    one_of("the target", name, [str(c) for c in frame.columns])
    y, keep = fitted.target.encode(frame[name])
    if not keep.any():
        raise ValueError(f"{data}: no row has a value in {name} that the training knew")
    return judge(fitted.target, y, fitted.predict(frame[keep]))

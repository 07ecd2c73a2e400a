"""A run for others: the folder without what it knows of single rows, and a model card as Hugging Face reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydl._base.replacing import replaced
from pydl.pipeline import run as names
from pydl.pipeline.run import Run

# What predictions, figures and `pydl show` need. Not `predictions.csv` and the report, which show rows of the data.
_GIVEN = (
    names.MODEL, names.PREPARATION, names.PREPARATION_OF_IMAGES, names.TARGET, names.METRICS, names.INFO, names.HISTORY
)  # fmt: skip
_SHOWN = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "r2", "rmse", "mae")
CARD = "README.md"


def copy_run(path: str | Path, folder: Path) -> Run:
    """Copy a finished run into a new folder, without what it says of single rows of the data.

    Raises
    ------
    ValueError, OSError
        No finished run; a folder that is there and has something in it.
    """
    run = Run.open(str(path))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: expected a new or empty folder; remove it, or give another name")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _GIVEN:
        if (run.path / name).is_file():
            shutil.copyfile(run.file(name), folder / name)
    options = run.json(names.CONFIG)
    paths = ("data", "out", "test", "from_model")  # which say much of their owner's machine
    local = {key: Path(options[key]).name for key in paths if isinstance(options.get(key), str)}
    copy = Run(folder)
    copy.write_json(names.CONFIG, options | local)
    return copy


def save_pretrained(run: Run, folder: str | Path) -> Path:
    """Write a folder for others, as Hugging Face has them: the run, and a model card made of its figures.

    It has no row of the data: neither predictions nor the report. `Run.open` opens it; so does `pydl predict`.

    Raises
    ------
    ValueError, OSError
        The run did not finish; a folder that is there and has something in it.
    """
    copy = copy_run(run.path, Path(folder))
    with replaced(copy.path / CARD, "w") as file:
        file.write("\n".join(_lines(copy, Path(folder).name)) + "\n")
    return copy.path


def _lines(run: Run, title: str) -> Iterator[str]:
    fitted, metrics, info = run.fitted(), run.json(names.METRICS), run.json(names.INFO)
    options = run.json(names.CONFIG)
    image = options["task"] == "image"
    targets = fitted.target.each
    figures = metrics["targets"] if "targets" in metrics else {targets[0].name: metrics}
    yield from _header(title, image, targets, figures, str(options["data"]))
    yield f"\n# {_text(title)}\n"
    what = "images" if image else "a table"
    sizes = info["split"]["rows"] if isinstance(info.get("split"), dict) else {}
    learnt = " and ".join(_text(target.name) for target in targets)
    yield f"A network that predicts **{learnt}** from {what}, trained with"
    yield f"[pydl](https://pypi.org/project/pydl) {_text(str(info['versions']['pydl']))} on a CPU."
    yield "\n## Use\n\n```python\nfrom pydl.pipeline.run import Run\n"
    yield "# Rows by column, or a DataFrame." if not image else "# An array (rows, height, width, channels) of bytes."
    yield f"fitted = Run.open({json.dumps(title)}).fitted()\nfitted.predict({'images' if image else '[{...}]'})\n```\n"
    yield "The command line does the same: `pydl predict FOLDER rows.csv --out out.csv`, or `pydl serve FOLDER`."
    for target in targets:
        yield from _figures(target.name, figures[target.name])
    if sizes:
        yield "Rows: " + ", ".join(f"{n:,} for {part}" for part, n in sizes.items() if n) + ".\n"
    columns = [c for c in fitted.preparation.columns if c.used]
    if columns:
        yield "## Columns\n\n| column | kind | what is done to it |\n|---|---|---|"
        yield from (f"| {_text(c.name)} | {c.kind} | {_text(c.treatment)} |" for c in columns)
    notes = info.get("notes", [])
    if notes:
        yield "\n## What was noticed in training\n"
        yield from (f"- {_text(note)}" for note in notes)


def _header(title: str, image: bool, targets: Any, figures: dict[str, Any], data: str) -> Iterator[str]:
    """YAML between lines of dashes; JSON, which each value is written as, is a part of it."""
    tasks = ["image-classification" if image else f"tabular-{target.task}" for target in targets]
    results = [
        {
            "task": {"type": task}, "dataset": {"name": data, "type": "tabular" if not image else "image"},
            "metrics": [{"type": k, "value": v, "name": f"test {k}".replace("_", " ")} for k, v in shown.items()],
        }
        for target, task in zip(targets, tasks, strict=True)
        for shown in (_of_test(figures[target.name]),)
    ]  # fmt: skip
    metrics = sorted({k for target in targets for k in _of_test(figures[target.name])}, key=_SHOWN.index)
    yield "---"
    about: dict[str, Any] = {
        "library_name": "pydl", "tags": ["pydl", *dict.fromkeys(tasks)], "pipeline_tag": tasks[0], "metrics": metrics,
        "model-index": [{"name": title, "results": results}],
    }  # fmt: skip
    yield from (f"{key}: {json.dumps(value)}" for key, value in about.items())
    yield "---"


def _of_test(figures: dict[str, Any]) -> dict[str, float]:
    test = figures.get("test") or {}
    return {name: test[name] for name in _SHOWN if isinstance(test.get(name), int | float)}


def _figures(name: str, figures: dict[str, Any]) -> Iterator[str]:
    """Figures of the test rows beside those of baselines."""
    columns = {"this model": figures.get("test") or {}, **(figures.get("baselines") or {})}
    yield f"\n## How well it predicts {_text(name)}, on test rows\n"
    yield f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
    for row in _of_test(figures):
        cells = [f"{c[row]:,.4g}" if isinstance(c.get(row), int | float) else "" for c in columns.values()]
        yield f"| {row.replace('_', ' ')} | {' | '.join(cells)} |"
    yield ""


def _text(text: str) -> str:
    """Text from a file within Markdown: on one line, with nothing that ends a cell or begins a tag."""
    for mark in "\\`|<>[]*_":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())

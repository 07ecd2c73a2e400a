"""`pydl train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pydl.cli.output import Shown, print_figures, print_json
from pydl.pipeline import run as names
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.training import train

DEFAULTS = TrainOptions("")


def command(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="File, image folder or zip, built-in name.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COL", help="The column to predict.")] = None,
    test: Annotated[str | None, typer.Option(metavar="DATA", help="Data to judge on; else 20 % are held out.")] = None,
    task: Annotated[str, typer.Option(metavar="T", help="classification, regression or image.")] = DEFAULTS.task,
    drop: Annotated[list[str] | None, typer.Option(metavar="COL", help="Leave a column out; may be repeated.")] = None,
    hidden: Annotated[str, typer.Option(metavar="N,N", help="Units of the hidden layers.")] = "128,64",
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Passes; else 100, few rows: more.")] = None,
    patience: Annotated[int | None, typer.Option(metavar="N", help="Stop after so many without gain.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help="Rows of a step; else by the data.")] = None,
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="adam, adamw, rmsprop, sgd.")] = DEFAULTS.optimizer,
    lr: Annotated[float, typer.Option(metavar="R", help="The learning rate.")] = DEFAULTS.lr,
    dropout: Annotated[float, typer.Option(metavar="P", help="Hidden units left out.")] = DEFAULTS.dropout,
    class_weight: Annotated[str | None, typer.Option(metavar="W", help="balanced: classes count the same.")] = None,
    val: Annotated[float, typer.Option(metavar="P", help="Share of the rows to validate on.")] = DEFAULTS.val,
    clip: Annotated[float | None, typer.Option(metavar="Q", help="Clip numbers at this quantile, as 0.01.")] = None,
    image_size: Annotated[int | None, typer.Option(metavar="N", help="Bring images to N x N pixels.")] = None,
    cv: Annotated[int, typer.Option(metavar="K", help="Cross-validate with K folds.")] = DEFAULTS.cv,
    tune: Annotated[int, typer.Option(metavar="N", help="Search settings in N trials.")] = DEFAULTS.tune,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same result.")] = DEFAULTS.seed,
    threads: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Read in pieces: for more data than memory.")] = False,
    out: Annotated[str | None, typer.Option(metavar="RUN", help="The folder to write.")] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Options of an earlier run's config.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json, nothing else.")] = False,
) -> None:
    """Train on DATA, judge on held-out rows, write model, figures and report to RUN."""
    if config is not None:
        options = _configured(config).with_(**({} if out is None else {"out": out}))
    elif data is None:
        raise ValueError("expected DATA to train on: a file, an image folder or zip, or the name of a built-in set")
    elif out is None:
        raise ValueError("--out: expected a folder to write the run to, as --out runs/first")
    else:
        options = TrainOptions(
            data=data, target=target, out=out, test=test, task=task, drop=tuple(drop or ()), hidden=_units(hidden),
            epochs=epochs, patience=patience, batch_size=batch_size, optimizer=optimizer, lr=lr, dropout=dropout,
            class_weight=class_weight, val=val, clip=clip, image_size=image_size, cv=cv, tune=tune, seed=seed,
            threads=threads, stream=stream,
        )  # fmt: skip
    run = train(options, Shown(quiet=as_json))
    metrics = run.json(names.METRICS)
    if as_json:
        print_json(metrics)
    else:
        print_figures(shown(metrics), "on the test rows")
        print(f"{run.path / names.REPORT}")
    if run.json(names.INFO)["interrupted"]:
        raise SystemExit(130)


def shown(metrics: dict[str, Any]) -> dict[str, Any]:
    """The columns to show of metrics.json: the test part beside the baselines."""
    between = metrics.get("intervals", {}).get("pydl")  # few rows have none, nor have runs of earlier versions
    columns = {"pydl": metrics["test"], **({"95 %": between} if between else {}), **metrics["baselines"]}
    if "cross_validation" in metrics:
        columns["folds, mean"] = metrics["cross_validation"]["mean"]
        columns["deviation"] = metrics["cross_validation"]["deviation"]
    return columns


def _units(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise ValueError(f"--hidden: expected numbers and commas, as 128,64, got {text!r}") from None


def _configured(path: str) -> TrainOptions:
    try:
        return TrainOptions.from_json(json.loads(Path(path).read_text("utf-8")))
    except ValueError as error:
        raise ValueError(f"--config {path}: {error}") from None

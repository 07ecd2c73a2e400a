"""`pydl train`."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from pydl.cli.output import of_target, print_figures, print_json, tell
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.several import apart

DEFAULTS = TrainOptions("")


def command(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="File, URL, - (stdin), FILE::TABLE, images.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option(metavar="COL", help="The column to predict; or A,B.")] = None,
    test: Annotated[str | None, typer.Option(metavar="DATA", help="Data to judge on; else 20 % are held out.")] = None,
    task: Annotated[str, typer.Option(metavar="T", help="classification, regression or image.")] = DEFAULTS.task,
    drop: Annotated[list[str] | None, typer.Option(metavar="COL", help="Leave a column out; may be repeated.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="C=K", help="What a column is, as zip=category."),
    ] = None,
    positive: Annotated[str | None, typer.Option(metavar="NAME", help="The positive one of two classes.")] = None,
    log_target: Annotated[
        bool, typer.Option("--log-target/--no-log-target", show_default=False, help="Learn the number's logarithm.")
    ] = False,
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
    split: Annotated[str | None, typer.Option(metavar="S", help="How rows are parted: random, time.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help="Judge on the latest rows by COL.")] = None,
    group: Annotated[str | None, typer.Option(metavar="COL", help="Keep rows of one COL in one part.")] = None,
    fold: Annotated[str | None, typer.Option(metavar="COL", help="COL says the fold, or train, test.")] = None,
    tune: Annotated[int, typer.Option(metavar="N", help="Search settings in N trials.")] = DEFAULTS.tune,
    ensemble: Annotated[int | None, typer.Option(metavar="N", help="Average N networks; few rows: several.")] = None,
    time_budget: Annotated[float | None, typer.Option(metavar="S", help="End training after S seconds.")] = None,
    refit: Annotated[
        bool, typer.Option("--refit/--no-refit", show_default=False, help="Once judged, train on all rows.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same result.")] = DEFAULTS.seed,
    threads: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Read in pieces: for more data than memory.")] = False,
    delimiter: Annotated[str | None, typer.Option(metavar="C", help="What parts columns; tab, blanks.")] = None,
    decimal: Annotated[str | None, typer.Option(metavar="C", help="The decimal mark: point or comma.")] = None,
    thousands: Annotated[str | None, typer.Option(metavar="C", help="What groups digits in threes.")] = None,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of text, as cp1252.")] = None,
    header: Annotated[bool | None, typer.Option("--header/--no-header", help="The first row holds names.")] = None,
    missing: Annotated[str | None, typer.Option(metavar="W,W", help="More words for a missing value.")] = None,
    loss: Annotated[str | None, typer.Option(metavar="NAME", help="What is lowered, as mae, poisson.")] = None,
    weights: Annotated[str | None, typer.Option(metavar="COL", help="How much each row counts.")] = None,
    metric: Annotated[str, typer.Option(metavar="NAME", help="What epochs are compared by.")] = DEFAULTS.metric,
    threshold: Annotated[str | None, typer.Option(metavar="P", help="From where on positive; or auto.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="For images: simple, vgg, resnet20.")] = None,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", show_default=False, help="Mirror (left-right), shift images.")
    ] = False,
    augment_by: Annotated[
        str | None, typer.Option(metavar="K,K", help="Instead: flip,shift,rotate,zoom,contrast.")
    ] = None,
    from_model: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on with a run's net, or a file's.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", show_default=False, help="Also without --augment, --from.")
    ] = False,
    out: Annotated[str | None, typer.Option(metavar="RUN", help="The folder to write.")] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Options of an earlier run's config.json.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in RUN.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json, nothing else.")] = False,
) -> None:
    """Train on DATA, judge on held-out rows, write model, figures and report to RUN."""
    from pydl.cli.progress import Shown
    from pydl.pipeline import run as names
    from pydl.pipeline.training import train

    options = _options(context, None if config is None else _configured(config))
    run = train(options, Shown(quiet=as_json), overwrite)
    metrics = run.json(names.METRICS)
    if as_json:
        print_json(metrics)
    else:
        print_all(metrics)
        tell(str(run.path / names.REPORT))
    if run.json(names.INFO)["interrupted"]:
        raise SystemExit(130)


def print_all(metrics: dict[str, Any]) -> None:
    """The figures of metrics.json, a table for each target."""
    for name, of_one in apart(metrics).items():
        print_figures(shown(of_one), of_target(name, title(of_one)))


def title(metrics: dict[str, Any]) -> str:
    """What the figures of a target are of."""
    again = ", before the model was trained again on all rows" if "of" in metrics else ""
    return "on the test rows" + ", weighted" * ("weight" in metrics["test"]) + again


def shown(metrics: dict[str, Any]) -> dict[str, Any]:
    """The columns to show of a target's figures: the test part beside the baselines."""
    between = metrics.get("intervals", {}).get("pydl")  # few rows have none, nor have runs of earlier versions
    columns = {"pydl": metrics["test"], **({"95 %": between} if between else {}), **metrics["baselines"]}
    if "cross_validation" in metrics:
        columns["folds, mean"] = metrics["cross_validation"]["mean"]
        columns["deviation"] = metrics["cross_validation"]["deviation"]
    return columns


def _options(context: typer.Context, earlier: TrainOptions | None) -> TrainOptions:
    """What the command line says, and for the rest an earlier run's options, or the defaults."""
    names = {field.name for field in fields(TrainOptions)}
    given = {
        name: value
        for name, value in context.params.items()
        if name in names and getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }
    if "hidden" in given:
        given["hidden"] = _units(given["hidden"])
    if "target" in given:
        given["target"] = given["target"][0] if len(given["target"]) == 1 else tuple(given["target"])
    given |= {name: tuple(given[name]) for name in ("drop", "kind") if name in given}
    for name in ("missing", "augment_by"):
        if name in given:
            given[name] = tuple(given[name].split(","))
    if earlier is not None:
        return earlier.with_(**given)
    if "data" not in given:
        raise ValueError("expected DATA to train on: a file, an image folder or zip, or the name of a built-in set")
    if "out" not in given:
        raise ValueError("--out: expected a folder to write the run to, as --out runs/first")
    return TrainOptions(**given)


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

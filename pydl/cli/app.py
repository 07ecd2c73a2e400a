"""The commands of `pydl`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli import at_once, bench, datasets, evaluate, export, info, predict, runs, serve, show, train
from pydl.cli.errors import told

app = typer.Typer(
    name="pydl", no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False, epilog="example: pydl train digits --out runs/digits",
)  # fmt: skip
for module in (train, predict, evaluate, export, serve, show, runs, datasets, info, bench):
    app.command(module.__name__.rpartition(".")[2])(told(module.command))


def _version(wanted: bool) -> None:
    if wanted:
        at_once.version()
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Deep learning on CPUs: from a file to a trained, judged, deployable model."""

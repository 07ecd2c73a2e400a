"""`pydl evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import noticed, of_target, print_drift, print_figures, print_json


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows with the target.")],
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of text, as cp1252; default: as in training.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Judge the model of RUN on DATA."""
    from pydl.pipeline.places import shown
    from pydl.pipeline.run import Run
    from pydl.pipeline.scoring import evaluate_file
    from pydl.pipeline.several import apart

    figures = evaluate_file(Run.open(run), data, encoding)
    if as_json:
        print_json(figures)
    else:
        for name, of_one in apart(figures).items():
            title = f"on {shown(data)}" + ", weighted" * ("weight" in of_one)
            print_figures({"pydl": of_one}, of_target(name, title))
        for note in figures.get("notes", ()):
            noticed(note)
        print_drift(figures.get("drift", ()))

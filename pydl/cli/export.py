"""`pydl export`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import print_json, tell


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    to: Annotated[str, typer.Option(metavar="FILE", help="What to write; its ending says the format.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the model of RUN for other programs to FILE."""
    from pydl.pipeline.run import Run

    Run.open(run).fitted().model.export(to)
    if as_json:
        print_json({"out": to})
    else:
        tell(to)

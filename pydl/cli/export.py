"""`pydl export`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import print_json, tell


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="What to write; its ending says the format. A folder: all, with a model card."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the model of RUN for other programs to FILE; a FILE without an ending is a folder as of Hugging Face."""
    from pathlib import Path

    from pydl.pipeline.card import save_pretrained
    from pydl.pipeline.run import Run

    if Path(to).suffix:
        Run.open(run).fitted().model.export(to)
    else:
        save_pretrained(Run.open(run), to)
    if as_json:
        print_json({"out": to})
    else:
        tell(to)

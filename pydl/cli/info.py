"""`pydl info`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import print_json


def command(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Show version, instruction sets and threads."""
    import pydl

    if as_json:
        print_json(pydl.config.show_config(mode="dicts"))
    else:
        pydl.config.show_config()

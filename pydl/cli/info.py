"""`pydl info`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli import at_once


def command(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Show version, instruction sets and threads."""
    at_once.info(as_json)

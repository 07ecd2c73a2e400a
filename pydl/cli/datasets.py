"""`pydl datasets`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import print_json, print_table

SETS = {
    "digits": "1,797 grey images of digits, 8 x 8; comes with pydl",
    "mnist": "70,000 grey images of digits, 28 x 28; 11 MB to download",
    "fashion_mnist": "70,000 grey images of clothes, 28 x 28; 30 MB to download",
    "cifar10": "60,000 colour images in 10 classes, 32 x 32; 170 MB to download",
}


def command(as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List the data sets whose name can stand for DATA."""
    if as_json:
        print_json(SETS)
    else:
        print_table(["name", "what"], list(SETS.items()))

"""`pydl export`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from pydl.cli.output import print_json, tell


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="What to write; its ending (.onnx, .c) says the format; a folder: all, described."
        ),
    ],
    with_preparation: Annotated[
        bool,
        typer.Option(
            "--with-preparation", help="ONNX: columns of a table in, predictions out. C: a function for a row."
        ),
    ] = False,
    opset: Annotated[int | None, typer.Option(help="ONNX: the version of its operators.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the model of RUN for other programs to FILE; a FILE without an ending is a folder as of Hugging Face."""
    from pathlib import Path

    from pydl.pipeline.card import save_pretrained
    from pydl.pipeline.run import Run

    opened, path = Run.open(run), Path(to)
    options: dict[str, Any] = {} if opset is None else {"opset": opset}
    if options and path.suffix.lower() != ".onnx":
        raise ValueError(f"--opset: expected a FILE that ends in .onnx, got {to}")
    if with_preparation:
        from pydl.pipeline import c_run, onnx_run

        ways: dict[str, Callable[..., None]] = {".onnx": onnx_run.export_prepared, ".c": c_run.export_prepared}
        write = ways.get(path.suffix.lower())
        if write is None:
            raise ValueError(f"--with-preparation: expected a FILE that ends in .onnx or .c, got {to}")
        write(opened.fitted(), path, **options)
    elif path.suffix:
        opened.fitted().model.export(to, **options)
    else:
        save_pretrained(opened, to)
    if as_json:
        print_json({"out": to})
    else:
        tell(to)

"""`pydl predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import noticed, print_json, tell


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows to predict, with the columns of the training.")],
    out: Annotated[str, typer.Option(metavar="FILE", help="CSV, TSV, JSON lines, Parquet, Arrow or NPZ.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse cells that cannot be read, rather than take them as missing.")
    ] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave out rows of too many values and images that cannot be read.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of text, as cp1252; default: as in training.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Predict DATA with the model of RUN: its columns, then the prediction and probabilities."""
    from pydl.pipeline.run import Run
    from pydl.pipeline.scoring import predict_file
    from pydl.pipeline.seen import Seen

    seen = Seen(strict)
    rows = predict_file(Run.open(run), data, out, seen, leave_out, encoding)
    if as_json:
        print_json({"rows": rows, "out": out, "notes": seen.notes()})
    else:
        for note in seen.notes():
            noticed(note)
        tell(f"{rows:,} predictions in {out}")

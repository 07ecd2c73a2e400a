"""`pydl show`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from pydl.cli.output import print_json, tell
from pydl.cli.train import print_all


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder that pydl train wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print options, figures and times as JSON.")] = False,
) -> None:
    """Show a run: its command, its network, its figures."""
    from pydl.pipeline import run as names
    from pydl.pipeline.run import Run

    opened = Run.open(run)
    metrics, info = opened.json(names.METRICS), opened.json(names.INFO)
    if as_json:
        print_json({"options": opened.options().to_json(), "metrics": metrics, "info": info})
        return
    tell(shlex.join(opened.options().command()))
    tell(f"{info['started']}, {info['seconds']} s, pydl {info['versions']['pydl']}")
    opened.fitted().model.summary(print_fn=tell)
    print_all(metrics)
    tell(str(opened.path / names.REPORT))

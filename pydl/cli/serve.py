"""`pydl serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from pydl.cli.output import noticed


def command(
    path: Annotated[
        str,
        typer.Argument(metavar="RUN_OR_FOLDER", help="A run, a model's file, or a folder of them as NAME/VERSION/..."),
    ],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0: any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Processes.")] = 1,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Answer only who brings one of these tokens, a line each.")
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="Let pages of this origin ask; may be repeated.")
    ] = None,
    max_body: Annotated[str, typer.Option(metavar="SIZE", help="The largest request, as 8MB or 500KB.")] = "8MB",
    max_batch: Annotated[int, typer.Option(metavar="N", min=1, help="Most rows of a request.")] = 4096,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Most requests at a time; others get 429.")] = 64,
    grace: Annotated[float, typer.Option(metavar="SECONDS", min=0.0, help="From SIGTERM to the end.")] = 30.0,
    reload: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="Between two looks for new files; 0: none.")
    ] = 2.0,
    null_is_nan: Annotated[
        bool, typer.Option("--null-is-nan", help="Take null among a model's numbers as NaN.")
    ] = False,
    log: Annotated[bool, typer.Option(help="Write a line of JSON for each request, to standard error.")] = True,
    metrics: Annotated[bool, typer.Option(help="Count requests, at /metrics.")] = True,
) -> None:
    """Serve models over HTTP by the Open Inference Protocol V2, with a form for people at /."""
    from pydl.serving.asgi import Limits
    from pydl.serving.running import Settings, serve

    serve(
        Settings(
            path, host, port, workers, token_file, tuple(cors or ()), grace, log, metrics, reload,
            Limits(_bytes(max_body), max_batch, queue, null_is_nan),
        ),
        noticed,
    )  # fmt: skip


def _bytes(size: str) -> int:
    """A size as people write it, in bytes."""
    units = {"GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1, "": 1}
    number = size.strip().upper().rstrip("BGKM ")
    unit = size.strip().upper()[len(number) :].strip()
    try:
        found = float(number) * units[unit]
        if not 1 <= found < 1 << 62:
            raise ValueError
    except (KeyError, ValueError):
        raise ValueError(f"--max-body: expected a size such as 8MB or 500KB, got {size!r}") from None
    return int(found)

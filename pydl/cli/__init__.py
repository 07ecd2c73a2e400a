"""The command line `pydl`; it needs the extra `cli`."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from pydl.cli import at_once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default what the shell gave.

    Returns
    -------
    int
        The exit code: 0, 1 after an error whose message was printed, 2 after wrong usage, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is shown as \\uXXXX
            stream.reconfigure(errors="backslashreplace")
    if at_once.answered(sys.argv[1:] if arguments is None else arguments):
        return 0
    try:
        from pydl.cli.app import app
    except ModuleNotFoundError as missing:
        if (missing.name or "pydl").startswith("pydl"):
            raise
        print(f'pydl: the command line needs {missing.name}: pip install "pydl[cli]"', file=sys.stderr)
        return 1
    try:
        app(args=None if arguments is None else list(arguments), prog_name="pydl")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0

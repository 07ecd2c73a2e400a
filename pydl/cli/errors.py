"""Errors of commands, told in a line."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

P = ParamSpec("P")

_MOST = 1000  # characters of a line; of a longer one the ends are shown: what is wrong, and what to do


def told(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with a line and an exit code in place of a traceback; PYDL_DEBUG=1 shows it."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            print("\npydl: interrupted", file=sys.stderr)
            raise SystemExit(130) from None
        except (BrokenPipeError, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if os.environ.get("PYDL_DEBUG") == "1":
                raise
            print(f"pydl: {line(error)}", file=sys.stderr)
            raise SystemExit(1) from None

    return guarded


def line(error: Exception) -> str:
    """What to tell of an error; of one that nobody foresaw, its kind and how to see more."""
    text = plain(str(error))
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("pydl"):
        return f'the command line needs {error.name}: pip install "pydl[cli]"'
    if isinstance(error, MemoryError):
        return f"not enough memory{': ' * bool(text)}{text}; use smaller layers or batches, or --stream"
    if not isinstance(error, OSError | ValueError | ImportError):
        text = f"unexpected {type(error).__name__}: {text} (PYDL_DEBUG=1 shows where)"
    return text


def plain(text: str, most: int | None = _MOST) -> str:
    """A text from files on one line of a terminal: nothing in it steers the terminal, and it is not endless.

    Parameters
    ----------
    text : str
    most : int, optional
        Characters to show; of a longer text the ends.
    """
    # What `split` takes for white space and a line's end is among the characters that are not printable.
    text = " ".join(text.split())
    if most is not None and len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

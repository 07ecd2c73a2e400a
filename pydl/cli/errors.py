"""Errors of commands, told in a line."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


def told(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with a line and an exit code in place of a traceback where the input is at fault."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            print("\npydl: interrupted", file=sys.stderr)
            raise SystemExit(130) from None
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            print(f"pydl: {' '.join(str(error).split())}", file=sys.stderr)
            raise SystemExit(1) from None

    return guarded

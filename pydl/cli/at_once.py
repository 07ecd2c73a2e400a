"""What is answered before typer is there, whose import takes longer than all of the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence


def answered(arguments: Sequence[str]) -> bool:
    """Answer the simplest command lines; whether this is one of them."""
    if list(arguments) == ["--version"]:
        version()
    elif list(arguments) in (["info"], ["info", "--json"]):
        info(as_json=len(arguments) > 1)
    else:
        return False
    return True


def version() -> None:
    """The answer to `--version`."""
    import pydl

    print(f"pydl {pydl.__version__}")


def info(as_json: bool) -> None:
    """The answer to `info`."""
    import pydl

    if as_json:
        print(json.dumps(pydl.config.show_config(mode="dicts"), indent=2))
    else:
        pydl.config.show_config()

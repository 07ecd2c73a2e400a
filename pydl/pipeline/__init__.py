"""From a raw table to a trained and judged model: the parts of the command line, usable from Python (extra `cli`).

`pydl.pipeline.fit(frame, target="price")` is `pydl train` with tables in memory.
"""

from __future__ import annotations

from typing import Any

__all__ = ["fit"]


def __getattr__(name: str) -> Any:
    if name != "fit":
        from pydl._base.missing import MissingName

        raise MissingName("pydl.pipeline", name, __all__)
    try:
        from pydl.pipeline.fitting import fit
    except ModuleNotFoundError as error:
        if (error.name or "pydl").startswith("pydl"):
            raise
        raise ImportError(f'pydl.pipeline needs {error.name}: pip install "pydl[cli]"', name=error.name) from None
    return fit

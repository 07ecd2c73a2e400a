"""CPU time that a new process takes to import a library, less what Python itself takes; and the size of the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.timing import Setting, ratio, scaled, take_turns

LIBRARIES = ["numpy", "pydl", "sklearn.neural_network", "onnxruntime", "jax", "torch"]
CODE = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per library, and one of the newest wheel in dist/."""

    def measure(name: str) -> float:
        command = [sys.executable, "-W", "ignore", "-c", CODE.format(name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    # as an installed package is: compiled to bytecode, by the first import
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    names = [name for name in LIBRARIES if find_spec(name.partition(".")[0])]
    for name in names:
        measure(name)
    taken = take_turns({name: partial(measure, name) for name in names}, 2 * setting.rounds)
    rows: list[dict[str, Any]] = [
        {"what": f"import {name}", "ms": scaled(times, 1e3), "time / numpy": ratio(times, taken["numpy"])}
        for name, times in taken.items()
    ]
    wheels = sorted(Path("dist").glob("pydl-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    return rows + [{"what": wheel.name, "MB": wheel.stat().st_size / 1e6} for wheel in wheels[-1:]]


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """At most 1.5."""
    return {row["what"]: row["time / numpy"]["median"] for row in rows if row["what"] == "import pydl"}

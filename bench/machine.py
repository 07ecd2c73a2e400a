"""What a result was measured on."""

from __future__ import annotations

import platform
import subprocess
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydl import config


def describe() -> dict[str, Any]:
    """CPU, instruction set, threads, compiler, versions, commit."""
    facts = config.show_config("dicts")
    assert facts is not None
    return {
        "cpu": _cpu(),
        "isa": facts["isa"],
        "threads": facts["threads"],
        "platform": facts["platform"],
        "compiler": _first_line(sysconfig.get_config_var("CC") or "cc", "--version"),
        "python": facts["python"],
        "pydl": facts["pydl"],
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "peers": {name: found for name in ("torch",) if (found := _version(name))},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.partition("\n")[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

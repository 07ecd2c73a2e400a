"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import peak
from bench.timing import Setting
from pydl import config

PACKAGES = ["numpy", "torch", "jax", "optax", "scikit-learn", "keras", "onnxruntime"]


def describe(setting: Setting) -> dict[str, Any]:
    """CPU, instruction set, threads, peaks, load, compiler, versions, commit."""
    facts = config.show_config("dicts")
    assert facts is not None
    return {
        "cpu": _cpu(),
        "isa": facts["isa"],
        "threads": setting.threads,
        "quick": setting.quick,
        "peak": peak.describe(setting.threads),
        "load": os.getloadavg()[0],  # of others: ratios bear with it, absolute times do not
        "platform": f"{platform.system()} {platform.machine()}",
        "compiler": _first_line((sysconfig.get_config_var("CC") or "cc").split()[0], "--version"),
        "python": facts["python"],
        "pydl": facts["pydl"],
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
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

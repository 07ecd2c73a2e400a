"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import peak, rivals
from bench.table import cell
from bench.timing import Setting
from pydl import config

# Prints NumPy's BLAS and the kernels that it chose: "OpenBLAS 0.3.30 Zen".
_BLAS = """
import numpy, threadpoolctl
blas, = (p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas")
names = {"openblas": "OpenBLAS", "mkl": "MKL"}
print(names.get(blas["internal_api"], blas["internal_api"]), blas["version"], blas.get("architecture", ""))
"""

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
        "numpy": _first_line(sys.executable, "-c", _BLAS, env=rivals.environment(setting.threads)),
        "load": os.getloadavg()[0],  # of others: ratios bear with it, absolute times do not
        "platform": f"{platform.system()} {platform.machine()}",
        "compiler": facts["compiler"],
        "python": facts["python"],
        "pydl": facts["pydl"],
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def lines(about: dict[str, Any]) -> list[str]:
    """`describe`'s facts as the head of a run."""
    facts = {name: value if isinstance(value, dict) else {"": value} for name, value in about.items()}
    return [
        f"- {name}: " + "; ".join(f"{what} {cell(value)}".strip() for what, value in some.items())
        for name, some in facts.items()
    ]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(*command: str, env: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.partition("\n")[0].strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

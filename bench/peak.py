"""The machine's measured peak: multiply-adds from registers, and the bandwidth of a + s * b at any footprint."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import seconds

_SOURCE = Path(__file__).with_name("peak.c")


@functools.cache
def _probe() -> Any:
    """The probe, compiled for this CPU; None without a compiler."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "peak.so"
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, _SOURCE]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        probe = ctypes.CDLL(str(library))
    for function in (probe.fma_float, probe.fma_double):
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_ssize_t, ctypes.c_double]
    probe.triad.argtypes = [ctypes.c_ssize_t] * 2 + [ctypes.c_void_p] * 3 + [ctypes.c_float]
    return probe


@functools.cache
def gflops(dtype: str, threads: int) -> float | None:
    """Multiply-adds counted as two, from registers, on all threads together."""
    probe, turns = _probe(), 1 << 19
    if probe is None:
        return None
    function, size = {"float32": (probe.fma_float, 4), "float64": (probe.fma_double, 8)}[dtype]
    flops = 2 * turns * probe.fma_width() // size * threads
    with ThreadPoolExecutor(threads) as pool:  # a call through ctypes holds no lock
        taken = min(seconds(lambda: list(pool.map(lambda _: function(turns, 0.5), range(threads)))) for _ in range(200))
    return flops / taken / 1e9


def bandwidth(nbytes: int) -> float | None:
    """GB/s of one thread over arrays of about so many bytes together, which the caches hold or do not."""
    return _bandwidth(max(12, (max(nbytes, 1) - 1).bit_length()))


@functools.cache
def _bandwidth(power: int) -> float | None:
    probe, n = _probe(), (1 << power) // 12
    if probe is None:
        return None
    x, y, z = (np.ones(n, np.float32) for _ in range(3))
    times = max(1, (1 << 25) // (1 << power))
    taken = min(
        seconds(lambda: probe.triad(times, n, x.ctypes.data, y.ctypes.data, z.ctypes.data, 0.5)) for _ in range(20)
    )
    return 12 * n * times / taken / 1e9


def describe(threads: int) -> dict[str, float | None]:
    """Peaks worth a line."""
    return {
        "float32 GFLOP/s, 1 thread": gflops("float32", 1),
        f"float32 GFLOP/s, {threads} threads": gflops("float32", threads),
        "GB/s in 32 KB": bandwidth(1 << 15),
        "GB/s in 512 KB": bandwidth(1 << 19),
        "GB/s in 128 MB": bandwidth(1 << 27),
    }

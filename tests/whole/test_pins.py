"""Training is pinned to the bit: hashes of weights, slots, predictions and figures of two dozen models, per ISA.

They are those of GCC: another compiler fuses other products and sums, so its last bits are its own.

A hash may change only with an ADR that says why; `python -m tests.whole.pinned --store` writes the new ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl import _core
from tests.whole.pinned import PINS

ROOT = Path(__file__).parents[2]
STORED = json.loads(PINS.read_text())
EVERYWHERE = {"baseline", "SSE", "SSE2", "SSE3", "SSSE3", "SSE41", "SSE42", "POPCNT", "AVX", "F16C", "FMA3", "AVX2"}


def beyond_avx2() -> list[str]:
    """What NumPy would take on this CPU, and not on others: its powers and roots have other last bits there."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # where NumPy says so

    there: dict[str, bool] = __cpu_features__
    return [n for n in __cpu_dispatch__ if there.get(n) and n not in EVERYWHERE and n not in ("X86_V2", "X86_V3")]


def hashes(isa: str) -> dict[str, Any]:
    environ = {**os.environ, "PYDL_ISA": isa, "PYTHONPATH": str(ROOT)}
    disabled = beyond_avx2()
    if disabled:
        environ["NPY_DISABLE_CPU_FEATURES"] = " ".join(disabled)
    command = [sys.executable, "-m", "tests.whole.pinned"]
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("isa", _core.isas())
def test_bits_are_those_that_were(isa: str) -> None:
    found = hashes(isa)
    assert found["one"] == found["two"], "one and two threads differ"
    if isa not in STORED:
        pytest.skip(f"no hashes are stored for {isa}: store those of the commit before this one")
    if not _core.compiler().startswith("GCC"):
        pytest.skip(f"the hashes are those of GCC, this is {_core.compiler()}")
    changed = {
        name: [what for what, h in found["one"][name].items() if h != kept[what]] for name, kept in STORED[isa].items()
    }
    changed = {name: what for name, what in changed.items() if what}
    assert not changed, f"NumPy {np.__version__}, {sys.version.split()[0]}: these are not the bits that were"
    assert found["one"].keys() == STORED[isa].keys()

"""The bench of the server runs, and its answers are the model's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long  # starts every server
def test_the_bench_prints_a_row_for_each_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.serving", "--seconds", "0.1", "--rounds", "1", "--connections", "2"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows == ["server", "---", "echo", "pydl", "pydl, no log"]

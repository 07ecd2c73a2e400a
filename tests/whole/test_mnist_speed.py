"""MNIST, 784-256-10, batch 128, Adam, 6 epochs: at most half the wall time of the same loop in torch, in one run."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from tests.process import says

BENCH = """
import runpy, sys
sys.argv = ["bench", "epochs", "--peers", "torch", "--json", sys.argv[1]]
runpy.run_module("bench", run_name="__main__")
"""


@pytest.mark.alone
@pytest.mark.long  # 12 epochs of 60,000 images
def test_half_the_time_of_torch(tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip('torch is not installed: pip install "pydl[bench]"')
    if not os.environ.get("PYDL_DATA_DIR"):
        pytest.skip("PYDL_DATA_DIR does not say where mnist.npz is")
    file = tmp_path / "epochs.json"
    print(says(BENCH, file, timeout=240))
    rows = {row["library"]: row for row in json.loads(file.read_text())["epochs"]}
    assert rows["pydl"]["accuracy"] >= 0.975
    assert rows["torch"]["wall ratio"] >= 2

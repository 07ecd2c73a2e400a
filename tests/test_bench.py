"""The benches: every op has one, and each part runs."""

import json
import math

import pytest

import bench.kernels
import bench.steps
from bench import machine, table, timing
from bench.nets import Net
from pydl import _core
from tests.process import says


def test_every_op_has_a_bench() -> None:
    assert {row.spec.op for row in bench.kernels.rows()} == set(_core.ops())


@pytest.mark.parametrize("row", bench.kernels.rows(), ids=lambda row: f"{row.name}-{row.dtype}")
def test_a_bench_of_a_kernel(row: bench.kernels.Row) -> None:
    result = bench.kernels.measure(row, budget=0, rounds=1)
    assert result["us"] > 0
    assert math.isfinite(result.get("GB/s", result.get("GFLOP/s")))


def test_steps() -> None:
    result = bench.steps.measure(Net((8, 16, 3), 4, classes=True), budget=0.01, rounds=2)
    assert result["net"] == "8-16-3 b4"
    assert result["pydl, us"] > 0


def test_ratios_are_taken_round_by_round() -> None:
    calls: list[str] = []
    taken = timing.take_turns({"pydl": lambda: calls.append("a"), "peer": lambda: calls.append("b")}, rounds=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert set(taken) == {"pydl", "peer"}
    taken = {"pydl": [1.0, 2.0, 1.0], "peer": [2.0, 6.0, 1.5]}
    assert timing.ratio(taken, "peer") == {"median": 2.0, "least": 1.5, "most": 3.0}


def test_table() -> None:
    rows = [{"net": "a", "us": 12.3456}, {"net": "b", "us": 1.0, "ratio": {"median": 2.0, "least": 1.0, "most": 3.0}}]
    assert table.markdown(rows).splitlines() == [
        "| net | us | ratio |",
        "| --- | --- | --- |",
        "| a | 12.35 |  |",
        "| b | 1 | 2.00 (1.00 to 3.00) |",
    ]


def test_machine() -> None:
    facts = machine.describe()
    assert facts["isa"] in _core.isas()
    assert all(facts[name] for name in ("cpu", "threads", "compiler", "python", "commit"))
    json.dumps(facts)


def test_command_line() -> None:
    run = "import runpy, sys; sys.argv = ['bench', '--help']; runpy.run_module('bench', run_name='__main__')"
    assert all(part in says(run) for part in ("kernels", "steps", "epochs", "all", "--json FILE"))

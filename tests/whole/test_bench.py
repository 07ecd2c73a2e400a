"""The benches: every op has one, each part runs, results can be compared and shown."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
import pydl
from bench import (
    cfile,
    chart,
    compare,
    epochs,
    gemm,
    grid,
    imports,
    kernels,
    machine,
    memory,
    peak,
    pictures,
    plans,
    powers,
    predict,
    readme,
    rivals,
    rows,
    steps,
    table,
    timing,
    vision,
)
from bench.nets import Net
from bench.timing import Setting
from pydl import _core
from tests.process import says

pytestmark = pytest.mark.long  # measures everything once; test_bench_agreement and test_bench_pictures stay

TINY = Net((8, 16, 3), 4, classes=True)


class Instant(Setting):
    """One short turn: whether it runs, not how fast."""

    rounds = 1

    def budget(self, seconds: float) -> float:
        return 1e-4


INSTANT = Instant(1, quick=True, peers=("numpy",))


def test_every_op_has_a_bench() -> None:
    assert {row.spec.op for row in kernels.rows()} == set(_core.ops())


def test_kernels() -> None:
    rows = kernels.rows()
    results = kernels.measure(rows, rounds=1, budget=0)
    assert len(results) == len(rows)
    for result in results:
        assert result["us"]["median"] > 0
        assert math.isfinite(result.get("GB/s", result.get("GFLOP/s"))["median"])


def test_products_are_benched_at_the_sizes_of_layers() -> None:
    found = {row.name for row in kernels.rows() if " x " in row.name}
    assert len(found) == 3 * 5
    assert "gemm_dx 128 x 784 x 512" in found


# ---- parts, with pydl and NumPy as the only rivals -------------------------------------------------------------------


def test_steps() -> None:
    (row,) = steps.run(INSTANT, [TINY])
    assert row["net"] == "8-16-3 b4"
    assert row["pydl, us"]["median"] > 0
    if best := peak.gflops("float32", 1):
        share = TINY.flops / row["pydl, us"]["median"] / 1e3 / best
        assert row["pydl, of the peak"] == pytest.approx(share)
        assert steps.summary([row]) == {"8-16-3 b4, of the peak": row["pydl, of the peak"]}


def test_vision() -> None:
    (row,) = vision.run(INSTANT, [pictures.NETS[0]])
    assert row["net"] == "mnist-convnet b128"
    assert row["pydl, ms"]["median"] > 0
    assert row["one image, pydl, us"]["median"] > 0
    if best := peak.gflops("float32", 1):
        share = pictures.NETS[0].flops / row["pydl, ms"]["median"] / 1e6 / best
        assert vision.summary([row])["mnist-convnet b128, of the peak"] == pytest.approx(share)


def test_products_of_known_nets_are_counted() -> None:
    """Multiply-adds of an image, of a forward pass, and of the first layer; three times the one less the other."""
    counted = {"mnist-convnet": (2.44e6, 26 * 26 * 9 * 32), "ResNet20": (40.8e6, 32 * 32 * 27 * 16)}
    for net in pictures.NETS:
        if net.name in counted:
            forward, first = counted[net.name]
            assert net.flops == pytest.approx(2 * net.batch * (3 * forward - first), rel=5e-3)
            assert pictures.named(str(net)) is net


def test_gemm() -> None:
    (row,) = gemm.run(INSTANT, [(5, 7, 3)])
    assert row["numpy, GFLOP/s"]["median"] > 0
    assert gemm.summary([row])["worst, 1 threads"] == row["fastest peer / pydl"]["median"]


def test_predict() -> None:
    rows = predict.run(INSTANT, [TINY])
    assert [(row["rows"], row["library"]) for row in rows if row["library"] != "pydl predict_on_batch"] == [
        (1, "pydl"), (1, "numpy"), (4, "pydl"), (4, "numpy"),
    ]  # fmt: skip
    assert predict.summary(rows)["8-16-3"] == rows[2]["time / pydl"]["median"]


def test_grid_finds_the_dip() -> None:
    rows = grid.nets(INSTANT, [5, 6, 7, 8, 9], [3])
    assert [row["size"] for row in rows] == ["3 x 5", "3 x 7", "3 x 9"]
    assert timing.dips([4.0, 3.0, 9.0]) == [1.0, 0.5, 1.0]
    assert (timing.dips([4.0, 3.0]), timing.dips([4.0])) == ([1.0, 1.0], [1.0])
    what = {"what": grid.STEP, "threads": 2}
    rows = [what | {"size": f"33 x {w}", "GFLOP/s": {"median": 10.0 * d}, "of its neighbours": d}
            for w, d in ((99, 1.0), (100, 0.4), (101, 1.0))]  # fmt: skip
    assert grid.summary(rows) == {
        "training step, 2 threads: deepest dip, at 33 x 100": 0.4,
        "slowest / median of widths >= 97, batches >= 31": 0.4,
    }


def test_products_around_powers_of_two() -> None:
    assert len({shape for line in powers.lines(powers.SIZES) for shape in line}) == 4 * len(powers.SIZES) - 3
    assert powers.lines([5])[1] == [(256, 5, 256)]
    rows = powers.run(INSTANT, [3, 4, 5])
    assert len(rows) == 4 * 4 * 3
    assert {row["what"] for row in rows} == {
        powers.MATMUL, "gemm_fwd, B x I x O", "gemm_dx, B x I x O", "gemm_dw, B x I x O",
    }  # fmt: skip
    found = grid.summary(rows)
    assert 0 < found["ops.matmul, 1 threads: fastest peer / pydl, mean"] < math.inf
    assert sum("deepest dip" in name for name in found) == 4
    assert sum("worst" in name for name in found) == 1


@pytest.mark.parametrize("shape", [(128, 784, 512), (300, 40, 10)])
def test_products_of_a_layer_are_the_same_on_two_threads(shape: tuple[int, int, int]) -> None:
    for row, output in zip(kernels.dense(*shape), ("y", "dx", "dw"), strict=True):
        results = []
        for threads in (1, 2):
            fields = row.spec.args(np.random.default_rng(0), row.dtype, 0)
            _core.call(row.spec.op, dtype=row.dtype, nth=threads, **fields)
            results.append(fields[output])
        np.testing.assert_array_equal(*results)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no GCC")
def test_c_files(monkeypatch: pytest.MonkeyPatch) -> None:
    net = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(2)])
    monkeypatch.setattr(cfile, "_nets", lambda: {"tiny": net})
    found = {row["by"]: row for row in cfile.run(INSTANT)}
    assert set(found) >= {"gcc", "model(x)", "predict"}
    assert all(row["us"]["median"] > 0 for row in found.values())


def test_memory_and_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "NET", TINY)
    monkeypatch.setattr(memory, "ROWS", 8)
    monkeypatch.setattr(memory, "DEEP", Net((256, 256, 256, 256), 2048))
    monkeypatch.setattr(memory, "PICTURES", ["mnist-convnet b128"])
    monkeypatch.setattr(memory, "PICTURE_STEPS", 1)
    monkeypatch.setattr(plans, "NETS", [TINY])
    row, picture, *steps = memory.run(INSTANT)
    assert 5 < row["before, MB"]["median"] <= row["peak, MB"]["median"]
    assert picture["of"] == "mnist-convnet b128, 128 images"
    assert 5 < picture["before, MB"]["median"] < picture["peak, MB"]["median"]
    assert [step["of"].split(",")[0] for step in steps] == ["predict", "train"]
    for step in steps:
        assert 2 < step["plan, MB"] < step["peak, MB"] - step["before, MB"] + 1, "the plan is made in the step"
    assert {row["what"] for row in plans.run(INSTANT)} > {"plan of a training step", "fit again, one batch"}


def test_the_least_peak_of_a_peer_counts() -> None:
    def row(library: str, peak: float, risen: float) -> dict[str, Any]:
        return {"library": library, "net": "a", memory.PEAK: {"median": peak}, memory.RISEN: {"median": risen}}

    rows = [row("pydl", 1, 1), row("torch", 3, 4), row("torch, slow", 2, 5), row("failed", math.nan, math.nan)]
    assert memory.summary([*rows, {"library": "torch", memory.PEAK: {"median": 1}}]) == {
        "a, peak / pydl": 2, "a, peak - before / pydl": 4,
    }  # fmt: skip


# ---- rivals ----------------------------------------------------------------------------------------------------------


def test_each_library_has_its_file() -> None:
    for module, _, _ in rivals.LIBRARIES.values():
        assert (Path(rivals.__file__).parent / "peers" / f"{module}.py").exists()
    assert rivals.installed("train", ()) == ["pydl"]
    assert rivals.installed("predict", ("numpy",)) == ["pydl", "pydl predict_on_batch", "numpy"]


def test_who_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with rivals.at_work(["numpy"], 1) as (rival,):
        facts, taken = rivals.compete([rival], 1, "Products", "multiply", shape=(2, 3), budget=0.0)
    assert (facts, taken) == ({}, {})
    assert "numpy is left out: ValueError" in capsys.readouterr().out


def test_who_ended_in_one_task_is_there_for_the_next() -> None:
    with rivals.at_work(["numpy"], 1) as (rival,):
        rival.process.kill()
        rival.process.wait()
        facts, taken = rivals.compete([rival], 1, "Products", "multiply", shape=(2, 3, 4), budget=0.0)
    assert list(facts) == list(taken) == ["numpy"]


def test_the_same_threads_for_all() -> None:
    with rivals.at_work(["pydl"], 1) as (rival,):
        environment = Path(f"/proc/{rival.process.pid}/environ").read_text().split("\0")
    assert {"PYDL_NUM_THREADS=1", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"} <= set(environment)


def test_each_library_chooses_its_own_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert "OPENBLAS_CORETYPE" not in rivals.environment(1)
    assert "Prescott" not in machine.describe(INSTANT)["numpy"]


# ---- timing, tables, comparison --------------------------------------------------------------------------------------


def test_rivals_take_turns() -> None:
    calls: list[str] = []
    taken = timing.take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
    assert calls == ["a", "b", "b", "a"]
    assert {name: len(turns) for name, turns in taken.items()} == {"a": 2, "b": 2}


def test_spreads_and_ratios_are_taken_round_by_round() -> None:
    assert timing.spread([5.0, 1.0, 2.0, 3.0, 4.0]) == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert timing.spread([2.0]) == {"median": 2.0, "low": 2.0, "high": 2.0}
    assert timing.ratio([2.0, 6.0, 1.5], [1.0, 2.0, 1.0])["median"] == 2.0


def test_table() -> None:
    rows = [{"net": "a", "us": 12.3456}, {"net": "b", "us": 1234.5, "x": {"median": 2.0, "low": 1.8, "high": 2.4}}]
    assert table.markdown(rows).splitlines() == [
        "| net | us | x |",
        "| --- | --- | --- |",
        "| a | 12.3 |  |",
        "| b | 1,234 | 2 ±15% |",
    ]


def figure(median: float) -> dict[str, float]:
    return {"median": median, "low": 0.9 * median, "high": 1.1 * median}


def test_compare() -> None:
    def results(us: float, ratio: float, same: float) -> dict[str, Any]:
        row = {"net": "8-16-1 b4", "pydl, us": figure(us), "torch / pydl": figure(ratio), "torch, us": figure(same)}
        return {"machine": {"cpu": "a", "isa": "avx2"}, "summary": {"x": 1.0}, "steps": [row]}

    assert compare.compare(results(10, 5, 50), results(20, 8, 52)) == [
        "WORSE   steps: 8-16-1 b4: pydl, us: 10 -> 20 (+100%)",
        "better  steps: 8-16-1 b4: torch / pydl: 5 -> 8 (+60%)",
        "1 figures did not move beyond the noise",
    ]
    assert compare.differences(results(1, 1, 1), {"machine": {"cpu": "b", "isa": "avx2"}}) == [
        "note: cpu differs: a and b"
    ]


def test_compare_is_a_program_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"machine": {}, "gemm": [{"threads": 1, "pydl, GFLOP/s": figure(3)}]}))
    run = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    assert "1 figures did not move" in says(run, compare.__file__, file, file)


def test_peak() -> None:
    assert peak.gflops("float32", 1) is None or peak.gflops("float32", 1) > 1
    assert peak.bandwidth(0) == peak.bandwidth(4096)


def test_machine() -> None:
    facts = machine.describe(INSTANT)
    assert facts["isa"] in _core.isas()
    assert all(facts[name] for name in ("cpu", "threads", "compiler", "python", "commit", "peak"))
    assert facts["numpy"].split()[0] in ("OpenBLAS", "MKL", "unknown")
    json.dumps(facts)
    head = machine.lines({"cpu": "A", "load": 0.25, "peak": {"GFLOP/s": 123.4, "GB/s": None}})
    assert head == ["- cpu: A", "- load: 0.25", "- peak: GFLOP/s 123; GB/s"]


# ---- the README's figures --------------------------------------------------------------------------------------------


def shown() -> dict[str, Any]:
    """Results as the parts of the README have them."""
    step = {
        "net": "8-16-1 b4",
        "pydl, us": figure(1),
        "torch, us": figure(200),
        "torch / pydl": figure(200),
        "pydl, of the peak": 0.8,
        "torch, of the peak": 0.004,
        "jax, of the peak": 0.101,
    }
    call = {"net": "8-16-1", "rows": 1, "p50, us": figure(2), "p99, us": 9.0}
    about = {
        "cpu": "A & B",
        "isa": "avx2",
        "threads": 2,
        "platform": "p",
        "compiler": "c",
        "commit": "d",
        "versions": {},
        "peak": {"float32 GFLOP/s, 2 threads": 229.4},
    }
    return {
        "machine": about,
        "summary": {
            "gemm": {"geometric mean, 2 threads": 1.0, "worst, 2 threads": 0.9},
            "import": {"import pydl": 1.4},
        },
        "steps": [step | {"fastest peer / pydl": figure(200)}],
        "predict": [call | {"library": name} for name in ("pydl", "numpy")],
        "epochs": [{"library": "pydl", "s per epoch": figure(0.2), "accuracy": 0.978}],
        "import": [{"what": "pydl.whl", "MB": 0.7}],
    }  # fmt: skip


def test_readme(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    for _ in range(2):
        readme.write(shown(), tmp_path)
    text = page.read_text()
    assert text.startswith(f"before\n{readme.BEGIN}\n")
    assert text.endswith(f"{readme.END}\nafter\n")
    assert "old" not in text
    assert "| 8-16-1 b4 | 1 | 200 | **200** | 80% | 10% |" in text
    assert "shares of the 229 GFLOP/s" in text
    assert "| 8-16-1 | 2 / 9 | 2 / 9 |" in text
    assert "0.7 MB" in text
    assert "A &amp; B" in (tmp_path / "docs" / "steps.svg").read_text()


def test_readme_without_its_comments(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(ValueError, match="expected the comments"):
        readme.write(shown(), tmp_path)


@pytest.mark.skipif(not (readme.ROOT / "README.md").exists(), reason="no README.md beside an installed wheel's tests")
def test_readme_of_the_project_has_its_comments() -> None:
    text = (readme.ROOT / "README.md").read_text()
    assert text.count(readme.BEGIN) == text.count(readme.END) == 1


def test_chart() -> None:
    drawn = chart.draw(shown())
    assert drawn.startswith("<svg")
    assert "(200.0x)" in drawn


def test_command_line() -> None:
    run = "import runpy, sys; sys.argv = ['bench', '--help']; runpy.run_module('bench', run_name='__main__')"
    shown = says(run)
    assert all(word in shown for word in ("kernels", "steps", "epochs", "all", "readme", "--json FILE", "--quick"))


def test_command_line_of_a_checkout_that_is_not_built(tmp_path: Path) -> None:
    shutil.copytree(Path(bench.__file__).parent, tmp_path / "bench", ignore=shutil.ignore_patterns("results"))
    shutil.copytree(Path(pydl.__file__).parent, tmp_path / "pydl", ignore=shutil.ignore_patterns("_core*.so"))
    # as an installed package's folder, but without the hook that finds a package installed in place
    packages = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    command = [sys.executable, "-S", "-m", "bench", "steps"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": packages}, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `make bench`, or `pip install --editable .` first" in done.stderr
    assert done.stderr.count("\n") == 1


def test_rows() -> None:
    pytest.importorskip("skops")
    found = rows.run(INSTANT)
    assert [row["what"] for row in found] == ["a dict", "a frame of one row", "a frame of 1,000 rows"]
    assert all(row["ms"]["median"] > 0 for row in found)


def test_parts_say_what_they_measure() -> None:
    for part in (cfile, epochs, gemm, grid, imports, kernels, memory, plans, powers, predict, rows, steps, vision):
        assert len((part.__doc__ or "").partition("\n")[0]) > 40

"""Programs in C and C++ that are built with an installed pydl: the examples, and one that counts what running takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._base import linking
from tests.library.library import LIBRARY

EXAMPLES = Path(__file__).parents[1] / "c" / "examples"
FILE = "m.plan.safetensors"
STRICT = ["-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def run(*command: Any, **environment: str) -> str:
    """What a command that succeeds prints."""
    variables = {**os.environ, "PATH": PATH, **environment}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def flags(*asked: str) -> list[str]:
    return run(sys.executable, "-W", "error", "-m", "pydl.config", *asked).split()


def compiled(source: Path, folder: Path, *options: str) -> Path:
    """The program of a source file."""
    compiler = [os.environ.get("CXX", "c++"), "-std=c++11"] if source.suffix == ".cpp" else [os.environ.get("CC", "cc")]
    program = folder / source.stem
    run(*compiler, *STRICT, *options, source, *flags("--cflags", "--libs"), "-o", program)
    return program


def summing() -> Any:
    model = pydl.Sequential([pydl.Input((4,), name="numbers"), L.Dense(16, "tanh"), L.Dense(1, name="total")])
    model.compile("adam", "mse")
    return model


def test_what_builds_are_told() -> None:
    include, (folder,) = Path(pydl.get_include()), pydl.get_library_dirs()
    assert (include / "pydl.h").is_file()
    assert (Path(folder) / "libpydl.so").samefile(LIBRARY)
    assert pydl.get_libraries() == ["pydl"]
    assert flags("--cflags") == [f"-I{include}"]
    assert flags("--libs") == [f"-L{folder}", "-lpydl", f"-Wl,-rpath,{folder}"]
    assert flags("--cmakedir") == [linking.get_cmake_dir()]


def test_predict(tmp_path: Path) -> None:
    model = summing()
    model.export(tmp_path / FILE)
    x = np.array([[0.5, -1, 2, 0.25]], np.float32)
    program = compiled(EXAMPLES / "predict.c", tmp_path, "-std=c99")
    printed = run(program, tmp_path / FILE, *map(str, x[0]))
    assert np.float32(printed) == model.predict_on_batch(x)[0, 0]


def test_describe(tmp_path: Path) -> None:
    summing().export(tmp_path / FILE, training=True)
    program = compiled(EXAMPLES / "describe.c", tmp_path, "-std=c99")
    expected = [f"pydl {pydl.__version__}, float32, trainable", "input numbers: 4", "output total: 1"]
    assert run(program, tmp_path / FILE).splitlines() == expected
    done = subprocess.run([program, EXAMPLES / "describe.c"], capture_output=True, text=True, check=False)
    assert (done.returncode, "expected a plan file" in done.stderr) == (1, True)


def test_train(tmp_path: Path) -> None:
    summing().export(tmp_path / FILE, training=True)
    program = compiled(EXAMPLES / "train.c", tmp_path, "-std=c99")
    before, after = map(float, run(program, tmp_path / FILE, tmp_path / "trained.plan.safetensors").split())
    assert after < before / 4
    predict = compiled(EXAMPLES / "predict.c", tmp_path, "-std=c99")  # which makes the self-test
    run(predict, tmp_path / "trained.plan.safetensors", 0, 0, 0, 0)


def test_threads(tmp_path: Path) -> None:
    summing().export(tmp_path / FILE)
    assert run(compiled(EXAMPLES / "threads.cpp", tmp_path, "-pthread"), tmp_path / FILE) == "8 threads agree\n"


@pytest.mark.long  # runs CMake; the compiler's own flags stay
def test_find_package(tmp_path: Path) -> None:
    build = tmp_path / "build"
    run("cmake", "-S", EXAMPLES, "-B", build, "-G", "Ninja", f"-Dpydl_DIR={linking.get_cmake_dir()}")
    run("cmake", "--build", build)
    summing().export(tmp_path / FILE)
    assert run(build / "threads", tmp_path / FILE) == "8 threads agree\n"


def test_pkg_config(tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config here")
    folder = Path(linking.get_library_dirs()[0]) / "pkgconfig"
    said = run("pkg-config", "--cflags", "--libs", "pydl", PKG_CONFIG_PATH=str(folder)).split()
    assert {word[:2] for word in said} == {"-I", "-L", "-l", "-W"}
    program = tmp_path / "describe"
    run(os.environ.get("CC", "cc"), EXAMPLES / "describe.c", *said, "-o", program)
    summing().export(tmp_path / FILE)
    assert run(program, tmp_path / FILE).startswith("pydl ")


def test_nothing_is_allocated_or_locked(tmp_path: Path) -> None:
    here = Path(__file__).parent
    preloaded = tmp_path / "counting.so"
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", here / "counting.c", "-o", preloaded, "-ldl")
    program = compiled(here / "quiet.c", tmp_path, "-std=gnu99", "-Wno-pedantic")
    x = pydl.Input((64,))
    h = L.Dropout(0.2)(L.BatchNormalization()(L.Dense(64, "relu")(x)))
    images = L.MaxPooling2D()(L.Conv2D(4, 3, padding="same")(L.Reshape((8, 8, 1))(h)))
    model = pydl.Model(x, L.Dense(64)(L.LayerNormalization()(L.Flatten()(images))))
    model.compile("adam", "mse")
    model.export(tmp_path / FILE, training=True)
    assert run(program, tmp_path / FILE, LD_PRELOAD=str(preloaded)) == "0 0\n"


def test_public_names() -> None:
    """What the library shows is what the header declares, and what Python's module needs, under its own version."""
    shown = [line.split()[-1] for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()]
    public = {name.partition("@")[0] for name in shown if name.startswith("pydl_")}
    header = (Path(pydl.get_include()) / "pydl.h").read_text()
    declared = {word.split("(")[0].split()[-1].lstrip("*") for word in header.split("PYDL_API ")[1:] if "(" in word}
    assert public == {name for name in declared if name.startswith("pydl_")}
    assert len(public) < 40
    assert {name.partition("@@")[2] for name in shown if name.startswith("pd_")} == {"PYDL_PRIVATE"}
    assert not [name for name in shown if not name.startswith(("pydl_", "pd_", "PYDL_"))]
    assert "omp" not in run("ldd", LIBRARY)


def test_no_memory(tmp_path: Path) -> None:
    """Also that memory may come from elsewhere, and that all of it is given back."""
    summing().export(tmp_path / FILE, training=True)
    program = compiled(Path(__file__).parent / "no_memory.c", tmp_path, "-std=c11")
    requests, _ = run(program, tmp_path / FILE, tmp_path / "saved.plan.safetensors").split()
    assert int(requests) > 50

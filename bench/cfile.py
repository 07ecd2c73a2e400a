"""One row through a model's C file beside the model itself, on one thread: microseconds, and the sizes of the code."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import Setting, calls_within, repeat, scaled, seconds, take_turns
from pydl import Sequential, config, layers

FLAGS = ["-std=c99", "-O3", "-march=native"]
LOOP = """#include "n.c"
void n_repeat(long calls, const float *x, float *y) { while (calls-- > 0) n_predict(x, y); }
"""
BATCH = 256


def _nets() -> dict[str, Any]:
    dense = Sequential([layers.Input((20,)), *(layers.Dense(64, "relu") for _ in range(2)), layers.Dense(1)])
    convnet = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    return {"20-64-64-1": dense, "mnist-convnet": convnet}


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per net and way to predict a row: by each compiler that is there, by `model(x)`, as one of a batch."""
    rows = []
    threads = config.get_num_threads()
    config.set_num_threads(1)
    try:
        for name, model in _nets().items():
            with tempfile.TemporaryDirectory() as folder:
                rows += _net(name, model, Path(folder), setting)
    finally:
        config.set_num_threads(threads)
    return rows


def _net(name: str, model: Any, folder: Path, setting: Setting) -> list[dict[str, Any]]:
    x = np.random.default_rng(0).standard_normal((BATCH, *model.input_shape[1:])).astype(np.float32)
    one, y = x[:1].copy(), np.empty(model.output_shape[1:], np.float32)
    model.export(folder / "n.c")
    (folder / "loop.c").write_text(LOOP)
    deeds, sizes = {}, {}
    for compiler in filter(shutil.which, ("gcc", "clang")):
        built = folder / f"{compiler}.so"
        subprocess.run([compiler, *FLAGS, "-shared", "-fPIC", "loop.c", "-o", built, "-lm"], cwd=folder, check=True)
        sizes[compiler] = built.stat().st_size
        called = ctypes.CDLL(str(built)).n_repeat
        pointers = ctypes.c_void_p(one.ctypes.data), ctypes.c_void_p(y.ctypes.data)
        calls = calls_within(partial(called, ctypes.c_long(1), *pointers), setting.budget(0.05))
        deeds[compiler] = partial(_each, partial(called, ctypes.c_long(calls), *pointers), calls)
    for way, call, of in (("model(x)", partial(model, one), 1), ("predict", partial(model.predict_on_batch, x), BATCH)):
        calls = calls_within(call, setting.budget(0.05))
        deeds[way] = partial(_each, partial(repeat, call, calls), calls * of)
    taken = take_turns(deeds, setting.rounds)
    return [
        {"net": name, "by": way, "us": scaled(times, 1e6), "file KB": sizes.get(way, 0) / 1e3 or None}
        for way, times in taken.items()
    ]


def _each(call: Any, of: int) -> float:
    return seconds(call) / of

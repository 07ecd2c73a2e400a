"""Models as C, compiled and called."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pydl import _core

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def run(*command: Any, cwd: Path) -> int:
    """The exit code of a command; what it says, if it fails to compile, is in the error."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.returncode


@contextmanager
def avx2() -> Iterator[bool]:
    """Within the block, kernels for AVX2 with FMA run, whose bits the file has; whether there are any."""
    before, found = _core.isa(), "avx2" in _core.isas()
    if found:
        _core.set_isa("avx2")
    yield found
    _core.set_isa(before)


def compiled(models: Mapping[str, Any], folder: Path, compiler: str, *options: str, **export: Any) -> ctypes.CDLL:
    """One library of several models, each under its name."""
    for name, model in models.items():
        model.export(folder / f"{name}.c", **export)
    (folder / "all.c").write_text("".join(f'#include "{name}.c"\n' for name in models))
    assert run(compiler, *STRICT, *options, "-shared", "-fPIC", "all.c", "-o", "all.so", "-lm", cwd=folder) == 0
    return ctypes.CDLL(str(folder / "all.so"))


def pointers(arrays: Sequence[Any]) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(a.ctypes.data) for a in arrays]


def predicted(library: ctypes.CDLL, name: str, model: Any, x: Any) -> list[np.ndarray]:
    """What the C function makes of rows, one after the other."""
    xs = [np.ascontiguousarray(v, model.dtype) for v in (x if isinstance(x, list) else [x])]
    ys = [np.full((len(xs[0]), *t.shape[1:]), 7, model.dtype) for t in model.outputs]
    for r in range(len(xs[0])):
        getattr(library, f"{name}_predict")(*pointers([v[r] for v in xs]), *pointers([y[r : r + 1] for y in ys]))
    return ys


def expected(model: Any, x: Any) -> list[np.ndarray]:
    """What pydl makes of them."""
    xs = [np.ascontiguousarray(v, model.dtype) for v in (x if isinstance(x, list) else [x])]
    y = model.predict_on_batch(xs if len(xs) > 1 else xs[0])
    return [np.asarray(v) for v in (y if isinstance(y, list) else [y])]


def units_apart(a: np.ndarray, b: np.ndarray) -> float:
    """The most numbers of the dtype that lie between two of a pair; a NaN equals a NaN, zeros are equal, and subnormal
    numbers are zero: those that are only passed on may or may not be flushed."""
    word = np.int32 if a.dtype == np.float32 else np.int64
    a, b = (np.where(np.abs(v) < np.finfo(v.dtype).tiny, v.dtype.type(0), v) for v in (a, b))
    p, q = (np.abs(v).view(word) for v in (a, b))  # how many numbers lie between it and zero
    apart = np.where(np.signbit(a) == np.signbit(b), np.abs(p - q).astype(float), p.astype(float) + q)
    return float(np.max(np.where(np.isnan(a) & np.isnan(b), 0, apart), initial=0))

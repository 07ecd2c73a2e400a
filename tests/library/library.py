"""libpydl as Python sees it: the functions of pydl.h by ctypes, each failure an exception."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

import pydl._core

HERE = Path(pydl._core.__file__).parent
LIBRARY = HERE / "lib" / "libpydl.so"
DTYPES = ("float32", "float64")

lib = ctypes.CDLL(str(LIBRARY))
for name in ("last_error", "version", "status_name", "input_name", "output_name"):
    getattr(lib, f"pydl_{name}").restype = c_char_p
for name in ("input_shape", "output_shape"):
    getattr(lib, f"pydl_{name}").restype = POINTER(c_int64)
    getattr(lib, f"pydl_{name}").argtypes = [c_void_p, c_int, POINTER(c_int)]
for name in ("input_codes", "batches"):
    getattr(lib, f"pydl_{name}").restype = c_int64
lib.pydl_input_codes.argtypes = [c_void_p, c_int]
lib.pydl_set_learning_rate.argtypes = [c_void_p, c_double]
lib.pydl_options_set_max_bytes.argtypes = [c_void_p, c_size_t]
lib.pydl_context_new.argtypes = [c_void_p, c_int64, c_void_p, c_void_p]
lib.pydl_predict.argtypes = [c_void_p, c_int64, c_void_p, c_void_p]
lib.pydl_train_step.argtypes = [c_void_p, c_int64, c_void_p, c_void_p, c_void_p, POINTER(c_double)]
for name in ("model_free", "context_free", "options_free", "model_selftest", "model_dtype", "model_trainable",
             "input_count", "output_count", "batches"):  # fmt: skip
    getattr(lib, f"pydl_{name}").argtypes = [c_void_p]


class LibraryError(Exception):
    """A call that returned another status than PYDL_OK."""

    def __init__(self, status: int) -> None:
        message = lib.pydl_last_error().decode(errors="replace")  # names of a file may be in it
        super().__init__(f"{lib.pydl_status_name(status).decode()}: {message}")


def check(status: int) -> None:
    if status:
        raise LibraryError(status)


def pointers(arrays: list[np.ndarray]) -> Any:
    return (c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))


class LoadedModel:
    """A pydl_model."""

    def __init__(self, source: Path | bytes) -> None:
        self.handle = c_void_p()
        if isinstance(source, bytes):
            self.kept = np.frombuffer(source + bytes(-len(source) % 8), np.uint64)
            check(
                lib.pydl_model_load_memory(c_void_p(self.kept.ctypes.data), c_size_t(len(source)), byref(self.handle))
            )
        else:
            check(lib.pydl_model_load(str(source).encode(), byref(self.handle)))

    def __del__(self) -> None:
        lib.pydl_model_free(self.handle)

    @property
    def dtype(self) -> str:
        return DTYPES[lib.pydl_model_dtype(self.handle)]

    def ports(self, kind: str) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each "input" or "output"."""
        found = []
        for i in range(getattr(lib, f"pydl_{kind}_count")(self.handle)):
            rank = c_int()
            shape = getattr(lib, f"pydl_{kind}_shape")(self.handle, i, byref(rank))
            name = getattr(lib, f"pydl_{kind}_name")
            name.argtypes = [c_void_p, c_int]
            found.append((name(self.handle, i).decode(), tuple(shape[d] for d in range(rank.value))))
        return found

    def selftest(self) -> None:
        check(lib.pydl_model_selftest(self.handle))


class Context:
    """A pydl_context."""

    def __init__(
        self, model: LoadedModel, max_batch: int, *, training: bool = False, isa: str = "", max_bytes: int | None = None
    ) -> None:
        self.model = model
        self.handle, options = c_void_p(), c_void_p()
        check(lib.pydl_options_new(byref(options)))
        try:
            check(lib.pydl_options_set_training(options, int(training)))
            if isa:
                check(lib.pydl_options_set_isa(options, isa.encode()))
            if max_bytes is not None:
                check(lib.pydl_options_set_max_bytes(options, max_bytes))
            check(lib.pydl_context_new(model.handle, max_batch, options, byref(self.handle)))
        finally:
            lib.pydl_options_free(options)

    def __del__(self) -> None:
        lib.pydl_context_free(self.handle)

    def arrays(self, given: Any) -> list[np.ndarray]:
        listed = given if isinstance(given, list) else [given]
        return [np.ascontiguousarray(a, self.model.dtype) for a in listed]

    def predict(self, x: Any) -> list[np.ndarray]:
        inputs = self.arrays(x)
        rows = len(inputs[0])
        outputs = [np.full((rows, *shape), np.nan, self.model.dtype) for _, shape in self.model.ports("output")]
        check(lib.pydl_predict(self.handle, rows, pointers(inputs), pointers(outputs)))
        return outputs

    def train(self, x: Any, y: Any, w: Any = None) -> float:
        inputs, targets = self.arrays(x), self.arrays(y)
        weights = None if w is None else self.arrays(w)
        loss = c_double()
        given = None if weights is None else pointers(weights)
        check(lib.pydl_train_step(self.handle, len(inputs[0]), pointers(inputs), pointers(targets), given, byref(loss)))
        return loss.value

    @property
    def batches(self) -> int:
        return int(lib.pydl_batches(self.handle))

    def save(self, path: Path) -> None:
        check(lib.pydl_save(self.handle, str(path).encode()))

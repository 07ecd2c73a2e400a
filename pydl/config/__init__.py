"""Settings of the library: default dtype, epsilon, threads; and what it runs on."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

try:  # nothing of pydl comes here before this file
    from pydl import _core
except ImportError as error:
    if error.name != "pydl":  # it is there, and something that it needs is not
        raise
    raise ImportError(
        f"{os.path.dirname(os.path.dirname(__file__))} is pydl's source and not built: if pydl is installed, start "
        "Python in another folder; else build it here: pip install --editable .",
        name="pydl",
    ) from None
from pydl._base import threads
from pydl._base.args import one_of, real, whole
from pydl._base.release import VERSION

__all__ = [
    "backend", "device", "disable_interactive_logging", "disable_traceback_filtering", "dtype_policy",
    "enable_interactive_logging", "enable_traceback_filtering", "epsilon", "floatx", "get_num_threads",
    "image_data_format", "is_interactive_logging_enabled", "is_traceback_filtering_enabled", "limit_threads",
    "set_dtype_policy", "set_epsilon", "set_floatx", "set_image_data_format", "set_num_threads", "show_config",
    "standardize_dtype",
]  # fmt: skip

_DTYPES = ("float32", "float64")
_MIXED = ("mixed_float16", "mixed_bfloat16")

_floatx = "float32"
_epsilon = 1e-7
_num_threads: int | None = None
_interactive_logging = True


def floatx() -> str:
    """The default dtype: "float32" unless `set_floatx` changed it."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default dtype, "float32" or "float64", of objects made from now on."""
    global _floatx
    _floatx = one_of("set_floatx", "value", value, _DTYPES)


def epsilon() -> float:
    """The small number that keeps quotients finite: 1e-7 unless `set_epsilon` changed it."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the value of `epsilon`, a positive number."""
    global _epsilon
    _epsilon = real("set_epsilon", "value", value, above=0)


def standardize_dtype(dtype: Any) -> str:
    """The dtype's name, "float32" or "float64"; None stands for `floatx()`.

    Takes names, NumPy dtypes and types, and configurations of a `DTypePolicy`, as Keras's files hold them.

    Raises
    ------
    ValueError
        Any other dtype.
    """
    dtype = _of_policy(dtype)
    if dtype is None:
        return _floatx
    try:
        name = np.dtype(dtype).name
    except (TypeError, ValueError):
        name = None
    if name not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(map(repr, _DTYPES))}, got {dtype!r}")
    return name


def _of_policy(dtype: Any) -> Any:
    """The name in the configuration of a policy; anything else as it is."""
    if isinstance(dtype, Mapping) and str(dtype.get("class_name")).endswith("DTypePolicy"):
        return (dtype.get("config") or {}).get("name")
    return dtype


class DTypePolicy(str):
    """The name of the dtype that a layer's weights and results have, "float32" or "float64".

    Parameters
    ----------
    name : str, optional
        By default `floatx()`. "mixed_float16" and "mixed_bfloat16", which are to save time elsewhere, become "float32"
        with a warning: nothing here is faster, or less exact, in half precision.

    Raises
    ------
    ValueError
        Any other name.
    """

    __slots__ = ()

    def __new__(cls, name: Any = None) -> DTypePolicy:
        name = _of_policy(name)
        if isinstance(name, str) and name in _MIXED:
            warnings.warn(f"DTypePolicy: {name} computes in float32 here", stacklevel=2)
            name = "float32"
        return super().__new__(cls, standardize_dtype(name))

    @property
    def name(self) -> str:
        """The name of the dtype."""
        return str(self)

    @property
    def compute_dtype(self) -> str:
        """What layers compute in: the same."""
        return str(self)

    @property
    def variable_dtype(self) -> str:
        """What weights have: the same."""
        return str(self)

    def get_config(self) -> dict[str, Any]:
        """The constructor's argument."""
        return {"name": str(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """The policy that `get_config` described."""
        return cls(**config)


def dtype_policy() -> DTypePolicy:
    """The default dtype, `floatx`, as a policy."""
    return DTypePolicy()


def set_dtype_policy(policy: str) -> None:
    """Set the default dtype, as `set_floatx` does, by a policy or its name; "mixed_float16" is "float32" here."""
    set_floatx(str(DTypePolicy(policy)))


def backend() -> str:
    """What computes: "pydl"."""
    return "pydl"


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """Within the `with` block what it is outside of it: there is the CPU alone.

    Raises
    ------
    ValueError
        The name of another device than "cpu", "cpu:0".
    """
    if not isinstance(device_name, str) or "cpu" not in device_name.lower():
        raise ValueError(f"device: expected 'cpu', which is all there is, got {device_name!r}")
    yield


def image_data_format() -> str:
    """Where images have their channels: "channels_last"."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Raise ValueError for anything but "channels_last", which is how images lie here."""
    one_of("set_image_data_format", "data_format", data_format, ("channels_last",))


def disable_traceback_filtering() -> None:
    """Nothing to do: tracebacks are whole."""


def enable_traceback_filtering() -> None:
    """Nothing to do: tracebacks stay whole."""


def is_traceback_filtering_enabled() -> bool:
    """False: tracebacks are whole."""
    return False


def disable_interactive_logging() -> None:
    """Let `verbose="auto"` mean a line per epoch rather than a bar."""
    global _interactive_logging
    _interactive_logging = False


def enable_interactive_logging() -> None:
    """Let `verbose="auto"` mean a bar in a terminal or notebook again."""
    global _interactive_logging
    _interactive_logging = True


def is_interactive_logging_enabled() -> bool:
    """Whether `verbose="auto"` may mean a bar."""
    return _interactive_logging


def get_num_threads() -> int:
    """Number of threads a plan may use.

    What `set_num_threads` said, else the smallest of: CPUs of the affinity mask, CPU quota of the control groups
    (rounded up), physical cores, OMP_NUM_THREADS, PYDL_NUM_THREADS, and what the OpenMP runtime allows at the moment
    (which is how `threadpoolctl.threadpool_limits` is obeyed).

    Where the system refuses to start so many (`ulimit -u`, a control group's limit of tasks), 1, with a warning.

    Raises
    ------
    ValueError
        PYDL_NUM_THREADS is set and no integer >= 1.
    """
    wanted = _num_threads if _num_threads is not None else min(_default_threads(), _core.max_threads())
    return wanted if wanted == 1 else threads.startable(wanted)


def set_num_threads(num_threads: int | None) -> None:
    """Set the number of threads a plan may use; None goes back to the default, found out anew.

    Results do not depend on it: same seed, same instruction set, same bits.
    """
    global _num_threads
    _num_threads = None if num_threads is None else whole("set_num_threads", "num_threads", num_threads, at_least=1)
    _default_threads.cache_clear()


@contextmanager
def limit_threads(num_threads: int | None) -> Iterator[None]:
    """`set_num_threads` inside a `with` statement; afterwards the setting is what it was, None included.

    Parameters
    ----------
    num_threads : int or None
        None leaves the setting as it is.
    """
    global _num_threads
    before = _num_threads
    if num_threads is not None:
        set_num_threads(num_threads)
    try:
        yield
    finally:
        _num_threads = before


@functools.cache
def _default_threads() -> int:
    from pathlib import Path  # importing it takes a sixth of the time that pydl does

    return threads.default_threads(Path("/"), os.environ, threads.affinity())


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """What this installation is and what it runs on: the first thing to put in a bug report.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print it, or return it as a dict.
    """
    import platform
    from pathlib import Path

    one_of("show_config", "mode", mode, ("stdout", "dicts"))
    found = threads.limits(Path("/"), os.environ, threads.affinity())
    facts = {
        "pydl": VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "isa": _core.isa(),
        "isas": list(_core.isas()),
        "compiler": _core.compiler(),
        "threads": get_num_threads(),
        "thread_limits": {**found, "openmp": _core.max_threads()},
        "floatx": floatx(),
        "epsilon": epsilon(),
        "debug": _core.debug(),
    }
    if mode == "dicts":
        return facts
    for name, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items() if v is not None) if isinstance(value, dict) else value
        print(f"{name:>13}: {', '.join(shown) if isinstance(shown, list) else shown}")
    return None

from collections.abc import Callable, Iterable, Sequence
from typing import Any

BATCH_BLOCK: int
REUSE_FROM: int

def source_dtypes() -> dict[str, int]: ...
def cpu_isas(max_leaf: int, ecx1: int, ebx7: int, xcr0: int) -> list[str]: ...
def isas() -> list[str]: ...
def compiler() -> str: ...
def isa() -> str: ...
def set_isa(name: str) -> str: ...
def debug() -> bool: ...
def ops() -> list[str]: ...
def describe(op: str) -> dict[str, Any]: ...
def facts(op: str, dtype: str, **fields: Any) -> dict[str, Any]: ...
def panel_width(units: int, dtype: str) -> int: ...
def derived(seed: int, number: int) -> int: ...
def permutation(order: Any, seed: int) -> None: ...
def max_threads() -> int: ...
def call(
    op: str, *, dtype: str, isa: str | None = None, nth: int = 1, step: dict[str, Any] | None = None, **fields: Any
) -> None: ...

class Buffer:
    shape: tuple[int, ...]
    dtype: str
    size: int
    nbytes: int
    def __init__(self, shape: Iterable[int], dtype: str, padded: int = 0, empty: bool = False) -> None: ...
    def view(self, shape: Iterable[int], start: int = 0) -> Buffer: ...
    def intact(self) -> bool: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class Arrays:
    arrays: list[Any]
    def __init__(self, arrays: Iterable[Any], writable: bool = False) -> None: ...

class Plan:
    details: list[dict[str, Any]]
    dtype: str
    isa: str
    memory: Buffer | None
    nbytes: int
    work: float
    def __init__(self, dtype: str, threads: int = 1, apart: bool = False) -> None: ...
    def __len__(self) -> int: ...
    def buffer(self, shape: Iterable[int], dtype: str | None = None) -> Buffer: ...
    def emit(self, op: str, when: str = "always", **fields: Any) -> None: ...
    def emit_python(
        self,
        name: str,
        function: Callable[[], None],
        reads: Sequence[Any],
        writes: Sequence[Any],
        when: str = "always",
    ) -> None: ...
    def seal(self) -> None: ...
    def bind(self, memory: Buffer) -> None: ...
    def run(
        self,
        steps: int,
        batch: int,
        *,
        sources: Arrays | None = None,
        sinks: Arrays | None = None,
        rows: Any = None,
        row0: int = 0,
        sums: Any = None,
        coefs: Any = None,
        seed: int = 0,
        count: int = 0,
        every: int = 0,
        nth: int = 1,
        progress: Any = None,
    ) -> int: ...
    def run_traced(
        self,
        batch: int,
        after: Callable[[int, float], None],
        *,
        sources: Arrays | None = None,
        sinks: Arrays | None = None,
        rows: Any = None,
        row0: int = 0,
        sums: Any = None,
        coefs: Any = None,
        seed: int = 0,
        count: int = 0,
        every: int = 0,
        nth: int = 1,
    ) -> None: ...

class Predictor:
    def __init__(self, array: type, dtypes: dict[Any, int], limit: int, threads: Callable[[], int]) -> None: ...
    def clear(self) -> None: ...
    def __contains__(self, rows: int) -> bool: ...
    def add(self, plan: Plan, x: Any, output: Any, brief: bool, pace: Any) -> None: ...
    def run(self, x: Any, out: Any = None) -> Any: ...

class Product:
    def __init__(
        self,
        array: type,
        dtypes: dict[Any, int],
        empty: Callable[..., Any],
        threads: Callable[[float], int],
        small: float,
    ) -> None: ...
    def run(
        self,
        a: Any,
        b: Any,
        transpose_a: bool = False,
        transpose_b: bool = False,
        out: Any = None,
        *,
        bias: Any = None,
        act: str | None = None,
        alpha: float = 0,
        rowwise: bool = False,
    ) -> Any: ...

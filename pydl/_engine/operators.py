"""The operators of things that stand for arrays: symbolic tensors, values with a history, weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydl._base.scoped import Scoped

#: What notes the functions of `pydl.ops` that are computed with weights at the moment: a tape, a graph in the making,
#: or nothing.
recorder: Scoped[Any] = Scoped(None)


#: The blocks of `recording` in all threads that are open: where there is none, nobody need be asked for.
recordings: set[int] = set()


@contextmanager
def recording(by: Any) -> Iterator[None]:
    """Within the `with` block, this notes functions of weights; None: nothing does."""
    block = recorder.bound(by)
    recordings.add(id(block))
    try:
        with block:
            yield
    finally:
        recordings.discard(id(block))


class NoGraph(TypeError):
    """Code that does something else in each step, so that no graph stands for it."""


class Operators:
    """`+ - * / // % ** @ & | ^ ~`, comparisons and indices, each as the function of `pydl.ops` that computes it."""

    #: What the operators make of their sides, by the name of a function; `pydl.ops` sets it, which stands above.
    operate: Callable[..., Any]

    __iter__: Any = None  # what has indices would be taken for a sequence that never ends

    def __bool__(self) -> bool:
        raise NoGraph(
            f"{self!r}: whether it is true depends on the data, and a graph is found by running the code once; use "
            "pydl.ops.where to choose, or a layer of your own"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """NumPy's functions and operators, as those of `pydl.ops` with their names; `array += this` makes a new one."""
        if method != "__call__" or kwargs.keys() - {"out"} or kwargs.get("out", args)[0] is not args[0]:
            return NotImplemented
        return self.operate(ufunc.__name__, *args)

    def __add__(self, other: Any) -> Any:
        return self.operate("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.operate("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.operate("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.operate("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.operate("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.operate("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.operate("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.operate("divide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.operate("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.operate("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return self.operate("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self.operate("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.operate("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.operate("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self.operate("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self.operate("matmul", other, self)

    def __neg__(self) -> Any:
        return self.operate("negative", self)

    def __abs__(self) -> Any:
        return self.operate("absolute", self)

    def __lt__(self, other: Any) -> Any:
        return self.operate("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.operate("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.operate("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.operate("greater_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return self.operate(self._of_bits("and"), self, other)

    def __rand__(self, other: Any) -> Any:
        return self.operate(self._of_bits("and"), other, self)

    def __or__(self, other: Any) -> Any:
        return self.operate(self._of_bits("or"), self, other)

    def __ror__(self, other: Any) -> Any:
        return self.operate(self._of_bits("or"), other, self)

    def __xor__(self, other: Any) -> Any:
        return self.operate(self._of_bits("xor"), self, other)

    def __rxor__(self, other: Any) -> Any:
        return self.operate(self._of_bits("xor"), other, self)

    def __invert__(self) -> Any:
        return self.operate(self._of_bits("not"), self)

    def _of_bits(self, name: str) -> str:
        """The function of whole numbers, for what has them now, else that of truth values."""
        return f"{'bitwise' if getattr(getattr(self, 'dtype', None), 'kind', '') in ('i', 'u') else 'logical'}_{name}"

    def __getitem__(self, key: Any) -> Any:
        return self.operate("get_item", self, key)

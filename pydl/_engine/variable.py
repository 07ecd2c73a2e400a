"""A weight of a layer: its memory in the layout the kernels read, its gradient, and the array a user sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pydl import _core
from pydl._base.scoped import Scoped
from pydl._engine.layout import Layout, array_of
from pydl._engine.operators import Operators, recorder

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_budget: Scoped[list[int] | None] = Scoped(None)  # bytes left


def apart_from_files() -> AbstractContextManager[None]:
    """Within the `with` block, variables are such as no file brings, and take what they need."""
    return _budget.bound(None)


def state_of(weights: Iterable[Variable]) -> Callable[[], None]:
    """What gives those of some weights that are not trained the values again that they have now."""
    before = [(v, v.numpy()) for v in weights if not v.trainable]

    def put_back() -> None:
        for v, value in before:
            if not np.array_equal(v.numpy(), value):
                v.pack(value, v.buffer)

    return put_back


class Variable(NDArrayOperatorsMixin):
    """A weight.

    It computes as its value does: operators, comparisons, indexing and NumPy functions give arrays, `==` included,
    which compares elements; only `assign`, `assign_add` and `assign_sub` change it. As a key it is itself, whatever
    its value.

    Parameters
    ----------
    shape : sequence of int
        As the user sees it.
    dtype : str
        "float32" or "float64".
    name : str
        Unique within its layer.
    trainable : bool
        Whether an optimizer may change it (the layer's own `trainable` counts too). `made_trainable` stays what it was
        when the variable was made, and gives it its place among the layer's weights.
    layout : callable
        `(shape, dtype)` -> Layout: how values, gradients and an optimizer's slots are stored.
    regularizer, constraint : object or None
        With attributes `l1` and `l2`; a function of the array.

    Attributes
    ----------
    path : str
        `layer/name`, unique within a model once the model is built.
    buffer, grad : Buffer
        Storage of the value and, from the first training plan on, of its gradient.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: str,
        name: str,
        *,
        trainable: bool = True,
        layout: Callable[[Sequence[int], str], Layout] = Layout,
        regularizer: Any = None,
        constraint: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.shape = tuple(int(d) for d in shape)
        self.dtype = dtype
        self.name = name
        self.path = name
        self.trainable = self.made_trainable = trainable
        self.layout = layout(self.shape, dtype)
        self.regularizer = regularizer
        self.constraint = constraint
        budget = _budget.get()
        if budget is not None:
            budget[0] -= self.size * np.dtype(dtype).itemsize
            if budget[0] < 0:
                raise ValueError(f'variable "{name}" of shape {self.shape}: larger than what the file holds')
        self.buffer = self.storage()
        self.grad: _core.Buffer | None = None
        self._draft: np.ndarray | None = None  # of the gradient, while a layer in NumPy writes it

    @staticmethod
    def limit(nbytes: int) -> AbstractContextManager[None]:
        """Within the `with` block, variables may take so many bytes together: as many as a file brings."""
        return _budget.bound([nbytes])

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: the value, but neither memory nor gradient."""
        return {k: v for k, v in vars(self).items() if k not in ("buffer", "grad")} | {"value": self.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        value = state.pop("value")
        vars(self).update(state)
        self.buffer, self.grad = self.storage(), None
        self.assign(value)

    @property
    def size(self) -> int:
        """Number of elements the user sees."""
        return math.prod(self.shape)

    def storage(self) -> _core.Buffer:
        """New zeroed memory in this variable's layout (for its gradient, for an optimizer's slots)."""
        return self.layout.buffer()

    def gradient_buffer(self) -> _core.Buffer:
        """The gradient's storage, made when first asked for."""
        if self.grad is None:
            self.grad = self.storage()
        return self.grad

    @property
    def gradient(self) -> np.ndarray:
        """The gradient as the user sees it: a view of a plain variable's, a copy of one in panels."""
        return self.unpack(self.gradient_buffer()) if self._draft is None else self._draft

    @contextmanager
    def writable_gradient(self) -> Iterator[None]:
        """Within the `with` block, what is written to `gradient` counts, whatever the layout."""
        buffer = self.gradient_buffer()
        array = self.unpack(buffer)
        if np.may_share_memory(array, np.asarray(buffer)):
            yield
            return
        self._draft = array
        try:
            yield
            self.pack(array, buffer)
        finally:
            self._draft = None

    def unpack(self, buffer: _core.Buffer) -> np.ndarray:
        """Storage of this layout as the user's array: a view if the layout is plain, else a copy."""
        return self.layout.unpack(array_of(buffer))

    def pack(self, array: ArrayLike, buffer: _core.Buffer) -> None:
        """Write a user's array into storage of this layout."""
        values = np.asarray(array)
        if values.shape != self.shape:
            raise ValueError(f'variable "{self.path}": expected an array of shape {self.shape}, got {values.shape}')
        self.layout.pack(values, array_of(buffer))

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return np.array(self.unpack(self.buffer))

    @property
    def value(self) -> Any:
        """A copy of the value; in code that is being differentiated, or run on symbolic tensors, the weight itself."""
        notes = recorder.get()
        return self.numpy() if notes is None else notes.weight(self)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if recorder.get() is not None and method == "__call__" and not options:
            return Operators.operate(ufunc.__name__, *inputs)
        if any(isinstance(x, Variable) for x in options.get("out", ())):
            if (
                options["out"][0] is not inputs[0]
            ):  # as it is where += asks: then the result takes its name, as an array
                raise TypeError(f'{ufunc.__name__}: a variable cannot be out=; use variable "{self.path}".assign')
            del options["out"]
        return getattr(ufunc, method)(*(x.numpy() if isinstance(x, Variable) else x for x in inputs), **options)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return self.numpy()[index] if recorder.get() is None else Operators.operate("get_item", self, index)

    def __len__(self) -> int:
        return len(self.numpy())

    def __float__(self) -> float:
        return float(self._only())

    def __int__(self) -> int:
        return int(self._only())

    def __bool__(self) -> bool:
        """True: it is there, for code that asks `self.bias and ...`, whatever its value."""
        return True

    def _only(self) -> Any:
        if self.size != 1:
            raise TypeError(f'variable "{self.path}" of shape {self.shape}: one number is expected, it has {self.size}')
        return self.numpy().item()

    def assign(self, value: ArrayLike) -> None:
        """Set the value.

        Raises
        ------
        ValueError
            When the shape differs.
        """
        notes = recorder.get()
        if notes is not None:
            notes.assigned(self)
        self.pack(_numbers(value), self.buffer)

    def assign_add(self, value: ArrayLike) -> None:
        """Add to the value, as `assign` sets it."""
        self.assign(self.numpy() + np.asarray(_numbers(value)))

    def assign_sub(self, value: ArrayLike) -> None:
        """Subtract from the value, as `assign` sets it."""
        self.assign(self.numpy() - np.asarray(_numbers(value)))

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


def _numbers(value: Any) -> Any:
    """An array, of a value with a history too: no gradient goes through what is assigned."""
    return getattr(value, "value", value) if isinstance(value, Operators) else value

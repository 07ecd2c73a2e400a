"""What pooling layers are made of: records that lay windows over the rows and the columns of a tensor."""

from __future__ import annotations

from pydl._engine.builder import Buffer, Builder
from pydl._engine.tensor import Tensor
from pydl._engine.windows import Windows, sizes_of_windows
from pydl.layers.base import Layer

_BYTE_TAPS = 256  # whose numbers fit a byte


def _sizes(t: Tensor, rows: Windows, columns: Windows) -> dict[str, int]:
    """The sizes of a record that lays windows over the rows and the columns of a tensor."""
    return {**sizes_of_windows(t.batch, rows, columns), "C": t.shape[-1]}


class Pooled(Layer):
    """What comes from windows over the rows and the columns of an input: `grid`."""

    def grid(self, x: Tensor) -> tuple[Windows, Windows]:
        """The windows along the rows and the columns of a tensor."""
        raise NotImplementedError

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        shape = self.compute_output_shape(t.shape)  # refuses sizes, where data decide them, that do not fit
        y = b.tensor((b.batch, *(int(d or 0) for d in shape[1:])), t)
        self._emit(b, t, y, _sizes(t, *self.grid(t)))
        return y

    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        raise NotImplementedError


class Largest(Pooled):
    """The largest value of each window."""

    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        wide = int(sizes["KH"] * sizes["KW"] > _BYTE_TAPS)
        at: Buffer | None = None  # which tap was the largest, where the backward pass will ask
        if y.value.needs_grad:
            at = b.buffer((y.batch * y.columns * (4 if wide else 1),), "uint8")
            b.notes[id(y.value)] = {"at": at, "wide": wide, **sizes}
            b.note_picked(y, t)
        b.emit("pool_max_fwd", x=t.buffer, y=y.buffer, at=at, wide=wide, **sizes)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy, fields = b.gradient(y), b.notes.get(id(y.value), {})
        b.add_input_gradient(
            x[0], lambda dx, add: b.emit("pool_max_bwd", dy=dy, dx=dx, add=add, **fields), adds=True
        )  # fmt: skip


class Average(Pooled):
    """The mean of each window, of what of it exists."""

    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        b.emit("pool_mean_fwd", x=t.buffer, y=y.buffer, **sizes)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy, sizes = b.gradient(y), _sizes(x[0], *self.grid(x[0]))
        b.add_input_gradient(
            x[0], lambda dx, add: b.emit("pool_mean_bwd", dy=dy, dx=dx, add=add, **sizes), adds=True
        )  # fmt: skip

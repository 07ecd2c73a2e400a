"""Low-rank adapters: what is trained in the place of a kernel that stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import initializers
from pydl._base.args import optional_real, optional_whole, whole
from pydl._engine.builder import Buffer, Builder
from pydl._engine.cache import forget_programs
from pydl._engine.layout import Layout, Panels
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.base import Layer


class LowRank(Layer):
    """A layer whose kernel W, frozen, may have an adapter: it computes with `W + alpha / rank * A B`.

    Source: Hu and others, 2021. A is as W but for its last axis, of `rank` columns; B has `rank` rows. B begins with
    zeros, so that enabling changes nothing. Files of Keras get the sum, `.safetensors` files all three.

    Attributes
    ----------
    lora_enabled : bool
    lora_rank, lora_alpha : int or None, float or None
    adapted : str
        The name of the attribute that is the kernel.
    """

    adapted = "kernel"
    products = "ab"  # those of A and B by which records multiply: they are kept in panels
    lora_enabled = False
    lora_rank: int | None
    lora_alpha: float | None

    def _note_rank(self, rank: Any, alpha: Any) -> None:
        """Keep the constructor's arguments."""
        owner = type(self).__name__
        self.lora_rank = optional_whole(owner, "lora_rank", rank, at_least=1)
        alpha = optional_real(owner, "lora_alpha", alpha, above=0)
        self.lora_alpha = alpha if alpha is not None or rank is None else float(rank)

    def _enable_if_asked(self) -> None:
        """For the end of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self._enable(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the kernel and train an adapter of it; takes effect with the next `compile`.

        Parameters
        ----------
        rank : int
        lora_alpha : float, optional
            Default: `rank`.
        a_initializer, b_initializer
            See `pydl.initializers`.

        Raises
        ------
        ValueError
            When the layer is not built, has an adapter or a constraint of its kernel.
        """
        owner = f'{type(self).__name__} "{self.name}"'
        self._refuse_constraint()
        if not self.built:
            raise ValueError(f"{owner}: Cannot enable lora on a layer that isn't yet built: call build, or it, before")
        if self.lora_enabled:
            raise ValueError(f"{owner}: lora is already enabled, with rank {self.lora_rank}")
        self._enable(whole(owner, "rank", rank, at_least=1), lora_alpha, a_initializer, b_initializer)

    def _enable(self, rank: int, alpha: float | None, a_initializer: Any, b_initializer: Any) -> None:
        self._refuse_constraint()
        kernel, name = self.own_kernel(), self.adapted
        kernel.trainable = False
        self._note_rank(rank, alpha)
        shapes = {"a": (*kernel.shape[:-1], rank), "b": (rank, kernel.shape[-1])}
        for part, initializer in (("a", a_initializer), ("b", b_initializer)):
            made = self.add_weight(
                shapes[part], initializers.get(initializer), name=f"lora_{name}_{part}",
                layout=Panels if part in self.products else Layout,
                regularizer=kernel.regularizer,
            )  # fmt: skip
            setattr(self, f"lora_{name}_{part}", made)
        self.lora_enabled = True
        if self._graph is not None:  # code of a class derived from this one, which may use the kernel
            self._find_graph(self.input_shape, [t.dtype for t in self._graph.inputs])
        forget_programs()

    def _refuse_constraint(self) -> None:
        if getattr(self, f"{self.adapted}_constraint") is not None:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": an adapter is incompatible with '
                f"{self.adapted.removesuffix('s')} constraints, which it would escape: leave them out"
            )

    def _ever_trained(self) -> list[Variable]:
        """All but the kernel, which stays as it is for as long as it has an adapter."""
        adapted = self.own_kernel() if self.lora_enabled else None
        return [v for v in super()._ever_trained() if v is not adapted]

    def own_kernel(self) -> Variable:
        found: Variable = getattr(self, f"_{self.adapted}")
        return found

    @property
    def adapter(self) -> tuple[Variable, Variable]:
        """A and B."""
        return getattr(self, f"lora_{self.adapted}_a"), getattr(self, f"lora_{self.adapted}_b")

    @property
    def lora_factor(self) -> float:
        """What the product of A and B is multiplied by."""
        return float(self.lora_alpha or 0) / (self.lora_rank or 1)

    def merged(self) -> np.ndarray:
        """The kernel with its adapter, if it has one."""
        kernel = self.own_kernel().numpy()
        if not self.lora_enabled:
            return kernel
        a, b = (v.numpy() for v in self.adapter)
        return np.asarray(kernel + self.lora_factor * (a @ b), kernel.dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if self.lora_rank is None:
            del config["lora_rank"], config["lora_alpha"]
        return config

    # -- records --------------------------------------------------------------------------------------------------

    def emit_up(self, b: Builder, base: Tensor, down: Tensor) -> Tensor:
        """`base + factor * down B`, where down is what A makes of the input; down gets the factor."""
        up, y = (b.tensor(base.shape, base, trainable=True) for _ in range(2))
        _, matrix = self.adapter
        _scale(b, down, down.buffer, self.lora_factor)
        b.emit("gemm_fwd", x=down.buffer, w=matrix.buffer, b=None, y=up.buffer, **self._sizes_up(down))
        b.emit("add", x1=base.buffer, x2=up.buffer, y=y.buffer, B=base.batch, O=base.columns)
        return y

    def emit_up_slopes(self, b: Builder, down: Tensor, dy: Buffer) -> Buffer:
        """The gradient of what A makes of the input; that of B is put off to the tail."""
        _, matrix = self.adapter
        sizes = self._sizes_up(down)
        if b.trains(matrix):
            shape = {"I": sizes["I"], "O": sizes["O"], "B": down.rows_of_last, "n": matrix.buffer.size}
            b.add_weight_gradient(
                matrix, lambda dw, add: b.emit("gemm_dw", x=down.buffer, dy=dy, dw=dw, add=add, **shape)
            )
        slope = b.buffer(down.shape)
        b.emit("gemm_dx", dy=dy, w=matrix.buffer, dx=slope, add=0, **sizes)
        _scale(b, down, slope, self.lora_factor)
        return slope

    def _sizes_up(self, down: Tensor) -> dict[str, int]:
        return {"I": down.shape[-1], "O": self.own_kernel().shape[-1], **down.by_last()}


def _scale(b: Builder, like: Tensor, x: Buffer, factor: float) -> None:
    if factor != 1:
        b.emit("affine", x=x, y=x, B=like.batch, O=like.columns, a=factor, c=0.0)

"""Dense: the fully connected layer."""

from __future__ import annotations

from typing import Any

from pydl import activations, constraints, initializers, regularizers
from pydl._base.args import whole
from pydl._engine.builder import Builder
from pydl._engine.epilogue import Epilogue, derivative
from pydl._engine.facts import rowwise
from pydl._engine.graph import Shape
from pydl._engine.layout import Panels
from pydl._engine.passes import beyond_caches
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.low_rank import LowRank
from pydl.layers.weighted import ActivationOf, KernelOf


class Dense(LowRank):
    """`y = activation(x @ kernel + bias)` over the last axis.

    Input `(batch, ..., features)`, output `(batch, ..., units)`. One record forward, up to three backward; 2 * batch *
    features * units flops each. The kernel is stored in panels, and shown as `(features, units)`.

    Parameters
    ----------
    units : int
        Size of the output, > 0.
    activation : str, function or None
        See `pydl.activations`; None is linear.
    use_bias : bool
    kernel_initializer, bias_initializer
        See `pydl.initializers`.
    kernel_regularizer, bias_regularizer, activity_regularizer
        See `pydl.regularizers`; the last one is of the output.
    kernel_constraint, bias_constraint
        See `pydl.constraints`.
    lora_rank, lora_alpha : int, float, optional
        Of an adapter: see `enable_lora`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An unknown activation, initializer, ...; `units` not positive; an input without a last axis of known size.
    """

    supports_masking = True

    activation = ActivationOf()
    kernel = KernelOf()

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._note_rank(lora_rank, lora_alpha)
        self.units = whole("Dense", "units", units, at_least=1)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._kernel: Variable
        self.bias: Variable | None = None

    def build(self, input_shape: Any) -> None:
        if isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(f'Dense "{self.name}": expected one input (batch, ..., features), got {input_shape}')
        if input_shape[-1] is None:
            raise ValueError(f'Dense "{self.name}": expected a last size known in advance, got {input_shape}')
        activations.warn_of_one_unit(self.activation, self.units, f'Dense "{self.name}": ')
        self._kernel = self.add_weight(
            (input_shape[-1], self.units), self.kernel_initializer, name="kernel", layout=Panels,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self._enable_if_asked()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.built and input_shape[-1] != self._kernel.shape[0]:
            raise ValueError(
                f'Dense "{self.name}": the input is incompatible with the layer, which was built for '
                f"(batch, ..., {self._kernel.shape[0]}), got {tuple(input_shape)}"
            )
        return (*input_shape[:-1], self.units)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        if self.lora_enabled:
            return self._forward_adapted(b, t)
        y = b.tensor((*t.shape[:-1], self.units), t, trainable=b.trains(*self.weights))
        epilogue = Epilogue(b, y, self.activation)
        by_rows = "act" in epilogue.fields and rowwise(self.activation)
        op = "gemm_fwd_panels" if not by_rows and self._by_panels(b, t) else "gemm_fwd"
        b.emit(op, x=t.buffer, w=self._kernel.buffer, b=self.bias and self.bias.buffer, y=y.buffer, I=t.shape[-1],
               O=self.units, **t.by_last(), **epilogue.fields)  # fmt: skip
        return b.activate_by_function(y, self.activation)

    def _forward_adapted(self, b: Builder, t: Tensor) -> Tensor:
        a, _ = self.adapter
        base, down = (b.tensor((*t.shape[:-1], n), t, trainable=True) for n in (self.units, a.shape[-1]))
        bias = self.bias and self.bias.buffer
        for w, add, y in ((self._kernel, bias, base), (a, None, down)):
            sizes = {"I": t.shape[-1], "O": y.shape[-1], **t.by_last()}
            b.emit("gemm_fwd", x=t.buffer, w=w.buffer, b=add, y=y.buffer, **sizes)
        y, act = self.emit_up(b, base, down), self.activation
        y = y if act.kernel is None and act.function is None else b.activate(y, act)
        b.notes[id(y.value), id(self)] = down
        return y

    def _by_panels(self, b: Builder, x: Tensor) -> bool:
        """Whether threads had rather share out the panels of a kernel that is being trained than the rows of x.

        The optimizer leaves each thread the panels that it updated, and the others would have to fetch them; by panels
        they fetch rows instead, which they need for the gradient of the kernel anyway, and each other's columns of y.
        Not worth it where rows are many or panels cannot be shared out evenly, nor where x wants a gradient: for that,
        all threads fetch the whole kernel. (Measured with two: 2 to 20 % of a step, up to 85 % where fetching is slow.)
        A kernel beyond the caches comes from memory: by panels, once for all threads. (3 to 9 % of a step.)
        """
        panels = self._kernel.layout.storage[0]
        even = 4 * b.threads * -(-panels // b.threads) <= 5 * panels
        near = 4 * x.rows_of_last <= x.shape[-1] and not x.value.needs_grad
        worth = even and (near or beyond_caches(self._kernel.buffer))
        return b.gradients and b.trains(*self.weights) and b.threads > 1 and worth

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dz = b.gradient(y)
        if dz is None:
            return
        t = x[0]
        self._send(b, t, dz, self._kernel, {} if self.lora_enabled or not t.value.needs_grad else derivative(t))
        if self.lora_enabled:
            down = b.notes[id(y.value), id(self)]
            self._send(b, t, self.emit_up_slopes(b, down, dz), self.adapter[0], {})
        bias = self.bias
        if bias is not None and b.trains(bias):
            b.add_weight_gradient(
                bias, lambda db, add: b.emit("colsum", x=dz, y=db, n=self.units, B=t.rows_of_last, add=add)
            )

    def _send(self, b: Builder, t: Tensor, dy: Any, w: Variable, fields: dict[str, Any]) -> None:
        """Send the gradients of a product t w to t, and to w, which is put off to the tail."""
        sizes = {"I": w.shape[0], "O": w.shape[1]}
        if t.value.needs_grad:
            b.add_input_gradient(
                t,
                lambda dx, add: b.emit("gemm_dx", dy=dy, w=w.buffer, dx=dx, add=add, **sizes, **t.by_last(), **fields),
                adds=True,
            )
        if b.trains(w):
            b.add_weight_gradient(
                w,
                lambda dw, add: b.emit("gemm_dw", x=t.buffer, dy=dy, dw=dw, add=add, n=w.buffer.size,
                                       B=t.rows_of_last, **sizes),
            )  # fmt: skip

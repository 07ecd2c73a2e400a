"""What the engine asks of things that stand above it: it knows them by these properties and methods only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:  # they ask for the protocols themselves
    from pydl._engine.builder import Builder
    from pydl._engine.graph import Call, Shape, SymbolicTensor
    from pydl._engine.tensor import Tensor
    from pydl._engine.variable import Variable


class Activation(Protocol):
    """A function that a kernel computes, alone or with a product."""

    @property
    def name(self) -> str: ...
    @property
    def alpha(self) -> float: ...
    @property
    def kernel(self) -> str | None:
        """`act_<kernel>_fwd` and `act_<kernel>_bwd` are its ops; None if it changes nothing or is a function."""

    @property
    def function(self) -> Any:
        """What computes it in NumPy, if there is no kernel."""

    def slope(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """The gradient of the function's input, from that of its output."""


class LossOp(Protocol):
    """A loss as a record: by the kernel `op`, or by `call` and `gradient` in NumPy if that is None."""

    @property
    def name(self) -> str: ...
    @property
    def op(self) -> str | None: ...
    @property
    def fused(self) -> Mapping[str, str]:
        """Names of activations that it absorbs, each with the op that does."""

    @property
    def sparse(self) -> bool:
        """Whether targets are class numbers."""

    @property
    def ignore_class(self) -> float | None:
        """A class number whose rows do not count."""

    @property
    def reduction(self) -> str | None: ...
    @property
    def normalization(self) -> int:
        """What weights are divided by: 0 nothing; 1 how many of a mask count; 2 their sum."""

    def fields(self) -> dict[str, Any]: ...
    def scale(self, rows: int) -> float: ...
    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]: ...
    def counted(self, y_true: np.ndarray, values: np.ndarray) -> np.ndarray | None: ...
    def pullback(self, y_true: np.ndarray, y_pred: np.ndarray, factors: Any) -> np.ndarray: ...
    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray: ...
    def followed(self, y_true: np.ndarray, y_pred: np.ndarray) -> Any: ...


class TargetsOp(Protocol):
    """What is expected of the targets of an output."""

    @property
    def sparse(self) -> bool:
        """Whether they are class numbers."""


class MetricOp(Protocol):
    """A metric as a record: one value per row by the kernel `op`, or `update_state` in NumPy if that is None."""

    @property
    def op(self) -> str | None: ...
    @property
    def output(self) -> str:
        """The op's field that takes the values."""

    @property
    def counts_nan(self) -> bool:
        """Whether the op takes predictions that are NaN for ones like others; they have to count 0."""

    in_code: bool  # whether `update_state` is a user's own

    def saved_state(self) -> np.ndarray: ...
    def restore_state(self, numbers: Any) -> None: ...

    def fields(self) -> dict[str, Any]: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...


class OptimizerOp(Protocol):
    """An optimizer as records: of the kernel `op`, or of `update_step` where that is `in_python`."""

    @property
    def op(self) -> str | None: ...
    @property
    def in_python(self) -> bool: ...
    @property
    def together(self) -> bool: ...
    @property
    def state_variables(self) -> Sequence[Variable]: ...
    @property
    def slots(self) -> Sequence[str | None]: ...
    @property
    def weight_decay(self) -> float | None: ...
    @property
    def clipvalue(self) -> float | None: ...
    @property
    def clipnorm(self) -> float | None: ...
    @property
    def global_clipnorm(self) -> float | None: ...
    @property
    def gradient_accumulation_steps(self) -> int | None: ...
    @property
    def use_ema(self) -> bool: ...
    @property
    def ema_momentum(self) -> float: ...
    @property
    def ema_overwrite_frequency(self) -> int | None: ...
    @property
    def iterations(self) -> Any: ...
    @property
    def batches(self) -> int: ...
    @property
    def learning_rate(self) -> Any: ...

    def companion(self, variable: Variable, name: str) -> Variable: ...
    def fields(self) -> dict[str, Any]: ...
    def slot_variables(self, variable: Variable) -> dict[int, Variable]: ...
    def kept_for(self, variable: Variable) -> list[Variable]: ...
    def decays(self, variable: Variable) -> bool: ...
    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None: ...
    def step_together(self, variables: Sequence[Variable]) -> None: ...
    def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: Any) -> None: ...


class Layer(Protocol):
    """What a call in a graph is a call of."""

    @property
    def name(self) -> str: ...
    @property
    def trainable(self) -> bool: ...
    @property
    def only_in_training(self) -> bool:
        """Whether it changes nothing but in training."""

    @property
    def weights(self) -> list[Variable]: ...
    @property
    def trainable_weights(self) -> list[Variable]: ...
    @property
    def activity_regularizer(self) -> Any:
        """Whose penalty of the outputs, divided by the rows of the batch, is part of the loss; None without one."""

    one_for_all: bool  # whether what comes out is one number for the whole batch, as often as there are samples
    of_function: bool  # whether it was made for a call of a function of pydl.ops, and for nothing else

    @property
    def adds_loss(self) -> bool:
        """Whether it, or a layer in it, adds to the loss."""

    def count_params(self) -> int: ...
    def get_config(self) -> dict[str, Any]: ...

    on_host: bool
    of_text: bool

    def preprocess(self, x: Any) -> Any:
        """The output for an array, of a layer that is computed on the host."""

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        """For each input, the number of codes if its values must be codes, whole numbers below it; else None."""

    def output_shapes(self, input_shape: Any) -> list[Shape]: ...
    def connect(self, inputs: Any, training: bool | None = None) -> Call: ...
    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """Give the outputs their masks."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        """Emit the forward pass; returns the output, or a list of several."""

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """Emit the backward pass from the gradients that `y`, as `emit_forward` returned it, has got."""


class NumPyLayer(Layer, Protocol):
    """A layer whose passes are written in NumPy."""

    @property
    def dtype(self) -> str: ...
    @property
    def has_backward(self) -> bool:
        """Whether it brings its backward pass."""

    @property
    def no_graph(self) -> Exception | None:
        """Why the layers that `call` uses are not known, if there are some."""

    writes_inputs: bool  # whether `call` changes its inputs in place, which then must not be the arrays themselves

    @property
    def terms(self) -> list[Any]:
        """What `call`, and that of layers in it, added to the loss when it last ran."""

    def forget_losses(self) -> None:
        """Let there be no such terms."""

    told_of_weights: bool  # whether it has been looked whether it holds all weights that it computes with
    _output_keys: list[str] | None  # of what `call` returns, if it is a dict
    result_kinds: Sequence[str | None]  # dtypes of what it returns, where they are of no floats

    def _signature_of_call(self) -> Any: ...

    def call(self, *inputs: Any, **flags: Any) -> Any: ...
    def backward(self, *args: Any) -> Any: ...


class Judged(Protocol):
    """A metric, the output it judges, and whether it takes the weights of samples."""

    @property
    def metric(self) -> MetricOp: ...
    @property
    def output(self) -> int: ...
    @property
    def weighted(self) -> bool: ...


class Graph(Protocol):
    """Calls of layers between inputs and outputs, in order."""

    @property
    def dtype(self) -> str: ...
    @property
    def inputs(self) -> Sequence[SymbolicTensor]: ...
    @property
    def outputs(self) -> Sequence[SymbolicTensor]: ...
    @property
    def calls(self) -> Sequence[Call]: ...
    def code_limits(self) -> list[int | None]:
        """For each input, None, or the number of codes where its values must be codes."""

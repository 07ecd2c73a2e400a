"""The forward and backward pass over a graph's calls, as records: of a model, and of models inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydl._engine import own_masks
from pydl._engine.builder import Builder
from pydl._engine.graph import Call, SymbolicTensor
from pydl._engine.tensor import Tensor


class Walk:
    """A pass over calls in order, and then back.

    Attributes
    ----------
    tensors : dict
        By id of the symbolic tensor.
    """

    def __init__(self, builder: Builder, calls: Sequence[Call], given: Mapping[int, Tensor]) -> None:
        self.builder = builder
        self.calls = calls
        self.tensors = dict(given)

    def forward(self, claims: Mapping[int, Any]) -> None:
        """Emit the forward pass. `claims`: id of an output used once -> the loss that may take its activation on."""
        b = self.builder
        for call in self.calls:
            with b.behaving(call.training):
                self._forward(call, claims)
        b.claim = None

    def _forward(self, call: Call, claims: Mapping[int, Any]) -> None:
        b, xs = self.builder, self._inputs(call)
        penalty = call.layer.activity_regularizer
        alone = len(call.outputs) == 1 and penalty is None  # a penalty reads the output, too
        b.claim = claims.get(id(call.outputs[0])) if alone else None
        result = call.layer.emit_forward(b, *xs)
        ys = list(result) if isinstance(result, list | tuple) else [result]
        if own_masks.says(call.layer):
            own_masks.emit(call.layer, b, xs, ys)
        else:
            call.layer.emit_masks(b, xs, ys)
        if penalty is not None:
            for y in ys:
                b.penalise(y, penalty)
        for symbol, y in zip(call.outputs, ys, strict=True):
            self.tensors[id(symbol)] = y

    def backward(self) -> None:
        """Emit the backward pass, from the gradients that the losses sent to the outputs."""
        for call in reversed(self.calls):
            ys = [self.tensors[id(t)] for t in call.outputs]
            for y in ys if call.layer.activity_regularizer is not None else []:
                self.builder.add_penalty_gradient(y, call.layer.activity_regularizer)
            if any(y.value.needs_grad and (y.value.grad is not None or call.layer.adds_loss) for y in ys):
                call.layer.emit_backward(self.builder, *self._inputs(call), y=ys[0] if len(ys) == 1 else ys)
                self.builder.release()

    def _inputs(self, call: Call) -> list[Tensor]:
        return [self.tensors[id(t)] for t in call.inputs]

    def __getitem__(self, t: SymbolicTensor) -> Tensor:
        return self.tensors[id(t)]

"""What a product does with its result while it is still in the caches: bias and activation, or a derivative.

Dense, and any layer whose output is a product, keeps the activation in the product's store; the product that sends a
tensor its only gradient applies the derivative of that tensor's activation in its store.
"""

from __future__ import annotations

from typing import Any

from pydl._engine.builder import Builder
from pydl._engine.facts import reads_input, rowwise
from pydl._engine.tensor import Tensor


class Epilogue:
    """The activation behind a product whose output is `y`.

    Attributes
    ----------
    fields : dict
        What the record of the product gets for it: z (where its input is kept for the backward pass), act, alpha.
    """

    def __init__(self, b: Builder, y: Tensor, act: Any) -> None:
        self.fields: dict[str, Any] = {}
        if act.kernel is None:
            return
        if b.absorbed(act):
            y.value.pending = act
            return
        z = b.buffer(y.shape) if b.gradients and reads_input(act) else None
        self.fields = {"z": z, "act": f"act_{act.kernel}_fwd", "alpha": act.alpha}
        b.note_activation(y, act, z)


def derivative(x: Tensor) -> dict[str, Any]:
    """Fields that let the only record that sends x a gradient apply the derivative of x's activation as well."""
    v = x.value
    v.take_derivative_on()
    if (
        v.act is None
        or v.act.kernel is None
        or v.readers != 1
        or v.grad is not None
        or (rowwise(v.act) and x.shape[-1] != v.act_columns)
    ):
        return {}
    v.grad_is_pre = True
    return {"act": f"act_{v.act.kernel}_bwd", "s": v.saved, "alpha": v.act.alpha}

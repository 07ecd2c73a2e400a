"""torch.compile of forward pass and loss (and with them of the backward pass), with the fused Adam."""

from __future__ import annotations

import torch

from bench.nets import Net
from bench.peers import torch_eager


class Training(torch_eager.Training):
    """As eager, compiled."""

    def __init__(self, net: Net) -> None:
        super().__init__(net)
        self.loss = torch.compile(self.loss)  # type: ignore[method-assign]

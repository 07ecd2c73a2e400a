"""The nets of the comparisons: sizes, batch, data and first weights, the same for every library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Net:
    """A multilayer perceptron with relu between its layers, and the batch it is trained with."""

    sizes: Sequence[int]
    batch: int
    classes: bool = False  # softmax and cross-entropy of class numbers, else mean squared error

    def __str__(self) -> str:
        return f"{self.name} b{self.batch}"

    @property
    def name(self) -> str:
        """The sizes only."""
        return "-".join(map(str, self.sizes))

    @property
    def inputs(self) -> int:
        """Numbers in a row."""
        return self.sizes[0]

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each Dense layer."""
        return list(zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def flops(self) -> int:
        """Of the matrix products of a training step; the first layer needs no gradient of its input."""
        (first, second), *_ = self.layers
        return 2 * self.batch * (3 * sum(i * o for i, o in self.layers) - first * second)

    def data(self, rows: int) -> tuple[Array, Array]:
        """Random inputs and targets."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((rows, self.sizes[0]), np.float32)
        if self.classes:
            return x, rng.integers(0, self.sizes[-1], rows)
        return x, rng.standard_normal((rows, self.sizes[-1]), np.float32)

    def weights(self) -> list[tuple[Array, Array]]:
        """Kernels `(I, O)`, Glorot uniform, and biases of the layers."""
        rng = np.random.default_rng(1)
        limits = [(6 / (i + o)) ** 0.5 for i, o in self.layers]
        return [
            (rng.uniform(-limit, limit, (i, o)).astype(np.float32), np.zeros(o, np.float32))
            for (i, o), limit in zip(self.layers, limits, strict=True)
        ]


# The six nets that speed is judged by, smallest first.
STEPS = [
    Net((8, 16, 1), 4),
    Net((20, 64, 64, 1), 32),
    Net((784, 128, 10), 32, classes=True),
    Net((784, 128, 10), 128, classes=True),
    Net((784, 512, 512, 10), 128, classes=True),
    Net((1024, 4096, 4096, 1024), 256),
]
PREDICTIONS = [STEPS[0], STEPS[1], STEPS[3], STEPS[4]]
MNIST = Net((784, 256, 10), 128, classes=True)

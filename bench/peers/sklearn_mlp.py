"""scikit-learn's MLPClassifier and MLPRegressor; `partial_fit` is one epoch and keeps Adam's state."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from bench.nets import Array, Net


class Training:
    """Epochs through `partial_fit`. It draws its own first weights, of the same distribution."""

    def __init__(self, net: Net) -> None:
        kind = MLPClassifier if net.classes else MLPRegressor
        self.model: Any = kind(hidden_layer_sizes=net.sizes[1:-1], batch_size=net.batch, alpha=0.0, epsilon=1e-7)
        self.known = {"classes": np.arange(net.sizes[-1])} if net.classes else {}

    def prepare(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y[:, 0] if y.shape[1:] == (1,) else y

    def fit(self, x: Array, y: Array) -> None:
        """One epoch in random order."""
        self.model.partial_fit(x, y, **self.known)

    def accuracy(self, x: Array, y: Array) -> float:
        return float(self.model.score(x, y))

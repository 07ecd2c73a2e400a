"""Data without rows: an error that says so, from every method."""

from typing import Any

import numpy as np
import pytest

import pydl


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch", "gradients", "trace"])
@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy"])
def test_no_rows(method: str, loss: str) -> None:
    net = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(3)])
    net.compile("sgd", loss)
    call: Any = getattr(net, method)
    y = np.zeros((0, 3) if loss == "mse" else 0)
    with pytest.raises(ValueError, match=f"{method}: expected at least 1 row, got 0"):
        call(np.zeros((0, 4)), y)

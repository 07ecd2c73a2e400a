"""MNIST, 784-256-10, Adam, batches of 128: 97.5 % of the test images after 6 epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pydl
from pydl import layers as L


@pytest.mark.long  # 6 epochs of 60,000 images; the smaller problems of test_convergence stay
def test_mnist(data_dir: Path) -> None:
    with np.load(data_dir / "mnist.npz") as f:
        x, y, x_test, y_test = (f[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential(
        [pydl.Input((28, 28)), L.Flatten(), L.Rescaling(1 / 255), L.Dense(256, "relu"), L.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=128, epochs=6, verbose=0, validation_data=(x_test, y_test)).history
    assert history["val_accuracy"][-1] >= 0.975
    assert history["accuracy"][-1] >= 0.98

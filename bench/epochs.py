"""MNIST, 784-256-10, batch 128, Adam: seconds per epoch and accuracy on the test set, beside torch's.

The claim that pydl takes at most half the wall time of torch is `wall ratio` here. The two take turns, an epoch each.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from bench.nets import HAS_TORCH, Net, TorchModel, pydl_model
from bench.timing import seconds
from pydl.datasets import mnist

NET = Net((784, 256, 10), 128, classes=True)


def run(epochs: int = 6) -> list[dict[str, Any]]:
    """A row per library. Needs the data set: PYDL_DATA_DIR, or a download."""
    (x, y), (x_test, y_test) = (
        (images.reshape(-1, 784).astype(np.float32) / 255, labels.astype(np.int64))
        for images, labels in mnist.load_data()
    )
    model = pydl_model(NET)
    peer = TorchModel(NET) if HAS_TORCH else None
    taken: dict[str, list[float]] = {"pydl": [], **({"torch": []} if peer else {})}
    for _ in range(epochs):
        taken["pydl"].append(seconds(lambda: model.fit(x, y, batch_size=NET.batch, verbose=0)))
        if peer:
            taken["torch"].append(seconds(lambda: peer.fit(x, y)))
    accuracy = {"pydl": model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]}
    if peer:
        accuracy["torch"] = peer.accuracy(x_test, y_test)
    return [
        {
            "library": name,
            "epochs": epochs,
            "s per epoch": statistics.median(times),
            "s in all": sum(times),
            "accuracy": accuracy[name],
            "wall ratio": sum(times) / sum(taken["pydl"]),
        }
        for name, times in taken.items()
    ]

"""Metrics of models with sizes that data decide: those of the same model with sizes that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import metrics as M
from pydl import ops

RNG = np.random.default_rng(0)
IMAGES, STEPS = RNG.random((10, 6, 5, 2)).astype("float32"), RNG.random((10, 7, 2)).astype("float32")


def dice(y: Any, p: Any) -> Any:
    """One number for a batch."""
    y, p = ops.reshape(y, (-1,)), ops.reshape(p, (-1,))
    return 2 * ops.sum(y * p) / (ops.sum(y) + ops.sum(p) + 1)


class Own(M.Metric):
    """The mean error; heeds weights, which may not be there."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.total, self.count = self.add_weight(name="total"), self.add_weight(name="count")
        self.weights_seen: list[Any] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.weights_seen.append(sample_weight)
        values = np.abs(np.asarray(y_true) - np.asarray(y_pred)).mean(axis=-1)
        w = np.ones(()) if sample_weight is None else np.asarray(sample_weight)
        w = np.broadcast_to(w.reshape(*w.shape, *[1] * (values.ndim - w.ndim)), values.shape)
        self.total.assign_add((values * w).sum())
        self.count.assign_add(w.sum())

    def result(self) -> Any:
        return self.total / self.count


KINDS = {
    "functions": lambda: [dice, "mae", "accuracy"],
    "counts": lambda: [M.TruePositives(), M.Precision(), M.Recall(), M.BinaryIoU([1], 0.5), M.MeanIoU(2), M.AUC()],
    "means": lambda: [M.BinaryCrossentropy(), M.CosineSimilarity(), M.RootMeanSquaredError(), M.LogCoshError()],
    "own": lambda: [Own()],
}


@pytest.mark.parametrize("weights", [None, "samples", "positions"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("x", [IMAGES, STEPS], ids=["images", "steps"])
def test_sizes_that_are_open_change_no_figure(x: Any, kind: str, weights: str | None) -> None:
    """Precision, IoU and counts were of weights 1 / steps, and images an error."""
    y = (np.random.default_rng(1).random((*x.shape[:-1], 1)) < 0.4).astype("float32")
    w = None if weights is None else np.random.default_rng(2).random(x.shape[: 1 if weights == "samples" else -1])
    found = []
    for shape in (x.shape[1:], (*[None] * (x.ndim - 2), 2)):
        pydl.utils.set_random_seed(0)
        made = KINDS[kind]()
        model = pydl.Sequential([pydl.Input(shape), pydl.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "mse", **{"metrics" if w is None else "weighted_metrics": made})
        found.append(list(model.evaluate(x, y, batch_size=4, sample_weight=w, return_dict=True).values()))
        found[-1] += [
            v for vs in model.fit(x, y, batch_size=4, sample_weight=w, verbose=0).history.values() for v in vs
        ]
        if w is None and kind == "own":
            assert all(v is None for v in made[0].weights_seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


class Lengths(pydl.utils.PyDataset):
    """Batches of several lengths."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, i: int) -> Any:
        return self.parts[i]


def test_batches_of_several_lengths() -> None:
    """Counts are of all steps; means of functions per step are of samples, as Keras has them."""
    rng = np.random.default_rng(3)
    parts = [(rng.random((n, t, 2)).astype("float32"), (rng.random((n, t, 1)) < 0.5).astype("float32"))
             for n, t in ((4, 8), (4, 2), (2, 5))]  # fmt: skip
    model = pydl.Sequential([pydl.Input((None, 2)), pydl.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=[M.TruePositives(), M.Precision(), "accuracy", dice, Own()])
    figures = model.evaluate(Lengths(parts), return_dict=True)
    predictions = [model.predict(x) for x, _ in parts]
    y, p = (np.concatenate([v.ravel() for v in vs]) for vs in ([t for _, t in parts], predictions))
    told = p > 0.5
    assert figures[model.metrics_names[1]] == (y * told).sum()
    assert figures[model.metrics_names[2]] == pytest.approx((y * told).sum() / told.sum())
    right = [((q > 0.5) == t).mean(axis=(1, 2)) for (_, t), q in zip(parts, predictions, strict=True)]
    assert figures["accuracy"] == pytest.approx(np.concatenate(right).mean(), rel=1e-6)
    each = [2 * (t * q).sum() / (t.sum() + q.sum() + 1) for (_, t), q in zip(parts, predictions, strict=True)]
    assert figures["dice"] == pytest.approx(np.mean(each), rel=1e-5)
    assert figures["own"] == pytest.approx(np.abs(y - p).mean(), rel=1e-5)

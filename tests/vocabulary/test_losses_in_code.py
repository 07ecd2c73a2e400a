"""Functions of `pydl.losses` in losses and layers of one's own: values and gradients of the losses themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import losses, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype(np.float32)
NAMES = [
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "cosine_similarity", "dice", "hinge", "huber",
    "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "poisson", "quantile", "sparse_categorical_crossentropy", "squared_hinge",
    "tversky",
]  # fmt: skip


def trained(loss: Any, y: np.ndarray) -> list[np.ndarray]:
    net = pydl.Sequential([pydl.Input((5,)), pydl.layers.Dense(3, "softmax")])
    net.compile(pydl.optimizers.SGD(0.5), loss)
    net.set_weights([np.linspace(-1, 1, 15).reshape(5, 3), np.zeros(3)])
    net.fit(X, y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    return net.get_weights()


@pytest.mark.parametrize("name", NAMES)
def test_a_sum_of_losses_trains_as_its_parts(name: str) -> None:
    function = getattr(losses, name)
    classes = np.arange(12) % 3
    y = classes if name.startswith("sparse") else np.eye(3, dtype=np.float32)[classes]

    def both(y_true: Any, y_pred: Any) -> Any:
        return 0.5 * function(y_true, y_pred) + 0.5 * function(y_true, y_pred)

    for ours, theirs in zip(trained(both, y), trained(losses.as_loss(name), y), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.mean_squared_error, losses.huber, losses.MeanAbsoluteError(), losses.log_cosh])
def test_both_sides_of_a_symmetric_loss_are_learnt_from(loss: Any) -> None:
    class Near(pydl.layers.Layer):
        def call(self, pair: Any) -> Any:
            self.add_loss(ops.mean(loss(pair[0], pair[1])))
            return pair[0]

    net_in = pydl.Input((5,))
    a, b = pydl.layers.Dense(2, name="a"), pydl.layers.Dense(2, name="b")
    net = pydl.Model(net_in, Near()([a(net_in), b(net_in)]))
    net.compile(pydl.optimizers.SGD(0.1))
    net.set_weights([np.random.default_rng(k).normal(size=w.shape) for k, w in enumerate(net.get_weights())])
    start = [w.copy() for w in net.get_weights()]
    net.fit(X, epochs=1, batch_size=12, verbose=0)
    moved = [after - before for after, before in zip(net.get_weights(), start, strict=True)]
    for left, right in ((moved[0], moved[2]), (moved[1], moved[3])):
        assert np.abs(left).max() > 1e-4
        np.testing.assert_allclose(left, -right, rtol=1e-4, atol=1e-6)


def test_losses_of_tensors_are_parts_of_a_model(tmp_path: Path) -> None:
    """As autoencoders of many a tutorial have them: `model.add_loss(mse(inputs, outputs))`."""
    inputs = pydl.Input((5,))
    outputs = pydl.layers.Dense(5, name="d")(inputs)
    found = []
    for loss in (losses.mse(inputs, outputs), losses.MeanSquaredError()(inputs, outputs)):
        model = pydl.Model(inputs, outputs)
        model.add_loss(ops.mean(loss))
        model.compile(pydl.optimizers.SGD(0.1))
        model.set_weights([np.zeros((5, 5)), np.zeros(5)])
        history = model.fit(X, epochs=3, batch_size=12, verbose=0).history["loss"]
        assert history[0] == pytest.approx((X**2).mean(), rel=1e-5)
        found.append((history, model.get_weights()))
    plain = pydl.Model(inputs, outputs)
    plain.compile(pydl.optimizers.SGD(0.1), "mse")
    plain.set_weights([np.zeros((5, 5)), np.zeros(5)])
    plain.fit(X, X, epochs=3, batch_size=12, verbose=0)
    for _, weights in found:
        np.testing.assert_allclose(weights[0], plain.get_weights()[0], rtol=1e-5, atol=1e-7)
    distance = pydl.Model(inputs, losses.mse(inputs, outputs))
    distance.save(tmp_path / "distance.safetensors")
    again = pydl.models.load_model(tmp_path / "distance.safetensors")
    np.testing.assert_array_equal(again.predict(X, verbose=0), distance.predict(X, verbose=0))
    with pytest.raises(TypeError, match="sample_weight is for arrays"):
        losses.MeanSquaredError()(inputs, outputs, sample_weight=1.0)


@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_losses_whose_classes_count_differently(from_logits: bool) -> None:
    """A number for each class, as in Keras's own example of imbalanced classes."""
    alpha, gamma, s = np.array([0.1, 0.2, 0.7]), 1.5, 0.1
    y = np.eye(3)[np.arange(12) % 3]
    x = RNG.normal(size=(12, 3))
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    pydl.config.set_floatx("float64")
    loss = losses.CategoricalFocalCrossentropy(list(alpha), gamma, from_logits, s)
    given = x if from_logits else p

    def reference(values: np.ndarray) -> np.ndarray:
        p = np.exp(values) if from_logits else values
        p = p / p.sum(axis=1, keepdims=True)
        return -(alpha * (1 - p) ** gamma * (y * (1 - s) + s / 3) * np.log(p)).sum(axis=1)

    np.testing.assert_allclose(loss(y, given), reference(given).mean(), rtol=1e-6)
    step = 1e-6
    for k in range(3):
        moved = np.eye(3)[k] * step
        slope = (reference(given + moved) - reference(given - moved)) / (2 * step)
        np.testing.assert_allclose(loss.gradient(y, given)[:, k], slope, rtol=1e-4, atol=1e-7)
    assert losses.deserialize(losses.serialize(loss)).alpha == list(alpha)
    with pytest.raises(ValueError, match="targets of 3 classes, as many as alpha has numbers"):
        loss(np.ones((2, 4)), np.ones((2, 4)))
    pydl.config.set_floatx("float32")

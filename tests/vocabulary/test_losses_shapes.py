"""Losses beyond one value per row: masks, ignored classes, other axes, whole batches; names and configs of all."""

import inspect
import json

import numpy as np
import pytest
from scipy import special

from pydl import losses

RNG = np.random.default_rng(5)
P = special.softmax(RNG.normal(size=(4, 3, 5)), axis=-1)
LABELS = np.array([[0, -1, 2], [4, 1, -1], [3, 3, 0], [-1, 2, 2]])
PUBLIC = [c for c in (getattr(losses, name) for name in losses.__all__) if inspect.isclass(c) and c is not losses.Loss]


class Squares(losses.Loss):
    """One value per element."""

    def call(self, y_true, y_pred):
        return (y_true - y_pred) ** 2


class Masked(np.ndarray):
    """Predictions that say which of them count."""


def masked(y, mask):
    y = np.asarray(y, np.float64).view(Masked)
    y._keras_mask = np.asarray(mask)
    return y


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"])
@pytest.mark.parametrize("w", [None, np.array([0.4, 0.3, 0.2, 0.1])])
@pytest.mark.parametrize("column", [False, True])
def test_a_mask_leaves_values_out(reduction, w, column):
    t, y, mask = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, False, True, True])
    kept = ((t - y) ** 2 * (1 if w is None else w))[mask]
    expected = {
        "sum": kept.sum(),
        "mean_with_sample_weight": kept.sum() / (3 if w is None else w[mask].sum()),
        "none": (t - y) ** 2 * (1 if w is None else w) * mask,
    }.get(reduction, kept.sum() / 3)
    loss = Squares(reduction=reduction, dtype="float64")
    np.testing.assert_allclose(loss(t, masked(y, mask[:, None] if column else mask), w), expected, rtol=1e-14)
    np.testing.assert_array_equal(loss(t, masked(y, ~mask & mask), w), 0 * np.asarray(expected))


@pytest.mark.parametrize("from_logits", [False, True])
def test_an_ignored_class_does_not_count(from_logits):
    y = np.log(P) if from_logits else P
    values = np.where(LABELS < 0, 0, -np.log(np.take_along_axis(P, np.maximum(LABELS, 0)[..., None], 2)[..., 0]))
    for labels in (LABELS, LABELS[..., None]):

        def loss(labels=labels, **more):
            made = losses.SparseCategoricalCrossentropy(from_logits, ignore_class=-1, dtype="float64", **more)
            return made(labels, y)

        np.testing.assert_allclose(loss(reduction=None), values, rtol=1e-13)
        assert loss() == pytest.approx(values.sum() / 9, rel=1e-13)
        assert loss(reduction="sum") == pytest.approx(values.sum(), rel=1e-13)
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(LABELS, y, from_logits, ignore_class=-1), values, rtol=1e-13
    )
    gradient = losses.SparseCategoricalCrossentropy(from_logits, ignore_class=-1).gradient(LABELS, y)
    assert (gradient[LABELS < 0] == 0).all()
    assert (gradient[LABELS >= 0] != 0).any(axis=1).all()
    with pytest.raises(ValueError, match="got -1"):
        losses.SparseCategoricalCrossentropy(from_logits)(LABELS, y)


def test_what_an_ignored_row_predicts_is_not_looked_at():
    y = np.array([[np.nan, 0.5], [0.25, 0.75]])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=7, dtype="float64")
    assert loss([7, 1], y) == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize("axis", [0, 1, -2])
@pytest.mark.parametrize(
    "cls",
    [losses.BinaryCrossentropy, losses.CategoricalCrossentropy, losses.BinaryFocalCrossentropy,
     losses.CategoricalFocalCrossentropy, losses.CosineSimilarity, losses.SparseCategoricalCrossentropy],
)  # fmt: skip
def test_an_axis_takes_the_place_of_the_last(cls, axis):
    last, there = cls(reduction=None, dtype="float64"), cls(reduction=None, axis=axis, dtype="float64")
    labels = np.maximum(LABELS, 0)
    t, t_there = (labels, labels) if last.sparse else (np.eye(5)[labels], np.moveaxis(np.eye(5)[labels], -1, axis))
    moved = np.moveaxis(P, -1, axis)
    np.testing.assert_array_equal(there(t_there, moved), last(t, P))
    np.testing.assert_array_equal(np.moveaxis(there.gradient(t_there, moved), axis, -1), last.gradient(t, P))
    assert there.values_shape(moved.shape) == last.values_shape(P.shape) == (4, 3)
    if last.sparse:  # a class axis of size one
        np.testing.assert_array_equal(there(np.expand_dims(labels, axis), moved), last(t, P))


def test_bad_axes():
    with pytest.raises(ValueError, match="axis must be an integer, got True"):
        losses.CategoricalCrossentropy(axis=True)
    with pytest.raises(ValueError, match="axis=5 is none of"):
        losses.CosineSimilarity(axis=5)(P, P)


def slopes(loss, t, y, factors):
    """Derivative of the sum of factors times values, from four points around each prediction."""
    out, step = np.empty_like(y), 1e-4
    for i in np.ndindex(y.shape):
        d = np.zeros_like(y)
        d[i] = step
        far, near = (np.sum(factors * (loss.call(t, y + k * d) - loss.call(t, y - k * d))) for k in (2, 1))
        out[i] = (8 * near - far) / (12 * step)
    return out


def tversky(t, y, alpha, beta, axis):
    both = (t * y).sum(axis)
    return 1 - both / (both + alpha * (t * (1 - y)).sum(axis) + beta * (y * (1 - t)).sum(axis) + 1e-7)


@pytest.mark.parametrize("axis", [None, -1, (1, 2), (0, 2)])
def test_overlaps(axis):
    t, y = (RNG.random((4, 3, 5)) < 0.5).astype(float), RNG.uniform(0.1, 0.9, (4, 3, 5))
    values = tversky(t, y, 0.2, 0.7, axis)
    loss = losses.Tversky(0.2, 0.7, axis=axis, reduction=None, dtype="float64")
    np.testing.assert_allclose(loss(t, y), values, rtol=1e-13)
    np.testing.assert_allclose(losses.tversky(t, y, 0.2, 0.7, axis), values, rtol=1e-13)
    assert losses.Tversky(0.2, 0.7, axis=axis, dtype="float64")(t, y) == pytest.approx(values.mean(), rel=1e-13)
    dice = losses.Dice(axis=axis, reduction=None, dtype="float64")
    np.testing.assert_allclose(dice(t, y), 1 - 2 * (t * y).sum(axis) / (t.sum(axis) + y.sum(axis) + 1e-7), rtol=1e-13)
    np.testing.assert_allclose(losses.dice(t, y, axis), losses.tversky(t, y, axis=axis), rtol=1e-6)
    factors = RNG.uniform(0.5, 2, values.shape)
    for made in (loss, dice):
        assert made.values_shape(y.shape) == values.shape
        np.testing.assert_allclose(made.pullback(t, y, factors), slopes(made, t, y, factors), rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(made.gradient(t, y), slopes(made, t, y, 1.0), rtol=1e-8, atol=1e-11)


def test_a_value_of_the_whole_batch_counts_once_for_each_weight():
    t, y, w = np.eye(3), np.full((3, 3), 0.5), np.array([1.0, 2.0, 6.0])
    value = losses.dice(t, y)
    assert losses.Dice(dtype="float64")(t, y, w) == pytest.approx(3 * value)
    assert losses.Dice(dtype="float64", reduction="sum")(t, y, w) == pytest.approx(9 * value)
    assert losses.Dice(dtype="float64", reduction="mean_with_sample_weight")(t, y, w) == pytest.approx(value)


def test_overlaps_of_different_shapes():
    with pytest.raises(ValueError, match=r"dice: .*the same shape, got \(2, 3\) and \(2, 4\)"):
        losses.Dice()(np.zeros((2, 3)), np.zeros((2, 4)))


CLASSES = np.array([1, 1, 2, 2, 3, 1])
EMBEDDED = RNG.normal(size=(6, 4))
EMBEDDED /= np.linalg.norm(EMBEDDED, axis=1, keepdims=True)


def circle(labels, y, ref_labels, ref, gamma, m, remove):
    """Pair by pair."""
    values = []
    for i in range(len(y)):
        pull = push = 0.0
        for j in range(len(ref)):
            d = max(1 - float(y[i] @ ref[j]), 0)
            if labels[i] != ref_labels[j]:
                push += np.exp(gamma * max(1 + m - d, 0) * (1 - m - d))
            elif i != j or not remove:
                pull += np.exp(gamma * (m + d) * (d - m))
        values.append(np.log1p(pull * push))
    return np.array(values)


def test_circle():
    values = circle(CLASSES, EMBEDDED, CLASSES, EMBEDDED, 8.0, 0.4, True)
    loss = losses.Circle(gamma=8.0, dtype="float64", reduction=None)
    np.testing.assert_allclose(loss(CLASSES, EMBEDDED), values, rtol=1e-12)
    assert values[4] == 0  # the only one of its class
    assert (values > 0).sum() == 5
    assert losses.Circle(gamma=8.0, dtype="float64")(CLASSES, EMBEDDED) == pytest.approx(values.sum() / 5)
    factors = RNG.uniform(0.5, 2, 6)
    np.testing.assert_allclose(
        loss.pullback(CLASSES, EMBEDDED, factors), slopes(loss, CLASSES, EMBEDDED, factors), rtol=1e-7, atol=1e-9
    )
    ref = EMBEDDED[:3]
    np.testing.assert_allclose(
        losses.circle(CLASSES[:, None], EMBEDDED, CLASSES[:3], ref, False, 8.0, 0.25),
        circle(CLASSES, EMBEDDED, CLASSES[:3], ref, 8.0, 0.25, False), rtol=1e-12,
    )  # fmt: skip
    assert np.isfinite(losses.circle(CLASSES, EMBEDDED, gamma=1e4)).all()
    with pytest.raises(ValueError, match=r"got \(6, 4\) with 5"):
        losses.circle(CLASSES[:5], EMBEDDED)


def test_gaussian():
    t, y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3, 2))
    variance = np.exp(y[..., 1])
    values = -np.log(np.exp(-((t - y[..., 0]) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))
    for targets in (t, t[..., None]):
        np.testing.assert_allclose(losses.gaussian_nll(targets, y), values, rtol=1e-12)
    loss = losses.GaussianNLL(dtype="float64")
    np.testing.assert_allclose(loss.gradient(t, y), slopes(loss, t, y, 1.0), rtol=1e-8, atol=1e-10)
    with pytest.raises(ValueError, match=r"predictions of shape \(..., 2\), got \(4, 3\)"):
        loss(t[:, 0], t)


@pytest.mark.parametrize("cls", PUBLIC)
def test_configs_and_names(cls):
    loss = cls(name="mine", reduction="sum")
    config = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.deserialize(config)
    assert type(again) is cls
    assert losses.serialize(again) == config
    assert "dtype" not in config["config"]
    assert losses.deserialize(losses.serialize(cls(dtype="float64"))).dtype == "float64"
    names = [n for n in losses.__all__ if n == cls().name]
    function = getattr(losses, names[0] if names else "huber")
    assert losses.get(function) is function
    assert type(losses.as_loss(function)) is cls
    assert losses.serialize(function) == function.__name__
    assert type(losses.deserialize(function.__name__)) is cls


@pytest.mark.parametrize(
    ("alias", "name"),
    [("mse", "mean_squared_error"), ("MAE", "mean_absolute_error"), ("mape", "mean_absolute_percentage_error"),
     ("MSLE", "mean_squared_logarithmic_error"), ("bce", "binary_crossentropy"), ("KLD", "kl_divergence"),
     ("kullback_leibler_divergence", "kl_divergence"), ("logcosh", "log_cosh")],
)  # fmt: skip
def test_short_names(alias, name):
    assert getattr(losses, alias) is getattr(losses, name)
    assert losses.get(alias).__name__ == losses.as_loss(alias).name == name

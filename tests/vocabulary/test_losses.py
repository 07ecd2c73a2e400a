"""Losses through their kernels: values, reductions, weights, shapes, gradients, errors."""

import math

import numpy as np
import pytest
from scipy import special

from pydl import losses

RNG = np.random.default_rng(3)
N, O = 7, 5
Y = RNG.normal(size=(N, O))
P = special.softmax(Y, axis=-1)
Q = special.softmax(RNG.normal(size=(N, O)), axis=-1)
S = special.expit(Y)
T = RNG.normal(size=(N, O))
HITS = (RNG.random((N, O)) < 0.5).astype(float)
LABELS = np.arange(N) % O
ONE_HOT = np.eye(O)[LABELS]
RATES = RNG.uniform(0.2, 3, (N, O))
COUNTS = RNG.poisson(2, (N, O)).astype(float)
FRACTION = 0.1


def bce(t, p, smooth=0.0):
    t, p = t * (1 - smooth) + smooth / 2, np.clip(p, 1e-7, 1 - 1e-7)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def cce(t, p, smooth=0.0):
    t = t * (1 - smooth) + smooth / t.shape[-1]
    return -(t * np.log(np.clip(p / p.sum(-1, keepdims=True), 1e-7, 1 - 1e-7))).sum(-1)


def focal_bce(t, p, gamma=2.0, alpha=None, smooth=0.0):
    t = t * (1 - smooth) + smooth / 2
    weight = 1 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    return (weight * (t * (1 - p) + (1 - t) * p) ** gamma * entropy).mean(-1)


def focal_cce(t, p, alpha=0.25, gamma=2.0, smooth=0.0):
    t = t * (1 - smooth) + smooth / t.shape[-1]
    return -(alpha * (1 - p) ** gamma * t * np.log(p)).sum(-1)


def cosine(t, y):
    return -(t * y).sum(-1) / np.sqrt((t**2).sum(-1) * (y**2).sum(-1))


def categorical_hinge(t, y):
    return np.maximum(((1 - t) * y).max(-1) - (t * y).sum(-1) + 1, 0)


def huber(e, delta):
    return np.where(np.abs(e) <= delta, e**2 / 2, delta * np.abs(e) - delta**2 / 2).mean(-1)


# loss, its functional form, targets, predictions, values
CASES = {
    "mse": (losses.MeanSquaredError, losses.mean_squared_error, {}, T, Y, ((Y - T) ** 2).mean(-1)),
    "mae": (losses.MeanAbsoluteError, losses.mean_absolute_error, {}, T, Y, np.abs(Y - T).mean(-1)),
    "msle": (losses.MeanSquaredLogarithmicError, losses.mean_squared_logarithmic_error, {}, COUNTS, RATES,
             ((np.log1p(np.maximum(COUNTS, 1e-7)) - np.log1p(RATES)) ** 2).mean(-1)),
    "huber": (losses.Huber, losses.huber, {}, T, Y, huber(Y - T, 1.0)),
    "huber of another delta": (losses.Huber, losses.huber, {"delta": 0.3}, T, Y, huber(Y - T, 0.3)),
    "log-cosh": (losses.LogCosh, losses.log_cosh, {}, T, Y, np.log(np.cosh(Y - T)).mean(-1)),
    "poisson": (losses.Poisson, losses.poisson, {}, COUNTS, RATES,
                (RATES - COUNTS * np.log(RATES + 1e-7)).mean(-1)),
    "median": (losses.Quantile, losses.quantile, {}, T, Y, np.abs(Y - T).mean(-1) / 2),
    "quantile": (losses.Quantile, losses.quantile, {"quantile": 0.9}, T, Y,
                 np.maximum(0.9 * (T - Y), -0.1 * (T - Y)).mean(-1)),
    "hinge": (losses.Hinge, losses.hinge, {}, HITS, Y, np.maximum(1 - (2 * HITS - 1) * Y, 0).mean(-1)),
    "bce": (losses.BinaryCrossentropy, losses.binary_crossentropy, {}, HITS, S, bce(HITS, S)),
    "bce smooth": (losses.BinaryCrossentropy, losses.binary_crossentropy, {"label_smoothing": FRACTION}, HITS, S,
                   bce(HITS, S, FRACTION)),
    "bce logits": (losses.BinaryCrossentropy, losses.binary_crossentropy,
                   {"from_logits": True, "label_smoothing": FRACTION}, HITS, Y, bce(HITS, S, FRACTION)),
    "cce": (losses.CategoricalCrossentropy, losses.categorical_crossentropy, {}, ONE_HOT, P, cce(ONE_HOT, P)),
    "cce of what sums to two": (losses.CategoricalCrossentropy, losses.categorical_crossentropy, {}, ONE_HOT, 2 * P,
                                cce(ONE_HOT, P)),
    "cce smooth": (losses.CategoricalCrossentropy, losses.categorical_crossentropy, {"label_smoothing": FRACTION},
                   ONE_HOT, P, cce(ONE_HOT, P, FRACTION)),
    "cce logits": (losses.CategoricalCrossentropy, losses.categorical_crossentropy,
                   {"from_logits": True, "label_smoothing": FRACTION}, ONE_HOT, Y, cce(ONE_HOT, P, FRACTION)),
    "sparse": (losses.SparseCategoricalCrossentropy, losses.sparse_categorical_crossentropy, {}, LABELS, P,
               cce(ONE_HOT, P)),
    "mape": (losses.MeanAbsolutePercentageError, losses.mean_absolute_percentage_error, {}, T, Y,
             100 * np.abs((T - Y) / T).mean(-1)),
    "cosine": (losses.CosineSimilarity, losses.cosine_similarity, {}, T, Y, cosine(T, Y)),
    "squared hinge": (losses.SquaredHinge, losses.squared_hinge, {}, HITS, Y,
                      (np.maximum(1 - (2 * HITS - 1) * Y, 0) ** 2).mean(-1)),
    "categorical hinge": (losses.CategoricalHinge, losses.categorical_hinge, {}, ONE_HOT, Y,
                          categorical_hinge(ONE_HOT, Y)),
    "kl": (losses.KLDivergence, losses.kl_divergence, {}, Q, P, (Q * np.log(Q / P)).sum(-1)),
    "focal bce": (losses.BinaryFocalCrossentropy, losses.binary_focal_crossentropy, {}, HITS, S, focal_bce(HITS, S)),
    "focal bce balanced": (losses.BinaryFocalCrossentropy, losses.binary_focal_crossentropy,
                           {"apply_class_balancing": True, "alpha": 0.2, "gamma": 3.0, "label_smoothing": FRACTION},
                           HITS, S, focal_bce(HITS, S, 3.0, 0.2, FRACTION)),
    "focal bce logits": (losses.BinaryFocalCrossentropy, losses.binary_focal_crossentropy,
                         {"from_logits": True, "gamma": 0.5}, HITS, Y, focal_bce(HITS, S, 0.5)),
    "focal bce without focus": (losses.BinaryFocalCrossentropy, losses.binary_focal_crossentropy, {"gamma": 0.0},
                                HITS, S, bce(HITS, S)),
    "focal cce": (losses.CategoricalFocalCrossentropy, losses.categorical_focal_crossentropy, {"gamma": 1.5}, ONE_HOT,
                  3 * P, focal_cce(ONE_HOT, P, gamma=1.5)),
    "focal cce logits": (losses.CategoricalFocalCrossentropy, losses.categorical_focal_crossentropy,
                         {"from_logits": True, "alpha": 2.0, "label_smoothing": FRACTION}, ONE_HOT, Y,
                         focal_cce(ONE_HOT, P, 2.0, 2.0, FRACTION)),
    "focal cce without focus": (losses.CategoricalFocalCrossentropy, losses.categorical_focal_crossentropy,
                                {"alpha": 1.0, "gamma": 0.0}, ONE_HOT, P, cce(ONE_HOT, P)),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy, losses.categorical_generalized_cross_entropy,
                    {"q": 0.7}, LABELS, P, (1 - P[range(N), LABELS] ** 0.7) / 0.7),
    "sparse logits": (losses.SparseCategoricalCrossentropy, losses.sparse_categorical_crossentropy,
                      {"from_logits": True}, LABELS, Y, cce(ONE_HOT, P)),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


# float32: a few roundings of terms of size one; float64: the same in float64.
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-6), ("float64", 1e-13)])
def test_values_reductions_and_weights(case, dtype, rtol):
    cls, function, arguments, t, y, expected = case
    w = RNG.uniform(0.5, 2, N)
    assert np.ptp(expected) > 0.1

    def loss(**more):
        return cls(**arguments, **more, dtype=dtype)

    assert loss()(t, y).dtype == dtype
    assert np.ndim(loss()(t, y)) == 0
    assert loss()(t, y) == pytest.approx(expected.mean(), rel=rtol)
    assert loss(reduction="mean")(t, y) == pytest.approx(expected.mean(), rel=rtol)
    assert loss(reduction="sum")(t, y) == pytest.approx(expected.sum(), rel=rtol)
    assert loss()(t, y, w) == pytest.approx((expected * w).mean(), rel=rtol)
    assert loss(reduction="sum")(t, y, w[:, None]) == pytest.approx((expected * w).sum(), rel=rtol)
    weighed = loss(reduction="mean_with_sample_weight")
    assert weighed(t, y, w) == pytest.approx((expected * w).sum() / w.sum(), rel=rtol)
    assert weighed(t, y) == pytest.approx(expected.mean(), rel=rtol)
    assert weighed(t, y, 0.0) == 0.0
    assert loss()(t, y, 2.0) == pytest.approx(2 * expected.mean(), rel=rtol)
    for none in ("none", None):
        values = loss(reduction=none)(t, y, w)
        assert values.dtype == dtype
        np.testing.assert_allclose(values, expected * w, rtol=rtol)
    np.testing.assert_allclose(function(t, y.astype(dtype), **arguments), expected, rtol=rtol)
    assert function(t, y.astype(dtype), **arguments).dtype == dtype


def test_half_precision_is_rounded_once(case):
    cls, _, arguments, t, y, _ = case
    exact = cls(**arguments, dtype="float32")(t, y)
    half = cls(**arguments, dtype="float16")(t, y)
    assert half.dtype == np.float16
    assert half == np.float16(exact)
    assert cls(**arguments, dtype="bfloat16")(t, y) == np.asarray(exact, "float32").astype("bfloat16")
    with pytest.raises(AttributeError):
        cls(**arguments).dtype = "float16"


def test_rows_of_more_than_two_dimensions(case):
    cls, function, arguments, t, y, expected = case
    twice_t, twice_y = np.stack([t, t]), np.stack([y, y])
    np.testing.assert_allclose(function(twice_t, twice_y, **arguments), [expected, expected], rtol=1e-13)
    loss = cls(**arguments, dtype="float64")
    assert loss(twice_t, twice_y, [1.0, 3.0]) == pytest.approx(2 * expected.mean(), rel=1e-12)
    assert loss(twice_t, twice_y, np.ones((2, N))) == pytest.approx(expected.mean(), rel=1e-12)


def test_gradient_is_that_of_each_rows_value(case):
    cls, _, arguments, t, y, _ = case
    loss = cls(**arguments, dtype="float64")
    gradient = loss.gradient(t, y)
    step = 1e-5
    numeric = np.empty_like(y)
    for j in range(O):
        d = np.zeros(O)
        d[j] = step
        # Four points: the error is of order step^4, in units of the smallest probability, which is 0.004.
        far, near = (loss.call(t, y + k * d) - loss.call(t, y - k * d) for k in (2, 1))
        numeric[:, j] = (8 * near - far) / (12 * step)
    # Kinks are further than two steps away.
    off = np.abs(T - Y)
    assert min(off.min(), np.abs(off - 1).min(), np.abs(off - 0.3).min(), np.abs(np.abs(Y) - 1).min()) > 2 * step
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("t", "y"),
    [([1, 0, 1], [[0.9], [0.2], [0.8]]), ([[1], [0], [1]], [[0.9], [0.2], [0.8]]), ([[1], [0], [1]], [0.9, 0.2, 0.8])],
)
def test_a_missing_last_axis_of_one(t, y):
    expected = -(math.log(0.9) + math.log(0.8) + math.log(0.8)) / 3
    assert losses.BinaryCrossentropy()(t, y) == pytest.approx(expected, rel=1e-6)
    assert losses.binary_crossentropy(t, y).shape == (3,)


def test_sparse_targets_with_a_last_axis_of_one():
    loss = losses.SparseCategoricalCrossentropy()
    assert loss(LABELS[:, None], P) == loss(LABELS, P)
    assert loss(LABELS.astype(np.float32), P) == loss(LABELS.astype(np.uint8), P)


@pytest.mark.parametrize(
    ("loss", "t", "y", "message"),
    [
        ("mse", np.zeros((3, 2)), np.zeros((3, 4)), r"mean_squared_error.*\(3, 2\).*\(3, 4\)"),
        ("mse", np.zeros((3, 1)), np.zeros((3, 4)), r"\(3, 1\).*\(3, 4\)"),
        ("mse", np.zeros(4), np.zeros((3, 4)), r"\(4,\).*\(3, 4\)"),
        ("mse", 0.0, 0.0, "shape"),
        ("mse", np.zeros((0, 2)), np.zeros((0, 2)), "at least one row"),
        ("sparse_categorical_crossentropy", ONE_HOT, P, r"class numbers.*\(7, 5\).*\(7, 5\)"),
        ("sparse_categorical_crossentropy", [0], P, r"\(1,\).*\(7, 5\)"),
        ("sparse_categorical_crossentropy", [0, 5], P[:2], r"\[0, 5\).*got 5"),
        ("sparse_categorical_crossentropy", [0, -1], P[:2], "got -1"),
        ("sparse_categorical_crossentropy", [0, 1.5], P[:2], "got 1.5"),
        ("sparse_categorical_crossentropy", [0, np.nan], P[:2], "got nan"),
        ("mse", None, [[1.0]], "y_true must be an array of numbers"),
        ("mse", [["a"]], [[1.0]], "y_true must be an array of numbers"),
        ("mse", [[1.0]], [[1.0], [1.0, 2.0]], "y_pred must be an array of numbers"),
    ],
)
def test_bad_arrays(loss, t, y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        losses.as_loss(loss)(t, y)


@pytest.mark.parametrize("w", [np.ones(6), np.ones((7, 5)), np.ones((7, 2)), ["a"] * 7])
def test_bad_weights(w):
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        losses.MeanSquaredError()(T, Y, w)


def test_labels_are_checked_for_other_modules():
    losses.check_labels("fit", [0, 4], 5)
    losses.check_labels("fit", [], 5)
    with pytest.raises(ValueError, match=r"fit: class numbers .* in \[0, 5\).*got 7"):
        losses.check_labels("fit", np.array([[1], [7]]), 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.MeanSquaredError(reduction="average"),
            "MeanSquaredError: Invalid value for argument `reduction`",
        ),
        (lambda: losses.BinaryCrossentropy(label_smoothing=1.5), "label_smoothing"),
        (lambda: losses.MeanSquaredError(dtype="int32"), "dtype must be one of"),
        (lambda: losses.Huber(delta=0), "Huber: `delta` .*> 0, got 0"),
        (lambda: losses.Quantile(1.0), "Quantile: `quantile` .*> 0 and < 1, got 1.0"),
        (lambda: losses.Quantile([0.1, 0.9]), "Quantile: `quantile`"),
        (lambda: losses.MeanSquaredError(reduction=None).scale(3), "no single number"),
        (lambda: losses.Loss()(T, Y), "call"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError, NotImplementedError), match=message):
        call()


@pytest.mark.parametrize(
    ("loss", "op", "fused", "sparse", "fields"),
    [
        (losses.MeanSquaredError(), "loss_mse", {}, False, {}),
        (losses.MeanAbsoluteError(), "loss_mae", {}, False, {}),
        (losses.Poisson(), "loss_poisson", {"exponential": "loss_poisson_log"}, False, {}),
        (losses.Huber(2.5), "loss_huber", {}, False, {"a": 2.5}),
        (losses.Quantile(0.1), "loss_quantile", {}, False, {"a": 0.1}),
        (losses.BinaryCrossentropy(), "loss_bce", {"sigmoid": "loss_bce_logits"}, False, {"smooth": 0.0}),
        (losses.BinaryCrossentropy(True, 0.5), "loss_bce_logits", {}, False, {"smooth": 0.5}),
        (losses.CategoricalCrossentropy(), "loss_cce", {"softmax": "loss_cce_logits"}, False, {"smooth": 0.0}),
        (losses.SparseCategoricalCrossentropy(), "loss_sparse_cce", {"softmax": "loss_sparse_cce_logits"}, True, {}),
        (losses.SparseCategoricalCrossentropy(True), "loss_sparse_cce_logits", {}, True, {}),
    ],
)
def test_what_a_plan_asks_of_a_loss(loss, op, fused, sparse, fields):
    assert (loss.op, dict(loss.fused), loss.sparse, loss.fields()) == (op, fused, sparse, fields)
    assert loss.scale(4) == 0.25
    assert loss.probability_targets == ("smooth" in fields)


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [("huber", "Huber"), ("log_cosh", "LogCosh"), ("logcosh", "LogCosh"), ("poisson", "Poisson"), ("hinge", "Hinge"),
     ("msle", "MeanSquaredLogarithmicError"), ("quantile", "Quantile"), ("pinball", "Quantile"),
     (losses.huber, "Huber"), ("mse", "MeanSquaredError"), ("MAE", "MeanAbsoluteError"), ("bce", "BinaryCrossentropy"),
     ("mean_squared_error", "MeanSquaredError"), (losses.mean_absolute_error, "MeanAbsoluteError"),
     (losses.sparse_categorical_crossentropy, "SparseCategoricalCrossentropy")],
)  # fmt: skip
def test_keras_spellings(identifier, cls):
    assert type(losses.as_loss(identifier)).__name__ == cls


def test_get_gives_functions_for_their_names():
    assert losses.get("mse") is losses.get("mean_squared_error") is losses.mean_squared_error
    assert losses.get("logcosh") is losses.log_cosh
    assert losses.get(losses.huber) is losses.huber
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get({"class_name": "Huber", "config": {"delta": 2.0}}), losses.Huber)
    assert losses.get(None) is None
    with pytest.raises(ValueError, match="unknown loss 'msee'"):
        losses.get("msee")


class OwnQuantile(losses.Loss):
    """max(q e, (q - 1) e) of the errors e = t - y."""

    def __init__(self, q=0.9, **kwargs):
        super().__init__(**kwargs)
        self.q = q

    def call(self, y_true, y_pred):
        e = y_true - y_pred
        return np.maximum(self.q * e, (self.q - 1) * e).mean(axis=-1)

    def gradient(self, y_true, y_pred):
        return np.where(y_true > y_pred, -self.q, 1 - self.q) / y_pred.shape[-1]


def test_a_loss_in_numpy():
    loss = OwnQuantile(q=0.75, reduction="sum")
    assert loss.op is None
    assert loss.name == "own_quantile"
    assert loss([[1.0, 0.0]], [[0.0, 1.0]]) == pytest.approx(0.5)
    assert loss([[1.0, 0.0]], [[0.0, 1.0]], [2.0]) == pytest.approx(1.0)
    config = losses.serialize(loss)
    again = losses.get(config, custom_objects={"OwnQuantile": OwnQuantile})
    assert (again.q, again.reduction) == (0.75, "sum")

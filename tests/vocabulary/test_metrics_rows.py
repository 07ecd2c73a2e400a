"""Metrics that are means over rows, in NumPy, and the functions behind them: values, batches, weights."""

import numpy as np
import pytest
from scipy import special, stats

import pydl
from pydl import metrics

RNG = np.random.default_rng(8)
N, O = 60, 5
Y = RNG.normal(size=(N, O))
T = RNG.normal(size=(N, O))
P = special.softmax(Y, axis=-1)
Q = special.softmax(T, axis=-1)
HITS = (RNG.random((N, O)) < 0.4).astype(float)
SIGNS = 2 * HITS - 1
LABELS = RNG.integers(0, O, N)
ONE_HOT = np.eye(O)[LABELS]
RIGHT = P[np.arange(N), LABELS]
BEST_OTHER = np.where(ONE_HOT == 1, -np.inf, Y).max(1)
CLIPPED = np.clip(special.expit(Y), 1e-7, 1 - 1e-7)


def concordance(t, y):
    return 2 * np.cov(t, y, ddof=0)[0, 1] / (t.var() + y.var() + (t.mean() - y.mean()) ** 2)


# metric, function, targets, predictions, values of rows
CASES = {
    "mape": (metrics.MeanAbsolutePercentageError(), metrics.mean_absolute_percentage_error, T, Y,
             100 * (np.abs(T - Y) / np.abs(T)).mean(1)),
    "squared hinge": (metrics.SquaredHinge(), metrics.squared_hinge, HITS, Y,
                      (np.maximum(1 - SIGNS * Y, 0) ** 2).mean(1)),
    "categorical hinge": (metrics.CategoricalHinge(), metrics.categorical_hinge, ONE_HOT, Y,
                          np.maximum(np.maximum(BEST_OTHER, 0) - Y[np.arange(N), LABELS] + 1, 0)),
    "kl": (metrics.KLDivergence(), metrics.kl_divergence, Q, P, special.rel_entr(Q, P).sum(1)),
    "pearson": (metrics.PearsonCorrelation(), metrics.pearson_correlation, T, Y,
                [stats.pearsonr(t, y).statistic for t, y in zip(T, Y, strict=True)]),
    "concordance": (metrics.ConcordanceCorrelation(), metrics.concordance_correlation, T, Y,
                    [concordance(t, y) for t, y in zip(T, Y, strict=True)]),
    "cosine": (metrics.CosineSimilarity(), None, T, Y,
               (T * Y).sum(1) / np.sqrt((T**2).sum(1) * (Y**2).sum(1))),
    "sorted ids": (metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True), None, LABELS,
                   np.argsort(-Y, axis=1), (Y[np.arange(N), LABELS, None] < Y).sum(1) < 2),
    "other axis": (metrics.CategoricalCrossentropy(axis=-1), metrics.categorical_crossentropy, ONE_HOT, P,
                   -np.log(RIGHT)),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    metric, function, t, y, values = CASES[request.param]
    metric.reset_state()
    return metric, function, t, y, np.asarray(values, dtype=np.float64)


def test_values_over_batches(case):
    metric, function, t, y, values = case
    assert np.std(values) > 0.02
    for part in (slice(0, 1), slice(1, 40), slice(40, N)):
        metric.update_state(t[part], y[part])
    assert metric.result() == pytest.approx(values.mean(), rel=2e-6)
    if function is not None:
        np.testing.assert_allclose(function(t, y), values, rtol=1e-5, atol=1e-6)


def test_weights_and_a_weight_of_zero(case):
    metric, _, t, y, values = case
    w = RNG.uniform(0, 2, N)
    metric.update_state(t[:30], y[:30], w[:30])
    metric.update_state(t[30:], y[30:], w[30:, None])
    assert metric.result() == pytest.approx(np.average(values, weights=w), rel=2e-6)
    metric.reset_state()
    metric.update_state(t, y, np.arange(N) % 2)
    assert metric.result() == pytest.approx(values[1::2].mean(), rel=2e-6)


@pytest.mark.parametrize("name", ["mape", "squared hinge", "kl", "concordance", "cosine"])
def test_a_model_gives_the_mean_of_all_its_rows(name):
    metric, _, t, y, values = CASES[name]
    metric.reset_state()
    model = pydl.Sequential([pydl.Input((O,)), pydl.layers.Activation("linear")])
    w = RNG.uniform(0, 2, N)
    model.compile("sgd", "mse", metrics=[metric], weighted_metrics=[type(metric)(name="weighed")])
    _, plain, weighed = model.evaluate(y, t, sample_weight=w, batch_size=16, verbose=0)
    assert plain == pytest.approx(np.mean(values), rel=1e-4)
    assert weighed == pytest.approx(np.average(values, weights=w), rel=1e-4)


def test_functions_of_hits():
    np.testing.assert_array_equal(metrics.binary_accuracy(HITS, Y, threshold=0.2), (Y > 0.2) == HITS)
    ranks = (Y[np.arange(N), LABELS, None] < Y).sum(1)
    for function, t in ((metrics.categorical_accuracy, ONE_HOT), (metrics.sparse_categorical_accuracy, LABELS)):
        np.testing.assert_array_equal(function(t, Y), ranks == 0)
    for function, t in (
        (metrics.top_k_categorical_accuracy, ONE_HOT),
        (metrics.sparse_top_k_categorical_accuracy, LABELS[:, None]),
    ):
        np.testing.assert_array_equal(function(t, Y, k=3), ranks < 3)
    assert metrics.binary_accuracy([1.0, 0.0], [np.nan, np.nan]).tolist() == [0, 0]
    assert metrics.sparse_categorical_accuracy([0], [[np.nan, 0.1]]).tolist() == [0]
    assert metrics.binary_accuracy([1, 0], [0.9, 0.8]).dtype == np.float32


def test_focal_crossentropies():
    right = np.where(HITS == 1, CLIPPED, 1 - CLIPPED)
    expected = (-((1 - right) ** 2) * np.log(right)).mean(1)
    for y, logits in ((Y, True), (CLIPPED, False)):
        np.testing.assert_allclose(
            metrics.binary_focal_crossentropy(HITS, y, from_logits=logits), expected, rtol=1e-9, atol=1e-12
        )
    weights = np.where(HITS == 1, 0.3, 0.7)
    np.testing.assert_allclose(
        metrics.binary_focal_crossentropy(HITS, CLIPPED, apply_class_balancing=True, alpha=0.3, gamma=1.0),
        (-weights * (1 - right) * np.log(right)).mean(1), rtol=1e-9,
    )  # fmt: skip
    for y, logits in ((Y, True), (3 * P, False)):
        np.testing.assert_allclose(
            metrics.categorical_focal_crossentropy(ONE_HOT, y, from_logits=logits),
            -0.25 * (1 - RIGHT) ** 2 * np.log(RIGHT), rtol=1e-9,
        )  # fmt: skip
    smoothed = 0.9 * ONE_HOT + 0.1 / O
    np.testing.assert_allclose(
        metrics.categorical_focal_crossentropy(ONE_HOT, P, alpha=1.0, gamma=0.0, label_smoothing=0.1),
        -(smoothed * np.log(P)).sum(1), rtol=1e-9,
    )  # fmt: skip
    smoothed = 0.9 * HITS + 0.05
    np.testing.assert_allclose(
        metrics.binary_focal_crossentropy(HITS, CLIPPED, gamma=0.0, label_smoothing=0.1),
        -(smoothed * np.log(CLIPPED) + (1 - smoothed) * np.log(1 - CLIPPED)).mean(1), rtol=1e-9,
    )  # fmt: skip


def test_vectors_along_another_axis():
    t, y = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[3.0, 1.0], [4.0, 1.0]])
    assert metrics.CosineSimilarity(axis=0)(t, y) == pytest.approx((0.6 + 0) / 2)
    np.testing.assert_allclose(metrics.pearson_correlation(T, Y, axis=0), metrics.pearson_correlation(T.T, Y.T))
    assert np.isnan(metrics.pearson_correlation([[1.0, 1.0]], [[0.0, 2.0]]))


def test_classes_along_another_axis():
    labels = LABELS.reshape(20, 3)
    y = Y.reshape(20, 3, O).transpose(0, 2, 1)
    expected = -np.log(RIGHT).mean()
    sparse = metrics.SparseCategoricalCrossentropy(from_logits=True, axis=1)
    assert sparse(labels, y) == pytest.approx(expected, rel=1e-6)
    one_hot = ONE_HOT.reshape(20, 3, O).transpose(0, 2, 1)
    assert metrics.CategoricalCrossentropy(from_logits=True, axis=1)(one_hot, y) == pytest.approx(expected, rel=1e-6)


def test_a_class_that_is_left_out():
    """Its rows are 0 in a plain mean and are missing from a weighted one, as in Keras."""
    t = np.where(LABELS == 2, -1, LABELS)
    left = LABELS != 2
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    assert metric(t, P) == pytest.approx(-np.log(RIGHT[left]).sum() / N, rel=1e-6)
    w = RNG.uniform(0, 2, N)
    metric.reset_state()
    assert metric(t, P, w) == pytest.approx(-np.average(np.log(RIGHT[left]), weights=w[left]), rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        (metrics.Accuracy(), lambda t, y: t == y),
        (metrics.BinaryAccuracy(threshold=0.5), lambda t, y: (y > 0.5) == t),
        (metrics.RootMeanSquaredError(), lambda t, y: (t - y) ** 2),
    ],
)
def test_each_element_may_have_a_weight(metric, values):
    y = RNG.integers(0, 2, (N, O)).astype(float)
    w = RNG.uniform(0, 2, (N, O))
    expected = np.average(values(HITS, y), weights=w)
    metric.update_state(HITS[:20], y[:20], w[:20])
    metric.update_state(HITS[20:], y[20:], w[20:])
    found = metric.result() ** 2 if "root" in metric.name else metric.result()
    assert found == pytest.approx(expected, rel=1e-6)
    metric.reset_state()
    metric.update_state(HITS, y, w[:1])
    found = metric.result() ** 2 if "root" in metric.name else metric.result()
    assert found == pytest.approx(np.average(values(HITS, y), weights=np.broadcast_to(w[:1], (N, O))), rel=1e-6)


def test_sum_and_mean_of_values():
    total = metrics.Sum()
    assert total([1, 3, 5, 7]) == 16
    assert total([[1, 3], [5, 7]], sample_weight=[[1, 0]]) == 16 + 6
    assert total([[1, 3], [5, 7]], sample_weight=[0, 2]) == 22 + 24
    total.reset_state()
    assert total.result() == 0
    mean = metrics.Mean()
    assert mean([[1, 3], [5, 7]], sample_weight=[[1, 1], [1, 0]]) == 3
    mean.reset_state()
    assert mean([1, 3, 5, 7], sample_weight=[-1, -1, 0, 0]) == 2
    mean.reset_state()
    assert mean([[1, 2, 3], [4, 5, 6]]) == 3.5
    assert mean.count == 2


@pytest.mark.parametrize(
    ("function", "cls"),
    [
        (metrics.mean_squared_error, metrics.MeanSquaredError),
        (metrics.binary_accuracy, metrics.BinaryAccuracy),
        (metrics.kl_divergence, metrics.KLDivergence),
        (metrics.huber, metrics.MeanMetricWrapper),
    ],
)
def test_a_function_of_the_library_stands_for_its_class(function, cls):
    metric = metrics.get(function)
    assert type(metric) is cls
    assert metric.name == function.__name__
    assert metric(HITS, P) == pytest.approx(function(HITS, P).mean(), rel=1e-6)


@pytest.mark.parametrize(("name", "right"), [
    ("CosineSimilarity", 10 / 14), ("KLDivergence", 1 / 6 * np.log(0.5) + 1 / 2 * np.log(1.5)),
    ("CategoricalCrossentropy", None), ("CategoricalHinge", None), ("CategoricalAccuracy", None),
])  # fmt: skip
def test_targets_and_predictions_of_one_dimension_are_a_row(name: str, right: float | None) -> None:
    t, y = ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) if name == "CosineSimilarity" else ([0.0, 1.0, 0.0], [0.1, 0.6, 0.3])
    if name == "KLDivergence":
        t, y = [1 / 6, 2 / 6, 3 / 6], [2 / 6, 2 / 6, 2 / 6]
    alone, of_a_row = getattr(pydl.metrics, name)(), getattr(pydl.metrics, name)()
    found = alone(np.array(t), np.array(y))
    assert found == pytest.approx(float(of_a_row(np.array([t]), np.array([y]))))
    assert right is None or found == pytest.approx(right, rel=1e-5)


def test_a_cosine_along_the_first_axis_of_one_dimension() -> None:
    found = pydl.metrics.CosineSimilarity(axis=0)(np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.1]))
    assert found == pytest.approx(0.7 / np.sqrt(0.04 + 0.49 + 0.01))

"""F scores, R2 and intersections over unions: against scikit-learn and by hand."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, jaccard_score, r2_score

import pydl
from pydl import metrics

RNG = np.random.default_rng(12)
N, C = 200, 4
LABELS = RNG.integers(0, C, N)
SCORES = RNG.random((N, C)) + 0.6 * np.eye(C)[LABELS]
GUESSES = SCORES.argmax(1)
ONE_HOT = np.eye(C)[LABELS]
SEVERAL = (RNG.random((N, C)) < [0.2, 0.4, 0.5, 0.7]).astype(int)
SHARES = np.clip(0.3 * SEVERAL + RNG.random((N, C)) * 0.7, 0, 1)
W = RNG.uniform(0, 2, N)
Y = RNG.normal(size=(N, 3))
T = Y * [1.0, 0.5, -0.2] + RNG.normal(size=(N, 3)) + [5, 0, -3]


def in_batches(metric, t, y, w=None):
    metric.reset_state()
    assert np.all(metric.result() == 0)
    for part in (slice(0, 3), slice(3, 120), slice(120, N)):
        metric.update_state(t[part], y[part], None if w is None else w[part])
    return metric.result()


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("w", [None, W], ids=["plain", "weighted"])
def test_f_scores(average, w):
    one_class = metrics.FBetaScore(average, beta=2.0)
    expected = fbeta_score(LABELS, GUESSES, beta=2, average=average, sample_weight=w)
    np.testing.assert_allclose(in_batches(one_class, ONE_HOT, SCORES, w), expected, rtol=1e-12)
    several = metrics.F1Score(average, threshold=0.5)
    expected = fbeta_score(SEVERAL, SHARES > 0.5, beta=1, average=average, sample_weight=w)
    np.testing.assert_allclose(in_batches(several, SEVERAL, SHARES, w), expected, rtol=1e-12)
    assert metrics.deserialize(metrics.serialize(several)).threshold == 0.5
    assert "beta" not in several.get_config()


def test_f_scores_of_a_model():
    model = pydl.Sequential([pydl.Input((C,)), pydl.layers.Activation("linear")])
    model.compile("sgd", "mse", metrics=["f1_score", metrics.FBetaScore("macro", 0.5)], weighted_metrics=["f1_score"])
    logs = model.evaluate(SCORES, ONE_HOT, sample_weight=W, batch_size=64, verbose=0, return_dict=True)
    each = fbeta_score(LABELS, GUESSES, beta=1, average=None)
    weighted = fbeta_score(LABELS, GUESSES, beta=1, average=None, sample_weight=W)
    for k in range(C):
        assert logs[f"f1_score_{k}"] == pytest.approx(each[k])
        assert logs[f"weighted_f1_score_{k}"] == pytest.approx(weighted[k], rel=1e-6)
    assert logs["fbeta_score"] == pytest.approx(fbeta_score(LABELS, GUESSES, beta=0.5, average="macro"))


def test_a_row_of_zeros_says_nothing():
    assert metrics.F1Score("micro")([[1, 0], [0, 1]], [[0, 0], [0, 1]]) == pytest.approx(2 / 3)
    assert metrics.F1Score("micro").result() == 0


@pytest.mark.parametrize("w", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("aggregation", "theirs"),
    [
        (None, "raw_values"),
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
    ],
)
def test_r2(aggregation, theirs, w):
    metric = metrics.R2Score(aggregation)
    expected = r2_score(T, Y, multioutput=theirs, sample_weight=w)
    np.testing.assert_allclose(in_batches(metric, T, Y, w), expected, rtol=1e-10)


def test_r2_adjusted_and_of_targets_that_do_not_vary():
    plain = r2_score(T[:, 0], Y[:, 0])
    metric = metrics.R2Score(num_regressors=7)
    assert in_batches(metric, T[:, 0], Y[:, 0]) == pytest.approx(1 - (1 - plain) * (N - 1) / (N - 8))
    few = metrics.R2Score(num_regressors=3)
    few.update_state(T[:4, :1], Y[:4, :1])
    with pytest.warns(UserWarning, match="3 features needs 5 values, got 4"):
        assert few.result() == pytest.approx(r2_score(T[:4, 0], Y[:4, 0]))
    assert metrics.R2Score()([2.0, 2.0], [2.0, 2.0]) == 1.0
    assert metrics.R2Score()([2.0, 2.0], [2.0, 3.0]) == 0.0


@pytest.mark.parametrize("w", [None, W], ids=["plain", "weighted"])
def test_intersection_over_union(w):
    each = jaccard_score(LABELS, GUESSES, average=None, sample_weight=w)
    assert in_batches(metrics.MeanIoU(C), LABELS, GUESSES, w) == pytest.approx(each.mean())
    assert in_batches(metrics.IoU(C, [0, 2]), LABELS, GUESSES, w) == pytest.approx(each[[0, 2]].mean())
    assert in_batches(metrics.IoU(C, (1,), sparse_y_pred=False), LABELS, SCORES, w) == pytest.approx(each[1])
    assert in_batches(metrics.OneHotIoU(C, [3]), ONE_HOT, SCORES, w) == pytest.approx(each[3])
    assert in_batches(metrics.OneHotMeanIoU(C), ONE_HOT, SCORES, w) == pytest.approx(each.mean())
    sparse = metrics.OneHotMeanIoU(C, sparse_y_pred=True)
    assert in_batches(sparse, ONE_HOT, GUESSES, w) == pytest.approx(each.mean())


def test_intersection_over_union_of_two_classes():
    t, y = SEVERAL[:, :1], SHARES[:, :1]
    for threshold in (0.3, 0.5):
        each = jaccard_score(t, y >= threshold, pos_label=1), jaccard_score(t, y >= threshold, pos_label=0)
        assert in_batches(metrics.BinaryIoU([1], threshold), t, y) == pytest.approx(each[0])
        assert in_batches(metrics.BinaryIoU(threshold=threshold), t, y) == pytest.approx(np.mean(each))
    assert metrics.BinaryIoU([1])([1], [0.5]) == 1.0


def test_what_intersection_over_union_leaves_out():
    assert metrics.MeanIoU(4)([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(1 / 3)  # classes that nobody mentions
    assert metrics.MeanIoU(2)([0, 2, -1, 0, np.nan], [0, 1, 0, 5, 1]) == 1.0  # numbers that are no class
    assert metrics.MeanIoU(3, ignore_class=2)([0, 1, 2], [0, 1, 0]) == 1.0
    assert metrics.MeanIoU(3).dtype == "int32"
    assert metrics.MeanIoU(3).total_cm.shape == (3, 3)


@pytest.mark.usefixtures("fresh_names")
def test_intersection_over_union_of_a_model():
    model = pydl.Sequential([pydl.Input((C,)), pydl.layers.Activation("softmax")])
    listed = [metrics.MeanIoU(C, sparse_y_pred=False), metrics.IoU(C, [1], sparse_y_pred=False, name="one")]
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=listed)
    logs = model.evaluate(SCORES, LABELS, batch_size=64, verbose=0, return_dict=True)
    each = jaccard_score(LABELS, GUESSES, average=None)
    assert (logs["mean_io_u"], logs["one"]) == (pytest.approx(each.mean()), pytest.approx(each[1]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.FBetaScore("average"),
            "FBetaScore: Invalid value for argument `average`. Expected one of None, 'micro'",
        ),
        (lambda: metrics.FBetaScore(beta=1), "FBetaScore: beta must be a float > 0, got 1"),
        (lambda: metrics.FBetaScore(beta=-1.0), "FBetaScore: beta must be a float > 0"),
        (lambda: metrics.F1Score(threshold=1.5), r"F1Score: threshold must be a float in \(0, 1\]"),
        (lambda: metrics.F1Score()([1, 0], [1, 0]), r"f1_score: expected y_true and y_pred \(rows, classes\)"),
        (lambda: metrics.R2Score("mean"), "R2Score: Invalid value for argument `class_aggregation`"),
        (lambda: metrics.R2Score(num_regressors=-1), "R2Score: Argument `num_regressors`"),
        (lambda: metrics.R2Score()(np.ones((2, 2, 2)), np.ones((2, 2, 2))), r"\(rows, columns\), got \(2, 2, 2\)"),
        (lambda: metrics.IoU(2, [2]), r"IoU: target_class_ids must be in \[0, 2\), got 2"),
        (lambda: metrics.MeanIoU(0), "MeanIoU: Argument `num_classes`"),
        (lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]), "as many targets as predictions"),
    ],
)
def test_errors(call, message):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=message):
        call()

"""Precision, Recall, counts of a confusion matrix and AUC: values, batches, weights, arguments, names."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

import pydl
from pydl import metrics

RNG = np.random.default_rng(11)
N = 500
T = (RNG.random(N) < 0.3).astype(int)
P = np.clip(0.3 * T + RNG.beta(2, 4, N), 0, 1).astype(np.float32)
W = RNG.uniform(0, 2, N)
TARGETS = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]])
SCORES = np.array([[0.85, 0.3], [0.4, 0.55], [0.25, 0.9], [0.1, 0.72], [0.66, 0.0], [0.7, 1.0]])
# Each with the figure of another library for targets, predictions and weights.
CASES = {
    "precision": (metrics.Precision(), lambda t, p, w: precision_score(t, p > 0.5, sample_weight=w)),
    "precision above 0.7": (metrics.Precision(0.7), lambda t, p, w: precision_score(t, p > 0.7, sample_weight=w)),
    "recall": (metrics.Recall(), lambda t, p, w: recall_score(t, p > 0.5, sample_weight=w)),
    "tp": (metrics.TruePositives(), lambda t, p, w: w[(t == 1) & (p > 0.5)].sum()),
    "fp": (metrics.FalsePositives(0.4), lambda t, p, w: w[(t == 0) & (p > 0.4)].sum()),
    "tn": (metrics.TrueNegatives(), lambda t, p, w: w[(t == 0) & (p <= 0.5)].sum()),
    "fn": (metrics.FalseNegatives(0.4), lambda t, p, w: w[(t == 1) & (p <= 0.4)].sum()),
    # so many thresholds that hardly two predictions share an interval
    "roc": (metrics.AUC(100_000), lambda t, p, w: roc_auc_score(t, p, sample_weight=w)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_over_batches_with_and_without_weights(name):
    metric, expected = CASES[name]
    metric.reset_state()
    assert metric.result() == 0
    for part in (slice(0, 1), slice(1, 200), slice(200, N)):
        metric.update_state(T[part], P[part, None])
    assert metric.result() == pytest.approx(expected(T, P, np.ones(N)), rel=1e-5)
    metric.reset_state()
    for part in (slice(0, 300), slice(300, N)):
        metric.update_state(T[part], P[part], W[part])
    assert metric.result() == pytest.approx(expected(T, P, W), rel=1e-5)
    assert isinstance(metric.result(), np.float64)


@pytest.mark.parametrize("name", CASES)
def test_a_model_gives_the_figure_of_all_its_rows(name):
    metric, expected = CASES[name]
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=[metric])
    _, got = model.evaluate(P[:, None], T[:, None], batch_size=64, verbose=0)
    assert got == pytest.approx(expected(T, P, np.ones(N)), rel=1e-5)
    model.compile("sgd", "mse", weighted_metrics=[metric])
    _, got = model.evaluate(P[:, None], T[:, None], batch_size=64, sample_weight=W, verbose=0)
    assert got == pytest.approx(expected(T, P, W), rel=1e-5)


def test_the_worked_examples_of_keras():
    """Those of the docstrings of its AUC, Precision and Recall."""
    auc = metrics.AUC(num_thresholds=3)
    assert auc([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == 0.75
    auc.reset_state()
    assert auc([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 0, 0, 1]) == 1.0
    assert metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1]) == pytest.approx(2 / 3)
    assert metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 0]) == 1.0
    assert metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1]) == pytest.approx(2 / 3)
    rows = [[0, 0, 1, 1]], [[1, 1, 1, 1]]
    assert metrics.Precision(top_k=2)(*rows) == 0.0
    assert metrics.Precision(top_k=4)(*rows) == 0.5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [  # Keras 3 on TARGETS and SCORES below
        ({}, 0.8095238),
        ({"summation_method": "minoring"}, 0.7996717),
        ({"summation_method": "majoring"}, 0.819376),
        ({"curve": "PR"}, 0.7534652),
        ({"curve": "PR", "summation_method": "majoring"}, 0.781345),
        ({"thresholds": [0.2, 0.3, 0.8]}, 0.7963876),
        ({"multi_label": True}, 0.7774892),
        ({"multi_label": True, "label_weights": [1.0, 3.0]}, 0.7329004),
        ({"label_weights": [1.0, 3.0]}, 0.7568339),
        ({"multi_label": True, "curve": "PR", "num_labels": 2}, 0.7624468),
    ],
)
def test_arguments_of_auc(arguments, expected):
    auc = metrics.AUC(num_thresholds=11, **arguments)
    weights = [1.0, 2.0, 0.5, 1.5, 1.0, 0.25]
    auc.update_state(TARGETS[:2], SCORES[:2], weights[:2])
    auc.update_state(TARGETS[2:], SCORES[2:], weights[2:])
    assert auc.result() == pytest.approx(expected, abs=1e-6)
    again = metrics.deserialize(metrics.serialize(auc))
    again.update_state(TARGETS, SCORES, weights)
    assert again.result() == pytest.approx(auc.result(), rel=1e-12)


def test_auc_from_logits():
    logits = RNG.normal(size=N)
    auc = metrics.AUC()
    expected = auc(T, 1 / (1 + np.exp(-logits)))
    assert metrics.AUC(from_logits=True)(T, logits) == pytest.approx(expected, rel=1e-12)


def test_precision_recall_curve_is_near_average_precision():
    assert metrics.AUC(2000, curve="PR")(T, P) == pytest.approx(average_precision_score(T, P), abs=5e-3)


@pytest.mark.usefixtures("fresh_names")
def test_several_thresholds_give_several_figures():
    precision = metrics.Precision([0.2, 0.5])
    np.testing.assert_allclose(precision(T, P), [precision_score(T, P > 0.2), precision_score(T, P > 0.5)], rtol=1e-12)
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="ones")])
    others = [metrics.Precision(0.3, name="precision"), metrics.Precision(name="precision_1")]
    model.compile("sgd", "mse", metrics=[precision, *others])
    logs = model.evaluate(P[:, None], T, return_dict=True, verbose=0)
    assert list(logs)[1:] == model.metrics_names[1:] == ["precision_0", "precision_1", "precision", "precision_1_1"]
    cuts = (0.2, 0.5, 0.3, 0.5)
    np.testing.assert_allclose(list(logs.values())[1:], [precision_score(T, c < P) for c in cuts], rtol=1e-12)


def test_one_class_of_several():
    t, p = np.eye(3)[[0, 1, 2, 1]], np.array([[0.6, 0.1, 0.3], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.Precision(class_id=1)(t, p) == 0.5
    assert metrics.Recall(class_id=1)(t, p) == 0.5
    assert metrics.Recall(class_id=2, top_k=2)(t, p) == 0.0
    assert metrics.Recall(class_id=1, top_k=2)(t, p) == 1.0
    with pytest.raises(ValueError, match="class_id 3: y_pred has 3"):
        metrics.Recall(class_id=3)(t, p)


def test_a_threshold_is_rounded_as_the_predictions_are():
    assert metrics.Precision(0.3)([1], np.array([0.3], np.float32)) == 0.0
    assert metrics.Precision(0.3)([1], np.array([0.3])) == 0.0


def test_what_is_not_a_number_is_no_positive():
    t, p = np.array([1, 1, 0]), np.array([np.nan, 0.9, np.nan])
    assert metrics.Precision()(t, p) == 1.0
    assert metrics.Recall()(t, p) == 0.5
    assert np.isnan(metrics.AUC()(t, p))


@pytest.mark.parametrize("name", ["precision", "Precision", "recall", "Recall", "AUC", "auc", "true_positives"])
@pytest.mark.usefixtures("fresh_names")
def test_names_are_those_of_keras(name):
    assert [metrics.AUC().name for _ in range(3)] == ["auc", "auc_1", "auc_2"]
    assert metrics.BinaryAccuracy().name == metrics.BinaryAccuracy().name == "binary_accuracy"
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[name])
    assert set(model.evaluate(P[:, None], T, return_dict=True, verbose=0)) == {"loss", name}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision("0.5"), "Precision: .*[Tt]hreshold"),
        (lambda: metrics.Precision([]), "Precision: .*[Tt]hreshold"),
        (lambda: metrics.Recall(top_k=0), "Recall: Argument `top_k`"),
        (lambda: metrics.AUC(1), "AUC: Argument `num_thresholds`"),
        (lambda: metrics.AUC(curve="rock"), "AUC: Invalid value for argument `curve`"),
        (lambda: metrics.AUC(thresholds=[2.0]), "AUC: `thresholds`"),
        (lambda: metrics.Precision([0.5, None]), r"must be in \[0, 1\]. Received: \[None\]"),
        (lambda: metrics.Recall(1.5), r"Recall: Threshold values must be in \[0, 1\]. Received: \[1.5\]"),
        (lambda: metrics.Recall(class_id=0)([1], [1]), "class_id 0: y_pred has no classes"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), "SensitivityAtSpecificity: `specificity`"),
        (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "PrecisionAtRecall: Argument `num_thresholds`"),
        (lambda: metrics.AUC(num_labels=2), "AUC: num_labels is for multi_label=True"),
        (lambda: metrics.AUC(label_weights=[1.0])(TARGETS, SCORES), "expected 2 numbers"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3)(TARGETS, SCORES), r"expected y_pred \(rows, 3\)"),
        (lambda: metrics.Precision()([0, 1], [[0.1, 0.2], [0.3, 0.4]]), "targets must have the same shape as y_pred"),
    ],
)
def test_arguments_that_are_wrong(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


# Shares at every threshold, by hand: targets 0 0 0 1 1, predictions 0, 0.3, 0.6, 0.4, 0.8.
STEPS = np.array([0, 0, 0, 1, 1]), np.array([0.0, 0.3, 0.6, 0.4, 0.8])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.SensitivityAtSpecificity(0.6), 1.0),  # above 0.3: two of three negatives are not
        (metrics.SensitivityAtSpecificity(0.9), 0.5),  # above 0.6
        (metrics.SpecificityAtSensitivity(0.9), 2 / 3),
        (metrics.SpecificityAtSensitivity(0.5), 1.0),
        (metrics.PrecisionAtRecall(0.9), 2 / 3),
        (metrics.PrecisionAtRecall(0.5), 1.0),
        (metrics.RecallAtPrecision(0.6), 1.0),
        (metrics.RecallAtPrecision(0.9), 0.5),
        (metrics.RecallAtPrecision(0.6, num_thresholds=1), 0.0),  # above 0.5 one of two is right
        (metrics.SensitivityAtSpecificity(0.6, num_thresholds=1), 0.5),
    ],
)
def test_the_best_rate_where_another_one_is_high_enough(metric, expected):
    assert metric.result() == 0
    t, y = STEPS
    for part in (slice(0, 2), slice(2, 5)):
        metric.update_state(t[part], y[part])
    assert metric.result() == pytest.approx(expected)
    again = metrics.deserialize(metrics.serialize(metric))
    columns = np.stack([1 - t, t], 1), np.stack([y * 0, y], 1)
    again.class_id = 1
    assert again(*columns) == pytest.approx(expected)


def test_the_best_rate_with_weights():
    metric = metrics.SensitivityAtSpecificity(0.7)
    t, y = STEPS
    assert metric(t, y, [1, 1, 0.5, 1, 3]) == 1.0  # 2 / 2.5 of the negatives lie below 0.4
    metric.reset_state()
    assert metric(t, y, [1, 1, 2, 1, 3]) == 0.75


def test_weights_of_elements_and_of_all():
    t, y = np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.8], [0.7, 0.1]])
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert metrics.Precision()(t, y, w) == pytest.approx(4 / 6)
    assert metrics.Recall()(t, y, [[1.0, 2.0]]) == pytest.approx(2 / 4)
    assert metrics.Recall()(t, y, w[:, :1]) == metrics.Recall()(t, y, w[:, 0]) == pytest.approx(4 / 7)
    assert metrics.TruePositives()(t, y, 3) == 6
    assert metrics.AUC()(t, y, w) == pytest.approx(
        roc_auc_score(t.ravel(), y.ravel(), sample_weight=w.ravel()), abs=1e-6
    )
    with pytest.raises(ValueError, match=r"sample_weight of shape \(2, 2\).*got \(3,\)"):
        metrics.Recall()(t, y, [1, 2, 3])


def test_thresholds_in_any_order():
    metric = metrics.FalsePositives([0.6, 0.2, 0.4])
    assert metric(T, P).tolist() == [((c < P) & (T == 0)).sum() for c in (0.6, 0.2, 0.4)]
    assert metric.thresholds == [0.6, 0.2, 0.4]


def test_the_best_of_one_row():
    assert metrics.Precision(top_k=2)([0, 1, 1, 0], [0.2, 0.1, 0.5, 0]) == 0.5


def test_precision_gain_over_recall_gain():
    """By hand: above 0.5 three of five positives and one of five negatives."""
    t = [0, 0, 0, 1, 0, 1, 0, 1, 1, 1]
    y = [0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.6, 0.6, 0.8, 0.9]
    assert metrics.AUC(3, curve="prgain")(t, y) == pytest.approx(2 / 3 * 1 / 3 + 1 / 3 * 5 / 6)
    assert metrics.AUC(3, curve="PRGAIN", summation_method="Majoring")(t, y) == pytest.approx(2 / 3 * 2 / 3 + 1 / 3)
    assert metrics.AUC(3, curve="PRGAIN", summation_method="minoring")(t, y) == pytest.approx(1 / 3 * 2 / 3)


def test_the_counts_of_auc_are_its_variables():
    auc = metrics.AUC(thresholds=[0.5])
    auc(T, P)
    assert [v.name for v in auc.variables] == ["true_positives", "false_positives", "true_negatives", "false_negatives"]
    assert auc.true_positives[1] == ((P > 0.5) & (T == 1)).sum()
    assert auc.true_negatives[1] == ((P <= 0.5) & (T == 0)).sum()
    np.testing.assert_allclose(auc.thresholds, [0, 0.5, 1], atol=1e-6)
    assert "thresholds" not in metrics.AUC(7).get_config()
    assert auc.get_config()["thresholds"] == [0.5]
    several = metrics.AUC(multi_label=True)
    assert several.result() == 0
    several(TARGETS, SCORES)
    assert several.false_negatives.shape == (200, 2)
    several.reset_state()
    assert several.result() == 0


def test_what_is_not_predicted_is_no_rejection():
    t, p = np.array([0, 1, 1, 0]), np.array([np.nan, 0.9, 0.2, np.nan])
    assert metrics.TrueNegatives()(t, p) == 0
    assert metrics.FalseNegatives()(t, p) == 1
    assert metrics.SpecificityAtSensitivity(0.5)(t, p) == 0
    assert metrics.BinaryIoU()(t, p) == 0.25  # of both classes: 0 of 1, 1 of 2
    assert metrics.OneHotIoU(2, [0])(np.eye(2), np.full((2, 2), np.nan)) == 0
    assert metrics.OneHotMeanIoU(2)(np.eye(2), np.full((2, 2), np.nan)) == 0

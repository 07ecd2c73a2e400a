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


def test_several_thresholds_give_several_figures():
    precision = metrics.Precision([0.2, 0.5])
    np.testing.assert_allclose(precision(T, P), [precision_score(T, P > 0.2), precision_score(T, P > 0.5)], rtol=1e-12)
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"2 figures.*one metric for each"):
        model.compile("sgd", "mse", metrics=[precision])


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
def test_names_are_those_of_keras(name):
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[name])
    assert set(model.evaluate(P[:, None], T, return_dict=True, verbose=0)) == {"loss", name}
    assert metrics.AUC().name == "auc"
    assert metrics.Precision().name == "precision"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision("0.5"), "Precision: thresholds"),
        (lambda: metrics.Precision([]), "Precision: thresholds"),
        (lambda: metrics.Recall(top_k=0), "Recall: top_k"),
        (lambda: metrics.AUC(1), "AUC: num_thresholds"),
        (lambda: metrics.AUC(curve="rock"), "AUC: curve"),
        (lambda: metrics.AUC(thresholds=[2.0]), "AUC: thresholds"),
        (lambda: metrics.AUC(num_labels=2), "AUC: num_labels is for multi_label=True"),
        (lambda: metrics.AUC(label_weights=[1.0])(TARGETS, SCORES), "expected 2 numbers"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3)(TARGETS, SCORES), r"expected y_pred \(rows, 3\)"),
        (lambda: metrics.Precision()([0, 1], [[0.1, 0.2], [0.3, 0.4]]), "targets must have the same shape as y_pred"),
    ],
)
def test_arguments_that_are_wrong(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()

"""Figures of rows that come in batches: those of all rows at once, and scikit-learn's."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from pydl.pipeline.evaluation import Figures, Judge, judge
from pydl.pipeline.exact_sum import ExactSum
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.target import Target


def classes(n: int) -> Target:
    return Target.fit(pd.Series([f"class {k:02}" for k in range(n)] * 30, name="y"), "classification")


def drawn(target: Target, rows: int, seed: int = 0) -> tuple[np.ndarray, Predictions]:
    """Truth, and float32 probabilities that know something of it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(len(target.classes), size=rows)
    z = rng.normal(size=(rows, len(target.classes))) * 2 + 3 * (y[:, None] == np.arange(len(target.classes)))
    p = np.exp(z).astype(np.float32).astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    return y.astype(np.int32), Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)


def in_batches(target: Target, y: np.ndarray, found: Predictions, size: int) -> Figures:
    whole = Judge(target)
    for first in range(0, len(y), size):
        part = slice(first, first + size)
        p = found.probabilities
        whole.add(y[part], Predictions(found.values[part], None if p is None else p[part]))
    return whole.figures()


@pytest.mark.parametrize("n", [2, 3, 12])
def test_classes_are_judged_as_scikit_learn_does(n: int) -> None:
    target = classes(n)
    y, found = drawn(target, 3000)
    got, p = judge(target, y, found), found.probabilities
    assert p is not None
    chosen, one_hot = p.argmax(axis=1), np.eye(n)[y]
    ranked = (y, p[:, 1]) if n == 2 else (one_hot, p)
    expected = {
        "accuracy": metrics.accuracy_score(y, chosen),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, chosen),
        "precision": metrics.precision_score(y, chosen, average="macro"),
        "recall": metrics.recall_score(y, chosen, average="macro"),
        "f1": metrics.f1_score(y, chosen, average="macro"),
        "roc_auc": metrics.roc_auc_score(*ranked),
        "average_precision": metrics.average_precision_score(*ranked),
        "log_loss": metrics.log_loss(y, p),
        "brier": ((p - one_hot) ** 2).sum(axis=1).mean() / (2 if n == 2 else 1),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert got["confusion_matrix"] == metrics.confusion_matrix(y, chosen).tolist()
    assert got["per_class"]["class 01"]["rows"] == (y == 1).sum()
    assert got["rows"] == 3000
    assert in_batches(target, y, found, 7) == got


@pytest.mark.parametrize(("truth", "said"), [((0, 1, 5), (0, 1, 5)), ((0, 1, 5), (0, 1, 3)), ((2,), (2, 4))])
def test_classes_without_a_row_are_not_averaged(truth: tuple[int, ...], said: tuple[int, ...]) -> None:
    target, rng = classes(8), np.random.default_rng(3)
    y, chosen = rng.choice(truth, 200).astype(np.int32), rng.choice(said, 200)
    p = np.where(np.arange(8) == chosen[:, None], 0.65, 0.05)
    got = judge(target, y, Predictions(np.asarray(target.decode(chosen)), p))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, chosen, average="macro", zero_division=0)
    assert [got[name] for name in ("precision", "recall", "f1")] == pytest.approx([precision, recall, f1], abs=1e-12)
    for k, name in enumerate(target.classes):
        by_class = got["per_class"][name]
        assert (by_class["recall"] is None) == (k not in truth)
        assert (by_class["f1"] is None) == (by_class["precision"] is None) == (k not in {*truth, *said})


def test_numbers_are_judged_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    values = 1e6 + rng.normal(size=2000)
    target = Target.fit(pd.Series(values, name="y"), "regression")
    y, _ = target.encode(pd.Series(values))
    found = Predictions(values + 0.3 * rng.normal(size=2000))
    expected = {
        "rows": 2000,
        "r2": metrics.r2_score(values, found.values),
        "rmse": metrics.root_mean_squared_error(values, found.values),
        "mae": metrics.mean_absolute_error(values, found.values),
        "mape": metrics.mean_absolute_percentage_error(values, found.values),
    }
    assert judge(target, y, found) == pytest.approx(expected, rel=1e-9)
    assert in_batches(target, y, found, 3) == judge(target, y, found)


def test_what_is_undefined_is_none() -> None:
    target = classes(3)
    y, found = drawn(target, 50)
    one = judge(target, np.zeros(50, np.int32), found)
    assert one["roc_auc"] is None
    assert one["average_precision"] is None
    assert judge(target, y[:0], Predictions(found.values[:0], np.zeros((0, 3)))) == {"rows": 0}
    numbers = Target.fit(pd.Series([0.0, 1.0, 2.5], name="y"), "regression")
    single = judge(numbers, (np.zeros(1) - numbers.mean) / numbers.scale, Predictions(np.ones(1)))
    assert single["r2"] is None
    assert single["mape"] is None


@pytest.mark.long  # large files
def test_memory_does_not_grow_with_the_rows() -> None:
    target, whole, sizes, parts = classes(2), Judge(classes(2)), [], []
    for seed in range(8):
        y, found = drawn(target, 1 << 18, seed)
        parts.append((y.astype(np.int8), found.probabilities[:, 1].astype(np.float32)))  # type: ignore[index]
        whole.add(y, found)
        sizes.append(len(pickle.dumps(whole)))
    assert max(sizes) < 3 * sizes[0]
    got = whole.figures()
    y, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert got["rows"] == len(y)
    assert got["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p), abs=1e-6)
    assert got["average_precision"] == pytest.approx(metrics.average_precision_score(y, p), abs=1e-5)


def test_exact_sums() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=20_000) * 10.0 ** rng.integers(-300, 290, 20_000)
    x = np.concatenate([x, -x[:15_000], [5e-324, -0.0, 1.0, 1e-30]])
    for batches in ([x], np.split(rng.permutation(x), [1, 7, 5000])):
        total = ExactSum()
        for batch in batches:
            total.add(batch)
        assert float(total) == math.fsum(x)
    total.add(np.array([np.inf, 1.0]))
    assert float(total) == np.inf
    total.add(np.array([-np.inf]))
    assert math.isnan(float(total))


def test_figures_of_a_quantile() -> None:
    rng = np.random.default_rng(0)
    y, found, weights = pd.Series(rng.normal(size=50)), rng.normal(size=50), rng.integers(1, 4, 50).astype(float)
    target = Target.fit(y)
    assert "pinball" not in judge(target, target.encode(y)[0], Predictions(found))
    target.quantile = 0.9
    again = Target.from_state(target.state())
    figures = judge(again, again.encode(y)[0], Predictions(found), weights)
    wanted = metrics.mean_pinball_loss(y, found, sample_weight=weights, alpha=0.9)
    assert figures["pinball"] == pytest.approx(wanted, rel=1e-6)
    assert figures["share_below"] == pytest.approx(np.average(y <= found, weights=weights))
    with pytest.raises(ValueError, match="damaged"):
        Target.from_state(target.state() | {"quantile": 1.5})

"""Metrics through their kernels: values, streaming, weights, names, what "accuracy" stands for."""

import math

import numpy as np
import pytest
from scipy import special

import pydl
from pydl import losses, metrics

RNG = np.random.default_rng(4)
N, O = 103, 6
Y = RNG.normal(size=(N, O)).astype(np.float32)
T = RNG.normal(size=(N, O)).astype(np.float32)
P = special.softmax(Y.astype(np.float64), axis=-1)
LABELS = RNG.integers(0, O, N)
ONE_HOT = np.eye(O, dtype=np.float32)[LABELS]
HITS = (RNG.random((N, O)) < 0.5).astype(np.float32)
DIGITS = RNG.integers(0, 3, (N, O))
GUESSES = RNG.integers(0, 3, (N, O))
RATES = RNG.uniform(0.2, 3, (N, O))
COUNTS = RNG.poisson(2, (N, O))
RANKS = (np.take_along_axis(Y, LABELS[:, None], 1) < Y).sum(1)

# metric, targets, predictions, per-row values
CASES = {
    "accuracy": (metrics.Accuracy(), DIGITS, GUESSES, (DIGITS == GUESSES).mean(1)),
    "binary": (metrics.BinaryAccuracy(threshold=0.25), HITS, Y, ((Y > 0.25) == HITS).mean(1)),
    "categorical": (metrics.CategoricalAccuracy(), ONE_HOT, Y, RANKS == 0),
    "sparse": (metrics.SparseCategoricalAccuracy(), LABELS, Y, RANKS == 0),
    "top 3": (metrics.TopKCategoricalAccuracy(k=3), ONE_HOT, Y, RANKS < 3),
    "sparse top 2": (metrics.SparseTopKCategoricalAccuracy(k=2), LABELS, Y, RANKS < 2),
    "mse": (metrics.MeanSquaredError(), T, Y, ((T - Y) ** 2).mean(1)),
    "mae": (metrics.MeanAbsoluteError(), T, Y, np.abs(T - Y).mean(1)),
    "msle": (metrics.MeanSquaredLogarithmicError(), COUNTS, RATES,
             ((np.log1p(np.maximum(COUNTS, 1e-7)) - np.log1p(RATES)) ** 2).mean(1)),
    "log-cosh": (metrics.LogCoshError(), T, Y, np.log(np.cosh(T.astype(np.float64) - Y)).mean(1)),
    "poisson": (metrics.Poisson(), COUNTS, RATES, (RATES - COUNTS * np.log(RATES + 1e-7)).mean(1)),
    "hinge": (metrics.Hinge(), HITS, Y, np.maximum(1 - (2 * HITS - 1) * Y, 0).mean(1)),
    "bce": (metrics.BinaryCrossentropy(from_logits=True), HITS, Y,
            -np.where(HITS, special.log_expit(Y), special.log_expit(-Y)).mean(1)),
    "cce": (metrics.CategoricalCrossentropy(), ONE_HOT, P, -np.log(P[np.arange(N), LABELS])),
    "sparse cce": (metrics.SparseCategoricalCrossentropy(from_logits=True), LABELS, Y,
                   -np.log(P[np.arange(N), LABELS])),
}  # fmt: skip
# Values are summed in double; each is a float32 of a few roundings.
RTOL = 2e-6


@pytest.fixture(params=CASES)
def case(request):
    metric, t, y, values = CASES[request.param]
    metric.reset_state()
    assert np.std(values) > 0.02
    return metric, t, y, np.asarray(values, dtype=np.float64)


def test_values(case):
    metric, t, y, values = case
    assert metric.result() == 0.0
    assert metric(t, y) == pytest.approx(values.mean(), rel=RTOL)
    assert isinstance(metric.result(), np.float64)
    assert metric.count == N
    metric.reset_state()
    assert (metric.total, metric.count) == (0.0, 0.0)


def test_batches_of_any_size_give_the_result_of_all_rows(case):
    metric, t, y, values = case
    for start, stop in ((0, 1), (1, 60), (60, 103)):
        metric.update_state(t[start:stop], y[start:stop])
    assert metric.result() == pytest.approx(values.mean(), rel=RTOL)


def test_weights(case):
    metric, t, y, values = case
    w = RNG.uniform(0, 2, N)
    metric.update_state(t[:50], y[:50], w[:50])
    metric.update_state(t[50:], y[50:], w[50:, None])
    assert metric.result() == pytest.approx(np.average(values, weights=w), rel=RTOL)
    metric.reset_state()
    metric.update_state(t, y, np.zeros(N))
    assert metric.result() == 0.0


def test_weights_of_samples_with_several_rows(case):
    metric, t, y, values = case
    w = np.array([1.0, 3.0])
    metric.update_state(np.stack([t, t[::-1]]), np.stack([y, y[::-1]]), w)
    assert metric.result() == pytest.approx(values.mean(), rel=RTOL)
    assert metric.count == 4


def test_root_mean_squared_error_is_the_root_of_the_mean_of_all_rows():
    metric = metrics.RootMeanSquaredError()
    metric.update_state(T[:1], Y[:1])
    metric.update_state(T[1:], Y[1:])
    assert metric.result() == pytest.approx(math.sqrt(((T - Y) ** 2).mean()), rel=RTOL)


def test_counts_are_exact():
    metric = metrics.SparseCategoricalAccuracy()
    for _ in range(100):
        metric.update_state(LABELS, Y)
    assert metric.total == 100 * (RANKS == 0).sum()
    assert metric.count == 100 * N


@pytest.mark.parametrize("name", ["accuracy", "binary_accuracy", "mse", "mae"])
def test_one_dimension_is_one_value_per_sample(name):
    t, y = np.array([0.0, 1, 1]), np.array([0.0, 1, 0])
    flat, column = metrics.get(name), metrics.get(name)
    flat.update_state(t, y)
    column.update_state(t[:, None], y[:, None])
    assert flat.count == 3
    assert flat.result() == column.result()


def test_mean():
    mean = metrics.Mean()
    mean.update_state([1, 3, 5, 7])
    assert mean.result() == 4.0
    mean.reset_state()
    mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    assert mean.result() == 2.0
    mean.update_state(5.0, 2)
    assert mean.result() == 3.5
    assert mean.name == "mean"


def test_mean_of_a_function():
    def within(y_true, y_pred, limit=1.0):
        return np.abs(y_true - y_pred) < limit

    metric = metrics.get(within)
    assert (metric.name, metric.op) == ("within", None)
    metric.update_state(T, Y)
    assert metric.result() == pytest.approx((np.abs(T - Y) < 1).mean())
    wide = metrics.MeanMetricWrapper(within, name="wide", limit=2.0)
    assert wide(T, Y) == pytest.approx((np.abs(T - Y) < 2).mean())


def test_figures_for_whole_batches_are_averaged_over_them_as_in_keras():
    metric = metrics.get(lambda t, y: np.abs(t - y).max())
    sizes = [slice(0, 10), slice(10, N - 1), slice(N - 1, N)]
    for rows in sizes:
        metric.update_state(T[rows], Y[rows])
    expected = np.mean([np.abs(T[rows] - Y[rows]).max() for rows in sizes])
    assert metric.result() == pytest.approx(expected, rel=RTOL)
    assert metric.count == 3
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Identity()])
    model.compile("sgd", "mse", metrics=[lambda t, y: np.max(y)])
    x = np.array([[1.0], [1], [1], [1], [4], [4]])
    assert model.evaluate(x, x, batch_size=4, verbose=0)[1] == 2.5
    with pytest.raises(ValueError, match=r'"lambda".*one value per sample.*\(103, \.\.\.\), or one number'):
        metrics.get(lambda t, y: y.mean(axis=0)).update_state(T, Y)


def test_a_metric_of_ones_own():
    class Worst(metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total = max(self.total, float(np.abs(np.asarray(y_true) - y_pred).max()))

        def result(self):
            return self.total

    metric = metrics.get(Worst())
    metric.update_state(T, Y)
    assert metric.op is None
    assert metric.name == "worst"
    assert metric.result() == pytest.approx(np.abs(T - Y).max())
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric().update_state(T, Y)


SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("name", "loss", "shape", "cls"),
    [
        ("accuracy", losses.BinaryCrossentropy(), (None, 1), "BinaryAccuracy"),
        ("acc", losses.MeanSquaredError(), (None, 1), "BinaryAccuracy"),
        ("accuracy", SPARSE, (None, 10), "SparseCategoricalAccuracy"),
        ("acc", losses.CategoricalCrossentropy(), (None, 10), "CategoricalAccuracy"),
        ("accuracy", losses.BinaryCrossentropy(), (None, 10), "CategoricalAccuracy"),
        ("accuracy", None, (None, 10), "ByTargets"),
        ("accuracy", SPARSE, None, "Accuracy"),
        ("crossentropy", SPARSE, (None, 10), "SparseCategoricalCrossentropy"),
        ("ce", losses.BinaryCrossentropy(), (None, 1), "BinaryCrossentropy"),
        ("mse", SPARSE, (None, 10), "MeanSquaredError"),
        ("rmse", None, None, "RootMeanSquaredError"),
        ("msle", None, None, "MeanSquaredLogarithmicError"),
        ("mean_squared_logarithmic_error", None, None, "MeanSquaredLogarithmicError"),
        ("log_cosh_error", None, None, "LogCoshError"),
        ("logcosh", None, None, "LogCoshError"),
        ("log_cosh", losses.LogCosh(), (None, 1), "LogCoshError"),
        ("poisson", losses.Poisson(), (None, 1), "Poisson"),
        ("hinge", losses.Hinge(), (None, 1), "Hinge"),
        ("top_k_categorical_accuracy", None, None, "TopKCategoricalAccuracy"),
    ],
)
def test_names(name, loss, shape, cls):
    metric = metrics.get(name, loss=loss, output_shape=shape)
    assert type(metric).__name__ == cls
    assert metric.name == name
    if "Crossentropy" in cls:
        assert metric.from_logits == loss.from_logits


def test_a_loss_as_a_metric():
    metric = metrics.get(losses.MeanSquaredError(name="error"))
    metric.update_state(T[:3], Y[:3])
    metric.update_state(T[3:], Y[3:])
    assert metric.name == "error"
    assert metric.result() == pytest.approx(((T - Y) ** 2).mean(), rel=RTOL)


@pytest.mark.parametrize(
    ("metric", "op", "output", "sparse", "fields"),
    [
        (metrics.Accuracy(), "metric_accuracy", "m", False, {}),
        (metrics.BinaryAccuracy(threshold=0), "metric_binary_accuracy", "m", False, {"a": 0.0}),
        (metrics.CategoricalAccuracy(), "metric_categorical_accuracy", "m", False, {"k": 1}),
        (metrics.SparseTopKCategoricalAccuracy(7), "metric_sparse_categorical_accuracy", "m", True, {"k": 7}),
        (metrics.RootMeanSquaredError(), "metric_mse", "m", False, {}),
        (metrics.Poisson(), "loss_poisson", "loss", False, {}),
        (metrics.CategoricalCrossentropy(label_smoothing=0.5), "loss_cce", "loss", False, {"smooth": 0.5}),
        (metrics.SparseCategoricalCrossentropy(), "loss_sparse_cce", "loss", True, {}),
    ],
)
def test_what_a_plan_asks_of_a_metric(metric, op, output, sparse, fields):
    assert (metric.op, metric.output, metric.sparse, metric.fields()) == (op, output, sparse, fields)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.get("mse")(T, Y[:, :2]), r"\(103, 6\).*\(103, 2\)"),
        (lambda: metrics.SparseCategoricalAccuracy()([0, 6], Y[:2]), "got 6"),
        (lambda: metrics.get("mse")(T, Y, np.ones(5)), r"sample_weight of shape \(103,\)"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "Argument `k` must be an integer > 0"),
        (lambda: metrics.BinaryAccuracy(threshold="half"), "threshold"),
        (lambda: metrics.get(3), "Metric"),
        (lambda: metrics.get("acc"), "unknown metric 'acc'"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_what_is_not_a_number_is_never_right():
    t = np.array([[0, 0, 1], [1, 0, 0]])
    y = np.array([[np.nan, 0.1, 0.9], [np.nan, np.nan, np.nan]])
    assert metrics.BinaryAccuracy()(t, y) == pytest.approx(1 / 3)
    assert metrics.BinaryAccuracy()(t, y, [3.0, 1.0]) == pytest.approx(1 / 2)
    assert metrics.Accuracy()(t, y) == 0.0
    assert metrics.SparseCategoricalAccuracy()([0, 1], y) == 0.0


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_model_that_has_diverged_in_part(shape, weighted):
    """One element of every second row is NaN: binary accuracy counts it as wrong, whatever the target."""
    n = int(np.prod(shape))
    model = pydl.Sequential([pydl.Input((n,)), pydl.layers.Reshape(shape), pydl.layers.Activation("relu")])
    model.compile("sgd", "mse", metrics=["binary_accuracy"], weighted_metrics=[metrics.BinaryAccuracy(name="weighed")])
    x = RNG.uniform(size=(40, n)).astype(np.float32)
    t = (RNG.random((40, *shape)) < 0.5).astype(np.float32)
    x[::2, 0] = np.nan
    w = RNG.uniform(0.5, 2, 40) if weighted else np.ones(40)
    hits = (((x > 0.5) == t.reshape(40, n)) & ~np.isnan(x)).mean(1)
    _, plain, weighed = model.evaluate(x, t, sample_weight=w, batch_size=16, verbose=0)
    assert plain == pytest.approx(hits.mean(), rel=1e-6)
    assert weighed == pytest.approx(np.average(hits, weights=w), rel=1e-6)


LOGITS = np.array([[0.3], [-0.2], [0.1], [-3.0]])


@pytest.mark.parametrize(
    "entry",
    ["accuracy", "acc", "binary_accuracy", "BinaryAccuracy", metrics.BinaryAccuracy, "precision", "recall", "auc"],
)
def test_metrics_made_for_a_loss_on_logits_take_logits(entry):
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", losses.BinaryCrossentropy(from_logits=True), metrics=[entry])
    assert model.evaluate(LOGITS, np.array([1, 0, 1, 0]), verbose=0)[1] == 1.0
    again = pydl.models.model_from_config(model.get_config())
    again.compile_from_config(model.get_compile_config())
    again.set_weights(model.get_weights())
    assert again.evaluate(LOGITS, np.array([1, 0, 1, 0]), verbose=0)[1] == 1.0


def test_cross_entropy_by_name_takes_logits_where_the_loss_does():
    metric = metrics.get(
        "binary_crossentropy", loss=losses.BinaryCrossentropy(from_logits=True), output_shape=(None, 3)
    )
    assert metric.from_logits


@pytest.mark.parametrize(
    ("metric", "remedy"),
    [
        (metrics.BinaryAccuracy, "threshold=0.0"),
        (metrics.Precision, "thresholds=0.0"),
        (metrics.AUC, "from_logits=True"),
        (metrics.BinaryCrossentropy, "from_logits=True"),
    ],
)
def test_an_instance_for_probabilities_beside_a_loss_on_logits_is_warned_of(metric, remedy):
    loss = losses.BinaryCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match=f"expects probabilities.*pass {remedy}"):
        metrics.get(metric(), loss=loss, output_shape=(None, 1))
    metrics.get(metric(**dict([metric.on_logits])), loss=loss, output_shape=(None, 1))
    metrics.get(metric(), loss=losses.BinaryCrossentropy(), output_shape=(None, 1))


def test_a_function_of_its_own_gets_targets_and_predictions_of_one_rank():
    def absolute_error(y_true, y_pred):
        return np.abs(y_true - y_pred)

    t, y = np.array([1.0, 2, 3]), np.array([[1.0], [2], [5]])
    assert metrics.MeanMetricWrapper(absolute_error)(t, y) == pytest.approx(2 / 3)
    assert metrics.MeanMetricWrapper(absolute_error)(y, t) == pytest.approx(2 / 3)
    assert metrics.MeanMetricWrapper(absolute_error)(t, y, [1, 1, 2]) == 1.0
    assert metrics.MeanMetricWrapper(absolute_error)(t[:, None, None].repeat(2, 1)[..., 0], y[:, None].repeat(2, 1)) > 0


@pytest.mark.parametrize("columns", [1, 2])
def test_a_function_that_compares_every_row_with_every_other_is_refused(columns):
    metric = metrics.MeanMetricWrapper(lambda t, y: t[:, 0] - y[:, :1], name="difference")
    with pytest.raises(ValueError, match=r"returned shape \(3, 3\).*bring both to one shape"):
        metric.update_state(np.ones((3, columns)), np.ones((3, columns)))

"""What metrics keep: variables, metrics of one's own, states handed over, configs, runs that are broken off."""

import copy
import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import metrics
from pydl._base.naming import own_names
from pydl._engine.state import StateVariable

RNG = np.random.default_rng(3)
X = RNG.normal(size=(64, 3)).astype(np.float32)
Y = np.eye(3)[RNG.integers(0, 3, 64)]


class SquaresOfAll(metrics.Metric):
    """As Keras programs write them."""

    def __init__(self, name: str = "squares", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.sum = self.add_variable(name="sum", shape=(), initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros", dtype="int32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.sum.assign(self.sum + np.sum((np.asarray(y_true) - y_pred) ** 2))
        self.total.assign_add(len(y_true))

    def result(self) -> Any:
        return self.sum / (self.total + 1e-7)


class Shares(metrics.Metric):
    """Several figures by name, from variables of a shape."""

    def __init__(self, name: str = "shares", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.seen = self.add_variable((3,), "zeros", name="seen")
        self.rows = self.add_variable((), "zeros", name="rows")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.seen.assign_add(np.bincount(np.argmax(y_pred, axis=-1), minlength=3))
        self.rows.assign_add(len(y_pred))

    def result(self) -> dict[str, Any]:
        return {f"share_{k}": share for k, share in enumerate(self.seen / self.rows)}


def model(*listed: Any, **options: Any) -> pydl.Model:
    pydl.utils.set_random_seed(1)
    net = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(3, "softmax")])
    net.compile("sgd", "categorical_crossentropy", metrics=list(listed), **options)
    return net


def test_a_metric_of_ones_own_with_variables():
    metric = SquaresOfAll()
    assert metric.result() == 0
    metric.update_state(Y[:10], X[:10])
    metric.update_state(Y[10:], X[10:])
    assert metric.total == 64
    assert metric.result() == pytest.approx(((Y - X) ** 2).sum() / 64)
    assert all(isinstance(v, pydl._engine.variable.Variable) for v in metric.variables)
    assert [(v.name, v.dtype, v.shape) for v in metric.variables] == [("sum", "float64", ()), ("total", "int32", ())]
    metric.reset_state()
    assert (metric.sum, metric.total) == (0, 0)
    assert (metric(Y, X), repr(metric)) == (pytest.approx(((Y - X) ** 2).sum() / 64), "<SquaresOfAll name=squares>")


def test_a_metric_of_ones_own_in_a_model():
    net = model(SquaresOfAll(), Shares())
    assert net.metrics_names == ["loss", "squares", "share_0", "share_1", "share_2"]
    logs = net.evaluate(X, Y, batch_size=20, return_dict=True, verbose=0)
    p = net.predict(X)
    assert logs["squares"] == pytest.approx(((Y - p) ** 2).sum() / 64, rel=1e-5)
    for k in range(3):
        assert logs[f"share_{k}"] == pytest.approx((p.argmax(1) == k).mean())
    history = net.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y)).history
    assert len(history["val_share_2"]) == 2
    assert all(type(value) is float for value in history["share_1"])


class WithOps(metrics.Metric):
    """As Keras programs write them, with the library's operations."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.errors = self.add_variable(shape=(3,), initializer="zeros", name="errors")
        self.rows = self.add_variable(shape=(), initializer="zeros", name="rows")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        ops = pydl.ops
        t = ops.cast(ops.convert_to_tensor(y_true), self.dtype)
        self.errors.assign(self.errors + ops.sum(ops.square(t - y_pred), axis=0))
        self.rows.assign_add(ops.shape(t)[0])

    def result(self) -> Any:
        return pydl.ops.sqrt(pydl.ops.mean(self.errors) / self.rows)


def test_a_metric_written_with_operations():
    net = model(WithOps(name="rmse"))
    logs = net.evaluate(X, Y, batch_size=20, return_dict=True, verbose=0)
    assert logs["rmse"] == pytest.approx(np.sqrt(((net.predict(X) - Y) ** 2).mean()), rel=1e-5)


class Simple(metrics.Metric):
    """Takes no weights, and keeps its argument by another name."""

    def __init__(self, level: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._at = level
        self.above = self.add_variable(name="above")

    def update_state(self, y_true: Any, y_pred: Any) -> None:
        self.above.assign_add(np.sum(y_pred > self._at))

    def result(self) -> Any:
        return self.above


class Described(Simple):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "level": self._at}


def test_a_metric_that_takes_no_weights_and_describes_itself():
    net = model(Described(0.4, name="high"))
    w = RNG.uniform(size=64)
    logs = net.evaluate(X, Y, sample_weight=w, return_dict=True, verbose=0)
    assert logs["high"] == (net.predict(X) > 0.4).sum()
    assert Described(0.4, name="high").get_config() == {"name": "high", "dtype": "float32", "level": 0.4}
    again = metrics.deserialize(metrics.serialize(Described(0.7)), {"Described": Described})
    assert (again._at, again.name) == (0.7, "described")
    with pytest.raises(NotImplementedError, match="'level' is not kept as an attribute"):
        Simple(0.4).get_config()


def test_variables_wherever_they_are_kept():
    metric = SquaresOfAll()
    metric.more = {"a": [StateVariable(1.0, "float32", "a")], "b": StateVariable([2, 3], "int64", "b")}
    metric.inner = (SquaresOfAll(name="inner"), [metrics.Mean()])
    names = ["sum", "total", "a", "b", "sum", "total", "total", "count"]
    assert [v.name for v in metric.variables] == names
    metric.inner[1][0].update_state([4.0])
    metric.reset_state()
    assert not any(np.any(v.numpy()) for v in metric.variables)


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (metrics.BinaryAccuracy(), ["total", "count"]),
        (metrics.Sum(), ["total"]),
        (metrics.Precision(), ["true_positives", "false_positives"]),
        (metrics.Recall([0.1, 0.2]), ["true_positives", "false_negatives"]),
        (metrics.FalsePositives(), ["accumulator"]),
        (metrics.MeanIoU(2), ["total_confusion_matrix"]),
        (metrics.MeanMetricWrapper(lambda t, y: t - y), ["total", "count"]),
    ],
)
def test_names_of_variables_are_those_of_keras(metric, names):
    assert [v.name for v in metric.variables] == names
    assert all(v.dtype == "float64" for v in metric.variables)


def test_states_handed_over():
    metric = SquaresOfAll()
    state: Any = metric.variables
    for part in (slice(0, 40), slice(40, 64)):
        state = metric.stateless_update_state(state, Y[part], X[part])
    assert metric.result() == 0
    expected = ((Y - X) ** 2).sum() / 64
    assert metric.stateless_result(state) == pytest.approx(expected)
    metric(Y, X)
    assert [float(v) for v in metric.stateless_reset_state()] == [0, 0]
    assert metric.result() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r'"squares": expected 2 arrays.* got 1'):
        metric.stateless_result(state[:1])


def test_a_variable_is_an_array():
    v = StateVariable([1.0, 2.0], "float32", "v")
    assert (v.shape, v.ndim, v.size, len(v), v.dtype) == ((2,), 1, 2, 2, "float64")
    assert v.assign([3.0, 4.0]) is v
    v.assign_add([1, 1]).assign_sub([0, 2])
    assert v.numpy().tolist() == v.value.tolist() == list(v) == [4, 3]
    assert (v[1], (2 * v - 1).tolist(), np.sum(v), (v > 3).tolist()) == (3, [7, 5], 7, [True, False])
    v.assign_add(1)
    assert np.asarray(v, np.float32).tolist() == [5, 4]
    taken = v.numpy()
    v.assign([0, 0])
    assert taken.tolist() == [5, 4]
    n = StateVariable(3, "int32", "n")
    assert (float(n), int(n), bool(n), f"{n:03d}") == (3.0, 3, True, "003")
    assert repr(n) == "<Variable path=n, shape=(), dtype=int32, value=3>"
    with pytest.raises(ValueError, match=r'variable "v": expected an array of shape \(2,\), got \(\)'):
        v.assign(1.0)


def test_initial_values():
    metric = metrics.Metric("m")
    assert metric.add_variable((2,), "ones", name="a").numpy().tolist() == [1, 1]
    assert metric.add_variable((2,), 3.0, name="b").numpy().tolist() == [3, 3]
    assert metric.add_variable((2, 2), np.eye(2), name="d")[0, 0] == 1


def test_a_constructor_that_forgets_its_base():
    class Bare(metrics.Metric):
        def __init__(self) -> None:
            pass

    for call in (lambda: Bare()(Y, X), lambda: Bare().add_variable(()), lambda: Bare().variables):
        with pytest.raises(RuntimeError, match=r"Bare: call super\(\).__init__\(name=name\)"):
            call()


@pytest.mark.parametrize(
    ("dtype", "name"), [(None, "float32"), ("float16", "float16"), ("int", "int32"), (np.float64, "float64"),
                        ("bfloat16", "bfloat16")],
)  # fmt: skip
def test_dtypes(dtype, name):
    metric = metrics.MeanSquaredError(dtype=dtype)
    assert metric.dtype == name
    assert metric(Y, X) == pytest.approx(((Y - X) ** 2).mean(), rel=1e-6)
    with pytest.raises(AttributeError):
        metric.dtype = "float32"
    with pytest.raises(ValueError, match="dtype must be one of"):
        metrics.Mean(dtype="text")


ARGUMENTS = {
    "IoU": (3, [1]), "OneHotIoU": (3, [0, 2]), "MeanIoU": (3,), "OneHotMeanIoU": (3,),
    "SensitivityAtSpecificity": (0.25,), "SpecificityAtSensitivity": (0.25,), "PrecisionAtRecall": (0.25,),
    "RecallAtPrecision": (0.25,), "MeanMetricWrapper": (pydl.losses.Huber(2.0),),
}  # fmt: skip
CLASSES = [c for c in (getattr(metrics, name) for name in metrics.__all__) if inspect.isclass(c)]


@pytest.mark.parametrize("cls", [c for c in CLASSES if c is not metrics.Metric], ids=lambda c: c.__name__)
def test_every_class_comes_back_from_its_config(cls):
    metric = cls(*ARGUMENTS.get(cls.__name__, ()), name="mine", dtype="float64")
    config = metrics.serialize(metric)
    again = metrics.deserialize(json.loads(json.dumps(config)))
    assert type(again) is cls
    assert (again.name, again.dtype) == ("mine", "float64")
    assert again.get_config() == metric.get_config()
    assert [v.shape for v in again.variables] == [v.shape for v in metric.variables]
    assert cls.__name__ in metrics.__all__


def test_copies_have_a_state_of_their_own():
    metric = metrics.MeanSquaredError()
    metric(Y, X)
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):  # noqa: S301
        assert twin.result() == metric.result()
        twin.reset_state()
        assert metric.count == 64


def test_ints_are_counted_beyond_what_floats_hold():
    metric = metrics.TruePositives(dtype="float32")
    metric.accumulator.assign([2.0**24])
    metric.update_state([1], [1.0])
    assert metric.result() == 2**24 + 1


class Stop(pydl.callbacks.Callback):
    def next_stop(self, step: int) -> int | None:
        return 2 if step < 2 else None

    def on_chunk_end(self, step: int, logs: Any = None) -> None:
        if step == 2:
            raise RuntimeError("enough")


def test_a_run_that_is_broken_off_goes_on_with_all_metrics(tmp_path: Path):
    @own_names()  # as in a process of its own
    def net() -> pydl.Model:
        several = metrics.AUC(multi_label=True, name="several")
        listed = [metrics.AUC(), several, "f1_score", metrics.R2Score(), SquaresOfAll(), Shares(), "accuracy"]
        return model(*listed, weighted_metrics=[metrics.MeanIoU(3, sparse_y_true=False, sparse_y_pred=False)])

    whole = net().fit(X, Y, batch_size=16, epochs=1, verbose=0).history
    backup = pydl.callbacks.BackupAndRestore(tmp_path, save_freq=1)
    with pytest.raises(RuntimeError, match="enough"):
        net().fit(X, Y, batch_size=16, epochs=1, verbose=0, callbacks=[backup, Stop()])
    again = pydl.callbacks.BackupAndRestore(tmp_path, save_freq=1)
    assert net().fit(X, Y, batch_size=16, epochs=1, verbose=0, callbacks=[again]).history == whole
    assert len(whole) == 13


@pytest.mark.usefixtures("fresh_names")
def test_a_state_of_another_size_is_refused():
    metric = metrics.AUC(5)
    with pytest.raises(ValueError, match='"auc": expected a state of 20 numbers, got 2'):
        metric.restore_state([1.0, 2.0])

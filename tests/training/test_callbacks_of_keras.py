"""What programs written for Keras expect of callbacks in `fit`: names, schedules, validation every so many epochs."""

import csv
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import pydl
from pydl import callbacks as cb
from pydl import metrics as M

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X[:, :1]


def model(**options: Any) -> Any:
    net = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    net.compile("sgd", "mse", **options)
    return net


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# -- names ----------------------------------------------------------------------------------------------------------


class Counter(cb.Callback):
    begins = ends = 0

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.begins += 1

    def on_batch_end(self, batch: int, logs: Any) -> None:
        assert "loss" in logs
        self.ends += 1


def test_the_short_names_of_the_batch_methods() -> None:
    counter, calls = Counter(), []
    net = model()
    net.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[counter])
    assert (counter.begins, counter.ends) == (12, 12)
    net.fit(X, Y, batch_size=8, verbose=0, callbacks=[cb.LambdaCallback(on_batch_end=lambda b, logs: calls.append(b))])
    assert calls == [0, 1, 2, 3]


# -- schedules ------------------------------------------------------------------------------------------------------


def decayed(epoch: int, base: float, gamma: float) -> float:
    return base * gamma**epoch


def by_default(epoch: int, base: float = 2.0) -> float:
    return base * 0.5**epoch


def halved(epoch: int, rate: float) -> float:
    return rate if epoch == 0 else rate / 2


class Policy:
    def __call__(self, epoch: int) -> float:
        return 2.0 * 0.5**epoch

    def method(self, epoch: int, *, base: float = 2.0) -> float:
        return base * 0.5**epoch


SCHEDULES: dict[str, Callable[..., float]] = {
    "all but the epoch bound by name": partial(decayed, base=2.0, gamma=0.5),
    "bound by place": partial(lambda gamma, base, epoch: base * gamma**epoch, 0.5, 2.0),
    "a default that is no rate": by_default,
    "an object": Policy(),
    "a method with a keyword": Policy().method,
    "the rate": halved,
    "the rate, or None": lambda epoch, rate=None: halved(epoch, rate),
    "the rate by its name": lambda epoch, lr=7.0: halved(epoch, lr),
    "whatever comes": lambda *given: given[1] if given[0] == 0 else given[1] / 2,
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_gets_the_rate_where_it_wants_it(name: str) -> None:
    net = model()
    net.optimizer.learning_rate = 2.0
    history = net.fit(X, 0 * Y, epochs=3, verbose=0, callbacks=[cb.LearningRateScheduler(SCHEDULES[name])]).history
    assert history["learning_rate"] == [2.0, 1.0, 0.5]


# -- validation every so many epochs --------------------------------------------------------------------------------


def test_a_csv_file_has_columns_for_validation_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = model(metrics=["mae"]).fit(
        X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0, callbacks=[cb.CSVLogger(path)]
    ).history  # fmt: skip
    rows = rows_of(path)
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    for name in ("val_loss", "val_mae"):
        assert [row[name] for row in rows] == ["NA", str(history[name][0]), "NA", str(history[name][1])]


def test_a_csv_file_without_a_column_for_a_value_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[cb.CSVLogger(path)])
    with pytest.warns(UserWarning, match="no column for val_loss") as caught:
        model().fit(
            X, Y, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[cb.CSVLogger(path, append=True)]
        )  # fmt: skip
    assert len(caught) == 1
    assert [row["epoch"] for row in rows_of(path)] == ["0", "0", "1", "2"]


def test_callbacks_wait_for_the_epochs_that_are_validated(tmp_path: Path) -> None:
    listed = [
        cb.EarlyStopping(patience=5),
        cb.ReduceLROnPlateau(patience=5),
        cb.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.safetensors"),
        cb.ModelCheckpoint(tmp_path / "best-{epoch}-{val_loss:.2f}.safetensors", save_best_only=True),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0, callbacks=listed)
    assert sorted(p.name.split("-")[0] for p in tmp_path.glob("[0-9]*")) == ["2", "4"]
    assert sorted(p.name.split("-")[1] for p in tmp_path.glob("best*")) == ["2", "4"]


class Stop(cb.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.stop_training = True


def test_a_run_that_ends_in_its_first_epoch_has_one_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    net = model()
    history = net.fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[Stop(), cb.CSVLogger(path)])
    assert history.epoch == [0]
    assert net.optimizer.iterations == 1
    assert [(row["epoch"], float(row["loss"])) for row in rows_of(path)] == [("0", history.history["loss"][0])]


# -- what is better -------------------------------------------------------------------------------------------------


class Script(cb.Callback):
    """Logs a value that rises, or falls, from epoch to epoch."""

    def __init__(self, name: str, rises: bool) -> None:
        self.name, self.rises = name, rises

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.name] = 0.1 * (epoch if self.rises else -epoch)


class Profit(M.Metric):
    rising = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.count += 1


class Cost(Profit):
    rising = False


def f1(y_true: Any, y_pred: Any) -> Any:
    return np.zeros(len(y_pred))


BETTER = [
    ("val_weighted_accuracy", True, {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}),
    ("val_hits", True, {"metrics": [M.BinaryAccuracy(name="hits")]}),
    ("val_distance_to_acc", False, {"metrics": [M.MeanAbsoluteError(name="distance_to_acc")]}),
    ("accuracy_mse", False, {}),
    ("val_loss", False, {}),
    ("val_profit", True, {"metrics": [Profit()]}),
    ("cost", False, {"metrics": [Cost()]}),
    ("val_f1", True, {"metrics": [f1]}),
    ("val_out_auc_2", True, {}),
    ("val_kl_divergence", False, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rises", "options"), BETTER, ids=[name for name, *_ in BETTER])
def test_what_is_better_is_told_by_the_metric_then_by_words(name: str, rises: bool, options: Any) -> None:
    for better in (True, False):
        net = model(**options)
        stop = cb.EarlyStopping(name, patience=1)
        script = Script(name, rises if better else not rises)
        history = net.fit(X, Y, epochs=4, validation_data=(X, Y, np.ones(32)), verbose=0, callbacks=[script, stop])
        assert len(history.epoch) == (4 if better else 2)


def test_where_nothing_tells_what_is_better_nothing_is_trained(tmp_path: Path) -> None:
    saver = cb.ModelCheckpoint(tmp_path / "m.safetensors", "val_gain", save_best_only=True)
    for callback in (cb.EarlyStopping("val_gain"), cb.ReduceLROnPlateau("val_gain"), saver):
        net = model()
        with pytest.raises(ValueError, match=r'"val_gain" does not tell .* mode="max"'):
            net.fit(X, Y, verbose=0, callbacks=[callback])
        assert net.optimizer.iterations == 0


# -- a pass within a pass -------------------------------------------------------------------------------------------


class MeanPrediction(M.Metric):
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total += float(np.sum(y_pred))
        self.count += y_pred.size


class Largest(M.Metric):
    """A metric with a state of its own."""

    def reset_state(self) -> None:
        self.seen: list[float] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.seen = [*getattr(self, "seen", []), float(np.max(y_pred))]

    def result(self) -> float:
        return max(getattr(self, "seen", []), default=0.0)


class Judge(cb.Callback):
    """Evaluates other rows in the middle of a pass."""

    def judge(self, *_: Any) -> None:
        if not getattr(self, "busy", False):
            self.busy = True
            found = self.model.evaluate(np.full((3, 1), 100.0), np.zeros((3, 1)), verbose=0, return_dict=True)
            assert (found["mean_prediction"], found["largest"]) == (100.0, 100.0)
            self.busy = False

    on_train_batch_end = on_test_batch_end = judge


def test_an_evaluation_within_an_epoch_leaves_its_figures_alone() -> None:
    net = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="ones")])
    net.compile(pydl.optimizers.SGD(0.0), "mse", metrics=[MeanPrediction(), Largest(), "mae"])
    x, zeros = np.array([[1.0], [2], [3], [4]]), np.zeros((4, 1))
    expected = {"loss": 7.5, "mean_prediction": 2.5, "largest": 4.0, "mae": 2.5}
    history = net.fit(x, zeros, batch_size=1, verbose=0, callbacks=[Judge()]).history
    assert {name: values[0] for name, values in history.items()} == expected
    assert net.evaluate(x, zeros, batch_size=1, verbose=0, callbacks=[Judge()], return_dict=True) == expected
    assert net.compiled_metrics[1].metric.result() == 4.0


def test_how_many_batches_a_callback_will_see() -> None:
    """In `evaluate` and `predict` as in `fit`; and a PyDataset is told where a pass begins and ends."""

    class Batches(pydl.utils.PyDataset):
        told: ClassVar[list[str]] = []

        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)

        def on_epoch_begin(self) -> None:
            self.told.append("begin")

        def on_epoch_end(self) -> None:
            self.told.append("end")

    class Steps(pydl.callbacks.Callback):
        def on_test_begin(self, logs: Any = None) -> None:
            seen.append(self.params["steps"])

        on_predict_begin = on_test_begin

    seen: list[Any] = []
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, data = np.ones((10, 1), np.float32), Batches()
    model.evaluate(x, x, batch_size=4, verbose=0, callbacks=[Steps()])
    model.predict(x, batch_size=3, callbacks=[Steps()])
    model.evaluate(data, verbose=0, callbacks=[Steps()])
    model.predict(data, steps=2, callbacks=[Steps()])
    assert seen == [3, 4, 3, 2]
    assert data.told == ["begin", "end"] * 2

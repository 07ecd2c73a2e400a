"""Each callback's logic, on a model without a core; then on real ones."""

import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import callbacks as cb
from pydl import saving
from pydl._base.errors import FormatError
from pydl._base.safetensors import Reader
from tests.training.fake_model import FakeModel


class Recorder(cb.Callback):
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append(("train_begin",))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(("epoch_begin", epoch))

    def on_chunk_end(self, step: int, logs: Any = None) -> None:
        self.calls.append(("chunk_end", step))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(("epoch_end", epoch))

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append(("train_end",))


def val(values: list[float], **more: list[float]) -> FakeModel:
    return FakeModel({"val_loss": values, **more})


# ---- the list -------------------------------------------------------------------------------------------------------


def test_order_of_calls() -> None:
    recorder = Recorder()
    FakeModel().fit(recorder, epochs=1)
    assert recorder.calls == [
        ("train_begin",), ("epoch_begin", 0), ("chunk_end", 4), ("chunk_end", 8), ("chunk_end", 10), ("epoch_end", 0),
        ("train_end",),
    ]  # fmt: skip


def test_defaults_are_added_once() -> None:
    listed = cb.CallbackList(cb.History(), add_history=True, add_progbar=True, epochs=1, steps=1, verbose=0)
    assert [type(callback) for callback in listed] == [cb.History, cb.ProgbarLogger]
    assert cb.CallbackList().history is None


def test_backup_runs_last(tmp_path: Path) -> None:
    listed = cb.CallbackList([cb.BackupAndRestore(tmp_path), cb.TerminateOnNaN()], add_history=True)
    assert isinstance(list(listed)[-1], cb.BackupAndRestore)


@pytest.mark.parametrize("wrong", [["EarlyStopping"], [cb.History], [None], [len]])
def test_only_callbacks(wrong: list[Any]) -> None:
    with pytest.raises(TypeError, match=r"instances of pydl\.callbacks\.Callback"):
        cb.CallbackList(wrong)


def test_per_batch_is_seen_in_class_and_instance() -> None:
    class Each(cb.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    assert not cb.CallbackList([Recorder(), cb.LambdaCallback(on_epoch_end=print)]).per_batch
    assert cb.CallbackList([Recorder(), Each()]).per_batch
    assert cb.CallbackList(cb.LambdaCallback(on_train_batch_begin=print)).per_batch
    listed = cb.CallbackList(cb.LambdaCallback(on_test_batch_end=print))
    assert (listed.per_batch, listed.per_test_batch, listed.per_predict_batch) == (False, True, False)


def test_next_stop_is_the_nearest(tmp_path: Path) -> None:
    listed = cb.CallbackList(
        [cb.ModelCheckpoint(tmp_path / "a.safetensors", save_freq=7), cb.BackupAndRestore(tmp_path, save_freq=5)]
    )
    assert listed.next_stop(0) == 5
    assert cb.CallbackList(Recorder()).next_stop(0) is None


# ---- history, logs --------------------------------------------------------------------------------------------------


def test_history() -> None:
    history = val([3.0, 2.0, 1.0]).fit()
    assert history.epoch == [0, 1, 2]
    assert history.history["val_loss"] == [3.0, 2.0, 1.0]
    assert len(history.history["loss"]) == 3


def test_lambda_callback() -> None:
    seen: list[Any] = []
    each = cb.LambdaCallback(
        on_train_begin=lambda logs: seen.append("begin"),
        on_train_batch_end=lambda batch, logs: seen.append((batch, math.isfinite(logs["loss"]))),
        on_chunk_end=lambda step, logs: seen.append(step),
    )
    model = FakeModel()
    model.fit(each, epochs=1, steps=2)
    assert seen == ["begin", (0, True), 1, (1, True), 2]
    assert model.chunks == [1, 1]
    with pytest.raises(TypeError, match="on_batch"):
        cb.LambdaCallback(on_batch=print)
    assert cb.LambdaCallback(describe=len).describe is len  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="a function as on_epoch_end"):
        cb.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = val([3.0, 2.0, 1.0])
    model.fit(cb.CSVLogger(path))
    rows = path.read_text().splitlines()
    assert rows[0] == "epoch,loss,val_loss"
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "1", "2"]
    assert [float(row.split(",")[2]) for row in rows[1:]] == [3.0, 2.0, 1.0]
    model.fit(cb.CSVLogger(path, append=True), epochs=1)
    assert [row.split(",")[0] for row in path.read_text().splitlines()] == ["epoch", "0", "1", "2", "0"]
    model.fit(cb.CSVLogger(path, separator=";"), epochs=1)
    assert [row.split(";")[0] for row in path.read_text().splitlines()] == ["epoch", "0"]


def test_csv_logger_with_a_value_missing_later(tmp_path: Path) -> None:
    logger = cb.CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 1.0, "val_loss": 2.0})
    logger.on_epoch_end(1, {"loss": 0.5})
    assert (tmp_path / "log.csv").read_text().splitlines() == ["epoch,loss,val_loss", "0,1.0,2.0", "1,0.5,NA"]


# ---- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "options", "epochs_run"),
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5),
        ([3, 2, 1, 2, 2, 2], {"patience": 0}, 4),
        ([3, 2.9, 2.85, 1, 1, 1], {"patience": 2, "min_delta": 0.5}, 3),
        ([1, 2, 3, 3, 3, 3], {"patience": 1, "mode": "max"}, 4),
        ([9, 1, 9, 9, 9, 9], {"patience": 1, "start_from_epoch": 3}, 5),
        ([3, 2, 1, 1, 1, 1], {"patience": 2, "baseline": 0.5}, 4),
        ([3, 2, 1, 0.9, 0.8, 0.7], {"patience": 2, "baseline": 0.5}, 6),
        ([3, 3, 1, 1, 1, 1], {"patience": 2, "baseline": 0.5}, 2),
        ([3, 0.4, 1, 1, 1, 1], {"patience": 2, "baseline": 0.5}, 4),
        ([math.nan] * 6, {"patience": 2}, 2),
        ([3, 2, 1, 0.5, 0.4, 0.3], {"patience": 1}, 6),
    ],
)
def test_early_stopping(values: list[float], options: dict[str, Any], epochs_run: int) -> None:
    model = val([float(value) for value in values])
    stopping = cb.EarlyStopping(**options)
    assert len(model.fit(stopping, epochs=6).epoch) == epochs_run
    assert stopping.stopped_epoch == (epochs_run - 1 if epochs_run < 6 else 0)


def test_early_stopping_tells_the_direction_by_name() -> None:
    model = FakeModel({"val_accuracy": [0.5, 0.6, 0.7, 0.6, 0.6]})
    assert len(model.fit(cb.EarlyStopping("val_accuracy", patience=1), epochs=5).epoch) == 4


@pytest.mark.parametrize(("mode", "sign"), [("min", -1), ("max", 1)])
def test_classes_that_derive_from_a_monitoring_callback_compare_as_it_does(mode: str, sign: int) -> None:
    """As programs for Keras do: by `monitor_op`, `min_delta`, `best` and `best_weights`."""

    class Patient(cb.EarlyStopping):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            self.beaten = bool(self.monitor_op(logs[self.monitor] - self.min_delta, 2.0))

    callback = Patient(mode=mode, min_delta=0.5, restore_best_weights=True)
    model = val([2.0 + sign * 0.4, 2.0 + sign * 0.6])
    found: list[bool] = []
    model.fit([callback, cb.LambdaCallback(on_epoch_end=lambda e, _: found.append(callback.beaten))], epochs=2)
    assert found == [False, True]
    assert callback.min_delta == sign * 0.5
    assert callback.monitor_op is (pydl.ops.greater if sign > 0 else pydl.ops.less)
    assert callback.mode == mode
    assert [w.shape for w in callback.best_weights] == [(1, 2), (2,)]
    assert cb.ReduceLROnPlateau(mode=mode).monitor_op is callback.monitor_op
    assert cb.ModelCheckpoint("x.keras", mode=mode).monitor_op is callback.monitor_op


def test_what_a_monitoring_callback_says_may_be_set() -> None:
    class Own(cb.EarlyStopping):
        def __init__(self) -> None:
            self.mode = "min"
            super().__init__("loss")
            self.monitor_op, self.min_delta = np.less, 0.1

    callback = Own()
    assert (callback.mode, callback.monitor_op, callback.min_delta) == ("min", np.less, 0.1)
    assert cb.EarlyStopping("mae", min_delta=2).min_delta == -2
    with pytest.raises(ValueError, match="does not tell"):
        _ = cb.EarlyStopping("unknown").monitor_op


@pytest.mark.parametrize(("values", "best"), [([3, 1, 2, 2], 1), ([3, 2, 1, 0.5], 3), ([math.nan] * 4, 0)])
def test_early_stopping_restores_the_best(values: list[float], best: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = val([float(value) for value in values])
    snapshots: list[list[np.ndarray]] = []
    taker = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: snapshots.append(model.get_weights()))
    model.fit([taker, cb.EarlyStopping(patience=4, restore_best_weights=True, verbose=1)], epochs=4)
    for a, b in zip(model.get_weights(), snapshots[best], strict=True):
        np.testing.assert_array_equal(a, b)
    assert f"best epoch, {best + 1}" in capsys.readouterr().out


def test_early_stopping_starts_afresh_in_each_fit() -> None:
    model, stopping = val([3.0, 3.0, 3.0]), cb.EarlyStopping(patience=1)
    for _ in range(2):
        assert len(model.fit(stopping).epoch) == 2


def test_a_monitored_value_that_is_not_there() -> None:
    with pytest.warns(UserWarning, match='monitors "val_loss", which is not among loss'):
        FakeModel().fit(cb.EarlyStopping(), epochs=1)
    with pytest.raises(ValueError, match="mode"):
        cb.EarlyStopping(mode="least")


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    model = FakeModel()
    model.poison_at = (1, 5)
    history = model.fit(cb.TerminateOnNaN(), epochs=3)
    assert history.epoch == [0, 1]
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "Epoch 2, batch 8: the loss is nan" in said
    assert '"dense/kernel"' in said


# ---- learning rates -------------------------------------------------------------------------------------------------


def test_reduce_lr_on_plateau(capsys: pytest.CaptureFixture[str]) -> None:
    model = val([3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    reducer = cb.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.2, verbose=1)
    history = model.fit(reducer, epochs=7)
    assert history.history["learning_rate"] == [0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]
    assert capsys.readouterr().out.startswith("Epoch 3: learning rate lowered to 0.25\n")
    assert len(model.fit(cb.ReduceLROnPlateau(patience=1), epochs=1).epoch) == 1
    with pytest.raises(ValueError, match="factor"):
        cb.ReduceLROnPlateau(factor=1.0)


def test_callbacks_that_set_the_rate_refuse_schedules() -> None:
    for callback in (cb.ReduceLROnPlateau(), cb.LearningRateScheduler(lambda epoch: 0.1)):
        with pytest.raises(TypeError, match="schedule"):
            FakeModel(learning_rate=lambda step: 0.1).fit(callback)


def test_learning_rate_scheduler(capsys: pytest.CaptureFixture[str]) -> None:
    halved = FakeModel().fit(cb.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1))
    assert halved.history["learning_rate"] == [0.25, 0.125, 0.0625]
    assert "Epoch 3: learning rate 0.0625" in capsys.readouterr().out
    by_epoch = FakeModel().fit(cb.LearningRateScheduler(lambda epoch: 1.0 / (1 + epoch)))
    assert by_epoch.history["learning_rate"] == [1.0, 0.5, pytest.approx(1 / 3)]
    wrong: dict[int, Any] = {0: None, 1: "fast", 2: math.nan}
    for i in wrong:
        with pytest.raises(TypeError, match="finite number"):
            FakeModel().fit(cb.LearningRateScheduler(lambda epoch, rate: wrong[i]))  # noqa: B023 - called at once


# ---- files ----------------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_model_checkpoint_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = val([3.0, 2.0, 2.5])
    model.fit(cb.ModelCheckpoint(tmp_path / "sub" / "{epoch:02d}-{val_loss:.1f}.safetensors", verbose=1))
    assert names(tmp_path / "sub") == ["01-3.0.safetensors", "02-2.0.safetensors", "03-2.5.safetensors"]
    assert "Epoch 2: saved" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"names 'val_mae'; the values here are epoch, loss, val_loss"):
        model.fit(cb.ModelCheckpoint(tmp_path / "{val_mae}.safetensors"))
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        cb.ModelCheckpoint(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        ({"save_best_only": True}, ["1", "2"]),
        ({"save_best_only": True, "initial_value_threshold": 2.5}, ["2"]),
        ({"save_best_only": True, "mode": "max"}, ["1"]),
        ({"save_weights_only": True}, ["1", "2", "3"]),
    ],
)
def test_model_checkpoint_best(tmp_path: Path, options: dict[str, Any], saved: list[str]) -> None:
    val([3.0, 2.0, 2.5]).fit(cb.ModelCheckpoint(tmp_path / "{epoch}.safetensors", **options))
    assert names(tmp_path) == [f"{number}.safetensors" for number in saved]


def test_model_checkpoint_saves_where_there_is_nothing_to_compare(tmp_path: Path) -> None:
    checkpoint = cb.ModelCheckpoint(tmp_path / "{epoch}.safetensors", "no_such", save_best_only=True, mode="min")
    with pytest.warns(UserWarning, match='monitors "no_such"'):
        val([3.0, 2.0, 2.5]).fit(checkpoint)
    assert names(tmp_path) == ["1.safetensors", "2.safetensors", "3.safetensors"]


def test_model_checkpoint_every_so_many_batches(tmp_path: Path) -> None:
    model = FakeModel(chunk=100)
    model.fit(cb.ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=7))
    assert names(tmp_path) == [f"{name}.safetensors" for name in ("1-7", "2-4", "3-1", "3-8")]
    assert model.chunks == [7, 3, 4, 6, 1, 7, 2]
    for wrong in (0, 2.5, "batch"):
        with pytest.raises(ValueError, match="save_freq"):
            cb.ModelCheckpoint(tmp_path / "m.safetensors", save_freq=wrong)  # type: ignore[arg-type]


# ---- going on after a crash -----------------------------------------------------------------------------------------

SCRIPT = {"val_loss": [3.0, 2.0, 2.5, 2.4, 2.3, 2.2], "val_accuracy": [0.1, 0.2, 0.3, 0.2, 0.2, 0.2]}


def crew(folder: Path, save_freq: str | int) -> list[cb.Callback]:
    """Callbacks with all kinds of state."""
    return [
        cb.BackupAndRestore(folder / "backup", save_freq=save_freq),
        cb.EarlyStopping(patience=3, restore_best_weights=True),
        cb.ReduceLROnPlateau("val_accuracy", patience=1, factor=0.7),
        cb.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        cb.CSVLogger(folder / "log.csv"),
        cb.ModelCheckpoint(folder / "best-{epoch}.safetensors", save_best_only=True),
        cb.ModelCheckpoint(folder / "step-{epoch}-{batch}.safetensors", save_freq=7),
    ]


def outcome(model: FakeModel, history: cb.History, folder: Path) -> Any:
    """All that a run leaves behind."""
    files: dict[str, Any] = {"log.csv": (folder / "log.csv").read_text()}
    for path in folder.glob("*.safetensors"):
        with Reader(path) as reader:  # the order of its metadata is left open by the library that writes it
            files[path.name] = {name: reader.read(name).tobytes() for name in reader.tensors}
    weights = [array.tobytes() for array in model.get_weights()]
    slots = [slot.numpy().tobytes() for slot in model.optimizer.state_variables]
    rate = (model.optimizer.iterations, model.optimizer.learning_rate, model.fit_state.draws)
    return files, weights, slots, rate, history.epoch, history.history


@pytest.mark.long  # a process for each batch; test_backup.py stays
@pytest.mark.parametrize("save_freq", ["epoch", 3, 10, 13])
def test_a_crash_at_any_batch_changes_nothing(tmp_path: Path, save_freq: str | int) -> None:
    whole = FakeModel(SCRIPT)
    expected = outcome(whole, whole.fit(crew(tmp_path, save_freq), epochs=6), tmp_path)
    assert len(expected[4]) == 5, "early stopping is part of what is tested"
    for epoch in range(5):
        for step in range(0, 10, 3):
            folder = tmp_path / f"{epoch}-{step}"
            folder.mkdir()
            model = FakeModel(SCRIPT)
            model.crash_at = (epoch, step)
            with pytest.raises(KeyboardInterrupt):
                model.fit(crew(folder, save_freq), epochs=6)
            model = FakeModel(SCRIPT, chunk=3)
            assert outcome(model, model.fit(crew(folder, save_freq), epochs=6), folder) == expected
            assert not (folder / "backup").exists()


class Stop(cb.Callback):
    """A crash after everything else at the end of an epoch, once the backup is written."""

    runs_last = True

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_a_run_that_had_decided_to_stop_does_not_go_on(tmp_path: Path) -> None:
    def parts(epoch: int) -> list[cb.Callback]:
        return [cb.EarlyStopping(patience=1), cb.BackupAndRestore(tmp_path, delete_checkpoint=False), Stop(epoch)]

    with pytest.raises(KeyboardInterrupt):
        val([3.0, 3.0, 3.0]).fit(parts(1))
    assert val([3.0, 3.0, 3.0]).fit(parts(-1)).epoch == [0, 1]
    assert names(tmp_path) == ["backup.safetensors"]


def test_a_backup_that_does_not_fit(tmp_path: Path) -> None:
    model = FakeModel()
    model.fit(cb.BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=1)
    content = (tmp_path / "backup.safetensors").read_bytes()

    def again(*others: cb.Callback, weights: int = 2) -> None:
        other = FakeModel()
        other.weights = other.weights[:weights]
        other.fit([cb.BackupAndRestore(tmp_path), *others], epochs=2)

    with pytest.raises(FormatError, match="the callbacks of the interrupted run, or delete the file"):
        again(cb.EarlyStopping("loss"))
    with pytest.raises(FormatError, match="1 tensors for weights"):
        again(weights=1)
    (tmp_path / "backup.safetensors").write_bytes(content[:-1])
    with pytest.raises(FormatError, match="damaged"):
        again()
    model.save_weights(tmp_path / "backup.safetensors")
    with pytest.raises(FormatError, match="kind checkpoint"):
        again()


def test_odd_callback_state(tmp_path: Path) -> None:
    """A state of the wrong type is a FormatError, and sets nothing that it should not."""
    stopping = cb.EarlyStopping("loss")
    model = FakeModel()
    model.fit([stopping, cb.BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=1)
    for state in ({"wait": 0}, {"wait": "x", "stopped_epoch": 0, "best": 1.0, "best_epoch": 0}):
        model.fit_state.callbacks = {"EarlyStopping_0": state, "History_0": {"epoch": []}}
        saving.save_checkpoint(model, tmp_path / "backup.safetensors")  # type: ignore[arg-type]
        with pytest.raises(FormatError, match="the state of EarlyStopping_0"):
            FakeModel().fit([cb.EarlyStopping("loss"), cb.BackupAndRestore(tmp_path)], epochs=2)


# ---- progress -------------------------------------------------------------------------------------------------------


def test_progress_lines(capsys: pytest.CaptureFixture[str]) -> None:
    val([3.0, 2.0]).fit(epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"Epoch 1/2 - \d+\.\ds - loss=[\d.]+, val_loss=3", lines[0])


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    val([3.0, 2.0]).fit(epochs=2, verbose=1)
    captured = capsys.readouterr()
    assert "Epoch 2/2" in captured.out
    assert "10/10" in captured.out
    assert re.search(r"loss=[\d.]+, val_loss=2\b", captured.out)
    assert captured.err == ""


def test_behind_a_bar_stands_a_line_with_all_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar is cut off at the width of the terminal, where the figures of validation come last."""
    val([3.0, 2.0]).fit(epochs=2, verbose=1)
    lines = [line.rpartition("\r")[2] for line in capsys.readouterr().out.strip("\n").split("\n")]
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(r"Epoch \d/2 - 10/10 - \d+\.\ds - loss=[\d.]+, val_loss=\d", line)


def test_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    val([3.0, 2.0]).fit(epochs=2, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_automatic_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    val([3.0]).fit(epochs=1, verbose="auto")
    assert "\r" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    val([3.0]).fit(epochs=1, verbose="auto")
    assert "\r" in capsys.readouterr().out
    with pytest.raises(ValueError, match="verbose"):
        FakeModel().fit(verbose=3)


def test_progress_bar_is_rate_limited(capsys: pytest.CaptureFixture[str]) -> None:
    FakeModel(chunk=1).fit(epochs=1, steps=300, verbose=1)
    assert capsys.readouterr().out.count("\r") < 30  # 300 batches in well under a second, ten drawings a second

"""Callbacks in the fit, evaluate and predict of real models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import callbacks as cb

ROWS, BATCH = 100, 16
STEPS = -(-ROWS // BATCH)
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
Y = X @ np.float32([[1], [-2], [3], [0.5]])


def model(learning_rate: float = 0.05) -> Any:
    pydl.utils.set_random_seed(4)
    net = pydl.Sequential(
        [pydl.Input((4,)), pydl.layers.Dense(8, activation="relu"), pydl.layers.Dropout(0.2), pydl.layers.Dense(1)]
    )
    net.compile(optimizer=pydl.optimizers.SGD(learning_rate), loss="mse", metrics=["mae"])
    return net


def fit(net: Any, callbacks: Any, epochs: int = 3, **options: Any) -> Any:
    pydl.utils.set_random_seed(5)  # a model draws the seed of its streams when it is first trained
    options = {"validation_split": 0.2, "verbose": 0, **options}
    return net.fit(X, Y, batch_size=BATCH, epochs=epochs, callbacks=callbacks, **options)


def same(a: Any, b: Any) -> None:
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def test_history_holds_loss_metrics_and_validation() -> None:
    history = fit(model(), None)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert history.epoch == [0, 1, 2]
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_calls_around_each_batch_change_no_bit() -> None:
    batches: list[int] = []
    plain, watched = model(), model()
    expected = fit(plain, None, validation_split=0.0).history
    watcher = cb.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    assert fit(watched, watcher, validation_split=0.0).history == expected
    assert batches == 3 * list(range(STEPS))
    same(plain, watched)


def test_order_in_fit() -> None:
    calls: list[str] = []
    hooks = ("train", "epoch", "train_batch", "test", "test_batch")
    names = [f"on_{hook}_{edge}" for hook in hooks for edge in ("begin", "end")]
    recorder = cb.LambdaCallback(**{name: lambda *_, name=name: calls.append(name) for name in names})
    net = model()
    net.fit(X, Y, batch_size=50, validation_data=(X[:20], Y[:20]), epochs=1, callbacks=[recorder], verbose=0)
    batch = ["on_train_batch_begin", "on_train_batch_end"]
    test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    assert calls == ["on_train_begin", "on_epoch_begin", *batch, *batch, *test, "on_epoch_end", "on_train_end"]


def test_predict_and_evaluate_call_their_methods() -> None:
    calls: list[str] = []
    names = [f"on_{what}_{edge}" for what in ("test", "predict", "predict_batch") for edge in ("begin", "end")]
    recorder = cb.LambdaCallback(**{name: lambda *_, name=name: calls.append(name) for name in names})
    net = model()
    net.predict(X, batch_size=50, callbacks=[recorder], verbose=0)
    batch = ["on_predict_batch_begin", "on_predict_batch_end"]
    assert calls == ["on_predict_begin", *batch, *batch, "on_predict_end"]
    calls.clear()
    net.evaluate(X, Y, callbacks=[recorder], verbose=0)
    assert calls == ["on_test_begin", "on_test_end"]


def test_stopping_early_with_the_best_weights() -> None:
    net, snapshots = model(), []
    taker = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: snapshots.append(net.get_weights()))
    stopping = cb.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
    history = fit(net, [taker, stopping], epochs=200)
    best = int(np.argmin(history.history["val_loss"]))
    assert len(history.epoch) == best + 4 < 200
    for a, b in zip(net.get_weights(), snapshots[best], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_checkpoint_is_a_model(tmp_path: Path) -> None:
    net = model()
    path = tmp_path / "best.safetensors"
    history = fit(net, cb.ModelCheckpoint(path, monitor="val_loss", save_best_only=True), epochs=5)
    loss = pydl.models.load_model(path).evaluate(X[80:], Y[80:], verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(min(history.history["val_loss"]), rel=1e-6)


def test_checkpoints_within_an_epoch(tmp_path: Path) -> None:
    saver = cb.ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.safetensors", save_weights_only=True, save_freq=4)
    fit(model(), saver, epochs=2, validation_split=0.0)
    assert sorted(path.name.partition(".")[0] for path in tmp_path.iterdir()) == ["1-4", "2-1", "2-5"]


def test_rates_that_callbacks_set_are_used() -> None:
    net = model()
    frozen = net.get_weights()
    history = fit(net, cb.LearningRateScheduler(lambda epoch: 0.0), epochs=1)
    for a, b in zip(net.get_weights(), frozen, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.history["learning_rate"] == [0.0]
    history = fit(model(), cb.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=1e9), epochs=3)
    assert history.history["learning_rate"] == pytest.approx([0.05, 0.05, 0.025])


def test_divergence_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    net = model(learning_rate=1e20)
    history = fit(net, cb.TerminateOnNaN(), epochs=9)
    assert len(history.epoch) < 9
    said = capsys.readouterr().out
    assert "the loss is" in said
    assert "the first tensor that is not finite is" in said


def test_bars_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    fit(model(), None, epochs=2, verbose=1)
    bars = capsys.readouterr().out
    assert "Epoch 2/2" in bars
    assert "val_mae=" in bars
    fit(model(), None, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" -")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]


def test_a_backup_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    def stop(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    whole, net = model(), model()
    expected = fit(whole, None, epochs=5).history
    with pytest.raises(KeyboardInterrupt):
        fit(net, [cb.BackupAndRestore(tmp_path, save_freq=3), cb.LambdaCallback(on_epoch_begin=stop)], epochs=5)
    again = model()
    assert fit(again, [cb.BackupAndRestore(tmp_path)], epochs=5).history == expected
    same(whole, again)


def test_interrupted_fit_leaves_a_model_that_goes_on() -> None:
    def stop(batch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    net = model()
    with pytest.raises(KeyboardInterrupt):
        fit(net, cb.LambdaCallback(on_train_batch_end=stop))
    assert len(fit(net, None).epoch) == 3

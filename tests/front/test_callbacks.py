"""TensorBoard, averages of weights, a monitor over HTTP, the search for a learning rate, plots of a history."""

from __future__ import annotations

import json
import struct
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import callbacks as cb
from pydl._base.protobuf import varint
from pydl.callbacks._events import _checksum

X = np.random.default_rng(0).normal(size=(32, 3)).astype("f4")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "f4")


def model(optimizer: Any = "sgd", **options: Any) -> Any:
    pydl.utils.set_random_seed(1)
    net = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1, name="d")])
    net.compile(optimizer, "mse", **options)
    return net


# ---- TensorBoard ----------------------------------------------------------------------------------------------------
def fields(message: bytes) -> list[tuple[int, Any]]:
    """Numbers and values of a protocol buffer's fields."""
    found: list[tuple[int, Any]] = []
    i = 0

    def varint() -> int:
        nonlocal i
        n = shift = 0
        while True:
            byte = message[i]
            i, n, shift = i + 1, n | (byte & 127) << shift, shift + 7
            if byte < 128:
                return n

    while i < len(message):
        key = varint()
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            found.append((key >> 3, varint()))
            continue
        if size is None:
            size = varint()
        found.append((key >> 3, message[i : i + size]))
        i += size
    return found


def events(folder: Path) -> list[tuple[int, str, Any]]:
    """Step, name and value of all that the only event file of a folder holds."""
    (path,) = folder.iterdir()
    raw, found = path.read_bytes(), []
    assert path.name.startswith("events.out.tfevents.")
    while raw:
        (length,) = struct.unpack("<Q", raw[:8])
        assert raw[8:12] == _checksum(raw[:8])
        event, raw = raw[12 : 12 + length], raw[12 + length :]
        assert raw[:4] == _checksum(event)
        raw = raw[4:]
        parts = dict(fields(event))
        for _, value in fields(parts.get(5, b"")):
            named = dict(fields(value))
            shown = struct.unpack("<f", named[2])[0] if 2 in named else dict(fields(named[5]))
            found.append((parts.get(2, 0), named[1].decode(), shown))
    return found


def test_checksums_and_numbers() -> None:
    assert _checksum(b"123456789") == struct.pack(
        "<I", ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    )
    assert varint(300) == b"\xac\x02"
    assert varint(-1) == b"\xff" * 9 + b"\x01"


def test_tensorboard_shows_epochs(tmp_path: Path) -> None:
    net = model(
        pydl.optimizers.SGD(pydl.optimizers.schedules.PiecewiseConstantDecay([4], [0.1, 0.01])), metrics=["mae"]
    )
    board = cb.TensorBoard(tmp_path)
    history = net.fit(X, Y, batch_size=8, epochs=2, validation_split=0.25, verbose=0, callbacks=[board]).history
    train = events(tmp_path / "train")
    assert [(step, name) for step, name, _ in train] == [
        (epoch, f"epoch_{name}") for epoch in (0, 1) for name in ("loss", "mae", "learning_rate")
    ]
    assert [v for _, name, v in train if name == "epoch_loss"] == pytest.approx(history["loss"])
    assert [v for _, name, v in train if name == "epoch_learning_rate"] == pytest.approx([0.1, 0.01])
    held_out = events(tmp_path / "validation")
    assert [v for _, name, v in held_out if name == "epoch_loss"] == pytest.approx(history["val_loss"])
    assert [step for step, name, _ in held_out if name == "evaluation_loss_vs_iterations"] == [3, 6]


def test_tensorboard_shows_batches_and_weights(tmp_path: Path) -> None:
    net = model()
    net.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[cb.TensorBoard(tmp_path, 2, update_freq=3)])
    found = events(tmp_path / "train")
    assert [step for step, name, _ in found if name == "batch_loss"] == [3, 6]
    (shown,) = [v for _, name, v in found if name == "d/kernel/histogram"]
    assert struct.unpack("<d", shown[3]) == (3,)
    counts = struct.unpack("<30d", shown[7])
    assert sum(counts) == 3
    assert struct.unpack("<d", shown[2])[0] == struct.unpack("<30d", shown[6])[-1]
    assert not (tmp_path / "validation").exists()
    with pytest.raises(ValueError, match="TensorBoard"):
        cb.TensorBoard(tmp_path, update_freq="second")


# ---- averages of the weights ----------------------------------------------------------------------------------------
class Looks(cb.Callback):
    """What the kernel is at some moments."""

    def __init__(self) -> None:
        self.seen: dict[str, list[np.ndarray]] = {"batch": [], "test": [], "epoch": []}

    def note(self, moment: str) -> None:
        self.seen[moment].append(self.model.layers[0].kernel.numpy())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.note("batch")

    def on_test_begin(self, logs: Any = None) -> None:
        self.note("test")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.note("epoch")


@pytest.mark.parametrize("each_epoch", [False, True])
def test_averages_take_the_place_of_weights(each_epoch: bool) -> None:
    looks, plain = Looks(), Looks()
    optimizer = pydl.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    net = model(optimizer)
    arguments: dict[str, Any] = {"epochs": 2, "verbose": 0, "shuffle": False, "validation_data": (X, Y)}
    net.fit(X, Y, 16, callbacks=[cb.SwapEMAWeights(each_epoch), looks], **arguments)
    other = model(pydl.optimizers.SGD(0.1))
    other.fit(X, Y, 16, callbacks=[plain], **arguments)
    assert np.array_equal(looks.seen["batch"], plain.seen["batch"])  # training itself is undisturbed
    averages = [plain.seen["batch"][0].astype(np.float64)]  # which begin with the weight after the first step
    for weight in plain.seen["batch"][1:]:
        averages.append(0.5 * averages[-1] + 0.5 * weight)
    assert np.allclose(looks.seen["test"], averages[1::2], rtol=1e-5, atol=1e-6)
    expected = averages[1::2] if each_epoch else plain.seen["batch"][1::2]
    assert np.allclose(looks.seen["epoch"], expected, rtol=1e-5, atol=1e-6)
    assert np.allclose(net.layers[0].kernel.numpy(), averages[-1], rtol=1e-5, atol=1e-6)


def test_averages_in_evaluate_and_predict() -> None:
    net = model(pydl.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    net.fit(X, Y, 8, epochs=2, verbose=0)
    net.train_on_batch(X, Y)
    weights = net.get_weights()
    averaged = net.predict(X, callbacks=[cb.SwapEMAWeights()])
    assert np.array_equal(net.get_weights()[0], weights[0])
    kernel, bias = (net.optimizer.companion(v, "average").numpy() for v in net.weights)
    assert np.allclose(averaged, X @ kernel + bias, atol=1e-5)
    assert not np.allclose(averaged, net.predict(X), atol=1e-5)
    with pytest.raises(ValueError, match="use_ema=True"):
        model().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[cb.SwapEMAWeights()])


# ---- a monitor over HTTP --------------------------------------------------------------------------------------------
@pytest.fixture
def posted() -> Iterator[tuple[list[Any], str]]:
    """What was posted to a server, and its URL."""
    found: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found.append((self.path, self.headers["Content-Type"], self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_monitor_gets_each_epoch(posted: tuple[list[Any], str]) -> None:
    found, url = posted
    history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[cb.RemoteMonitor(url)]).history
    path, kind, _, body = found[1]
    assert (path, kind) == ("/publish/epoch/end/", "application/x-www-form-urlencoded")
    assert json.loads(urllib.parse.parse_qs(body)["data"][0]) == {"epoch": 1, "loss": history["loss"][1]}
    monitor = cb.RemoteMonitor(url, "/x", headers={"X-Run": "7"}, send_as_json=True)
    monitor.on_epoch_end(4, {"counts": np.array([1.0, 2.0])})  # type: ignore[dict-item]
    assert json.loads(found[2][3]) == {"epoch": 4, "counts": [1, 2]}
    history = model().fit(X, Y, verbose=0, callbacks=[monitor]).history
    assert found[3] == ("/x", "application/json", "7", json.dumps({"epoch": 0, "loss": history["loss"][0]}))


def test_a_monitor_that_nobody_hears() -> None:
    with pytest.warns(UserWarning, match="RemoteMonitor: .* could not be reached"):
        model().fit(X, Y, verbose=0, callbacks=[cb.RemoteMonitor("http://127.0.0.1:9")])
    with pytest.raises(ValueError, match="root"):
        cb.RemoteMonitor("ftp://somewhere")


# ---- which learning rate --------------------------------------------------------------------------------------------
def test_the_search_for_a_learning_rate() -> None:
    net = model(pydl.optimizers.Adam(0.3))
    before = net.get_weights()
    finder = cb.LRFinder(1e-4, 10.0, steps=60)
    net.fit(X, Y, epochs=100, verbose=0, callbacks=[finder])
    ratios = np.diff(np.log(finder.rates))
    assert finder.rates[0] == pytest.approx(1e-4)
    assert ratios == pytest.approx(np.log(1e5) / 59, rel=1e-3)
    assert 10 < len(finder.rates) <= 60
    assert finder.losses[-1] > min(finder.losses)
    assert 1e-3 < finder.suggestion() < 1
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    assert float(net.optimizer.learning_rate) == pytest.approx(0.3)
    assert net.optimizer.iterations == 0
    assert not any(slot.numpy().any() for slot in net.optimizer.state_variables)


def test_the_search_notes_the_loss_of_each_batch() -> None:
    net, finder = model("sgd"), cb.LRFinder(1e-6, 2e-6, steps=6, smoothing=0.0)
    net.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[finder])
    expected, other = [], model(pydl.optimizers.SGD(0.0))
    for batch in (0, 1, 2, 3, 0, 1):
        rows = slice(8 * batch, 8 * batch + 8)
        expected.append(other.test_on_batch(X[rows], Y[rows]))
    assert finder.losses == pytest.approx(expected, rel=1e-3)


def test_searches_that_cannot_be() -> None:
    for arguments in ({"min_lr": 0.0}, {"min_lr": 2.0}, {"steps": 1}, {"smoothing": 1.0}):
        with pytest.raises(ValueError, match="LRFinder"):
            cb.LRFinder(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 3 batches"):
        cb.LRFinder().suggestion()


def test_plots() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    finder, net = cb.LRFinder(1e-4, 1.0, steps=20), model(metrics=["mae"])
    net.fit(X, Y, batch_size=8, epochs=9, verbose=0, callbacks=[finder])
    axes = finder.plot(figure.Figure().subplots())
    assert axes.get_lines()[0].get_xdata().tolist() == finder.rates
    history = net.fit(X, Y, epochs=4, verbose=0, validation_split=0.5, validation_freq=2)
    lines = {line.get_label(): line for line in history.plot(ax=figure.Figure().subplots()).get_lines()}
    assert list(lines) == ["loss", "val_loss", "mae", "val_mae"]
    assert lines["loss"].get_xdata().tolist() == [1, 2, 3, 4]
    assert lines["val_loss"].get_xdata().tolist() == [2, 4]
    assert lines["val_loss"].get_ydata().tolist() == history.history["val_loss"]
    assert [line.get_label() for line in history.plot(["mae"], figure.Figure().subplots()).get_lines()] == [
        "mae",
        "val_mae",
    ]
    with pytest.raises(ValueError, match="'accuracy'"):
        history.plot(["accuracy"], figure.Figure().subplots())


def test_a_loss_that_is_not_finite_may_end_fit_with_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"batch \d+: the loss is"):
        model(pydl.optimizers.SGD(1e30)).fit(X, Y, epochs=9, verbose=0, callbacks=[cb.TerminateOnNaN(raise_error=True)])

"""What a rival's process can be told to do. A task is made once, then takes turns.

`facts` is what making it found out; `turn()` measures once. The first argument is what a peer's module offers:
`Training(net)` with `prepare`, `fit` and `accuracy`; `predictor(net)`, a function of rows; `product(a, b)`, one
without arguments.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import pictures
from bench.nets import MNIST, Net
from bench.timing import calls_within, repeat, seconds


class Steps:
    """Training steps: epochs of random data through the library's usual loop, for about `budget` seconds.

    A turn: seconds per step, the median of up to ten epochs, so that a moment of other load falls on one of them.
    """

    EPOCHS = 10
    MOST_INPUTS = 1 << 26  # elements of one epoch's inputs

    def __init__(self, training: Any, net: Any, budget: float) -> None:
        self.shape = self.net(net)
        self.training = training(self.shape)
        most = max(4, self.MOST_INPUTS // (self.shape.batch * self.shape.inputs))
        epoch = budget / self.EPOCHS
        taken = self._prepare(4)
        while taken < epoch / 4 and self.steps < most:  # the start of an epoch takes as long as many a step
            taken = self._prepare(min(4 * self.steps, most))
        if taken < epoch:
            taken = self._prepare(min(int(self.steps * epoch / taken), most))
        self.epochs = max(1, min(int(budget / taken), self.EPOCHS))
        self.facts = {"steps": self.steps}

    @staticmethod
    def net(description: Any) -> Any:
        """What is trained."""
        return Net(**description)

    def _prepare(self, steps: int) -> float:
        """Take on epochs of so many steps; returns the seconds of one."""
        self.steps = steps
        self.data = self.training.prepare(*self.shape.data(steps * self.shape.batch))
        self.training.fit(*self.data)
        return min(seconds(lambda: self.training.fit(*self.data)) for _ in range(2))

    def turn(self) -> float:
        taken = [seconds(lambda: self.training.fit(*self.data)) for _ in range(self.epochs)]
        return statistics.median(taken) / self.steps


class PictureSteps(Steps):
    """The same with a convolutional net."""

    @staticmethod
    def net(description: Any) -> Any:
        return pictures.named(description)


class Epochs:
    """Epochs of MNIST. A turn: seconds, and accuracy on the test set after it."""

    def __init__(self, training: Any) -> None:
        from pydl.datasets import mnist

        (x, y), self.test = (
            (images.reshape(-1, 784).astype(np.float32) / 255, labels.astype(np.int64))
            for images, labels in mnist.load_data()
        )
        training(MNIST).fit(*self.warm_up(training, x, y))
        self.training = training(MNIST)
        self.data = self.training.prepare(x, y)
        self.facts = {"rows": len(x)}

    @staticmethod
    def warm_up(training: Any, x: Any, y: Any) -> Any:
        """A few batches, the last one short, for libraries that compile: as an epoch has them."""
        rows = 2 * MNIST.batch + len(x) % MNIST.batch
        return training(MNIST).prepare(x[:rows], y[:rows])

    def turn(self) -> tuple[float, float]:
        return seconds(lambda: self.training.fit(*self.data)), self.training.accuracy(*self.test)


class Memory:
    """A fresh process trains a net on `rows` rows for an epoch. The turn: its peak and what it held before, in MB."""

    def __init__(self, training: Any, net: Any, rows: int) -> None:
        self.imported = _status("VmRSS")
        self.net, self.rows, self.training = self.net_of(net), rows, training
        self.facts = {"imported": self.imported}

    @staticmethod
    def net_of(description: Any) -> Any:
        """What is trained."""
        return Net(**description)

    def turn(self) -> float:
        x, y = self.net.data(self.rows)
        training = self.training(self.net)
        training.fit(*training.prepare(x, y))
        return _status("VmHWM")


class PictureMemory(Memory):
    """The same with a convolutional net."""

    @staticmethod
    def net_of(description: Any) -> Any:
        return pictures.named(description)


class PlanMemory:
    """A step of a large net in a fresh process. The turn: the peak during it and what its plan holds, in MB."""

    def __init__(self, compiled: Any, net: dict[str, Any], kind: str) -> None:
        self.net, self.kind = Net(**net), kind
        self.model, (self.x, self.y) = compiled(self.net), self.net.data(self.net.batch)
        Path("/proc/self/clear_refs").write_text("5")  # the peak is from here on: making weights had one of its own
        self.facts = {"before": _status("VmRSS")}

    def turn(self) -> tuple[float, float]:
        if self.kind == "train":
            self.model.train_on_batch(self.x, self.y)
        else:
            self.model.predict(self.x, batch_size=self.net.batch)
        peak = _status("VmHWM")
        return peak, self.model.plan(self.net.batch, self.kind).nbytes / 1e6


def _status(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))


class Predictions:
    """Calls of a trained net, one by one. A turn: microseconds of each."""

    def __init__(self, predictor: Any, net: Any, rows: int, budget: float) -> None:
        shape = self.net(net)
        self.x, _ = shape.data(rows)
        self.predict = predictor(shape)
        self.calls = max(20, calls_within(lambda: self.predict(self.x), budget))
        self.facts = {"y": np.asarray(self.predict(self.x), np.float64).ravel()[:64].tolist()}

    @staticmethod
    def net(description: Any) -> Any:
        """What predicts."""
        return Net(**description)

    def turn(self) -> list[float]:
        predict, x, clock = self.predict, self.x, time.perf_counter_ns
        for _ in range(min(self.calls, 50)):  # the last rival's turn left nothing of ours in the caches
            predict(x)
        taken = np.empty(self.calls)
        for i in range(self.calls):
            begin = clock()
            predict(x)
            taken[i] = clock() - begin
        return np.round(taken / 1e3, 3).tolist()


class PicturePredictions(Predictions):
    """The same with a convolutional net."""

    @staticmethod
    def net(description: Any) -> Any:
        return pictures.named(description)


class Products:
    """Products of two matrices into a third. A turn: seconds per call, the median of 3 to 20 blocks of calls."""

    BLOCKS = 20
    CHECKED = 64  # rows, the first and the last among them: more would take longer than what is measured

    def __init__(self, product: Any, shape: list[int], budget: float) -> None:
        rows, inner, columns = shape
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((rows, inner), np.float32), rng.standard_normal((inner, columns), np.float32)
        self.run = product(a, b)
        self.calls = calls_within(self.run, budget / self.BLOCKS)
        self.blocks = max(3, min(int(budget / (self.calls * seconds(self.run))), self.BLOCKS))
        some = np.unique(np.linspace(0, rows - 1, self.CHECKED).astype(int))
        error = np.abs(np.asarray(self.run())[some] - a[some].astype(np.float64) @ b).max()
        self.facts = {"error": float(error / inner**0.5)}

    def turn(self) -> float:
        run = self.run
        run()
        return statistics.median(seconds(lambda: repeat(run, self.calls)) for _ in range(self.blocks)) / self.calls

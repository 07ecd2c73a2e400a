"""How well known image nets learn: `python -m bench.accuracy mnist-convnet|cifar10-cnn|resnet20`.

Each trains as long as the figure published for it allows, on the whole training set, with a one-cycle schedule, and
prints after every epoch which share of the test set it tells rightly. With a folder to keep its state in, one that was
stopped goes on; seconds count from the last start. Needs the data: PYDL_DATA_DIR, or a download.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydl
from bench.machine import describe, lines
from bench.pictures import MNIST_CONVNET, PictureNet
from bench.timing import Setting
from pydl import config


@dataclass(frozen=True)
class Task:
    """A net, the data set it learns, and how.

    Attributes
    ----------
    rate
        The highest learning rate.
    enough
        The accuracy that it shall reach.
    flip, shift
        Whether images are mirrored in training, and by which part of their sides they are moved at most.
    interpolation
        "nearest" moves them by whole pixels; "bilinear" blurs them, which test images are not.
    beyond
        What is beside a moved image: "constant", black, or "reflect", its mirror image.
    centred
        Whether pixels become numbers from -1 to 1, rather than from 0 to 1.
    smoothing
        Of the classes in the loss.
    optimizer
        Of a learning rate.
    """

    build: Callable[[], pydl.Model]
    data: str
    batch: int
    epochs: int
    rate: float
    enough: float
    flip: bool = True
    shift: float = 0.1
    interpolation: str = "bilinear"
    beyond: str = "constant"
    centred: bool = False
    smoothing: float = 0.0
    optimizer: Callable[[Any], pydl.optimizers.Optimizer] = pydl.optimizers.Adam

    def model(self) -> pydl.Model:
        """Bytes in, classes out; trained on moved and mirrored images."""
        net = self.build()
        x = h = pydl.Input(net.inputs[0].shape[1:])
        h = pydl.layers.RandomFlip("horizontal")(h) if self.flip else h
        move = pydl.layers.RandomTranslation(self.shift, self.shift, self.beyond, self.interpolation)
        h = move(h) if self.shift else h
        scale = pydl.layers.Rescaling(1 / 127.5, offset=-1.0) if self.centred else pydl.layers.Rescaling(1 / 255)
        return pydl.Model(x, net(scale(h)))


TASKS = {
    "mnist-convnet": Task(
        lambda: PictureNet("mnist-convnet", (28, 28, 1), 128, MNIST_CONVNET).keras(pydl), "mnist", 128, 12, 1e-3, 0.99,
        flip=False, shift=0.0,
    ),
    "cifar10-cnn": Task(pydl.applications.SimpleCNN, "cifar10", 64, 25, 1e-3, 0.76),
    "resnet20": Task(
        pydl.applications.ResNet20, "cifar10", 64, 30, 0.1, 0.88, shift=0.0625, interpolation="nearest",
        beyond="reflect", centred=True, smoothing=0.1,
        optimizer=lambda rate: pydl.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=2e-3),
    ),
}  # fmt: skip


class _Say(pydl.callbacks.Callback):
    def on_train_begin(self, logs: Any = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        taken = time.perf_counter() - self.began
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        print(f"{epoch + 1:3}  {taken:7.1f} s  {figures}", flush=True)


def run(name: str, epochs: int | None = None, seed: int = 0, keep: str | None = None) -> float:
    """Train and return the accuracy on the test set after the last epoch."""
    task = TASKS[name]
    (x, y), (x_test, y_test) = getattr(pydl.datasets, task.data).load_data()
    shape = task.build().inputs[0].shape[1:]
    x, x_test = x.reshape(-1, *shape), x_test.reshape(-1, *shape)
    pydl.utils.set_random_seed(seed)
    model = task.model()
    epochs = epochs or task.epochs
    steps = epochs * -(-len(x) // task.batch)
    optimizer = task.optimizer(pydl.optimizers.schedules.OneCycle(task.rate, steps))
    loss = pydl.losses.CategoricalCrossentropy(label_smoothing=task.smoothing)
    model.compile(optimizer, loss, metrics=["accuracy"])
    y, y_test = (pydl.utils.to_categorical(labels, 10) for labels in (y, y_test))
    callbacks = [_Say(), *([pydl.callbacks.BackupAndRestore(keep)] if keep else [])]
    history = model.fit(x, y, task.batch, epochs, verbose=0, validation_data=(x_test, y_test), callbacks=callbacks)
    return float(history.history["val_accuracy"][-1])


def main() -> None:
    """Train one net."""
    parser = argparse.ArgumentParser("python -m bench.accuracy", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("net", choices=TASKS)
    parser.add_argument("--epochs", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="FOLDER", help="where to save the state after each epoch, and to go on from")
    given = parser.parse_args()
    print("\n".join(lines(describe(Setting(config.get_num_threads(), True, None)))), flush=True)
    found, enough = run(given.net, given.epochs, given.seed, given.keep), TASKS[given.net].enough
    print(f"{given.net}: {found:.2%} of the test set, {enough:.0%} or more expected")


if __name__ == "__main__":
    main()

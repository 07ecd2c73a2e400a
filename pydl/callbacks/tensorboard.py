"""Loss, metrics and weights for TensorBoard."""

import os
from typing import Any

import numpy as np

from pydl.callbacks._events import EventFile, Histogram
from pydl.callbacks._interval import BatchInterval
from pydl.callbacks.base import Callback, Logs


class TensorBoard(Callback):
    """Write what TensorBoard shows: loss, metrics, learning rate and, if asked, histograms of weights.

    The values of training are in the folder ``train`` below `log_dir`, those of validation in ``validation``, under
    Keras's names: ``epoch_loss``, ``epoch_<metric>``, ``epoch_learning_rate``; with a number or "batch" as
    `update_freq`, ``batch_loss`` and so on as well.

    Parameters
    ----------
    log_dir : str or path-like, default "logs"
        Give each run a folder of its own.
    histogram_freq : int, default 0
        After every so many epochs, write histograms of the weights; 0: never.
    write_graph, write_images, write_steps_per_second : bool
        Taken because Keras takes them; nothing of the kind is written. `plot_model` draws graphs.
    update_freq : "epoch", "batch" or int, default "epoch"
        Whether to write in each epoch only, or also each time this many batches are finished.
    profile_batch, embeddings_freq, embeddings_metadata
        Taken because Keras takes them; nothing of the kind is written.

    Raises
    ------
    ValueError
        When `update_freq` is none of the three.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self._interval = BatchInterval(self, 1 if update_freq == "batch" else update_freq)
        self._files: dict[str, EventFile] = {}
        self._first = 0  # the optimizer's step when the epoch began

    def _write(self, part: str, step: int, values: dict[str, float | Histogram]) -> None:
        """Values for one of the two folders, of which a file is made when there is something to write."""
        if values:
            if part not in self._files:
                self._files[part] = EventFile(os.path.join(self.log_dir, part))
            self._files[part].write(step, values)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._first = self.model.optimizer.batches

    def next_stop(self, step: int) -> int | None:
        return self._interval.next_stop()

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        if self._interval.ends(step):
            self._write("train", self.model.optimizer.batches, {f"batch_{k}": v for k, v in (logs or {}).items()})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._interval.end_epoch()
        given = {**(logs or {}), "learning_rate": self._rate()}
        held_out = {k.removeprefix("val_"): v for k, v in given.items() if k.startswith("val_")}
        self._write("train", epoch, {f"epoch_{k}": v for k, v in given.items() if not k.startswith("val_")})
        self._write("validation", epoch, {f"epoch_{k}": v for k, v in held_out.items()})
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write("train", epoch, {f"{v.path}/histogram": Histogram(v.numpy()) for v in self.model.weights})

    def _rate(self) -> float:
        optimizer = self.model.optimizer
        return float(np.asarray(optimizer.rates(optimizer.iterations)).reshape(-1)[0])

    def on_test_end(self, logs: Logs | None = None) -> None:
        step = self.model.optimizer.batches if self.model.optimizer is not None else 0
        self._write("validation", step, {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()})

    def on_train_end(self, logs: Logs | None = None) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

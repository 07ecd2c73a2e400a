"""Save the model while it trains."""

import os
from typing import Any

from pydl.callbacks._interval import BatchInterval
from pydl.callbacks._monitor import Monitoring
from pydl.callbacks._say import say
from pydl.callbacks.base import Logs, number


class ModelCheckpoint(Monitoring):
    """Save the model, or its weights, after each epoch or every so many batches.

    Parameters
    ----------
    filepath : str or path-like
        Where to save; ends in ``.safetensors``, or as Keras's files do: in ``.keras`` or ``.h5``, with
        `save_weights_only` in ``.weights.h5`` or ``.h5``. May name values of the logs in braces, with a format:
        ``"{epoch:02d}-{val_loss:.3f}.safetensors"``; ``epoch`` counts from 1, and ``batch`` is there with an int
        `save_freq`. If it names values of validation, nothing is saved in epochs without.
    monitor : str, default "val_loss"
        The value to look at with `save_best_only`.
    verbose : int, default 0
        1 prints a line for each file.
    save_best_only : bool, default False
        Whether to save only when the monitored value is the best so far, or is not there, with a warning.
    save_weights_only : bool, default False
        Whether to save with `Model.save_weights` rather than `Model.save`.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" asks the metric, and tells by names.
    save_freq : "epoch" or int, default "epoch"
        When to save: at the end of each epoch, or each time this many batches are finished, counted across epochs.
    initial_value_threshold : float, optional
        With `save_best_only`: a value to do better than.

    Raises
    ------
    ValueError
        When `mode`, `save_freq` or the ending of `filepath` is wrong, or `filepath` names a value that is not in the
        logs; at the start of `fit` with `save_best_only`, when `mode` is "auto" and nothing tells what is better.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        endings = (".safetensors", ".h5", ".hdf5", *(() if save_weights_only else (".keras",)))
        if not self.filepath.endswith(endings):
            raise ValueError(
                f'ModelCheckpoint: expected a filepath that ends in {" or ".join(endings)}, got "{self.filepath}"'
            )
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self._interval = BatchInterval(self, save_freq)
        self._epoch = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self._monitor.check()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def next_stop(self, step: int) -> int | None:
        return self._interval.next_stop()

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        if self._interval.ends(step):
            self._save(logs, batch=step)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._interval.batches is None:
            self._save(logs)
        self._interval.end_epoch()

    def _save(self, logs: Logs | None, **names: int) -> None:
        import string  # takes a hundredth of the whole package's import

        if self._monitor.waits(logs, [name for _, name, _, _ in string.Formatter().parse(self.filepath) if name]):
            return
        path = self._path({**(logs or {}), "epoch": self._epoch + 1, **names})
        if self.save_best_only:
            value = self._monitor.value(logs)
            if value is None:
                if self._monitor.waits(logs, [self.monitor]):
                    return  # else saved, as nothing tells that it is worse
            elif not self._monitor.better(value, self.best):
                return
            else:
                self.best = value
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose:
            say(f"Epoch {self._epoch + 1}: saved {path}")

    def _path(self, names: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**names)
        except (KeyError, IndexError) as error:
            known = ", ".join(sorted(names))
            raise ValueError(f'ModelCheckpoint: "{self.filepath}" names {error}; the values here are {known}') from None

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "last": self._interval.last, "step": self._interval.step}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best = number(state, "best")
        self._interval.last, self._interval.step = number(state, "last"), number(state, "step")

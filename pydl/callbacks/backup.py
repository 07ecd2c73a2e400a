"""Go on after a crash where the run was."""

import contextlib
import os
from pathlib import Path

from pydl import saving
from pydl._base.errors import FormatError
from pydl.callbacks._interval import BatchInterval
from pydl.callbacks.base import Callback, Logs


class BackupAndRestore(Callback):
    """Save the state of training, and go on from it when the same `fit` is run again.

    A run that is killed at any moment and started again with the same arguments ends with the same bits as one that was
    never interrupted, with any number of threads. The backup is one file, ``backup.safetensors``, which is replaced in
    one step: weights, optimizer, position in the epoch, random streams, history, and the state of the other callbacks.

    Parameters
    ----------
    backup_dir : str or path-like
        The folder of the backup; made if it is not there. Give each model its own.
    save_freq : "epoch" or int, default "epoch"
        When to save: at the end of each epoch, or each time this many batches are finished as well.
    double_checkpoint : bool, default False
        Taken because Keras takes it: a backup is replaced in one step, so that no second one is needed.
    delete_checkpoint : bool, default True
        Whether to remove the backup when `fit` ends, and its folder if there is nothing else in it.

    Raises
    ------
    ValueError
        When `save_freq` is neither "epoch" nor an int >= 1, or `backup_dir` is empty.
    FormatError
        At the start of `fit`, when the backup does not fit the model or its callbacks.
    """

    runs_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if backup_dir is None or not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir: expected the path of a folder, got an empty one")
        self.path = Path(backup_dir) / "backup.safetensors"
        self.delete_checkpoint = delete_checkpoint
        self._interval = BatchInterval(self, save_freq)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._interval.last = 0
        if self.path.exists():
            self._restore()

    def next_stop(self, step: int) -> int | None:
        return self._interval.next_stop()

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        if self._interval.ends(step):
            self._save(self.model.fit_state.epoch, step)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._interval.end_epoch()
        self._save(epoch + 1, 0)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there is something else in it
                self.path.parent.rmdir()

    def _save(self, epoch: int, step: int) -> None:
        """Save with the next batch to run as position: batch `step` of `epoch`."""
        live = self.model.fit_state
        keyed = self.callbacks.keyed()
        self.model.fit_state = live.moved_to(
            epoch, step, {key: state for key, callback in keyed.items() if (state := callback.state())}
        )
        try:
            saving.save_checkpoint(
                self.model, self.path, {key: callback.kept_weights() for key, callback in keyed.items()}
            )
        finally:
            self.model.fit_state = live

    def _restore(self) -> None:
        kept = saving.load_checkpoint(self.model, self.path)
        states = self.model.fit_state.callbacks
        every = self.callbacks.keyed()
        keyed = {key: callback for key, callback in every.items() if callback.state()}
        if states.keys() != keyed.keys():
            raise FormatError(
                f'"{self.path}": expected the state of the callbacks {", ".join(keyed)}, found {", ".join(states)}; '
                "run fit with the callbacks of the interrupted run, or delete the file to start over"
            )
        for key, callback in every.items():
            callback.set_kept_weights(kept.get(key, {}))
        for key, callback in keyed.items():
            try:
                callback.set_state(states[key])
            except (KeyError, TypeError, ValueError) as error:
                raise FormatError(f'"{self.path}": the state of {key} cannot be restored: {error!r}') from error
        self._interval.last = self.model.fit_state.step

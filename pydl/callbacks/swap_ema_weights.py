"""Validate, and save, the moving averages of the weights."""

import numpy as np

from pydl.callbacks.base import Callback, Logs


class SwapEMAWeights(Callback):
    """Put the moving averages, which an optimizer with `use_ema=True` keeps, in the weights' place for a while.

    During evaluation, validation in `fit` included, and prediction with this callback, the averages are in the model.
    In `fit`, put it before `ModelCheckpoint` to save them.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        Whether they are in the model at the end of each epoch too, for callbacks that look at it or save it then.

    Raises
    ------
    ValueError
        When they are to be put in and the optimizer keeps none.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False
        self._averages: list[np.ndarray] = []

    def _swap(self, averages: bool) -> None:
        """Have the averages in the model, or the weights."""
        if averages == self._swapped:
            return
        optimizer = self.model.optimizer
        if optimizer is None or not optimizer.use_ema:
            raise ValueError("SwapEMAWeights: the optimizer keeps no averages; make it with use_ema=True")
        for variable in self.model.trainable_variables:
            average = optimizer.average_of(variable)
            if average is None:
                continue
            weight = variable.numpy()
            variable.assign(average.numpy())
            average.assign(weight)
        self._swapped = averages

    def _end(self) -> None:
        """Leave the averages in the model, as `fit` does, which by now has put the weights there in their stead."""
        for variable, value in zip(self.model.trainable_variables, self._averages, strict=True):
            average = self.model.optimizer.average_of(variable)
            if average is not None:
                variable.assign(value)
                average.assign(value)
        self._swapped = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)
            self._averages = [variable.numpy() for variable in self.model.trainable_variables]

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._swapped:
            self._end()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

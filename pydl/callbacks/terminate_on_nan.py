"""Stop when training diverges."""

import math

from pydl.callbacks._say import say
from pydl.callbacks.base import Callback, Logs


class TerminateOnNaN(Callback):
    """Stop training when the loss is NaN or infinite, and say where it went wrong.

    The loss is looked at about every 50 ms, after a stretch of batches; the message names the last one.

    Parameters
    ----------
    raise_error : bool, default False
        Raise RuntimeError instead, which leaves `fit` at once.
    """

    tells_nonfinite = True

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss) or self.model.stop_training:
            return
        culprit = self.model.first_nonfinite()
        where = f'; the first tensor that is not finite is "{culprit}"' if culprit else ""
        found = f"Epoch {self._epoch + 1}, batch {step}: the loss is {loss}{where}"
        if self.raise_error:
            raise RuntimeError(f"{found}; try a lower learning rate")
        say(f"{found}; stopping. Try a lower learning rate.")
        self.model.stop_training = True

"""Acting every so many batches, counted across epochs."""

from pydl.callbacks.base import Callback


class BatchInterval:
    """Counts batches since the last action of a callback with `save_freq`.

    Parameters
    ----------
    owner : Callback
        Whose messages these are.
    save_freq : "epoch" or int
        With "epoch" the interval never ends.
    """

    def __init__(self, owner: Callback, save_freq: str | int) -> None:
        if save_freq != "epoch" and (type(save_freq) is not int or save_freq < 1):
            raise ValueError(
                f'{type(owner).__name__}: Invalid value for argument `save_freq`. Expected "epoch" or an integer > 0, '
                f"got {save_freq!r}"
            )
        self.batches = save_freq if isinstance(save_freq, int) else None
        self.last = 0  # batches of this epoch finished at the last action; negative when that was in an earlier epoch
        self.step = 0

    def next_stop(self) -> int | None:
        """The batch of this epoch after which the interval ends."""
        return None if self.batches is None else self.last + self.batches

    def ends(self, step: int) -> bool:
        """Whether it has ended now that `step` batches of the epoch are finished; the next one then begins."""
        self.step = step
        if self.batches is None or step - self.last < self.batches:
            return False
        self.last = step
        return True

    def end_epoch(self) -> None:
        """Go on counting in the next epoch."""
        self.last -= self.step
        self.step = 0

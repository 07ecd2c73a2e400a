"""The base class of callbacks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydl.callbacks.callback_list import CallbackList
    from pydl.models import Model

Logs = dict[str, float]


def number(state: dict[str, Any], name: str) -> Any:
    """A number, or None, of a state that comes from a file."""
    value = state[name]
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{name}: expected a number, got {value!r:.80}")
    return value


class Callback:
    """Base class of callbacks; override the methods of the moments you care about.

    `fit` runs many steps at a stretch, in C. Overriding `on_train_batch_begin` or `on_train_batch_end` makes it stop
    after every batch, which costs time on small models; `on_chunk_end` is called where it stops anyhow, about every 50
    ms, and `next_stop` asks for a stop after a batch of your choice.

    Attributes
    ----------
    model : Model
        The model in use, set before any method below is called.
    params : dict
        ``epochs``, ``steps`` (batches per epoch, or None), ``verbose`` and, in `fit`, ``validation_freq`` (None where
        nothing is validated).
    callbacks : CallbackList
        The list this callback is in.
    runs_last : bool
        Whether the callback must run after all others at each moment, because it looks at what they did.
    tells_nonfinite : bool
        Whether the callback itself says when the loss is not finite, so that `fit` need not warn.
    """

    model: "Model"
    params: dict[str, Any]
    callbacks: "CallbackList"
    runs_last: bool = False
    tells_nonfinite: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or a pickle, leaves behind the run that the callback is or was part of."""
        return {name: value for name, value in vars(self).items() if name not in ("model", "callbacks")}

    def set_model(self, model: "Model") -> None:
        """Take the model in use."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take ``epochs``, ``steps`` and ``verbose``."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """`fit` starts."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """`fit` ends; `logs` holds the values of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch starts; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch ends; `logs` holds loss and metrics, those of validation with the prefix ``val_``."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A training batch starts. Default: `on_batch_begin`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A training batch ends; `logs` holds loss and metrics over the epoch's batches so far.

        Default: `on_batch_end`.
        """
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_end`."""

    def next_stop(self, step: int) -> int | None:
        """After how many batches of this epoch, more than `step`, `on_chunk_end` must be called at the latest."""
        return None

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        """`step` batches of the epoch are finished; `logs` holds loss and metrics over them."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """`evaluate`, or validation within `fit`, starts."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """`evaluate`, or validation within `fit`, ends; `logs` holds its values."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A test batch starts."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A test batch ends."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """`predict` starts."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """`predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `predict` starts."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `predict` ends; `logs["outputs"]`: the array that came out of it, or a list of them."""

    def state(self) -> dict[str, Any]:
        """What a resumed run must know of this callback, as values that JSON can hold."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what `state` returned in the run that is being resumed."""

    def kept_weights(self) -> Mapping[str, np.ndarray]:
        """Weights of the model that this callback keeps, by path."""
        return {}

    def set_kept_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take what `kept_weights` returned in the run that is being resumed."""

"""Several callbacks, called as one."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydl.callbacks.base import Callback, Logs
from pydl.callbacks.history import History
from pydl.callbacks.progbar_logger import ProgbarLogger

if TYPE_CHECKING:
    from pydl.models import Model


class CallbackList:
    """Several callbacks, called as one, in the order given.

    Parameters
    ----------
    callbacks : Callback, iterable of Callback, or CallbackList, optional
    add_history, add_progbar : bool, default False
        Whether to add a `History` and a `ProgbarLogger` where none is given.
    model : Model, optional
    **params
        Given to every callback; see `Callback.params`.

    Raises
    ------
    TypeError
        When something in `callbacks` is not a Callback.
    """

    def __init__(
        self,
        callbacks: "Callback | Iterable[Callback] | CallbackList | None" = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: "Model | None" = None,
        **params: Any,
    ) -> None:
        given: list[Any] = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        for callback in given:
            if not isinstance(callback, Callback):
                remedy = "; create it first, with parentheses" if isinstance(callback, type) else ""
                raise TypeError(f"callbacks: expected instances of pydl.callbacks.Callback, got {callback!r}{remedy}")
        if add_progbar and not any(isinstance(callback, ProgbarLogger) for callback in given):
            given.append(ProgbarLogger())
        if add_history and not any(isinstance(callback, History) for callback in given):
            given.append(History())
        self.callbacks = sorted(given, key=lambda callback: callback.runs_last)
        self.params = params
        for callback in self.callbacks:
            callback.callbacks = self
            callback.set_params(params)
            if model is not None:
                callback.set_model(model)

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    @property
    def history(self) -> History | None:
        """The first `History` of the list."""
        return next((callback for callback in self if isinstance(callback, History)), None)

    @property
    def per_batch(self) -> bool:
        """Whether a callback wants to be called around every training batch."""
        return self.overridden("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")

    @property
    def per_test_batch(self) -> bool:
        """Whether a callback wants to be called around every test batch."""
        return self.overridden("on_test_batch_begin", "on_test_batch_end")

    @property
    def per_predict_batch(self) -> bool:
        """Whether a callback wants to be called around every batch of predict."""
        return self.overridden("on_predict_batch_begin", "on_predict_batch_end")

    def overridden(self, *methods: str) -> bool:
        """Whether any callback has a method of its own of these names, in its class or on itself."""
        return any(
            name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)
            for callback in self
            for name in methods
        )

    def next_stop(self, step: int) -> int | None:
        """The nearest of the stops that the callbacks ask for, None where none does."""
        stops = [stop for callback in self if (stop := callback.next_stop(step)) is not None]
        return max(min(stops), step + 1) if stops else None

    def keyed(self) -> dict[str, Callback]:
        """The callbacks by class name and place among its kind: the same keys in each run with the same list."""
        keys: dict[str, Callback] = {}
        for callback in self:
            name = type(callback).__name__
            place = sum(type(other).__name__ == name for other in keys.values())
            keys[f"{name}_{place}"] = callback
        return keys

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._call("on_train_begin", _given(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._call("on_train_end", _given(logs))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_begin", epoch, _given(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_end", epoch, _given(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_begin", batch, _given(logs))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_end", batch, _given(logs))

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._call("on_chunk_end", step, _given(logs))

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._call("on_test_begin", _given(logs))

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._call("on_test_end", _given(logs))

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_begin", batch, _given(logs))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_end", batch, _given(logs))

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._call("on_predict_begin", _given(logs))

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._call("on_predict_end", _given(logs))

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_begin", batch, _given(logs))

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_end", batch, _given(logs))

    def _call(self, method: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, method)(*arguments)


def _given(logs: Logs | None) -> Logs:
    return {} if logs is None else logs

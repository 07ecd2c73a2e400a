"""Callbacks from functions."""

from collections.abc import Callable
from typing import Any

from pydl.callbacks.base import Callback

_Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback made of functions, which take what the method of the same name takes.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        ``f(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        ``f(logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        ``f(batch, logs)``; `fit` then stops after every batch.
    **hooks : callable
        Any other method of `Callback` whose name starts with ``on_``; under other names, functions for those that are
        given.

    Raises
    ------
    TypeError
        When a name that starts with ``on_`` is not that of a method, or a value is not callable.
    """

    def __init__(
        self,
        on_epoch_begin: _Hook = None,
        on_epoch_end: _Hook = None,
        on_train_begin: _Hook = None,
        on_train_end: _Hook = None,
        on_train_batch_begin: _Hook = None,
        on_train_batch_end: _Hook = None,
        **hooks: _Hook,
    ) -> None:
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        known = sorted(name for name in vars(Callback) if name.startswith("on_"))
        for name, hook in hooks.items():
            if name.startswith("on_") and name not in known:
                raise TypeError(f"LambdaCallback: expected one of {', '.join(known)}, got {name!r}")
            if hook is not None and not callable(hook):
                raise TypeError(f"LambdaCallback: expected a function as {name}, got {hook!r}")
            if hook is not None:
                setattr(self, name, hook)

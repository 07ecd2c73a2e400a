"""Progress on the terminal or in a notebook."""

import sys
import time
from typing import Any

from pydl import config
from pydl.callbacks.base import Callback, Logs

_REFRESH = 0.1  # seconds between two drawings of the bar


class ProgbarLogger(Callback):
    """Show progress, loss and metrics on standard output, as the `verbose` argument of `fit` asks.

    ==========  ==========================================================================
    verbose     shows
    ==========  ==========================================================================
    0           nothing
    1           a bar for each epoch, drawn at most ten times a second, and a line in its place when the epoch ends
    2           a line for each epoch
    "auto"      1 in a terminal or notebook, 2 where the output goes to a file or pipe
    ==========  ==========================================================================
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._verbose = 0
        self._training = False
        self._epoch = 0
        self._start = 0.0
        self._drawn = 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", "auto")
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f'verbose: expected 0, 1, 2 or "auto", got {verbose!r}')
        self._verbose = (1 if _interactive() else 2) if verbose == "auto" else int(verbose)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._start = time.monotonic()
        if self._verbose == 1:
            from tqdm.auto import tqdm

            self._close()
            self._bar = tqdm(
                total=self.params.get("steps"),
                initial=self.model.fit_state.step,
                desc=self._title(),
                unit="batch",
                mininterval=_REFRESH,
                file=sys.stdout,
                dynamic_ncols=True,
                leave=False,  # a bar is cut off at the width of the terminal, the line that follows is not
            )

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        if self._bar is None:
            return
        now = time.monotonic()
        if now - self._drawn >= _REFRESH:
            self._drawn = now
            self._bar.set_postfix_str(_values(logs), refresh=False)
        self._bar.update(step - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        count = "" if self._bar is None else f"{self._bar.n}/{self._bar.total or self._bar.n} - "
        self._close()
        if self._verbose:
            seconds = time.monotonic() - self._start
            print(f"{self._title()} - {count}{seconds:.1f}s - {_values(logs)}", flush=True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._start = time.monotonic()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training and self._verbose:
            print(f"Evaluation - {time.monotonic() - self._start:.1f}s - {_values(logs)}", flush=True)

    def _title(self) -> str:
        return f"Epoch {self._epoch + 1}/{self.params.get('epochs', 1)}"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _values(logs: Logs | None) -> str:
    return ", ".join(f"{name}={float(value):.4g}" for name, value in (logs or {}).items())


def _interactive() -> bool:
    if not config.is_interactive_logging_enabled():
        return False
    return "ipykernel" in sys.modules or (sys.stdout is not None and sys.stdout.isatty())

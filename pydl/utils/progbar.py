"""Progbar: progress of a training loop of one's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from pydl._base.args import one_of, optional_whole


class Progbar:
    """Steps done, and means of what was given with them, on standard output.

    Parameters
    ----------
    target : int or None
        Steps in all, where they are known.
    width : int
        Taken because Keras takes it: the bar is as wide as the terminal allows.
    verbose : {1, 0, 2}
        1: a bar, and a line in its place at the end. 0: nothing. 2: the line alone.
    interval : float
        Seconds between two drawings, at least.
    stateful_metrics, stateless_metrics : sequence of str, optional
        One of both: the names of values that are shown as they are, and of others the mean over the steps; or the names
        of those of which the mean is shown. Default: means of all.
    unit_name : str
    """

    def __init__(
        self, target: int | None, width: int = 20, verbose: int = 1, interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None, stateless_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:  # fmt: skip
        self.target = optional_whole("Progbar", "target", target)
        self.width, self.interval, self.unit_name = width, float(interval), unit_name
        self.verbose = one_of("Progbar", "verbose", verbose, (0, 1, 2))
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: expected stateful_metrics or stateless_metrics, got both")
        self.stateful_metrics, self.stateless_metrics = stateful_metrics, stateless_metrics
        self._sums: dict[str, tuple[float, int]] = {}
        self._seen, self._start = 0, time.monotonic()
        self._bar: Any = None

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """So many steps are done, the last ones with these values; `finalize` says whether they are all.

        By default, they are where `target` is reached.
        """
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0))
            value = float(value)
            self._sums[name] = (total + value * steps, count + steps) if self._is_mean(name) else (value, 1)
        self._seen = current
        done = self.target is not None and current >= self.target if finalize is None else finalize
        if self.verbose == 1 and not done:
            self._draw()
        if done and self.verbose:
            self._end()

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """So many more steps are done."""
        self.update(self._seen + n, values)

    def _is_mean(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _draw(self) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.target, unit=self.unit_name, mininterval=self.interval, file=sys.stdout,
                             dynamic_ncols=True, leave=False)  # fmt: skip
        self._bar.set_postfix_str(self._values(), refresh=False)
        self._bar.update(self._seen - self._bar.n)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        words = [f"{self._seen}/{self.target or self._seen}", f"{time.monotonic() - self._start:.1f}s", self._values()]
        print(" - ".join(w for w in words if w), flush=True)

    def _values(self) -> str:
        return ", ".join(f"{name}={total / count:.4g}" for name, (total, count) in self._sums.items())

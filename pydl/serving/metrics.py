"""Counts and times of requests, in the text format of Prometheus."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydl.serving.repository import Entry

BOUNDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0)  # seconds
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Key = tuple[str, str]


class _Good:
    """What is counted of requests that were answered."""

    __slots__ = ("buckets", "rows", "seconds")

    def __init__(self) -> None:
        self.rows, self.seconds, self.buckets = 0, 0.0, [0] * (len(BOUNDS) + 1)


class Metrics:
    """What is counted.

    Parameters
    ----------
    several : bool
        Whether other processes answer at the same address: each then says which it is.
    """

    def __init__(self, several: bool = False) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()  # those with another code than 200
        self._good: dict[Key, _Good] = {}
        self._common = {"worker": str(os.getpid())} if several else {}

    def add(self, key: Key, code: int, seconds: float, rows: int) -> None:
        """Count a request; key: name and version of the model, empty if there is none."""
        if code != 200:
            self._requests[*key, code] += 1
            return
        good = self._good.get(key)
        if good is None:
            good = self._good[key] = _Good()
        good.rows += rows
        good.seconds += seconds
        good.buckets[bisect_left(BOUNDS, seconds)] += 1

    def text(self, entries: Iterable[Entry], in_progress: int) -> bytes:
        """All of it."""
        return ("\n".join(self._lines(list(entries), in_progress)) + "\n").encode()

    def _lines(self, entries: list[Entry], in_progress: int) -> Iterator[str]:
        yield from _head("pydl_infer_requests_total", "counter", "Requests for inference.")
        counts = {(*key, 200): sum(good.buckets) for key, good in self._good.items()} | self._requests
        for (model, version, code), n in counts.items():
            yield self._line("pydl_infer_requests_total", {"model": model, "version": version, "code": str(code)}, n)
        yield from _head("pydl_infer_rows_total", "counter", "Rows that were predicted.")
        for (model, version), good in self._good.items():
            yield self._line("pydl_infer_rows_total", {"model": model, "version": version}, good.rows)
        yield from _head("pydl_infer_seconds", "histogram", "Seconds from the head of a request to its answer.")
        for (model, version), good in self._good.items():
            labels, total = {"model": model, "version": version}, 0
            for bound, n in zip((*map(repr, BOUNDS), "+Inf"), good.buckets, strict=True):
                total += n
                yield self._line("pydl_infer_seconds_bucket", {**labels, "le": bound}, total)
            yield self._line("pydl_infer_seconds_sum", labels, good.seconds)
            yield self._line("pydl_infer_seconds_count", labels, total)
        yield from _head("pydl_infer_in_progress", "gauge", "Requests for inference that are being answered.")
        yield self._line("pydl_infer_in_progress", {}, in_progress)
        yield from _head("pydl_model_ready", "gauge", "Whether a model is loaded.")
        yield from (self._line("pydl_model_ready", _labels(e), int(e.served is not None)) for e in entries)
        yield from _head("pydl_model_load_seconds", "gauge", "Seconds that loading a model took.")
        yield from (self._line("pydl_model_load_seconds", _labels(e), e.load_seconds) for e in entries)
        # What MLServer calls them, for dashboards that exist.
        for name, successes in (("model_infer_request_success", True), ("model_infer_request_failure", False)):
            sums: Counter[Key] = Counter()
            for (model, version, code), n in counts.items():
                sums[model, version] += n * ((code == 200) is successes)
            yield from _head(f"{name}_total", "counter", "Requests for inference, as MLServer counts them.")
            for (model, version), n in sums.items():
                yield self._line(f"{name}_total", {"model": model, "version": version}, n)

    def _line(self, name: str, labels: Mapping[str, str], value: float) -> str:
        shown = ",".join(f'{k}="{_escaped(v)}"' for k, v in {**labels, **self._common}.items())
        return f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def _head(name: str, kind: str, help_: str) -> tuple[str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} {kind}"


def _labels(entry: Entry) -> dict[str, str]:
    return {"model": entry.name, "version": entry.version}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

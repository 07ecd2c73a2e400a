"""`n_jobs` of an estimator: threads of pydl for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pydl


@contextmanager
def limited(n_jobs: int | None) -> Iterator[None]:
    """At most `n_jobs` threads inside; None and -1 leave the setting as it is. Results do not depend on it."""
    if n_jobs is None or n_jobs == -1:
        yield
        return
    before = pydl.config.get_num_threads()
    pydl.config.set_num_threads(n_jobs)
    try:
        yield
    finally:
        pydl.config.set_num_threads(before)

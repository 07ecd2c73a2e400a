"""`n_jobs` of an estimator: threads of pydl for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pydl


@contextmanager
def limited(n_jobs: int | None) -> Iterator[None]:
    """At most `n_jobs` threads inside, -2 being all but one and so on; None and -1 leave the setting as it is.

    Results do not depend on it.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs: expected a number of threads, or -1 for all, got 0")
    if n_jobs is None or n_jobs == -1:
        yield
        return
    with pydl.config.limit_threads(n_jobs if n_jobs > 0 else max(1, pydl.config.get_num_threads() + 1 + n_jobs)):
        yield

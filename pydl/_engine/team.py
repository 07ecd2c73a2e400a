"""How many threads a step is worth."""

from __future__ import annotations

from pydl._engine.tuning import FOR_EACH, FOR_TWO


def choose_threads(work: float, limit: int) -> int:
    """Threads for steps of so many multiply-adds each, many on end."""
    worth = max(2, int(work / FOR_EACH)) if work >= FOR_TWO else 1
    return max(1, min(limit, worth))

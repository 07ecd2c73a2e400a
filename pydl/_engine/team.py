"""How many threads a step is worth."""

from __future__ import annotations

ALONE = 1 << 20  # multiply-adds of a step or product by itself, about 40 us, that repay waking a second thread

# Multiply-adds of a step among many: from how many on a second thread pays for the waiting (measured: 0 to 30 % less
# time), and how many each further thread should have.
_FOR_TWO, _FOR_EACH = 1 << 18, 1 << 19


def choose_threads(work: float, limit: int) -> int:
    """Threads for steps of so many multiply-adds each, many on end."""
    worth = max(2, int(work / _FOR_EACH)) if work >= _FOR_TWO else 1
    return max(1, min(limit, worth))

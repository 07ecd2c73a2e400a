"""How many steps a program runs on end, and on how many threads, from how long they took before."""

from __future__ import annotations

from collections import Counter, defaultdict


class Pace:
    """The pace of one program, kept from one `fit` to the next.

    More threads are slower where other programs want the cores: each step then waits for threads that do not run. As
    results do not depend on the number of threads, it may change between chunks: one thread is timed first, for a few
    steps, and takes over as long as it is the faster, with a look at the others every few chunks.

    Parameters
    ----------
    threads : int
        The most that are worth having.

    Attributes
    ----------
    seconds : dict of int to float
        By number of threads: how long a step takes, a mean in which long chunks and late ones weigh the most. To start
        the other threads takes as long as many a step, so that a short chunk says little.
    chunks, time : dict of int to int, of int to float
        By number of threads: chunks so far, and the seconds in them.
    """

    CHUNK = 0.05  # seconds in C before signals, progress and callbacks get their turn
    GROWTH = 16  # a chunk is at most so many times as long as the longest before it
    LOOK = 5  # one chunk in so many tries the other threads again
    MEMORY = 5e-4  # seconds of earlier chunks that weigh against a new one
    ENOUGH = 2e-3  # seconds on one thread before others are tried, and on all before they are given up

    def __init__(self, threads: int) -> None:
        self.most = threads
        self.seconds: dict[int, float] = {}
        self.chunks: Counter[int] = Counter()
        self.time: defaultdict[int, float] = defaultdict(float)
        self.longest = 0

    def threads(self) -> int:
        """Threads for the next chunk."""
        if self.most == 1 or self.chunks[1] < 2:  # the first chunk pays for cold caches
            return 1
        trying = self.chunks[self.most] < 2 or self.time[self.most] < self.ENOUGH
        if trying or self.seconds[self.most] <= self.seconds[1]:
            return self.most
        return self.most if self.chunks.total() % self.LOOK == 0 else 1

    def steps(self) -> int:
        """Steps of the next chunk."""
        threads = self.threads()
        known = self.seconds.get(threads, self.seconds.get(1))
        if known is None:
            return 1
        timing = threads < self.most and self.chunks[threads] < 2
        return max(1, min(int((self.ENOUGH if timing else self.CHUNK) / known), self.GROWTH * self.longest))

    def took(self, threads: int, steps: int, seconds: float) -> None:
        """Learn from a chunk."""
        seconds = max(seconds, 1e-7)  # the clock may not have moved
        before = min(self.time[threads], self.MEMORY)
        known = self.seconds.get(threads, 0.0)
        self.seconds[threads] = (known * before + seconds / steps * seconds) / (before + seconds)
        self.chunks[threads] += 1
        self.time[threads] += seconds
        self.longest = max(self.longest, steps)

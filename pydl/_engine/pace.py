"""How many steps a program runs on end, and on how many threads, from how long they took before."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from functools import partial


class Pace:
    """The pace of one program, kept from one `fit` to the next.

    More threads are slower where steps are brief, or where other programs want the cores: each step then waits for
    threads that do not run. As results do not depend on the number of threads, it may change between chunks: what one
    thread takes is timed first, then all; the faster ones go on, with a look at the others now and then, as many chunks
    as take some milliseconds, ever more rarely as long as it changes nothing. Of the last few times the least counts:
    what starting threads, cold caches or a busy moment of the machine add to one says nothing about the next.

    Parameters
    ----------
    threads : int
        The most that are worth having.

    Attributes
    ----------
    seconds : dict of int to float
        By number of threads: how long a step takes, the least of the last `RECENT` times.
    chunks, time : dict of int to int, of int to float
        By number of threads: chunks so far, and the seconds in them.
    """

    CHUNK = 0.05  # seconds in C before signals, progress and callbacks get their turn
    GROWTH = 16  # a chunk is at most so many times as long as the longest before it
    RECENT, BRIEF = 3, 5e-4  # times that count; chunks that take fewer seconds make up one of them together
    ALONE = 0.5  # seconds of a chunk that counts by itself: no busy moment explains it
    ENOUGH = 2e-3  # seconds on one thread before others are tried, and of a chunk of a look at most
    GLANCE = 1e-3  # seconds of a look at one thread at least
    WAKE = 3e-3  # and of one at more, which slept and are slow at first
    LOOK, RAREST = 10, 320  # how many times as long as the last look took until the next one

    def __init__(self, threads: int) -> None:
        self.most = threads
        self.seconds: dict[int, float] = {}
        self.chunks: Counter[int] = Counter()
        self.time: defaultdict[int, float] = defaultdict(float)
        self.longest = 0
        self._recent: defaultdict[int, deque[float]] = defaultdict(partial(deque, maxlen=self.RECENT))
        self._brief: dict[int, tuple[int, float]] = {}  # steps and seconds of the chunks that make up the next time
        self._patience = self.LOOK // 2
        self._rest = 0.0  # seconds until the next look
        self._looked = 0.0  # seconds of this one

    def threads(self) -> int:
        """Threads for the next chunk."""
        if self.most == 1 or self.time[1] < self.ENOUGH:
            return 1
        better = self._better()
        return better if self._rest > 0 else 1 + self.most - better

    def steps(self) -> int:
        """Steps of the next chunk."""
        threads = self.threads()
        known = self.seconds.get(threads, self.seconds.get(1))
        if known is None:
            return 1
        settled = self.most == 1 or (self.chunks[self.most] and threads == self._better())
        return max(1, min(int((self.CHUNK if settled else self.ENOUGH) / known), self.GROWTH * self.longest))

    def took(self, threads: int, steps: int, seconds: float) -> None:
        """Learn from a chunk."""
        seconds = max(seconds, 1e-7)  # the clock may not have moved
        better = self._better()
        self._time(threads, steps, seconds)
        self.chunks[threads] += 1
        self.time[threads] += seconds
        self.longest = max(self.longest, steps)
        changed = better != self._better()
        if threads == better and not changed:
            self._rest -= seconds
            return
        self._looked += seconds
        if self._looked < (self.WAKE if threads > 1 else self.GLANCE) and not changed:
            return
        self._patience = self.LOOK if changed else min(2 * self._patience, self.RAREST)
        self._rest, self._looked = self._patience * self._looked, 0.0

    def _time(self, threads: int, steps: int, seconds: float) -> None:
        recent, (n, s) = self._recent[threads], self._brief.get(threads, (0, 0.0))
        n, s = n + steps, s + seconds
        if seconds >= self.ALONE:
            recent.clear()
        if s >= self.BRIEF:
            recent.append(s / n)
            n, s = 0, 0.0
        self._brief[threads] = n, s
        self.seconds[threads] = min(recent) if recent else s / n

    def _better(self) -> int:
        """The faster number of threads, as far as is known."""
        return self.most if self.seconds.get(self.most, math.inf) < self.seconds.get(1, math.inf) else 1

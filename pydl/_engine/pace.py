"""How many steps a program runs on end, and on how many threads, from how long they took before."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque


class Pace:
    """The pace of one program, kept from one `fit` to the next.

    More threads are slower if steps are brief, or if other programs want the cores: each step then waits for threads
    that do not run. As results do not depend on the number of threads, it may change between chunks. One thread is
    timed first. From then on the number that is not in use, one or all, is looked at now and then, in short chunks: the
    look ends as soon as it turns out to be the slower one, mostly at once, and it takes over if it is the faster one to
    the end.

    On one thread, looks follow each other closely: what held the others up is often over in a moment. On all threads
    they become rare as long as they change nothing: if something comes up, steps on them take longer than they did on
    one thread in the last look, and then a look is due. That takes some chunks in a row, as the bursts of other
    programs that are over by then cost less than the time on one thread after each of them would.

    Parameters
    ----------
    threads : int
        The most that are worth having.

    Attributes
    ----------
    seconds : dict of int to float
        By number of threads: how long a step takes. Of the number in use, the least of the last `RECENT` times, as what
        a busy moment adds to one says nothing about the next; of the other, the mean of the last look.
    chunks, time : dict of int to int, of int to float
        By number of threads: chunks so far, and the seconds in them.
    """

    CHUNK = 0.05  # seconds in C before signals, progress and callbacks get their turn
    GROWTH = 16  # a chunk is at most so many times as long as the longest before it
    RECENT, BRIEF = 6, 5e-4  # times that count; chunks that take fewer seconds make up one of them together
    ALONE = 0.5  # seconds of a chunk that counts by itself: no busy moment explains it
    ENOUGH = 2e-3  # seconds on one thread before others are tried
    GLANCE, LOOK = 3e-4, 0.01  # seconds of a look's first chunk that counts, and of a look that changes the number
    WAKE, HOPELESS = 3e-3, 3  # if waking threads takes more seconds, and a step so many times the usual, a look ends
    REST, LOSS = 0.2, 12  # from look to look: seconds, and how many times those that the last one lost, at least
    SOON, CALM = 0.25, 16  # times as long: right after all threads were left; on them, if looks go on to change nothing

    def __init__(self, threads: int) -> None:
        self.most = threads
        self.seconds: dict[int, float] = {}
        self.chunks: Counter[int] = Counter()
        self.time: defaultdict[int, float] = defaultdict(float)
        self.longest = 0
        self._used = 1
        self._recent: deque[float] = deque(maxlen=self.RECENT)
        self._last = math.inf  # seconds of a step, the last time
        self._brief = (0, 0.0)  # steps and seconds of the chunks that make up the next time
        self._rest = self.ENOUGH if threads > 1 else math.inf  # seconds until the next look
        self._calm = 1.0
        self._waking = (0, 0.0)  # steps and seconds of the look's chunk that woke threads
        self._looked = (0, 0.0)  # and of its chunks that count

    def threads(self) -> int:
        """Threads for the next chunk."""
        return self._used if self._rest > 0 else self._other()

    def steps(self) -> int:
        """Steps of the next chunk."""
        if self._rest > 0:
            length, known = min(self.CHUNK, max(self._rest, self.ENOUGH)), self._last
        elif self._used == 1 and not self._waking[0]:
            return 1  # which is enough to wake threads
        else:  # as long as those of the look before it together
            length, known = max(self.GLANCE, self._looked[1]), self.seconds[self._used]
        return max(1, min(int(length / known), self.GROWTH * self.longest))

    def took(self, threads: int, steps: int, seconds: float) -> None:
        """Learn from a chunk."""
        seconds = max(seconds, 1e-7)  # the clock may not have moved
        self.chunks[threads] += 1
        self.time[threads] += seconds
        self.longest = max(self.longest, steps)
        if threads == self._used:
            self._time(steps, seconds)
            self._rest -= seconds  # last, for no look is without a time to compare with, if there was no memory for one
        else:
            self._look(steps, seconds)

    def _other(self) -> int:
        return 1 + self.most - self._used

    def _time(self, steps: int, seconds: float) -> None:
        """Take down a time of the number in use."""
        self._last = seconds / steps
        n, s = self._brief
        n, s = n + steps, s + seconds
        if seconds >= self.ALONE:
            self._recent.clear()
        if s >= self.BRIEF:
            self._recent.append(s / n)
            n, s = 0, 0.0
        self._brief = n, s
        self.seconds[self._used] = min(self._recent) if self._recent else s / n
        if self.seconds[self._used] > self.seconds.get(self._other(), math.inf):
            self._rest, self._calm = 0.0, 1

    def _look(self, steps: int, seconds: float) -> None:
        """Take down a chunk of the look; end it if it tells which number is faster."""
        usual = self.seconds[self._used]
        if self._used == 1 and not self._waking[0] and seconds < self.WAKE + self.HOPELESS * steps * usual:
            self._waking = steps, seconds  # which says nothing about the next ones
            return
        n, s = self._looked
        n, s = self._looked = n + steps, s + seconds
        faster = s / n < usual
        if faster and s < self.LOOK:
            return
        lost = self._waking[1] + s - (self._waking[0] + n) * usual
        self._waking = self._looked = self._brief = 0, 0.0
        self.seconds[self._other()] = s / n
        if faster:
            self._used, self._last = self._other(), s / n
            self._recent.clear()
            self._calm = self.SOON if self._used == 1 else 1
        else:
            self._calm = min(4 * self._calm, 1 if self._used == 1 else self.CALM)
        self._rest = self._calm * max(self.REST, self.LOSS * lost)

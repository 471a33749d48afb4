"""How fast one key (account, region, service) may be asked.

AWS throttles by token buckets whose size and rate it does not tell. So: begin with a few calls in flight and let each
success allow one more; on a throttle halve the rate at which AWS was seen to answer, come back quickly to just below
it and probe upwards slowly from there.
"""

import asyncio
import time
from collections import deque

START_WINDOW = 12.0
MAX_WINDOW = 96.0
MIN_RATE = 1.0  # calls a second; never stop altogether
FIRST_RATE = 10.0  # calls a second assumed when the very first calls are throttled: nothing was measured yet
EPOCH = 1.0  # seconds: throttles within it are one event, answers within it are the measured rate
RECOVERY = 2.0  # seconds from half the rate back to just below it
PROBE = 0.04  # growth of the rate per second after that


class Pace:
    """A window of calls in flight and, once throttled, a rate: `enter` before a call, one of the others after it."""

    def __init__(self) -> None:
        self._window = START_WINDOW
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answers: deque[float] = deque()
        self._ceiling = 0.0  # calls a second that AWS was last seen to answer; 0: never throttled
        self._cut_at = 0.0
        self._next = 0.0

    def rate(self, now: float) -> float | None:
        """The calls a second allowed now; None while nothing was throttled."""
        if not self._ceiling:
            return None
        since = now - self._cut_at
        if since < RECOVERY:
            return max(MIN_RATE, self._ceiling * (0.5 + 0.45 * since / RECOVERY))
        return max(MIN_RATE, self._ceiling * (0.95 + PROBE * (since - RECOVERY)))

    async def enter(self) -> None:
        """Wait for a place in the window and, once throttled, for the next moment that the rate allows."""
        if self._busy >= self._window:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._leave()
                raise
        else:
            self._busy += 1
        now = time.monotonic()
        rate = self.rate(now)
        if rate is not None:
            at = max(now, self._next)
            self._next = at + 1 / rate
            try:
                await asyncio.sleep(at - now)
            except asyncio.CancelledError:
                self._leave()
                raise

    def answered(self) -> None:
        """AWS answered, whatever it said: raise the window by one."""
        now = time.monotonic()
        self._answers.append(now)
        while self._answers[0] < now - EPOCH:
            self._answers.popleft()
        self._window = min(MAX_WINDOW, self._window + 1)
        self._leave()

    def throttled(self) -> None:
        """AWS told to slow down: halve, once an epoch."""
        now = time.monotonic()
        if now - self._cut_at > EPOCH:
            while self._answers and self._answers[0] < now - EPOCH:
                self._answers.popleft()
            before = self._ceiling / 2 if self._ceiling else FIRST_RATE
            self._ceiling = max(MIN_RATE, before, float(len(self._answers)))
            self._window = max(START_WINDOW, self._window / 2)
            self._cut_at = self._next = now
        self._leave()

    def failed(self) -> None:
        """The call did not come to an answer (a timeout, a refused connection): leave, and learn nothing."""
        self._leave()

    def _leave(self) -> None:
        """Give the place to the longest waiting, and open the places by which the window has grown."""
        self._busy -= 1
        while self._waiting and self._busy < self._window:
            place = self._waiting.popleft()
            if not place.done():
                self._busy += 1
                place.set_result(None)

"""How fast one key (account, region, service) may be asked.

AWS throttles by token buckets whose size and rate it does not tell. So: begin with a few calls in flight and let each
success allow one more, until AWS throttles. From then on there is a rate. A throttle says that the bucket is empty, so
what was answered between two throttles came in at the bucket's own rate: that is measured, and each throttle sends us
back to below it. From there the rate follows the curve that TCP uses (CUBIC): fast back to near the measured rate, slow
around it, then ever faster away from it, for the measure may be old or wrong.
"""

import asyncio
from collections import deque

START_WINDOW = 12.0
MAX_WINDOW = 96.0
MIN_RATE = 0.5  # calls a second; never stop altogether
FIRST_RATE = 10.0  # calls a second after the first throttle, at least: too high a guess mends itself at the second one
EPOCH = 1.0  # seconds: throttles within it are one event; the span of the first measure
BACK = 0.7  # of the measured rate: where a throttle sends us
PLATEAU = 3.0  # seconds from there back to the measured rate
SLACK = 0.05  # seconds that a busy event loop may be late without losing its turns


class Pace:
    """A window of calls in flight and, once throttled, a rate: `enter` before a call, one of the others after it."""

    def __init__(self) -> None:
        self._window = START_WINDOW
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._recent: deque[float] = deque()  # answers of the last epoch; until the first throttle
        self._answers = 0  # since the last cut
        self._measured = 0.0  # calls a second that AWS was last seen to answer; 0: never throttled
        self._cut_at = 0.0
        self._next = 0.0

    def rate(self, now: float) -> float | None:
        """The calls a second allowed now; None while nothing was throttled."""
        if not self._measured:
            return None
        since = (now - self._cut_at) / PLATEAU - 1
        return max(MIN_RATE, self._measured * (1 + (1 - BACK) * since**3))

    async def enter(self) -> None:
        """Wait for a place in the window and, once throttled, for the next turn that the rate allows."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._open()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def answered(self) -> None:
        """AWS answered, whatever it said: raise the window by one."""
        now = asyncio.get_running_loop().time()
        self._answers += 1
        if not self._measured:
            self._recent.append(now)
            while self._recent[0] < now - EPOCH:
                self._recent.popleft()
        self._window = min(MAX_WINDOW, self._window + 1)
        self._leave()

    def throttled(self) -> None:
        """AWS told to slow down: measure and cut, once an epoch."""
        now = asyncio.get_running_loop().time()
        rate = self.rate(now)
        if rate is None:
            # What was answered so far was the bucket's stock rather than its rate.
            span = min(EPOCH, max(EPOCH / 4, now - self._recent[0])) if self._recent else EPOCH
            self._cut(now, max(FIRST_RATE, len(self._recent) / span / 2))
        elif now - self._cut_at > EPOCH:
            # Halve at most: where few calls were made, few were answered.
            self._cut(now, min(rate, max(rate / 2, self._answers / (now - self._cut_at))))
        self._leave()

    def failed(self) -> None:
        """The call did not come to an answer (a timeout, a refused connection): leave, and learn nothing."""
        self._leave()

    def _leave(self) -> None:
        self._busy -= 1
        self._open()

    def _cut(self, now: float, measured: float) -> None:
        self._measured, self._answers, self._cut_at = max(MIN_RATE, measured), 0, now
        self._window = max(START_WINDOW, self._window / 2)
        self._next = now + 1 / (self._measured * BACK)

    def _open(self) -> None:
        """Let in whom the window and the rate allow, the longest waiting first; come back when there is a next turn."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and self._busy < self._window:
            if self._waiting[0].done():  # gave up
                self._waiting.popleft()
                continue
            rate = self.rate(now)
            if rate is not None:
                if now < self._next:
                    if self._timer is None:
                        self._timer = loop.call_at(self._next, self._turn)
                    return
                self._next = max(self._next, now - SLACK) + 1 / rate
            self._busy += 1
            self._waiting.popleft().set_result(None)

    def _turn(self) -> None:
        self._timer = None
        self._open()

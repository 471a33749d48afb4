"""The pace against simulated token buckets, on an event loop whose clock jumps: no test here waits for real time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from auditor.aws import pace as pace_module
from auditor.aws.pace import MAX_WINDOW, START_WINDOW, Pace

LATENCY = 0.06


class Clockwork(asyncio.SelectorEventLoop):
    """A loop that, instead of sleeping, turns its clock to when the next thing is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        due = self._scheduled  # type: ignore[attr-defined]
        if due and not self._ready:  # type: ignore[attr-defined]
            self.now = max(self.now, due[0]._when)
        super()._run_once()  # type: ignore[misc]


def simulate(work: Callable[[], Awaitable[None]]) -> float:
    """Run something to its end; the simulated seconds that it took."""
    random.seed(1)
    with asyncio.Runner(loop_factory=Clockwork) as runner:

        async def run() -> float:
            began = asyncio.get_running_loop().time()
            await work()
            return asyncio.get_running_loop().time() - began

        return runner.run(run())


@dataclass
class Bucket:
    """What AWS is thought to do: `burst` calls at once, then `rate` a second; a throttled call costs nothing."""

    rate: float
    burst: float
    level: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self) -> bool:
        now = asyncio.get_running_loop().time()
        self.level = min(self.burst, self.level + (now - (self.at or now)) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class Service:
    """Answers calls after a latency, throttled ones sooner, and counts."""

    bucket: Bucket
    throttles: int = 0
    worst: int = 0
    busy: int = 0
    peak: int = 0

    async def call(self, pace: Pace) -> None:
        """One call as the door makes it: until it is answered."""
        tries = 0
        while True:
            await pace.enter()
            self.busy += 1
            self.peak = max(self.peak, self.busy)
            taken = self.bucket.take()
            await asyncio.sleep(LATENCY * random.uniform(0.9, 1.3) / (1 if taken else 4))
            self.busy -= 1
            if taken:
                pace.answered()
                return
            pace.throttled()
            self.throttles += 1
            tries += 1
            self.worst = max(self.worst, tries)
            await asyncio.sleep(random.uniform(0, 0.1 * 2**tries))


@pytest.mark.parametrize(
    ("calls", "rate", "burst"),
    [(150, 20, 40), (210, 20, 40), (2000, 20, 40), (300, 5, 10), (100, 2, 5), (3000, 100, 200), (3000, 100, 50)],
)
def test_it_takes_what_the_bucket_gives_and_hardly_more(calls: int, rate: int, burst: int) -> None:
    service = Service(Bucket(rate, burst))
    pace = Pace()

    async def work() -> None:
        await asyncio.gather(*(service.call(pace) for _ in range(calls)))

    took = simulate(work)
    assert took < 1.15 * ((calls - burst) / rate + LATENCY)
    # What was in flight when the bucket ran empty is throttled; later on, a few of each hundred are.
    assert service.throttles < MAX_WINDOW + 0.1 * calls
    assert service.worst <= 4


def test_without_throttles_only_the_window_holds_calls_back() -> None:
    service = Service(Bucket(1e6, 1e6))
    pace = Pace()

    async def work() -> None:
        await asyncio.gather(*(service.call(pace) for _ in range(1000)))

    assert simulate(work) < 20 * LATENCY
    assert service.peak == MAX_WINDOW


def test_it_begins_with_a_few_calls() -> None:
    pace = Pace()

    async def work() -> None:
        entering = [asyncio.ensure_future(pace.enter()) for _ in range(50)]
        await asyncio.sleep(1)
        assert sum(task.done() for task in entering) == START_WINDOW
        for task in entering:
            task.cancel()
        await asyncio.gather(*entering, return_exceptions=True)

    simulate(work)


def test_who_gives_up_waiting_leaves_no_gap() -> None:
    pace = Pace()

    async def work() -> None:
        for _ in range(int(START_WINDOW)):
            await pace.enter()
        waiting = [asyncio.ensure_future(pace.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        pace.failed()
        # Cancelled in the same moment in which it was let in: the place goes to the next.
        waiting[1].cancel()
        await asyncio.sleep(1)
        assert [task.cancelled() for task in waiting] == [True, True, False]
        assert waiting[2].done()

    simulate(work)


def test_a_cut_halves_at_most_and_once_an_epoch() -> None:
    pace = Pace()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            await pace.enter()
        for _ in range(3):
            pace.throttled()
        first = pace.rate(loop.time())
        assert first == pytest.approx(pace_module.FIRST_RATE * pace_module.BACK)
        await pace.enter()
        await asyncio.sleep(pace_module.EPOCH * 1.1)
        before = pace.rate(loop.time()) or 0
        pace.throttled()
        assert pace.rate(loop.time()) == pytest.approx(before / 2 * pace_module.BACK)

    simulate(work)


def test_the_rate_comes_back_and_goes_beyond() -> None:
    pace = Pace()

    async def work() -> None:
        await pace.enter()
        pace.throttled()
        rates = []
        for _ in range(8):
            rates.append(pace.rate(asyncio.get_running_loop().time()) or 0)
            await asyncio.sleep(pace_module.PLATEAU / 2)
        assert rates == sorted(rates)
        assert rates[2] == pytest.approx(pace_module.FIRST_RATE)
        assert rates[-1] > 2 * pace_module.FIRST_RATE

    simulate(work)

"""What a scan shows while it runs: a live line on a terminal, plain lines elsewhere, nothing with --quiet."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from enum import IntEnum

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from auditor.findings import Gap
from auditor.progress import Progress

REFRESH = 8  # times a second
MOST_NAMES = 4  # regions; of more only the number is shown


class Volume(IntEnum):
    """How much is said on stderr."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class Messages:
    """Everything that is not a report: on stderr, in colour only on a terminal and never under NO_COLOR."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.console = Console(stderr=True, highlight=False, no_color="NO_COLOR" in os.environ, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line for people; nothing with --quiet."""
        if self.volume > Volume.QUIET:
            self.console.print(Text(text))

    def detail(self, text: str) -> None:
        """A line that only --verbose shows."""
        if self.volume >= Volume.VERBOSE:
            self.console.print(Text(text, style="dim"))

    def error(self, text: str) -> None:
        """A line that is always shown."""
        self.console.print(Text.assemble(("error: ", "bold red"), " ".join(text.split())))

    def gap(self, gap: Gap) -> None:
        """Something that was not read; only --verbose shows each by itself, the report has them all."""
        whose = f" of {gap.resource}" if gap.resource else ""
        self.detail(f"not read: {f'{gap.field}{whose}: ' if gap.field else ''}{gap.reason}")

    @contextlib.asynccontextmanager
    async def watching(self, progress: Progress, regions: int) -> AsyncIterator[None]:
        """Show how far a scan has come while the block runs."""
        if self.volume is Volume.QUIET or not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, refresh_per_second=REFRESH, transient=True, auto_refresh=False) as live:

            async def refresh() -> None:
                while True:
                    live.update(_state(progress, regions, self.console.width), refresh=True)
                    await asyncio.sleep(1 / REFRESH)

            task = asyncio.ensure_future(refresh())
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def _state(progress: Progress, regions: int, width: int) -> Group:
    """Two lines, however narrow the terminal: the counts, and what is still under way."""
    pending = sorted(name for name, count in progress.pending_regions.items() if count)
    behind = len([name for name in pending if name != "global"])
    services = sorted(name for name, count in progress.pending_services.items() if count)
    counts = Text.assemble(
        (f"{progress.elapsed:5.1f} s  ", "bold"),
        f"{regions - behind}/{regions} regions  ",
        f"{progress.resources:,} resources  {progress.calls:,} calls  ",
        (f"{progress.throttles:,} throttles  ", "yellow" if progress.throttles else "dim"),
        (f"{progress.errors:,} not read", "red" if progress.errors else "dim"),
    )
    where = ", ".join(pending) if behind <= MOST_NAMES else f"{behind} regions"
    under_way = Text(f"reading {', '.join(services)} in {where}" if pending else "judging", style="dim")
    for line in (counts, under_way):
        line.truncate(width - 2, overflow="ellipsis")  # a ^C that the terminal echoes still fits
    return Group(counts, under_way)


def wants_color() -> bool:
    """Whether a report on stdout may be coloured."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ

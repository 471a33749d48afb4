"""What a scan shows while it runs: a live line on a terminal, plain lines elsewhere, nothing with --quiet."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from enum import IntEnum

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from auditor.findings import Gap
from auditor.progress import Progress

REFRESH = 8  # times a second


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
        self.console.print(Text.assemble(("error: ", "bold red"), text))

    def gap(self, gap: Gap) -> None:
        """Something that was not read; only --verbose shows each by itself, the report has them all."""
        self.detail(f"not read: {gap.reason}")

    @contextlib.asynccontextmanager
    async def watching(self, progress: Progress, regions: int) -> AsyncIterator[None]:
        """Show how far a scan has come while the block runs."""
        if self.volume is Volume.QUIET or not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, refresh_per_second=REFRESH, transient=True, auto_refresh=False) as live:

            async def refresh() -> None:
                while True:
                    live.update(_state(progress, regions), refresh=True)
                    await asyncio.sleep(1 / REFRESH)

            task = asyncio.ensure_future(refresh())
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def _state(progress: Progress, regions: int) -> Table:
    """Two lines: the counts, and what is still under way."""
    pending = sorted(name for name, count in progress.pending_regions.items() if count)
    services = sorted(name for name, count in progress.pending_services.items() if count)
    counts = Text.assemble(
        (f"{progress.elapsed:5.1f} s  ", "bold"),
        f"{regions - len([name for name in pending if name != 'global'])}/{regions} regions  ",
        f"{progress.resources:,} resources  {progress.calls:,} calls  ",
        (f"{progress.throttles:,} throttles  ", "yellow" if progress.throttles else "dim"),
        (f"{progress.errors:,} not read", "red" if progress.errors else "dim"),
    )
    under_way = Text(f"reading {', '.join(services)} in {', '.join(pending)}" if pending else "judging", style="dim")
    under_way.truncate(120, overflow="ellipsis")
    table = Table.grid()
    table.add_row(counts)
    table.add_row(under_way)
    return table


def wants_color() -> bool:
    """Whether a report on stdout may be coloured."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ

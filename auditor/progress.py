"""How far a scan has come: written by the collector and the door, read by whoever shows it."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Running counts. `errors` are what could not be read; `pending` the listings under way by region and service."""

    calls: int = 0
    throttles: int = 0
    errors: int = 0
    resources: int = 0
    pending_regions: Counter[str] = field(default_factory=Counter)
    pending_services: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the scan began."""
        return time.monotonic() - self.started

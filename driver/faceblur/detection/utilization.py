"""Measures which share of the allowed requests is not in use, over time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Utilization:
    """Integrates the share of the allowed requests that were in flight. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used_seconds = 0.0
        self._recorded_until = self._reported_at = clock()

    def record(self, in_flight: int, limit: int) -> None:
        """Account for the time since the last call, at these numbers. To be called before either of them changes."""
        now = self._clock()
        self._used_seconds += min(1.0, in_flight / limit) * (now - self._recorded_until)
        self._recorded_until = now

    def idle_share(self, in_flight: int, limit: int) -> float:
        """The share of the allowed requests that was not in flight since the last call of this, 0 to 1."""
        self.record(in_flight, limit)
        idle = 1 - self._used_seconds / max(1e-9, self._recorded_until - self._reported_at)
        self._used_seconds, self._reported_at = 0.0, self._recorded_until
        return max(0.0, idle)

"""How many requests may be in flight, and how many batches may be in memory: the limit and its two gates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faceblur.base.memory_bounds import max_batches
from faceblur.detection.adaptive_limit import AdaptiveLimit, Ticket
from faceblur.detection.gate import Gate
from faceblur.detection.utilization import Utilization


class FixedLimit:
    """The limit that was given. Each refusal lowers it, and each answer raises it again by 1 / limit."""

    def __init__(self, start: int) -> None:
        self.limit, self.epoch, self._given = float(start), 0, float(start)

    def answered(self, ticket: Ticket, in_flight: int, seconds: float, computing: float) -> float:
        return self._set(self.limit + 1 / self.limit)

    def refused(self, in_flight: int) -> float:
        return self._set(min(self.limit, in_flight - 1))

    def _set(self, limit: float) -> float:
        self.limit = min(self._given, max(1.0, limit))
        return self.limit


class ConcurrencyLimit:
    """The limit on the requests in flight. Times are in seconds.

    Without `ceiling` the limit is `start`, lower only after the function refused requests (503). With it, the limit is
    adaptive: from 1 to `ceiling`. The gate `requests` admits requests. The gate `batches` admits batches to memory:
    those in flight, and half as many again, at least two, that are read or wait to be written.
    """

    def __init__(self, start: int, ceiling: int | None = None) -> None:
        self.adaptive = ceiling is not None
        self.ceiling = ceiling or start
        self._algorithm = FixedLimit(start) if ceiling is None else AdaptiveLimit(start, ceiling)
        self.limit = float(start)
        self.requests = Gate(lambda: int(self.limit))
        self.batches = Gate(lambda: max_batches(int(self.limit)))
        self._utilization = Utilization()

    def summary(self) -> str:
        """The limit as text for users."""
        line = f"batches sent to the function at a time: {int(self.limit)}"
        return f"{line} at the end (adaptive, at most {self.ceiling})" if self.adaptive else line

    @property
    def full(self) -> bool:
        return self.requests.held >= int(self.limit)

    @asynccontextmanager
    async def request(self) -> AsyncIterator[Ticket]:
        """Wait until a request may be sent. It counts as in flight until the context ends."""
        self._record_utilization()
        lease = await self.requests.lease()
        try:
            yield Ticket(self.requests.held, self._algorithm.epoch)
        finally:
            self._record_utilization()
            lease.release()

    def answered(self, ticket: Ticket, seconds: float, computing: float) -> None:
        """A valid answer came after `seconds`; by its own report the function computed for `computing` seconds."""
        self._set(self._algorithm.answered(ticket, self.requests.held, seconds, computing))

    def refused(self) -> None:
        """The function had no worker for a request that is still in flight."""
        self._set(self._algorithm.refused(self.requests.held))

    def idle_share(self) -> float:
        """The share of the allowed requests that was not in flight since the last call, 0 to 1."""
        return self._utilization.idle_share(self.requests.held, int(self.limit))

    def _set(self, limit: float) -> None:
        self._record_utilization()
        self.limit = limit
        self.requests.wake()
        self.batches.wake()

    def _record_utilization(self) -> None:
        self._utilization.record(self.requests.held, int(self.limit))

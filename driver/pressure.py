"""How many requests may be under way at the function, and how well it is used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pressure:
    """How many requests may be under way: halved when the function is too busy, raised again one by one."""

    def __init__(self, limit: int) -> None:
        self.limit, self.allowed, self.active = limit, float(limit), 0
        self._changed = asyncio.Condition()
        self._busy_seconds, self._since, self._looked = 0.0, time.monotonic(), time.monotonic()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self.active < int(self.allowed))
            self._count(+1)
        try:
            yield
        finally:
            self._count(-1)
            async with self._changed:
                self._changed.notify_all()

    def lower(self) -> None:
        self.allowed = max(1.0, self.allowed / 2)

    def raise_(self) -> None:
        self.allowed = min(float(self.limit), self.allowed + 1 / self.allowed)

    def idle_share(self) -> float:
        """The share of the allowed requests that was not under way since the last call, 0 to 1."""
        self._count(0)
        seconds = max(1e-9, self._since - self._looked)
        idle = 1 - self._busy_seconds / (seconds * int(self.allowed))
        self._busy_seconds, self._looked = 0.0, self._since
        return max(0.0, idle)

    def _count(self, change: int) -> None:
        now = time.monotonic()
        self._busy_seconds += self.active * (now - self._since)
        self._since = now
        self.active += change

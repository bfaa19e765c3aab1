"""A gate that admits a bounded number of holders at a time, first come, first served.

Unlike `asyncio.Semaphore`, its capacity may change while it is in use.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Gate:
    """Admits at most `capacity()` holders at a time, first come, first served. `held` is their number."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.held = 0

    @property
    def waiting(self) -> int:
        """How many wait for admission."""
        return len(self._waiting)

    async def lease(self) -> Lease:
        """Wait for admission. The lease gives it back."""
        await self.acquire()
        return Lease(self)

    async def acquire(self) -> None:
        """Wait for admission, which `release` gives back."""
        if not self._waiting and self.held < self._capacity():
            self.held += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # admitted and cancelled in the same step of the event loop
                self.release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Give back one admission."""
        self.held -= 1
        self.wake()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exception: object) -> None:
        self.release()

    def wake(self) -> None:
        """Admit those who wait, as far as the capacity allows. To be called after the capacity grew."""
        while self._waiting and self.held < self._capacity():
            turn = self._waiting.popleft()
            if not turn.done():
                self.held += 1
                turn.set_result(None)


class Lease:
    """One admission through a gate. It ends once, by `release`."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate: Gate | None = gate

    def release(self) -> None:
        """Give the admission back. A second call does nothing."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()

    @property
    def released(self) -> bool:
        return self._gate is None

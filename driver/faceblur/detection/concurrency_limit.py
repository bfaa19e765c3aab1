"""How many batches may be on their way to the function: a number that finds itself.

The law is TCP Vegas' (Brakmo and Peterson, 1995) as Netflix's concurrency-limits applies it to requests (its
`VegasLimit`): of `n` requests under way, `n * (1 - shortest / rtt)` wait in a queue, where `shortest` is what the round
trip takes when nothing waits. The limit rises while hardly any wait and falls when many do, so that every worker has a
batch and little more is held in memory.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

# A round trip that takes this many times the expected one has waited (the tolerance of Netflix's Gradient2Limit).
LATE = 1.5
# While the limit starts, each answer makes room for this many more: it triples with every round trip.
START_STEP = 2
# When the limit fell to this share of where it stood, round trips must be shorter: else nothing waited in a queue.
JUDGED_AT = 0.75
# So that a wrong idea of the shortest round trip does not last, the limit is lowered so far for a round now and then.
FIRST_ROUNDS_TO_PROBE, MAX_ROUNDS_TO_PROBE = 4, 32
# Rounds without a rise after the function refused a request: it may refuse at once when all its workers are busy.
ROUNDS_AFTER_REFUSAL = 5


class Gate:
    """Lets in as many as `capacity()` says at any moment, in the order of their coming."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.held = 0

    async def acquire(self) -> None:
        if not self._waiting and self.held < self._capacity():
            self.held += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in and cancelled at the same moment
                self.release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        self.held -= 1
        self.wake()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exception: object) -> None:
        self.release()

    def wake(self) -> None:
        """To be called when the capacity grew."""
        while self._waiting and self.held < self._capacity():
            turn = self._waiting.popleft()
            if not turn.done():
                self.held += 1
                turn.set_result(None)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request under way: how many there were with it, and how often the limit had changed before it was sent."""

    among: int
    epoch: int


class Pressure:
    """How many requests may be under way. Times are in seconds.

    Without `ceiling` the limit is what it starts with, lower only after the function refused (503). With it, the limit
    finds itself between 1 and `ceiling`. `slots` are for the batches in memory: those under way, half as many again
    that are read or wait to be written, at least two.
    """

    def __init__(self, start: int, ceiling: int | None = None) -> None:
        self.adaptive = ceiling is not None
        self.ceiling = ceiling or start
        self.limit = float(start)
        self.requests = Gate(lambda: int(self.limit))
        self.slots = Gate(lambda: slots_for(int(self.limit)))
        self._starting, self._most, self._late, self._epoch, self._hold = True, 0, 0, 0, 0
        self._shortest_wait = math.inf
        self._round = _Round()
        self._before: _Before | None = None
        self._probe_in = self._probe_every = FIRST_ROUNDS_TO_PROBE
        self._used_seconds, self._since, self._looked = 0.0, time.monotonic(), time.monotonic()

    def told(self) -> str:
        """Where the limit stands, for people."""
        batches = f"{int(self.limit)} batch{'es' if int(self.limit) != 1 else ''} in flight"
        return f"{batches}: the number found itself (at most {self.ceiling})" if self.adaptive else batches

    @property
    def full(self) -> bool:
        return self.requests.held >= int(self.limit)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Ticket]:
        """Wait for leave to send a request, which is under way until the context ends."""
        self._account()
        await self.requests.acquire()
        try:
            yield Ticket(self.requests.held, self._epoch)
        finally:
            self._account()
            self.requests.release()

    def answered(self, ticket: Ticket, seconds: float, computed: float) -> None:
        """A good answer came after `seconds`, of which the function says that it `computed` so many."""
        if not self.adaptive:
            self._set(self.limit + 1 / self.limit)
            return
        wait = max(0.0, seconds - computed)
        if self._starting:
            self._start(seconds, computed, wait)
        elif ticket.epoch == self._epoch:
            among = (ticket.among + self.requests.held) / 2
            self._round.add(among, seconds, wait, self._shortest_wait, self.full)
            if self._round.answers >= max(4.0, self.limit):
                self._judge(self._round)

    def _start(self, seconds: float, computed: float, wait: float) -> None:
        """Rise fast until a second answer in turn is late: one may be chance."""
        self._shortest_wait = min(self._shortest_wait, wait)
        self._most = max(self._most, self.requests.held)
        expected = computed + self._shortest_wait
        self._late = self._late + 1 if seconds > LATE * expected else 0
        if self._late == 2:
            self._starting = False
            self._set(math.ceil(self.limit * expected / seconds))
        elif not self._late and self.limit < (1 + START_STEP) * self._most:
            self._set(self.limit + START_STEP)

    def refused(self) -> None:
        """The function had no worker for a request: no more than those that it did not refuse."""
        self._starting, self._hold, self._before = False, ROUNDS_AFTER_REFUSAL, None
        self._set(min(self.limit, self.requests.held - 1))

    def _judge(self, finished: _Round) -> None:
        """Set the limit for the next round, which begins with the requests that are sent from now on."""
        queue, trip, wait, full = finished.told()
        self._round = _Round()
        self._hold = max(0, self._hold - 1)
        self._probe_in -= 1
        self._shortest_wait = min(self._shortest_wait, wait)
        least = max(1.0, 3 * math.log10(self.limit))  # VegasLimit's alpha; its beta is twice that
        if (before := self._before) and self.limit <= JUDGED_AT * before.limit:
            self._before = None
            if trip > before.trip * (1 + self.limit / before.limit) / 2:
                # Hardly shorter: what looked like a queue is how long the way is now, such as with larger frames.
                self._shortest_wait = wait
                self._probe_in = self._probe_every = FIRST_ROUNDS_TO_PROBE
                self._set(before.limit)
                return
            if before.probing:
                if queue < least:  # shorter, though no queue was to be seen: the way is shorter than it seemed
                    self._shortest_wait *= JUDGED_AT
                    self._probe_in = self._probe_every = FIRST_ROUNDS_TO_PROBE
                self._set(before.limit)
                return
        if queue > 2 * least:
            self._before = self._before or _Before(self.limit, trip, probing=False)
            self._set(self.limit - (queue - least))
        elif queue < least:
            self._before = None
            if full and not self._hold:
                self._set(self.limit + max(1.0, self.limit / 10))
        elif self._probe_in <= 0 and self.limit >= 2:
            self._probe_in = self._probe_every = min(MAX_ROUNDS_TO_PROBE, 2 * self._probe_every)
            self._before = _Before(self.limit, trip, probing=True)
            self._set(math.floor(JUDGED_AT * self.limit))

    def _set(self, limit: float) -> None:
        self._account()
        self.limit = min(float(self.ceiling), max(1.0, limit))
        self._epoch += 1
        self.requests.wake()
        self.slots.wake()

    def idle_share(self) -> float:
        """The share of the allowed requests that was not under way since the last call, 0 to 1."""
        self._account()
        idle = 1 - self._used_seconds / max(1e-9, self._since - self._looked)
        self._used_seconds, self._looked = 0.0, self._since
        return max(0.0, idle)

    def _account(self) -> None:
        """To be called before the number of requests or the limit changes."""
        now = time.monotonic()
        self._used_seconds += min(1.0, self.requests.held / int(self.limit)) * (now - self._since)
        self._since = now


@dataclass(frozen=True, slots=True)
class _Before:
    """Where limit and round trip stood before the limit began to fall, and whether it fell only to look."""

    limit: float
    trip: float
    probing: bool


@dataclass(slots=True)
class _Round:
    """The answers to requests that were sent since the limit last changed: sums, and the round trip of the latest."""

    answers: int = 0
    queue: float = 0.0
    trip: float = 0.0
    wait: float = 0.0
    full: int = 0

    def add(self, among: float, seconds: float, wait: float, shortest_wait: float, full: bool) -> None:
        self.answers += 1
        self.queue += among * max(0.0, wait - shortest_wait) / max(seconds, 1e-9)
        self.trip = seconds if self.answers == 1 else 0.8 * self.trip + 0.2 * seconds
        self.wait += wait
        self.full += full

    def told(self) -> tuple[float, float, float, bool]:
        """Requests that waited in a queue, the latest round trip, time without computing, mostly at the limit."""
        count = self.answers
        return self.queue / count, self.trip, self.wait / count, 2 * self.full > count


def slots_for(limit: int) -> int:
    return limit + max(2, limit // 2)

"""How many batches are in flight: the number finds itself at real servers with so many workers."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import pytest
from aiohttp import web

from faceblur.detection.client import FunctionClient
from faceblur.detection.concurrency_limit import Pressure, Ticket
from tests.detection.test_client import OPTIONS, echo, image
from tests.support.hostile import Server


class Workers(Server):
    """A function that answers after `seconds`, with so many workers: further requests wait, or are refused."""

    def __init__(self, workers: int, seconds: float, *, refuses: bool = False, tells: bool = True) -> None:
        super().__init__(self._answer)
        self._free = asyncio.Semaphore(workers)
        self.seconds, self._refuses, self._tells = seconds, refuses, tells
        self.refused = 0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self._refuses and self._free.locked():
            self.refused += 1
            return web.Response(status=503)
        async with self._free:
            await asyncio.sleep(self.seconds)
        timings = {"detect": self.seconds * 1000} if self._tells else {}
        return web.json_response(echo(body) | {"timings_ms": timings})


def limits(server: Workers, batches: int, **more: Any) -> list[int]:
    """The limit after each answer when so many batches are sent as the driver sends them."""

    async def main() -> list[int]:
        found: list[int] = []
        given: dict[str, Any] = {"concurrency": 4, "most_concurrency": 128} | more
        async with server, FunctionClient([server.url], **given) as client:

            async def one() -> None:
                async with client.pressure.slots:
                    await client.send([image(9)], OPTIONS, return_frames=True)
                    found.append(int(client.pressure.limit))

            async with asyncio.TaskGroup() as group:
                for _ in range(batches):
                    group.create_task(one())
        return found

    return asyncio.run(main())


@pytest.mark.parametrize(("workers", "tells"), [(1, True), (2, False), (8, True)])
def test_limit_settles_within_twenty_batches(workers: int, tells: bool) -> None:
    found = limits(Workers(workers, 0.2, tells=tells), 24 + 9 * workers)
    # From then on every worker has a batch, and there is no long queue; a look lower now and then passes.
    assert 0.75 * workers <= statistics.median(found[20:]) <= 3 * workers + 6, list(map(str, found))


def test_limit_passes_sixty_four_workers_after_a_few_round_trips() -> None:
    found = limits(Workers(64, 0.6), 300)
    assert 64 < max(found[:150]) <= 128 and found[-1] >= 48, found


def test_function_that_refuses_at_once_is_hardly_asked_too_much() -> None:
    server = Workers(4, 0.05, refuses=True)
    found = limits(server, 80)
    assert 2 <= found[-1] <= 6, found
    assert server.refused < 30


def settled(pressure: Pressure, *, workers: int, way: float, computing: float = 0.1) -> float:
    """Where the limit is after 150 round trips to so many workers, as queueing has it: nothing is slept here."""

    async def main() -> float:
        for _ in range(150):
            under_way = int(pressure.limit)
            for _ in range(under_way):
                await pressure.requests.acquire()
            seconds, epoch = max(way + computing, under_way * computing / workers), pressure._epoch
            for _ in range(under_way):
                pressure.answered(Ticket(under_way, epoch), seconds, computing)
            for _ in range(under_way):
                pressure.requests.release()
        return pressure.limit

    return asyncio.run(main())


def test_rising_latency_lowers_the_limit() -> None:
    pressure = Pressure(4, 128)
    before = settled(pressure, workers=16, way=0.01)
    assert before >= 16
    assert settled(pressure, workers=2, way=0.01) < before / 2


def test_longer_way_raises_the_limit() -> None:
    """Larger frames take longer to travel: what looks like a queue at first is understood, and no worker idles."""
    pressure = Pressure(4, 128)
    assert settled(pressure, workers=8, way=0.01) >= 8
    assert settled(pressure, workers=8, way=0.3) >= 0.8 * 8 * (0.3 + 0.1) / 0.1


def test_given_concurrency_stays_and_comes_back_after_refusals() -> None:
    pressure = Pressure(8)
    for _ in range(100):
        pressure.answered(Ticket(8, 0), 5.0, 0.1)
    assert pressure.limit == 8
    for _ in range(10):
        pressure.refused()
    assert pressure.limit == 1
    for _ in range(100):
        pressure.answered(Ticket(1, 0), 0.1, 0.1)
    assert pressure.limit == 8


def test_slots_follow_the_limit_and_survive_cancellation() -> None:
    pressure = Pressure(2, 128)

    async def main() -> None:
        slots = pressure.slots
        for _ in range(4):
            await slots.acquire()
        waiting = [asyncio.create_task(slots.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        slots.release()  # lets the second in, or the first at the moment of its end
        await asyncio.gather(*waiting[:1], return_exceptions=True)
        await asyncio.sleep(0)
        assert waiting[1].done() and slots.held == 4 and not waiting[2].done()
        pressure._set(3)
        await waiting[2]
        assert slots.held == 5

    asyncio.run(main())

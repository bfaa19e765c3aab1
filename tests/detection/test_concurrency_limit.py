"""How many batches are in flight: the limit adapts to real servers with so many workers."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import pytest
from aiohttp import web

from faceblur.detection.adaptive_limit import Ticket
from faceblur.detection.client import FunctionClient
from faceblur.detection.concurrency_limit import ConcurrencyLimit
from tests.support.batches import OPTIONS, echo, image
from tests.support.hostile import Server


class Workers(Server):
    """A function that answers after `seconds`, with so many workers: further requests wait, or are refused."""

    def __init__(self, workers: int, seconds: float, *, refuses: bool = False, reports_timings: bool = True) -> None:
        super().__init__(self._answer)
        self._free = asyncio.Semaphore(workers)
        self.seconds, self._refuses, self._reports_timings = seconds, refuses, reports_timings
        self.refused = 0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self._refuses and self._free.locked():
            self.refused += 1
            return web.Response(status=503)
        async with self._free:
            await asyncio.sleep(self.seconds)
        timings = {"detect": self.seconds * 1000} if self._reports_timings else {}
        return web.json_response(echo(body) | {"timings_ms": timings})


def limits(server: Workers, batches: int, **more: Any) -> list[int]:
    """The limit after each answer when so many batches are sent as the driver sends them."""

    async def main() -> list[int]:
        found: list[int] = []
        given: dict[str, Any] = {"concurrency": 4, "max_concurrency": 128} | more
        async with server, FunctionClient([server.url], **given) as client:

            async def one() -> None:
                async with client.limit.batches:
                    await client.send([image(9)], OPTIONS, return_frames=True)
                    found.append(int(client.limit.limit))

            async with asyncio.TaskGroup() as group:
                for _ in range(batches):
                    group.create_task(one())
        return found

    return asyncio.run(main())


@pytest.mark.parametrize(("workers", "reports_timings"), [(1, True), (2, False), (8, True)])
def test_limit_settles_within_twenty_batches(workers: int, reports_timings: bool) -> None:
    found = limits(Workers(workers, 0.2, reports_timings=reports_timings), 24 + 9 * workers)
    # From then on every worker has a batch, and there is no long queue; a probe of a lower limit is allowed.
    assert 0.75 * workers <= statistics.median(found[20:]) <= 3 * workers + 6, list(map(str, found))


def test_function_that_refuses_at_once_is_hardly_asked_too_much() -> None:
    server = Workers(4, 0.05, refuses=True)
    found = limits(server, 80)
    assert 2 <= found[-1] <= 6, found
    assert server.refused < 30


def test_given_concurrency_stays_and_comes_back_after_refusals() -> None:
    limit = ConcurrencyLimit(8)
    for _ in range(100):
        limit.answered(Ticket(8, 0), 5.0, 0.1)
    assert limit.limit == 8
    for _ in range(10):
        limit.refused()
    assert limit.limit == 1
    for _ in range(100):
        limit.answered(Ticket(1, 0), 0.1, 0.1)
    assert limit.limit == 8


def test_gates_follow_the_limit() -> None:
    limit = ConcurrencyLimit(2, 128)

    async def main() -> None:
        for _ in range(4):
            await limit.batches.acquire()
        async with limit.request() as ticket, limit.request():
            waiting = [asyncio.create_task(limit.batches.acquire()), asyncio.create_task(limit.requests.acquire())]
            await asyncio.sleep(0)
            assert limit.full and not any(task.done() for task in waiting)
            limit.answered(ticket, 0.1, 0.1)
            await asyncio.gather(*waiting)
            assert limit.limit == 4 and limit.batches.held == 5 and limit.requests.held == 3 and not limit.full
        assert limit.requests.held == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("limit", "summary"),
    [
        (ConcurrencyLimit(1), "batches sent to the function at a time: 1"),
        (ConcurrencyLimit(3), "batches sent to the function at a time: 3"),
        (ConcurrencyLimit(4, 128), "batches sent to the function at a time: 4 at the end (adaptive, at most 128)"),
    ],
)
def test_summary(limit: ConcurrencyLimit, summary: str) -> None:
    assert limit.summary() == summary

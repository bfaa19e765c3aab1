"""Requests are spread over all URLs."""

from __future__ import annotations

import asyncio
from typing import Any

from faceblur.detection.client import FunctionClient
from tests.support.batches import OPTIONS, echo, image
from tests.support.hostile import Server, scripted


def test_requests_are_spread_and_a_dead_address_is_survived() -> None:
    counts = [0, 0]

    def counting(index: int) -> Server:
        def answer(body: dict[str, Any]) -> dict[str, Any]:
            counts[index] += 1
            return echo(body)

        return scripted(answer)

    async def main() -> None:
        async with counting(0) as first, counting(1) as second:
            dead = "http://127.0.0.1:9"
            async with FunctionClient([first.url, second.url, dead], concurrency=4, give_up_after=10) as client:
                await asyncio.gather(*(client.send([image(9)], OPTIONS, return_frames=True) for _ in range(40)))

    asyncio.run(main())
    assert sum(counts) == 40 and min(counts) >= 10

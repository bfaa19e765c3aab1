"""A gate admits in order, follows its capacity, and loses no admission to a cancellation."""

from __future__ import annotations

import asyncio

from faceblur.detection.gate import Gate


def test_gate_follows_its_capacity_and_survives_cancellation() -> None:
    capacity = 4

    async def main() -> None:
        nonlocal capacity
        gate = Gate(lambda: capacity)
        for _ in range(4):
            await gate.acquire()
        waiting = [asyncio.create_task(gate.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting) and gate.waiting == 3
        waiting[0].cancel()
        gate.release()  # admits the second, or the first in the step in which it is cancelled
        await asyncio.gather(*waiting[:1], return_exceptions=True)
        await asyncio.sleep(0)
        assert waiting[1].done() and gate.held == 4 and not waiting[2].done()
        capacity = 5
        gate.wake()
        await waiting[2]
        assert (gate.held, gate.waiting) == (5, 0)

    asyncio.run(main())


def test_lease_is_released_once() -> None:
    async def main() -> None:
        gate = Gate(lambda: 2)
        first, second = await gate.lease(), await gate.lease()
        third = asyncio.create_task(gate.lease())
        await asyncio.sleep(0)
        first.release()
        first.release()
        assert gate.held == 2  # the second and the third
        (await third).release()
        second.release()
        assert gate.held == 0

    asyncio.run(main())

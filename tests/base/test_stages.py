"""Stages side by side: the order is kept, channels are bounded, a failure or a cancellation ends all of them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine
from typing import Any

import pytest

from faceblur.base.stages import Channel, Stages, first_failure, in_order


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(100):
        await asyncio.sleep(0)


class Numbers:
    """A stage that yields 0, 1, … and has its progress read: `made` so far, and whether it was `closed`."""

    def __init__(self, count: int) -> None:
        self.made, self.closed, self._count = 0, False, count

    async def stage(self) -> AsyncGenerator[int]:
        try:
            for number in range(self._count):
                self.made += 1
                yield number
        finally:
            self.closed = True


class Relay:
    """A stage that passes items on, and fails at one of them, `fails_at`."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.closed, self._fails_at = False, fails_at

    async def stage(self, items: AsyncIterable[int]) -> AsyncGenerator[int]:
        try:
            async for item in items:
                if item == self._fails_at:
                    raise ValueError(f"item {item}")
                yield item
        finally:
            self.closed = True


def test_order_is_kept_by_works_that_end_in_another_order() -> None:
    async def late(number: int) -> int:
        for _ in range(50 - number):  # the later it is started, the sooner it ends
            await asyncio.sleep(0)
        return number

    async def main() -> list[int]:
        async with Stages() as stages:

            async def start(items: AsyncIterable[int]) -> AsyncGenerator[asyncio.Task[int]]:
                async for item in items:
                    yield stages.start(late(item))

            started = stages.link(start(stages.link(Numbers(40).stage(), capacity=1)), capacity=8)
            return [number async for number in stages.link(in_order(started), capacity=2)]

    assert run(main()) == list(range(40))


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_fast_sender_waits(capacity: int) -> None:
    async def main() -> None:
        numbers = Numbers(100)
        async with Stages() as stages:
            channel = stages.link(numbers.stage(), capacity=capacity)
            await settle()
            assert numbers.made == capacity + 1  # those in the channel, and the one that waits before it
            assert await anext(channel) == 0
            await settle()
            assert numbers.made == capacity + 2
            assert [number async for number in channel] == list(range(1, 100))

    run(main())


def test_items_that_wait_are_taken_without_waiting() -> None:
    async def main() -> None:
        channel: Channel[int] = Channel(3)
        assert channel.waiting() is None
        await channel.send(1)
        await channel.send(2)
        await channel.close()
        assert (channel.waiting(), channel.waiting()) == (1, 2)
        assert channel.waiting() is None and channel.waiting() is None
        assert [item async for item in channel] == []  # the end is not forgotten

    run(main())


def test_first_failure_ends_all_stages_and_is_what_is_raised() -> None:
    first, second, third, numbers = Relay(), Relay(fails_at=3), Relay(), Numbers(1000)
    received: list[int] = []

    async def main() -> None:
        async with Stages() as stages:
            stages.start(asyncio.Event().wait())  # work that would never end
            channel = stages.link(numbers.stage(), capacity=1)
            for relay in (first, second, third):
                channel = stages.link(relay.stage(channel), capacity=1)
            async for number in channel:
                received.append(number)

    with pytest.raises(ValueError, match="item 3"):
        run(main())
    assert received == [0, 1, 2][: len(received)] and numbers.made < 10
    assert numbers.closed and first.closed and second.closed and third.closed


def test_a_failure_keeps_what_it_came_from() -> None:
    async def fail() -> None:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError as error:
            raise ValueError("cannot be written") from error

    async def main() -> None:
        with pytest.raises(ValueError, match="cannot be written") as caught:
            async with Stages() as stages:
                stages.start(fail())
        assert isinstance(caught.value.__cause__, OSError)

    run(main())


def test_failure_of_work_that_was_started_ends_the_stages() -> None:
    numbers = Numbers(1000)

    async def fails() -> int:
        raise OSError("no disk")

    async def main() -> None:
        async with Stages() as stages:
            stages.link(numbers.stage(), capacity=1)
            stages.start(fails())
            await asyncio.Event().wait()

    with pytest.raises(OSError, match="no disk"):
        run(main())
    assert numbers.closed


def test_failure_of_the_receiver_ends_the_stages() -> None:
    numbers = Numbers(1000)

    async def work() -> None:
        async with Stages() as stages:
            async for number in stages.link(numbers.stage(), capacity=1):
                if number == 2:
                    raise ValueError("cannot be written")

    async def main() -> None:
        with pytest.raises(ValueError, match="cannot be written"):
            await work()
        assert numbers.closed

    run(main())


def test_cancellation_ends_all_stages() -> None:
    numbers, relay = Numbers(1000), Relay()

    async def work() -> None:
        async with Stages() as stages:
            stages.link(relay.stage(stages.link(numbers.stage(), capacity=1)), capacity=1)
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(work())
        await settle()
        assert numbers.made and not numbers.closed
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert numbers.closed and relay.closed  # at once, not when the event loop ends

    run(main())


def test_first_failure_of_nested_groups() -> None:
    inner = BaseExceptionGroup("inner", [ValueError("first"), OSError("second")])
    error = first_failure(BaseExceptionGroup("outer", [inner, KeyError("third")]))
    assert isinstance(error, ValueError) and str(error) == "first"

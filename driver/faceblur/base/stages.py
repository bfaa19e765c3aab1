"""Stages that run side by side: each is an async generator, with a bounded channel to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Coroutine
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
_END: Any = object()


class Channel(Generic[T]):
    """A bounded queue from one stage to the next: the sender waits while it is full, the receiver iterates."""

    def __init__(self, capacity: int) -> None:
        self._queue: asyncio.Queue[T] = asyncio.Queue(capacity)
        self._ended = False

    async def send(self, item: T) -> None:
        """Add an item, once there is room for it."""
        await self._queue.put(item)

    async def close(self) -> None:
        """Nothing more will be sent."""
        await self._queue.put(_END)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item = _END if self._ended else await self._queue.get()
        return self._taken(item)

    def waiting(self) -> T | None:
        """The next item if there is one now, without waiting."""
        if self._ended or self._queue.empty():
            return None
        try:
            return self._taken(self._queue.get_nowait())
        except StopAsyncIteration:
            return None

    def _taken(self, item: T) -> T:
        if item is _END:
            self._ended = True
            raise StopAsyncIteration
        return item


class Stages:
    """Runs stages side by side while the context is open; leaving it waits for all of them.

    The first failure ends all of them, and is what leaving raises.

    >>> async with Stages() as stages:
    ...     frames = stages.link(read(), capacity=2)
    ...     async for frame in stages.link(search(frames), capacity=2): ...
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as failures:
            failure = first_failure(failures)
            raise failure from failure.__cause__  # what a file's failure came from decides whether it is tried again

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have work done beside the stages."""
        return self._group.create_task(work)

    def link(self, stage: AsyncGenerator[T], *, capacity: int) -> Channel[T]:
        """Start a stage; what it yields comes out of the channel."""
        channel: Channel[T] = Channel(capacity)
        self._group.create_task(_pump(stage, channel))
        return channel


async def _pump(stage: AsyncGenerator[T], channel: Channel[T]) -> None:
    async with aclosing(stage):
        async for item in stage:
            await channel.send(item)
    await channel.close()


async def in_order(works: AsyncIterable[Awaitable[T]]) -> AsyncGenerator[T]:
    """The results of works that were started before, in the order in which they were started."""
    async for work in works:
        yield await work


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a group of tasks; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

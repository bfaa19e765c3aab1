"""Timed work on threads: on the codec threads, which all files share, and on a thread that owns one object."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from faceblur.base.events import Emit, Position, PositionEntered, PositionLeft, TimeSpent

# Frames of fewer pixels in all go to one thread.
SMALL_PIXELS = 1 << 19
Done = TypeVar("Done")


def codec_threads() -> int:
    """How many threads there are for JPEG and masks: one for each core that this process may use."""
    return len(os.sched_getaffinity(0))


def are_small(pixels: int) -> bool:
    """Whether frames of so many pixels in all are not worth more than one thread."""
    return pixels < SMALL_PIXELS


class FileWork:
    """The work of one file on threads; `emit` gets where its batches are, and the time that each stage took."""

    def __init__(self, source: Path, codecs: Executor, emit: Emit) -> None:
        self.source, self.emit, self._codecs = source, emit, codecs

    @contextmanager
    def at(self, position: Position) -> Iterator[None]:
        """While a batch is at this position."""
        self.emit(PositionEntered(self.source, position))
        try:
            yield
        finally:
            self.emit(PositionLeft(self.source, position))

    async def on(self, thread: Executor, stage: str, work: Callable[..., Done], *arguments: Any) -> Done:
        """Have a thread do this work."""
        done, seconds = await asyncio.get_running_loop().run_in_executor(thread, _timed, work, *arguments)
        self.emit(TimeSpent(self.source, stage, seconds))
        return done

    async def spread(self, stage: str, works: Sequence[Callable[[], Done]], pixels: int) -> list[Done]:
        """Have the codec threads do these works, which are on frames of `pixels` pixels in all."""
        if not works:
            return []
        # A slice for each thread: to hand over every frame by itself takes as long as a part of the work.
        size = len(works) if are_small(pixels) else math.ceil(len(works) / codec_threads())
        slices = [works[first : first + size] for first in range(0, len(works), size)]
        with self.at("JPEG"):
            done = await asyncio.gather(*(self.on(self._codecs, stage, _each, some) for some in slices))
        return [one for some in done for one in some]


def _timed(work: Callable[..., Done], *arguments: Any) -> tuple[Done, float]:
    start = time.perf_counter()
    done = work(*arguments)
    return done, time.perf_counter() - start


def _each(works: Sequence[Callable[[], Done]]) -> list[Done]:
    return [work() for work in works]


class Closable(Protocol):
    """An object that a thread can own: a context manager."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Opened = TypeVar("Opened", bound=Closable)


class OwnThread(Generic[Opened]):
    """An object that is opened, used and closed on one thread: PyAV's containers are not shared between threads.

    `async with OwnThread(open, "read") as own:` then `own.object`, and `own.executor` for its work. `own.stop` is set
    before it is closed, so that work on the thread can end early.
    """

    object: Opened

    def __init__(self, opening: Callable[[], Opened], name: str) -> None:
        self._opening = opening
        self.executor = ThreadPoolExecutor(1, name)
        self.stop = threading.Event()

    async def __aenter__(self) -> Self:
        opening = asyncio.get_running_loop().run_in_executor(self.executor, self._opening)
        try:
            self.object = await asyncio.shield(opening)
        except asyncio.CancelledError:
            (await opening).__exit__(None, None, None)
            self.executor.shutdown()
            raise
        except BaseException:
            self.executor.shutdown()
            raise
        return self

    async def call(self, work: Callable[..., Done], *arguments: Any) -> Done:
        """Have the thread do this work."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)

    def until_stopped(self, items: Iterable[Done]) -> Iterator[Done]:
        """These items, read on the thread; the rest is left when the object is to be closed."""
        for item in items:
            if self.stop.is_set():
                return
            yield item

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        closing = asyncio.get_running_loop().run_in_executor(self.executor, self.object.__exit__, kind, error, trace)
        try:
            await asyncio.shield(closing)
        finally:
            self.executor.shutdown()

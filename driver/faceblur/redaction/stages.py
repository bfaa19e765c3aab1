"""Work of one video on threads: in slices on those for pictures, and how long each stage took."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from faceblur.jobs.bottleneck import Gauge
from faceblur.media.frames import DecodedFrame

# Frames of fewer pixels in all go to one thread.
SMALL_PIXELS = 1 << 19
Done = TypeVar("Done")


def codec_threads() -> int:
    """How many threads there are for JPEG and planes: one for each core that this process may use."""
    return len(os.sched_getaffinity(0))


def are_small(frames: Sequence[DecodedFrame]) -> bool:
    """Whether these frames are not worth more than one thread."""
    return sum(frame.area for frame in frames) < SMALL_PIXELS


class Stages:
    """`codecs` are the threads for pictures. `seconds` sums up, by stage, what the work took, over all threads."""

    def __init__(self, codecs: Executor, seconds: dict[str, float]) -> None:
        self.gauge = Gauge()
        self._codecs, self._seconds = codecs, seconds
        self._lock = threading.Lock()

    async def on(self, thread: Executor, stage: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Have a thread do this."""
        return await asyncio.get_running_loop().run_in_executor(thread, self._timed, stage, work, *arguments)

    async def coded(
        self, stage: str, works: Sequence[Callable[[], Done]], frames: Sequence[DecodedFrame]
    ) -> list[Done]:
        """Have the codec threads do this for these frames."""
        if not works:
            return []
        # A slice for each thread: to hand over every frame by itself takes as long as a part of the work.
        size = len(works) if are_small(frames) else math.ceil(len(works) / codec_threads())
        slices = [works[first : first + size] for first in range(0, len(works), size)]
        with self.gauge.at("JPEG"):
            done = await asyncio.gather(*(self.on(self._codecs, stage, _each, some) for some in slices))
        return [one for some in done for one in some]

    def _timed(self, stage: str, work: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            with self._lock:
                self._seconds[stage] += time.perf_counter() - start


def _each(works: Sequence[Callable[[], Done]]) -> list[Done]:
    return [work() for work in works]

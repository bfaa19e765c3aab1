"""Which of a run's files is next, and how many run at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from faceblur.jobs.discovery import PlannedFile
from faceblur.redaction.threads import codec_threads

# Two, so that short videos do not wait behind a long one.
MIN_AUTOMATIC_JOBS, MAX_AUTOMATIC_JOBS = 2, 32
IDLE_SHARE = 0.25  # of the requests that may be in flight: from here on more files are started
BUSY_SHARE = 0.9  # of this machine's cores: from here on none are
CHECK_SECONDS = 1.0


class HasIdleShare(Protocol):
    """A limit on requests, of which some may be unused."""

    def idle_share(self) -> float: ...


class FileQueue:
    """Which of the waiting files is next. One running file is the longest of all, the others are the shortest.

    So short files do not wait behind a long one, and no long one is left for the end, when it would run alone. `alone`:
    one file runs at a time.
    """

    def __init__(self, files: Sequence[PlannedFile], *, alone: bool) -> None:
        self._waiting, self._alone = sorted(files, key=lambda one: one.frames or 0), alone
        self._long: Path | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self) -> PlannedFile:
        if self._alone or self._long is not None:
            return self._waiting.pop(0)
        one = self._waiting.pop()
        self._long = one.source
        return one

    def ended(self, source: Path) -> None:
        if source == self._long:
            self._long = None


class ParallelFiles:
    """How many files should run: `jobs`; None: two, and more while the function and this machine could take more."""

    def __init__(self, limit: HasIdleShare, jobs: int | None) -> None:
        self._limit, self._jobs = limit, jobs
        self._wanted, self._checked, self._used = MIN_AUTOMATIC_JOBS, time.monotonic(), time.process_time()

    def wanted(self) -> int:
        if self._jobs is not None:
            return self._jobs
        now = time.monotonic()
        if (passed := now - self._checked) >= CHECK_SECONDS:
            used = time.process_time()
            cores = (used - self._used) / passed
            self._checked, self._used = now, used
            if self._limit.idle_share() > IDLE_SHARE and cores < BUSY_SHARE * codec_threads():
                self._wanted = min(MAX_AUTOMATIC_JOBS, self._wanted + max(1, self._wanted // 2))
        return self._wanted


async def run_files(
    files: Sequence[PlannedFile],
    redact: Callable[[PlannedFile], Coroutine[Any, Any, None]],
    limit: HasIdleShare,
    jobs: int | None,
) -> None:
    """Redact files, `jobs` at a time. On cancellation the running ones stop; `redact` raises nothing else."""
    queue, parallel = FileQueue(files, alone=jobs == 1), ParallelFiles(limit, jobs)
    running: dict[asyncio.Task[None], Path] = {}
    try:
        while queue or running:
            while queue and len(running) < parallel.wanted():
                one = queue.next()
                running[asyncio.create_task(redact(one))] = one.source
            done, _ = await asyncio.wait(running, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                queue.ended(running.pop(task))
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

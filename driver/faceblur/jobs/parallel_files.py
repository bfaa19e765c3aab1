"""How many files a worker redacts at a time."""

from __future__ import annotations

import time
from typing import Protocol

from faceblur.jobs.available_memory import available_memory
from faceblur.redaction.threads import codec_threads

# Two, so that short videos do not wait behind a long one. Not more than so many for each core: on a machine that others
# load, this process never takes all of it.
MIN_AUTOMATIC_JOBS, MAX_AUTOMATIC_JOBS, PER_CORE = 2, 32, 2
# More files are started while this share of the memory is available: one takes up to half a gigabyte.
FREE_MEMORY = 0.25
IDLE_SHARE = 0.25  # of the requests that may be in flight: from here on more files are started
BUSY_SHARE = 0.9  # of this machine's cores: from here on none are
CHECK_SECONDS = 1.0


class HasIdleShare(Protocol):
    """A limit on requests, of which some may be unused."""

    def idle_share(self) -> float: ...


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
            is_idle = self._limit.idle_share() > IDLE_SHARE and cores < BUSY_SHARE * codec_threads()
            if is_idle and available_memory() > FREE_MEMORY:
                most = min(MAX_AUTOMATIC_JOBS, PER_CORE * codec_threads())
                self._wanted = max(self._wanted, min(most, self._wanted + max(1, self._wanted // 2)))
        return self._wanted

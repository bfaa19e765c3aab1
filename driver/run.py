"""A whole run: many videos through one function, several at a time when one does not keep the function busy."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from driver.client import FunctionClient
from driver.discover import Found, Video
from driver.errors import DriverError
from driver.pipeline import Plan, Result, VideoJob
from driver.pressure import Pressure
from driver.progress import Display
from driver.sidecar import FunctionUsed
from function import wire

log = logging.getLogger("faceblur")
MAX_AUTOMATIC_JOBS = 4
IDLE_SHARE = 0.25  # of the requests that might be under way: from here on one more video is started
LOOK_SECONDS = 2.0


@dataclass(slots=True)
class Outcome:
    """What became of one file: `state` is done, skipped, failed or not done; `reason` says why."""

    source: Path
    state: str
    reason: str = ""
    result: Result | None = None


def failed(source: Path, reason: str, result: Result | None = None) -> Outcome:
    """A failure, named on stderr at once."""
    reason = reason.removeprefix(f"{source}: ")
    extra = {"event": "failed", "source": str(source), "reason": reason}
    log.error("error: %s: %s", source, reason, extra=extra)
    return Outcome(source, "failed", reason, result)


class Run:
    """The videos of a run and what became of them: `outcomes` tells of every file, at any moment.

    `ending` tells, once it is over, how the run went as a whole.
    """

    def __init__(self, found: Found, *, overwrite: bool) -> None:
        self.outcomes = {path: failed(path, reason) for path, reason in found.broken}
        for path, first in found.same:
            self.outcomes[path] = Outcome(path, "skipped", f"the same file as {first}")
        self.waiting: list[Video] = []
        self.ending: list[str] = []
        for video in found.videos:
            if video.target.is_file() and not overwrite:
                self.outcomes[video.source] = Outcome(
                    video.source, "skipped", f"{video.target} exists; --overwrite writes it again"
                )
            else:
                self.outcomes[video.source] = Outcome(video.source, "not done")
                self.waiting.append(video)

    async def execute(
        self, client: FunctionClient, info: wire.Info, plan: Plan, display: Display, *, jobs: int | None
    ) -> None:
        """Redact the waiting videos, `jobs` at a time (None: as many as keep the function busy).

        `info` is what the function told of itself.

        A video that fails leaves the others alone. On cancellation the running videos stop and leave nothing behind.
        """
        function = FunctionUsed(model=info.model, weights_sha256=info.weights_sha256, device=info.device)
        pace = _Pace(client.pressure, jobs)
        running: set[asyncio.Task[None]] = set()
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)), "codec") as codecs:
            try:
                while self.waiting or running:
                    while self.waiting and len(running) < pace.wanted(len(running)):
                        video = self.waiting.pop(0)
                        job = VideoJob(
                            *(video.source, video.target),
                            plan=plan,
                            client=client,
                            function=function,
                            codecs=codecs,
                            listener=display,
                        )
                        running.add(asyncio.create_task(self._one(video, job, display)))
                    done, running = await asyncio.wait(
                        running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                self.ending.append(client.pressure.told())

    async def _one(self, video: Video, job: VideoJob, display: Display) -> None:
        source = video.source
        display.started(source, video.frames)
        try:
            result = await job.run()
            self.outcomes[source] = Outcome(source, "done", result.notes(), result)
        except DriverError as error:
            self.outcomes[source] = failed(source, str(error))
        except Exception as error:
            log.debug("%s failed", source, exc_info=True)
            self.outcomes[source] = failed(source, f"a defect of faceblur: {type(error).__name__}: {error} (see -vv)")
        finally:
            display.ended(source, self.outcomes[source].state)


class _Pace:
    """How many videos should run: `jobs`, or one more than now while the function could take more requests."""

    def __init__(self, pressure: Pressure, jobs: int | None) -> None:
        self._pressure, self._jobs, self._looked = pressure, jobs, 0.0

    def wanted(self, running: int) -> int:
        if self._jobs is not None:
            return self._jobs
        now = time.monotonic()
        if running and (running == MAX_AUTOMATIC_JOBS or now - self._looked < LOOK_SECONDS):
            return running
        self._looked = now
        idle = self._pressure.idle_share() > IDLE_SHARE
        return running + 1 if idle or not running else running


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when every video is written or was before, 1 when any failed."""
    return 0 if all(outcome.state in ("done", "skipped") for outcome in outcomes) else 1

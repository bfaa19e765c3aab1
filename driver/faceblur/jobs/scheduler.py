"""A whole run: many videos through one function, several at a time when one does not keep the function busy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faceblur.base.errors import FaceblurError
from faceblur.cli.progress import Display
from faceblur.detection.client import FunctionClient
from faceblur.detection.concurrency_limit import ConcurrencyLimit
from faceblur.jobs.bottleneck import Watch
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import Discovery, Video
from faceblur.redaction.pipeline import VideoJob
from faceblur.redaction.plan import Plan, Result
from faceblur.redaction.sidecar import FunctionUsed
from faceblur.redaction.stages import codec_threads
from faceblur_function import wire

log = logging.getLogger("faceblur")
# Two, so that short videos do not wait behind a long one.
MIN_AUTOMATIC_JOBS, MAX_AUTOMATIC_JOBS = 2, 32
IDLE_SHARE = 0.25  # of the requests that might be under way: from here on more videos are started
BUSY_SHARE = 0.9  # of this machine's cores: from here on none are
LOOK_SECONDS = 1.0


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

    def __init__(self, found: Discovery, *, overwrite: bool, journal: Journal | None = None) -> None:
        self._journal = journal or Journal(None)
        self.outcomes = {path: failed(path, reason) for path, reason in found.broken}
        for path, first in found.same:
            self.outcomes[path] = Outcome(path, "skipped", f"the same file as {first}")
        self.waiting: list[Video] = []
        self.ending: list[str] = []
        for video in found.videos:
            if before := self._journal.ended.get(video.source):
                self.outcomes[video.source] = before
            elif reason := self._journal.given_up.get(video.source):
                self.outcomes[video.source] = failed(video.source, reason)
            elif video.target.is_file() and not overwrite:
                self.outcomes[video.source] = Outcome(
                    video.source, "skipped", f"{video.target} exists; --overwrite writes it again"
                )
            else:
                self.outcomes[video.source] = Outcome(video.source, "not done")
                self.waiting.append(video)

    async def execute(
        self, client: FunctionClient, info: wire.Info, plan: Plan, display: Display, *, jobs: int | None, local: bool
    ) -> None:
        """Redact the waiting videos, `jobs` at a time (None: as many as keep the function busy).

        `info` is what the function told of itself, `local` says that it runs on this machine.

        A video that fails leaves the others alone. On cancellation the running videos stop and leave nothing behind.
        """
        if suspects := [video for video in self.waiting if video.source in self._journal.suspects]:
            rest = [video for video in self.waiting if video not in suspects]
            self.waiting = suspects
            await self._execute(client, info, plan, display, jobs=1, local=local)
            self.waiting = rest
        await self._execute(client, info, plan, display, jobs=jobs, local=local)

    async def _execute(
        self, client: FunctionClient, info: wire.Info, plan: Plan, display: Display, *, jobs: int | None, local: bool
    ) -> None:
        function = FunctionUsed(model=info.model, weights_sha256=info.weights_sha256, device=info.device)
        pace = Pace(client.limit, jobs)
        running: dict[asyncio.Task[None], VideoJob] = {}
        order, watch = Order(self.waiting, alone=jobs == 1), Watch(client.limit, running.values())
        with ThreadPoolExecutor(codec_threads(), "codec") as codecs:
            try:
                async with watch:
                    while self.waiting or running:
                        while self.waiting and len(running) < pace.wanted():
                            video = order.next()
                            job = VideoJob(
                                *(video.source, video.target),
                                plan=plan,
                                client=client,
                                function=function,
                                codecs=codecs,
                                listener=display,
                            )
                            running[asyncio.create_task(self._one(video, job, display))] = job
                        done, _ = await asyncio.wait(running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            order.ended(running.pop(task).result.source)
                            task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                self.ending[:] = [client.limit.summary(), watch.told(client.statistics, local=local)]

    async def _one(self, video: Video, job: VideoJob, display: Display) -> None:
        source = video.source
        display.started(source, video.frames)
        self._journal.write("begun", source)
        try:
            result = await job.run()
            self.outcomes[source] = Outcome(source, "done", result.notes(), result)
        except FaceblurError as error:
            self.outcomes[source] = failed(source, str(error))
        except Exception as error:
            log.debug("%s failed", source, exc_info=True)
            self.outcomes[source] = failed(source, f"a defect of faceblur: {type(error).__name__}: {error} (see -vv)")
        finally:
            display.ended(source, self.outcomes[source].state)
            ended = self.outcomes[source] if self.outcomes[source].state != "not done" else None
            self._journal.write("ended", source, ended)


class Order:
    """Which of the waiting videos is next: one of those that run is the longest there was, the others are the shortest.

    So short videos do not wait behind a long one, and no long one is left for the end, when it would run alone.
    `alone`: no two run at a time.
    """

    def __init__(self, waiting: list[Video], *, alone: bool) -> None:
        self._waiting, self._alone = waiting, alone
        self._long: Path | None = None
        waiting.sort(key=lambda video: video.frames or 0)

    def next(self) -> Video:
        if self._alone or self._long is not None:
            return self._waiting.pop(0)
        video = self._waiting.pop()
        self._long = video.source
        return video

    def ended(self, source: Path) -> None:
        if source == self._long:
            self._long = None


class Pace:
    """How many videos should run: `jobs`; or two, and more while the function could take more and this machine too."""

    def __init__(self, pressure: ConcurrencyLimit, jobs: int | None) -> None:
        self._pressure, self._jobs = pressure, jobs
        self._wanted, self._looked, self._used = MIN_AUTOMATIC_JOBS, time.monotonic(), time.process_time()

    def wanted(self) -> int:
        if self._jobs is not None:
            return self._jobs
        now = time.monotonic()
        if (passed := now - self._looked) >= LOOK_SECONDS:
            used = time.process_time()
            cores = (used - self._used) / passed
            self._looked, self._used = now, used
            if self._pressure.idle_share() > IDLE_SHARE and cores < BUSY_SHARE * codec_threads():
                self._wanted = min(MAX_AUTOMATIC_JOBS, self._wanted + max(1, self._wanted // 2))
        return self._wanted


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when every video is written or was before, 1 when any failed."""
    return 0 if all(outcome.state in ("done", "skipped") for outcome in outcomes) else 1

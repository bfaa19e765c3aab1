"""The jobs of a review: an output is written again with its edits, and audited. One runs at a time, others wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from faceblur.base.errors import FaceblurError
from faceblur.base.events import Emit, Event, FramesMasked, RunPlanned
from faceblur.jobs.failure import why
from faceblur.web.models import JobState
from faceblur.web.video_list import ReviewedVideo

# Jobs that are listed once they have ended.
MAX_LISTED = 100
Progress = Callable[[int, int | None], None]


class Tools(Protocol):
    """What writes and audits outputs. Both raise FaceblurError, and may be cancelled."""

    async def render(self, source: Path, output: Path, on_event: Emit) -> None:
        """Write an output again with all edits of its sidecar."""

    async def audit(self, source: Path, output: Path, on_progress: Progress) -> None:
        """Audit an output, and write the report beside it."""


class JobRuns(FaceblurError):
    """A job runs on this video already."""


class Work:
    """The jobs, in the event loop. `states` lists them, the last one last."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._states: dict[str, JobState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)

    @property
    def states(self) -> list[JobState]:
        return list(self._states.values())

    def of(self, video: ReviewedVideo) -> JobState | None:
        """The last job of a video."""
        return next((one for one in reversed(self.states) if one.video == video.id), None)

    def check_idle(self, video: ReviewedVideo) -> None:
        """Raises JobRuns while a job runs on a video: it would not have what is edited now."""
        job = self.of(video)
        if job is not None and job.state == "running":
            raise JobRuns(f"{video.name} is being written or audited: wait, or cancel it")

    def begin(self, video: ReviewedVideo, kind: Literal["render", "audit"]) -> JobState:
        """Begin a job. Raises JobRuns."""
        self.check_idle(video)
        step: Literal["rendering", "auditing"] = "rendering" if kind == "render" else "auditing"
        job = JobState(id=str(next(self._numbers)), video=video.id, kind=kind, state="running", step=step)
        self._states[job.id] = job
        self._tasks[job.id] = asyncio.create_task(self._run(job, video))
        for old in [one.id for one in self.states if one.state != "running"][:-MAX_LISTED]:
            del self._states[old]
        return job

    def cancel(self, number: str) -> bool:
        """Cancel a job; whether there is one of this number."""
        if number in self._tasks:
            self._tasks[number].cancel()
        return number in self._states

    async def stop(self) -> None:
        """Cancel all jobs, and wait until they have ended: nothing half written stays."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: JobState, video: ReviewedVideo) -> None:
        try:
            async with self._turn:
                if job.kind == "render":
                    await self._tools.render(video.source, video.output, lambda event: _take(job, event))
                    job.step, job.done, job.total = "auditing", 0, None
                await self._tools.audit(video.source, video.output, lambda *progress: _advance(job, *progress))
            job.state = "done"
        except asyncio.CancelledError:
            job.state, job.reason = "cancelled", "cancelled"
            raise
        except Exception as error:
            job.state, job.reason = "failed", why(error)
        finally:
            del self._tasks[job.id]


def _take(job: JobState, event: Event) -> None:
    match event:
        case RunPlanned(frames=frames):
            job.total = frames
        case FramesMasked(frames=frames):
            job.done += frames


def _advance(job: JobState, done: int, total: int | None) -> None:
    job.done, job.total = done, total

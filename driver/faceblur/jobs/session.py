"""A run as an async session, for services: its events are iterated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

from faceblur.base.events import Event
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.arguments import Paths, endpoint, paths
from faceblur.jobs.report import Report
from faceblur.jobs.video_run import VideoRun

_END: Any = object()


class Session:
    """A run of videos for services: an async context manager, and an async iterator over its events.

    The iteration ends with the run, and raises what ended it early: UsageError or FunctionError. Leaving the context
    before cancels the run; nothing half written stays. `report` is up to date at any time.

    >>> async with faceblur.Session("videos", "blurred") as session:
    ...     async for event in session:
    ...         print(event)
    >>> session.report.ok
    """

    def __init__(
        self,
        inputs: Paths,
        out: str | os.PathLike[str],
        *,
        options: Options | None = None,
        function: Sequence[str] | Endpoint = (),
        overwrite: bool = False,
        jobs: int | None = None,
    ) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._run = VideoRun(
            paths(inputs),
            Path(out),
            options or Options(),
            endpoint(function),
            overwrite=overwrite,
            jobs=jobs,
            on_event=self._events.put_nowait,
        )

    @property
    def report(self) -> Report:
        return self._run.report

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run.run())
        self._task.add_done_callback(lambda _: self._events.put_nowait(_END))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not _END:
            yield event
        self._events.put_nowait(_END)  # a second iteration ends at once
        await self._task

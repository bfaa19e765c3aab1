"""The API of a run: functions that block, and an async session whose events are iterated."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from faceblur.base.events import Emit, Event
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.image_run import ImageRun
from faceblur.jobs.report import Report
from faceblur.jobs.run import Run
from faceblur.jobs.video_run import VideoRun

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Done = TypeVar("Done")
_END: Any = object()


def blur(
    inputs: Paths,
    out: str | os.PathLike[str],
    *,
    options: Options | None = None,
    function: Sequence[str] | Endpoint = (),
    overwrite: bool = False,
    jobs: int | None = None,
    on_event: Emit | None = None,
) -> Report:
    """Redact videos: files, and every video in directories and below. Outputs keep their tree and names below `out`.

    `function` are the URLs of a deployed function, or an `Endpoint` with more settings; without any, function.yaml's
    function runs on this machine. `jobs` is the number of videos at a time. `on_event` gets every event of
    `faceblur.base.events` as it happens; it is called from another thread where an event loop runs in this one.

    The report has each file's state: a file that fails does not raise. Raises UsageError, a ValueError, when the call
    is wrong, and FunctionError when no function answers.

    >>> report = faceblur.blur("videos", "blurred", options=faceblur.Options(style="solid"))
    >>> report.ok, [one.reason for one in report.failed]
    """
    run = VideoRun(
        paths(inputs),
        Path(out),
        options or Options(),
        endpoint(function),
        overwrite=overwrite,
        jobs=jobs,
        on_event=on_event,
    )
    return run_blocking(run.execute())


def blur_images(
    inputs: Paths,
    out: str | os.PathLike[str],
    *,
    options: Options | None = None,
    function: Sequence[str] | Endpoint = (),
    overwrite: bool = False,
    on_event: Emit | None = None,
) -> Report:
    """Redact images, animated ones too; arguments and errors as of `blur`."""
    run = ImageRun(
        paths(inputs), Path(out), options or Options(), endpoint(function), overwrite=overwrite, on_event=on_event
    )
    return run_blocking(run.execute())


class Session:
    """A run of videos for services: an async context manager, and an async iterator over its events.

    The iteration ends with the run, and raises what ended it early: UsageError or FunctionError. Leaving the context
    before cancels the run; nothing half written stays. `report` is true at any moment.

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
        self._run: Run = VideoRun(
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
        self._task = asyncio.create_task(self._run.execute())
        self._task.add_done_callback(lambda _: self._events.put_nowait(_END))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not _END:
            yield event
        await self._task


def paths(inputs: Paths) -> list[Path]:
    """One path or several as a list of paths."""
    return [Path(inputs)] if isinstance(inputs, str | os.PathLike) else [Path(one) for one in inputs]


def endpoint(function: Sequence[str] | Endpoint) -> Endpoint:
    """The URLs of a function, or an endpoint, as an endpoint."""
    if isinstance(function, Endpoint):
        return function
    return Endpoint(urls=(function,) if isinstance(function, str) else tuple(function))


def run_blocking(work: Coroutine[Any, Any, Done]) -> Done:
    """Run async work to its end from code that is not async, also where an event loop runs, as in a notebook.

    Ctrl-C cancels the work and waits until it has cleaned up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _run_in_thread(work)


def _run_in_thread(work: Coroutine[Any, Any, Done]) -> Done:
    """Run work in an event loop of a thread of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])), name="faceblur")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    finally:
        if not thread.is_alive():
            loop.close()
    return task.result()

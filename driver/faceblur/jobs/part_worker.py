"""The worker: takes parts from a ledger, several at a time. `run` and `work` are both this one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from faceblur.base import work_item
from faceblur.jobs.job import Job
from faceblur.jobs.parallel_files import CHECK_SECONDS, ParallelFiles
from faceblur.jobs.parts import Ledger, Part
from faceblur.jobs.report import FileReport
from faceblur.redaction.threads import FileWork
from faceblur.redaction.written import Written


class PartWorker:
    """Has `redact` write the parts of a ledger. What happens goes into the report of `job` and to its listener."""

    def __init__(
        self,
        job: Job,
        ledger: Ledger,
        redact: Callable[[Part, FileWork], Awaitable[Written]],
        codecs: Executor,
        parallel: ParallelFiles,
    ) -> None:
        self._job, self._ledger, self._redact = job, ledger, redact
        self._codecs, self._parallel = codecs, parallel
        self._running: dict[asyncio.Task[None], Part] = {}

    async def work(self) -> None:
        """Work until the ledger is over. On cancellation the running parts are stopped."""
        try:
            while True:
                await self._take_parts()
                if not self._running and await self._ledger.is_over():
                    return
                await self._wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take_parts(self) -> None:
        """Start as many parts as should run. One that may have ended a worker before runs alone."""
        while len(self._running) < self._parallel.wanted() and not any(one.alone for one in self._running.values()):
            if (part := await self._ledger.take()) is None:
                return
            part.task = asyncio.create_task(self._do(part, after=list(self._running) if part.alone else []))
            self._running[part.task] = part

    async def _wait(self) -> None:
        """Until a part ends, or it is time to take more."""
        if not self._running:
            await asyncio.sleep(self._ledger.poll)
            return
        done, _ = await asyncio.wait(self._running, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._running[task]
            task.result()

    async def _do(self, part: Part, after: list[asyncio.Task[None]]) -> None:
        """Bring a part to its end, in a task of its own. Raises CancelledError when the worker stops."""
        work_item.current.set(part.item)
        try:
            if await part.recovered():
                return
            if after:
                await asyncio.wait(after)
            await self._write(part)
        except asyncio.CancelledError:
            if not await part.stopped():
                raise

    async def _write(self, part: Part) -> None:
        one, failure = part.file, None
        report = part.report = self._job.report.files[one.source] = FileReport(one.source, one.target)
        with self._job.running(one, self._codecs, part.claim) as file:
            try:
                file.written = await self._redact(part, file.work)
            except Exception as error:
                failure = error
                raise
        await part.ended(report, failure)

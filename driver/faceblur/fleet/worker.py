"""A worker of a fleet: takes parts from the ledger, redacts them, and tells the ledger how each ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import uuid
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from faceblur.base import work_item
from faceblur.base.errors import LedgerAway, LedgerError
from faceblur.base.events import Emit
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.endpoint import Endpoint
from faceblur.fleet.failures import kind_of
from faceblur.fleet.heartbeat import Heartbeat
from faceblur.fleet.patience import until_answered
from faceblur.fleet.publishing import LedgerPublication, finish_publishing, remove_attempt
from faceblur.jobs.bottleneck import BottleneckSampler
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.function_connection import connected
from faceblur.jobs.job import Job
from faceblur.jobs.load_metrics import FunctionLoad
from faceblur.jobs.report import FileReport, Report
from faceblur.jobs.scheduler import ParallelFiles
from faceblur.ledger.claims import LEASE_SECONDS, Answer, Claim, Progress, claim, requeue_lost
from faceblur.ledger.database import Database
from faceblur.ledger.endings import fail, finish, give_back
from faceblur.ledger.queries import is_empty
from faceblur.redaction.sidecar_format import FunctionUsed
from faceblur.redaction.video import redact_video

log = logging.getLogger("faceblur")
TAKEN_OVER = "another worker took it over"
POLL_SECONDS = 5.0  # from one look for work to the next while there is none
GOODBYE_SECONDS = 1.0  # for giving a part back when the worker is stopped; its lease would end by itself too


@dataclass(frozen=True, slots=True)
class Tools:
    """What every part is redacted with."""

    database: Database
    client: FunctionClient
    function: FunctionUsed
    codecs: Executor


class FleetWorker(Job):
    """Takes parts until it is cancelled, or, with `until_empty`, until none waits or runs anywhere.

    `jobs` parts run at a time; None: as many as keep the function busy. A worker that is silent for `lease` seconds
    loses its parts. The `journal` of the crash guard tells which parts an earlier process of this worker died of.
    """

    def __init__(
        self,
        ledger: str,
        endpoint: Endpoint,
        *,
        until_empty: bool = False,
        jobs: int | None = None,
        lease: float = LEASE_SECONDS,
        on_event: Emit | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(on_event, journal)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._ledger, self._endpoint, self._until_empty, self._jobs = ledger, endpoint, until_empty, jobs
        self._lease, self._poll = lease, min(POLL_SECONDS, lease / 8)
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._began: dict[int, float] = {}
        self._verdicts: dict[int, Answer] = {}
        self.load: FunctionLoad | None = None

    async def execute(self) -> Report:
        """Work. Raises LedgerError if the ledger cannot be used, FunctionError if no function answers at first."""
        async with Database(self._ledger) as database:
            for crashed, by in self._journal.crashed_claims:
                reason = f"a codec died while it was read or written ({by}): the file may be damaged"
                await until_answered(partial(fail, database, crashed, "crash", reason))
            if self._until_empty and await is_empty(database):
                return self.report
            async with connected(self._endpoint, self.emit) as (client, info, codecs):
                function = FunctionUsed(model=info.model, weights_sha256=info.weights_sha256, device=info.device)
                loop = asyncio.get_running_loop()

                def heard(part: int, answer: Answer) -> None:
                    loop.call_soon_threadsafe(self._heed, part, answer)

                sampler = BottleneckSampler(
                    self.report.running.values, lambda: client.limit.full, adaptive=client.limit.adaptive
                )
                self.load = FunctionLoad(client.statistics, client.limit, sampler.seconds)
                with Heartbeat(self._ledger, self._progress, heard, self._lease):
                    async with sampler:
                        await self._work(Tools(database, client, function, codecs))
        return self.report

    async def _work(self, tools: Tools) -> None:
        parallel = ParallelFiles(tools.client.limit, self._jobs)
        looked = -self._poll
        try:
            while True:
                try:
                    if time.monotonic() - looked >= self._poll:
                        looked = time.monotonic()
                        await self._tidy(tools.database)
                    await self._take_parts(tools, parallel)
                    if not self._running and self._until_empty and await is_empty(tools.database):
                        return
                except LedgerAway as error:
                    log.warning("%s", error)
                await self._wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take_parts(self, tools: Tools, parallel: ParallelFiles) -> None:
        """Start as many parts as should run. One that may have ended its worker before runs alone."""
        while len(self._running) < parallel.wanted() and not any(one.suspect for one in self._running.values()):
            if (one := await claim(tools.database, self.owner, lease=self._lease)) is None:
                return
            task = asyncio.create_task(self._do(one, tools, after=list(self._running) if one.suspect else []))
            self._running[task], self._began[one.part] = one, time.monotonic()

    async def _wait(self) -> None:
        """Until a part ends, or it is time to look for work."""
        if not self._running:
            await asyncio.sleep(self._poll)
            return
        done, _ = await asyncio.wait(self._running, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._began[self._running.pop(task).part]
            task.result()

    async def _tidy(self, database: Database) -> None:
        """Queue again what other workers lost, and remove what they left of it."""
        for lost in await requeue_lost(database, lease=self._lease):
            for path in await asyncio.to_thread(remove_attempt, lost):
                log.info("removed %s, left by a worker that stopped", path)

    async def _do(self, one: Claim, tools: Tools, after: list[asyncio.Task[None]]) -> None:
        """Redact a part to its end, in a task of its own. Raises only CancelledError, when the worker stops."""
        work_item.current.set(work_item.WorkItem(one.job, one.part, one.attempt))
        try:
            if one.recover:
                await self._recover(one, tools.database)
                return
            if after:
                await asyncio.wait(after)
            await self._redact(one, tools)
        except asyncio.CancelledError:
            verdict = self._verdicts.pop(one.part, None)
            if verdict != "lost":
                await self._give_back(one, tools.database, verdict)
            if verdict is None:
                raise

    async def _redact(self, one: Claim, tools: Tools) -> None:
        publication = LedgerPublication(tools.database, one)
        failure: Exception | None = None
        self.report.files[one.source] = FileReport(one.source, one.target)
        try:
            with self.running(PlannedFile(one.source, one.target, one.frames), tools.codecs, claim=one) as file:
                try:
                    options = Options(**one.settings)
                    returned = options.returned or ("frames" if self._endpoint.urls else "faces")
                    file.written = await redact_video(
                        one.target,
                        options,
                        file.work,
                        client=tools.client,
                        function=tools.function,
                        return_frames=returned == "frames",
                        publication=publication,
                    )
                except Exception as error:
                    failure = error
                    raise
        except asyncio.CancelledError:
            if publication.refused:
                log.warning("%s is not published: another worker has it now, or its job was cancelled", one.source)
                self._verdicts.setdefault(one.part, "lost")
            raise
        telling = asyncio.ensure_future(self._tell(one, tools.database, failure))
        try:
            await asyncio.shield(telling)
        except asyncio.CancelledError:
            await asyncio.wait([telling], timeout=GOODBYE_SECONDS)
            raise

    async def _tell(self, one: Claim, database: Database, failure: Exception | None) -> None:
        """Tell the ledger how a part ended. If it is another worker's by now, nothing failed here."""
        report = self.report.files[one.source]
        if failure is None:
            held = await until_answered(lambda: finish(database, one, _result(report)))
        else:
            held = await until_answered(lambda: fail(database, one, kind_of(failure), report.reason))
        if not held:
            log.warning("%s: the ledger does not take how it ended: %s", one.source, TAKEN_OVER)
            if failure is not None:
                report.state, report.reason = "not done", TAKEN_OVER

    async def _recover(self, one: Claim, database: Database) -> None:
        try:
            complete = await asyncio.to_thread(finish_publishing, one)
        except OSError as error:
            complete, reason = False, f"its output cannot get its name: {error.strerror}"
        else:
            reason = "its complete output has vanished or was changed"
        if complete:
            log.info("published %s, which a worker that stopped had completed", one.target)
            held = await until_answered(lambda: finish(database, one, "{}"))
        else:
            held = await until_answered(lambda: fail(database, one, "storage", reason))
        if not held:
            log.warning("%s: the ledger does not take how it ended: %s", one.source, TAKEN_OVER)

    async def _give_back(self, one: Claim, database: Database, verdict: Answer | None) -> None:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await give_back(database, one, "cancelled" if verdict == "cancel" else "released")
        except (LedgerError, TimeoutError) as error:
            log.warning("%s: another worker takes it once its lease has ended (%s)", one.source, error)

    def _progress(self) -> list[Progress]:
        """How far each claim is. On the heartbeat's thread."""
        now, progress = time.monotonic(), []
        for one in list(self._running.values()):
            report = self.report.running.get(one.source)
            frames = report.masked if report is not None else 0
            progress.append(Progress(one, frames, frames / max(now - self._began[one.part], 1e-3)))
        return progress

    def _heed(self, part: int, answer: Answer) -> None:
        """Stop a part that is lost, paused or cancelled."""
        if answer == "ok":
            return
        for task, one in self._running.items():
            if one.part == part and part not in self._verdicts:
                self._verdicts[part] = answer
                task.cancel()


def _result(report: FileReport) -> str:
    """What the ledger keeps of a file's report, as JSON."""
    kept = {"frames": report.frames, "faces": report.faces, "searched": report.searched, "seconds": report.seconds}
    return json.dumps(kept | {"left_out": report.left_out, "damage": report.damage})

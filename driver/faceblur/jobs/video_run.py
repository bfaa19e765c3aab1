"""Redacts the videos of a ledger: of one in memory for a run, of one that many workers share for a fleet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path

from faceblur.base.errors import UsageError
from faceblur.base.events import Emit, RunEnded
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.bottleneck import BottleneckSampler
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import find_videos
from faceblur.jobs.function_connection import connected
from faceblur.jobs.function_load import FunctionLoad
from faceblur.jobs.job import Job
from faceblur.jobs.memory_ledger import MemoryLedger
from faceblur.jobs.parallel_files import ParallelFiles
from faceblur.jobs.part_worker import PartWorker
from faceblur.jobs.parts import Ledger, Part
from faceblur.jobs.report import Report
from faceblur.jobs.run import Run
from faceblur.media.encoder_choice import check_encoder
from faceblur.redaction.sidecar_format import FunctionUsed
from faceblur.redaction.threads import FileWork
from faceblur.redaction.video import redact_video
from faceblur.redaction.written import Written

log = logging.getLogger("faceblur")


class VideoRun(Run):
    """Redacts videos, `jobs` at a time (None: as many as keep the function busy). Raises UsageError below 1."""

    kind = "video"

    def __init__(
        self,
        inputs: Sequence[Path],
        outdir: Path,
        options: Options,
        endpoint: Endpoint,
        *,
        overwrite: bool = False,
        jobs: int | None = None,
        journal: Journal | None = None,
        on_event: Emit | None = None,
    ) -> None:
        super().__init__(inputs, outdir, options, endpoint, overwrite=overwrite, on_event=on_event, journal=journal)
        if jobs is not None and jobs < 1:
            raise UsageError(f"jobs: {jobs} is less than 1")
        self._jobs = jobs

    async def execute(self) -> Report:
        """Redact everything. Raises UsageError or FunctionError; may be cancelled."""
        codec = check_encoder(self.options.encoder) if self.options.encoder else None
        found = await self.find(partial(find_videos, codec=codec, journal=self._journal))
        if waiting := self.plan(found):
            ledger = MemoryLedger(waiting, self.options, suspects=self._journal.suspects, jobs=self._jobs)
            await redact_parts(self, ledger, self.endpoint, self._jobs)
        return self.report


class LedgerRun(Job):
    """Redacts what a given ledger hands out, `jobs` videos at a time, until it is over or this is cancelled.

    It works in the context that `submitted` opens for this job: it puts the videos in.
    """

    def __init__(
        self,
        ledger: AbstractAsyncContextManager[Ledger],
        endpoint: Endpoint,
        *,
        jobs: int | None = None,
        journal: Journal | None = None,
        on_event: Emit | None = None,
        submitted: Callable[[Job], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        super().__init__(on_event, journal)
        self._ledger, self._endpoint, self._jobs = ledger, endpoint, jobs
        self._submitted = submitted or (lambda _: nullcontext())

    async def execute(self) -> Report:
        """Redact. Raises LedgerError if the ledger cannot be used, FunctionError if no function answers at first."""
        async with self._submitted(self), self._ledger as ledger:
            if not await ledger.is_over():
                await redact_parts(self, ledger, self._endpoint, self._jobs)
            elif not self.report.files:
                log.warning("no video waits or runs in this ledger: `faceblur submit` puts videos in")
        return self.report


async def redact_parts(job: Job, ledger: Ledger, endpoint: Endpoint, jobs: int | None) -> None:
    """Redact the parts of a ledger until it is over, for a job, which gets the bottleneck at the end.

    `jobs` run at a time; None: as many as keep the function busy. Raises FunctionError if none answers at first.
    """
    async with connected(endpoint, job.emit) as (client, info, codecs):
        local, limit = not endpoint.urls, client.limit
        function = FunctionUsed(
            model=info.model,
            weights_sha256=info.weights_sha256,
            device=info.device,
            detect_size=info.detect_size or None,
        )
        # The function on this machine is this very code: there is nothing to verify.
        returned = "faces" if local else "frames"

        async def redact(part: Part, work: FileWork) -> Written:
            options = part.options()
            return await redact_video(
                part.file.target,
                options,
                work,
                client=client,
                function=function,
                return_frames=(options.returned or returned) == "frames",
                publication=part.publication,
            )

        sampler = BottleneckSampler(job.report.running.values, lambda: limit.full, adaptive=limit.adaptive)
        job.load = FunctionLoad(client.statistics, limit, sampler.seconds)
        try:
            async with sampler:
                await PartWorker(job, ledger, redact, codecs, ParallelFiles(limit, jobs)).work()
        finally:
            lines = (limit.summary(), sampler.summary(client.statistics, local=local))
            # A run that wrote nothing says nothing about speed.
            written = any(one.state == "done" for one in job.report.files.values())
            job.emit(RunEnded(tuple(filter(None, lines)) if written else ()))

"""A run over videos: several at a time where one does not keep the function busy, with its bottleneck at the end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from faceblur.base.errors import UsageError
from faceblur.base.events import Emit, RunEnded
from faceblur.base.options import Options
from faceblur.detection.client import FunctionClient
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.bottleneck import BottleneckSampler
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import PlannedFile, find_videos
from faceblur.jobs.function_connection import connected
from faceblur.jobs.report import Report
from faceblur.jobs.run import Run
from faceblur.jobs.scheduler import run_files
from faceblur.media.encoder_choice import check_encoder
from faceblur.redaction.sidecar_format import FunctionUsed
from faceblur.redaction.video import redact_video
from faceblur_function import wire


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
            async with connected(self.endpoint, self.emit) as (client, info, codecs):
                await self._redact_all(waiting, client, info, codecs)
        return self.report

    async def _redact_all(
        self, waiting: list[PlannedFile], client: FunctionClient, info: wire.Info, codecs: Executor
    ) -> None:
        local, limit = not self.endpoint.urls, client.limit
        function = FunctionUsed(model=info.model, weights_sha256=info.weights_sha256, device=info.device)
        # The function on this machine is this very code: there is nothing to verify.
        returned = self.options.returned or ("faces" if local else "frames")

        async def redact(one: PlannedFile) -> None:
            with self.running(one, codecs) as file:
                file.written = await redact_video(
                    one.target,
                    self.options,
                    file.work,
                    client=client,
                    function=function,
                    return_frames=returned == "frames",
                )

        sampler = BottleneckSampler(self.report.running.values, lambda: limit.full, adaptive=limit.adaptive)
        suspects = [one for one in waiting if one.source in self._journal.suspects]
        rest = [one for one in waiting if one.source not in self._journal.suspects]
        try:
            async with sampler:
                # A file that may have crashed an earlier run runs alone, so that its crash shows which one it was.
                await run_files(suspects, redact, limit, jobs=1)
                await run_files(rest, redact, limit, jobs=self._jobs)
        finally:
            lines = (limit.summary(), sampler.summary(client.statistics, local=local))
            self.emit(RunEnded(tuple(filter(None, lines))))

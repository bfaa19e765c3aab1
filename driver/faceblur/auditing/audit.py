"""The audit of one output: aligns it with its source, checks every pair of frames in order, and writes the report."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from faceblur.auditing.audit_tally import AuditTally
from faceblur.auditing.detectors import detector_endpoints
from faceblur.auditing.frame_alignment import Alignment
from faceblur.auditing.frame_checks import FrameChecks, check_detections, check_frames
from faceblur.auditing.frame_pairs import FramePair, align_streams, frame_pairs
from faceblur.auditing.html_page import html_page
from faceblur.auditing.progress import AuditProgress, AuditStage
from faceblur.auditing.report import AuditDetector, AuditReport, report_path
from faceblur.auditing.second_pass import second_pass
from faceblur.auditing.stream_pairs import AuditedFiles, StreamPair, pair_streams
from faceblur.base.atomic_files import write_complete
from faceblur.base.errors import FramesChange, MediaError, OutsideFrame, UsageError
from faceblur.detection.client import FunctionClient
from faceblur.detection.connect import connect
from faceblur.detection.endpoint import Endpoint
from faceblur.media.pyav import READ_ERRORS, reason
from faceblur.media.survey import Survey
from faceblur.media.unsearched_parts import UnsearchedPart, unsearched_parts
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.threads import OwnThread
from faceblur_function import wire

log = logging.getLogger("faceblur")

Alignments = dict[StreamPair, Alignment]


async def audit(
    source: Path,
    output: Path,
    sidecar: Path | None = None,
    *,
    endpoint: Endpoint,
    on_progress: Callable[[AuditProgress], None] | None = None,
    write: bool = True,
) -> AuditReport:
    """Compare an output with its source; `sidecar` None is the one beside the output. May be cancelled.

    `on_progress` is called in the event loop's thread: at the begin of each stage, and for each frame. `write` writes
    the report as JSON and as an HTML page beside the output (`report_path`). Raises UsageError, MediaError or
    SidecarError for files that cannot be compared or written, FunctionError when a detector does not answer.
    """
    sidecar = sidecar or sidecar_path(output)
    try:
        files = await asyncio.to_thread(pair_streams, source, output, sidecar)
    except FramesChange:
        files = await _surveyed(source, output, sidecar)
    on_progress = on_progress or (lambda _: None)
    async with AsyncExitStack() as stack:
        clients: list[FunctionClient] = []
        detectors: list[AuditDetector] = []
        for one in await asyncio.to_thread(detector_endpoints, endpoint):
            client, info = await stack.enter_async_context(connect(one))
            clients.append(client)
            detectors.append(AuditDetector(model=info.model, device=info.device, weights_sha256=info.weights_sha256))
            log.info("detector: %s on %s (%s)", info.model, info.device, info.provider)
        try:
            report, alignments = await _Audit(files, clients, detectors, on_progress).run()
        except (FramesChange, OutsideFrame):
            if files.canvases is not None:  # it is the output whose frames change, or the sidecar is wrong
                raise
            files = await _surveyed(source, output, sidecar)
            report, alignments = await _Audit(files, clients, detectors, on_progress).run()
    if write:
        try:
            await asyncio.to_thread(_write, report, files, alignments)
        except OSError as error:
            raise UsageError(f"the report cannot be written beside {output}: {error.strerror}") from error
    return report


async def _surveyed(source: Path, output: Path, sidecar: Path) -> AuditedFiles:
    """The files, once it is known which form the run gave to the source's frames."""
    async with OwnThread(partial(Survey, source, tolerate=True), "survey") as own:
        canvases = await own.call(own.object.choose_canvases, own.stop)
    return await asyncio.to_thread(pair_streams, source, output, sidecar, canvases)


def _write(report: AuditReport, files: AuditedFiles, alignments: Alignments) -> None:
    # The generators open the videos only where the page shows frames of them.
    frames = {pair.source: frame_pairs(files, pair, alignment) for pair, alignment in alignments.items()}
    write_complete(report_path(files.output, "html"), html_page(report, frames))
    content = report.model_dump_json(indent=2, exclude_none=True).encode()
    write_complete(report_path(files.output, "json"), content)


class _Audit:
    """One audit: `clients` are the detectors of the second pass."""

    def __init__(
        self,
        files: AuditedFiles,
        clients: Sequence[FunctionClient],
        detectors: list[AuditDetector],
        on_progress: Callable[[AuditProgress], None],
    ) -> None:
        self._files, self._clients, self._detectors = files, clients, detectors
        self._report_progress = on_progress
        self._progress = AuditProgress("align", total=files.frames)
        self._tally = AuditTally(files.header.settings)

    async def run(self) -> tuple[AuditReport, Alignments]:
        """The report, and which frames belong together."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        alignments: Alignments = {}

        def aligned() -> None:
            loop.call_soon_threadsafe(self._advance, 1, 0)

        with ThreadPoolExecutor(1, "read") as read_thread, ThreadPoolExecutor(2, "check") as checkers:
            try:
                self._begin("align")
                for pair in self._files.pairs:
                    alignments[pair] = await loop.run_in_executor(
                        read_thread, align_streams, self._files, pair, aligned, stop
                    )
                self._begin("check")
                for pair, alignment in alignments.items():
                    self._tally.begin(pair, alignment)
                    await self._check_stream(pair, alignment, read_thread, checkers)
                    self._tally.end()
                for part in await loop.run_in_executor(read_thread, self._find_unsearched):
                    self._tally.add_part(part)
                self._begin("report")
            finally:
                stop.set()
        for stream in self._files.surplus:
            self._tally.add_surplus(stream)
        return self._report(), alignments

    def _find_unsearched(self) -> list[UnsearchedPart]:
        output, settings = self._files.output, self._files.header.settings
        try:
            return unsearched_parts(output, keep_location=bool(settings.keep_location))
        except READ_ERRORS as error:
            raise MediaError(f"{output}: cannot be read: {reason(error)}") from error

    async def _check_stream(
        self, pair: StreamPair, alignment: Alignment, read_thread: Executor, checkers: Executor
    ) -> None:
        """Check all pairs of a stream: as many at once as the detectors take, added to the tally in order."""
        loop = asyncio.get_running_loop()
        in_flight = max((client.limit.limit for client in self._clients), default=2)
        pending: deque[tuple[FramePair, asyncio.Task[FrameChecks | None]]] = deque()
        walk = frame_pairs(self._files, pair, alignment)
        try:
            while frames := await loop.run_in_executor(read_thread, next, walk, None):
                pending.append((frames, asyncio.create_task(self._check_pair(frames, checkers))))
                while len(pending) > in_flight:
                    await self._add_first(pending)
            while pending:
                await self._add_first(pending)
        finally:
            for _, task in pending:
                task.cancel()
            try:
                await asyncio.gather(*(task for _, task in pending), return_exceptions=True)
            finally:
                await asyncio.shield(loop.run_in_executor(read_thread, walk.close))

    async def _add_first(self, pending: deque[tuple[FramePair, asyncio.Task[FrameChecks | None]]]) -> None:
        """Wait for the first of the checks in flight, and add it to the tally."""
        frames, task = pending.popleft()
        checks = await task
        self._tally.add(frames, checks)
        self._advance(1, 0 if frames.line is None else len(frames.line.faces))

    async def _check_pair(self, pair: FramePair, checkers: Executor) -> FrameChecks | None:
        """Compare a pair of frames, and have the detectors search both; None where it is a single frame."""
        if pair.source is None or pair.output is None or pair.line is None:
            return None
        loop, settings = asyncio.get_running_loop(), self._files.header.settings
        seconds = pair.source_seconds, pair.output_seconds
        source = await loop.run_in_executor(checkers, pair.source.upright)
        output = await loop.run_in_executor(checkers, pair.output.upright)
        checks, detections = await asyncio.gather(
            loop.run_in_executor(checkers, check_frames, pair.line, seconds, (source, output), settings),
            second_pass(self._clients, source, output, wire.RequestOptions(threshold=settings.low_threshold)),
        )
        await loop.run_in_executor(checkers, check_detections, checks, pair.line, seconds[0], detections)
        return checks

    def _report(self) -> AuditReport:
        files, groups = self._files, self._tally.findings
        findings, watch = groups.finish()
        return AuditReport(
            source=str(files.source),
            output=str(files.output),
            sidecar=str(files.sidecar),
            passed=not findings,
            facts=self._tally.facts(files.header.frame_wh),
            detectors=self._detectors,
            counts=dict(groups.counts),
            findings=findings,
            watch=watch,
        )

    def _begin(self, stage: AuditStage) -> None:
        self._progress = AuditProgress(stage, total=None if stage == "report" else self._files.frames)
        self._report_progress(self._progress)

    def _advance(self, frames: int, faces: int) -> None:
        now = self._progress
        self._progress = replace(now, frames=now.frames + frames, faces=now.faces + faces)
        self._report_progress(self._progress)

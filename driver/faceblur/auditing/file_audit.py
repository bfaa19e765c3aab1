"""The audit of one output by detectors that are connected: checks every stream, and writes the report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from faceblur.auditing.audit_tally import AuditTally
from faceblur.auditing.file_digests import file_digests
from faceblur.auditing.frame_alignment import Alignment
from faceblur.auditing.frame_pairs import PairReader, frame_pairs
from faceblur.auditing.html_page import html_page
from faceblur.auditing.mending import with_command
from faceblur.auditing.progress import AuditProgress, AuditStage
from faceblur.auditing.report import AuditReport, FileDigests, as_json, report_path
from faceblur.auditing.report_files import check_writable, write_report
from faceblur.auditing.search_journal import SUFFIX, SearchJournal
from faceblur.auditing.source_search import Detectors, SourceSearch
from faceblur.auditing.steps import StreamPair
from faceblur.auditing.stream_audit import StreamAudit
from faceblur.auditing.stream_pairs import AuditedFiles, pair_streams
from faceblur.base.atomic_files import fitting_name
from faceblur.base.errors import FramesChange, MediaError, OutsideFrame
from faceblur.media.lost_tracks import late_sound, lost_tracks
from faceblur.media.pyav import READ_ERRORS, reason
from faceblur.media.survey import Survey
from faceblur.media.unsearched_parts import UnsearchedPart, unsearched_parts
from faceblur.redaction.edits import read_edits
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import edits_path
from faceblur.redaction.threads import OwnThread, codec_threads
from faceblur_function import __version__

CHANGED = "it or its sidecar was changed while it was audited: audit it again"
Alignments = dict[StreamPair, Alignment]
OnProgress = Callable[[AuditProgress], None]


async def opened(source: Path, output: Path, sidecar: Path) -> AuditedFiles:
    """The files to compare. Raises UsageError, MediaError or SidecarError where they do not belong together."""
    try:
        return await asyncio.to_thread(pair_streams, source, output, sidecar)
    except FramesChange:
        return await _surveyed(source, output, sidecar)


async def audit_files(
    files: AuditedFiles, detectors: Detectors, *, on_progress: OnProgress | None = None, write: bool = True
) -> AuditReport:
    """Audit an output by detectors that are connected. Raises what `audit` does; may be cancelled."""
    on_progress = on_progress or (lambda _: None)
    if write:
        await asyncio.to_thread(check_writable, files.output.parent)
    try:
        return await _audited(files, detectors, on_progress, write)
    except (FramesChange, OutsideFrame):
        if files.canvases is not None:  # it is the output whose frames change, or the sidecar is wrong
            raise
        files = await _surveyed(files.source, files.output, files.sidecar)
        return await _audited(files, detectors, on_progress, write)


async def _audited(files: AuditedFiles, detectors: Detectors, on_progress: OnProgress, write: bool) -> AuditReport:
    path = files.output.with_name(fitting_name(files.output.name, SUFFIX)) if write else None
    # What is detected is of frames in one form.
    of = f"{await asyncio.to_thread(search_identity, files, detectors)} {files.canvases}"
    with SearchJournal(path, of) as journal:
        audited = await asyncio.to_thread(file_digests, files.output, files.sidecar)
        identity = await asyncio.to_thread(audit_identity, files, detectors, audited)
        if not await asyncio.to_thread(_is_as_opened, files):  # the detectors were loaded meanwhile
            raise MediaError(f"{files.output}: {CHANGED}")
        report, alignments = await _Audit(files, detectors, on_progress, journal).run()
        if await asyncio.to_thread(file_digests, files.output, files.sidecar) != audited:
            raise MediaError(f"{files.output}: {CHANGED}")
        report.of, report.sha256 = identity, audited
        if write:
            await asyncio.to_thread(_write, report, files, alignments)
        journal.complete()
    return report


def _is_as_opened(files: AuditedFiles) -> bool:
    """Whether the sidecar's header and its edits are still those by which the output is to be audited."""
    with SidecarReader(files.sidecar) as reader:
        header = reader.header
    return header == files.header and read_edits(files.sidecar).operations == files.edits.operations


def audit_identity(files: AuditedFiles, detectors: Detectors, digests: FileDigests) -> str:
    """What the report depends on: what the search does, and the output."""
    digest = hashlib.sha256(search_identity(files, detectors).encode())
    digest.update(bytes.fromhex(digests.output or ""))
    return digest.hexdigest()


def search_identity(files: AuditedFiles, detectors: Detectors) -> str:
    """What the search depends on: the source, what is masked, the detectors and this program."""
    digest = hashlib.sha256(__version__.encode())
    for path in (files.sidecar, edits_path(files.sidecar)):
        digest.update(path.read_bytes() if path.exists() else b"")
    digest.update(repr((files.header.video, detectors.infos)).encode())
    return digest.hexdigest()


async def _surveyed(source: Path, output: Path, sidecar: Path) -> AuditedFiles:
    """The files, once it is known which form the run gave to the source's frames."""
    async with OwnThread(partial(Survey, source, tolerate=True), "survey") as own:
        canvases = await own.call(own.object.choose_canvases, own.stop)
    return await asyncio.to_thread(pair_streams, source, output, sidecar, canvases)


def _write(report: AuditReport, files: AuditedFiles, alignments: Alignments) -> None:
    # The generators open the videos only where the page shows frames of them.
    frames = {pair.source: frame_pairs(files, pair, alignment) for pair, alignment in alignments.items()}
    write_report(report_path(files.output, "html"), html_page(report, frames))
    write_report(report_path(files.output, "json"), as_json(report))


class _Audit:
    """One audit by detectors. `journal` keeps what they detect."""

    def __init__(
        self,
        files: AuditedFiles,
        detectors: Detectors,
        on_progress: OnProgress,
        journal: SearchJournal,
    ) -> None:
        self._files, self._detectors = files, detectors
        self._report_progress, self._journal = on_progress, journal
        self._progress = AuditProgress("check", total=files.frames)
        self._tally = AuditTally(files.header.settings, len(detectors.clients))

    async def run(self) -> tuple[AuditReport, Alignments]:
        """The report, and which frames belong together."""
        loop = asyncio.get_running_loop()
        alignments: Alignments = {}
        listed = set[int]()
        with ThreadPoolExecutor(1, "read") as reading, ThreadPoolExecutor(codec_threads(), "image") as threads:
            search = SourceSearch(self._detectors, self._files.header.settings.low_threshold, threads)
            self._begin("check")
            for pair in self._files.pairs:
                audited = StreamAudit(
                    *(partial(PairReader, self._files, pair), pair, self._tally, search, self._journal),
                    reading=reading,
                    threads=threads,
                    advance=self._advance,
                )
                alignments[pair] = await audited.run()
                self._tally = audited.tally
                listed |= audited.listed
            for part in await loop.run_in_executor(reading, self._find_unsearched):
                self._tally.add_part(part)
            tracks, sound = await loop.run_in_executor(reading, self._compare_tracks)
            self._begin("report")
        for stream in self._files.surplus:
            self._tally.add_surplus(stream)
        for stream in sorted(listed.difference(pair.source for pair in self._files.pairs)):
            self._tally.add_lost(stream, f"the video stream {stream} of the source", "the sidecar lists its frames")
        for stream, description in tracks:
            self._tally.add_lost(stream, f"{description} of the source", "a run copies it")
        self._tally.check_sound(sound)
        return self._report(), alignments

    def _find_unsearched(self) -> list[UnsearchedPart]:
        output, settings = self._files.output, self._files.header.settings
        try:
            return unsearched_parts(output, keep_location=bool(settings.keep_location))
        except READ_ERRORS as error:
            raise MediaError(f"{output}: cannot be read: {reason(error)}") from error

    def _compare_tracks(self) -> tuple[list[tuple[int, str]], list[tuple[int, str, float]]]:
        files = self._files
        with files.open_source() as source, files.open_output() as output:
            lost = lost_tracks(source, output, keep_location=bool(files.header.settings.keep_location))
            return lost, late_sound(source, output)

    def _report(self) -> AuditReport:
        files, groups = self._files, self._tally.findings
        findings, watch = groups.finish()
        return AuditReport(
            source=str(files.source),
            output=str(files.output),
            sidecar=str(files.sidecar),
            passed=not findings,
            facts=self._tally.facts(files.header.frame_wh),
            detectors=list(self._detectors.infos),
            counts=dict(groups.counts),
            findings=[with_command(one, files) for one in findings],
            watch=[with_command(one, files) for one in watch],
        )

    def _begin(self, stage: AuditStage) -> None:
        self._progress = AuditProgress(stage, total=None if stage == "report" else self._files.frames)
        self._report_progress(self._progress)

    def _advance(self, frames: int, faces: int) -> None:
        now = self._progress
        self._progress = replace(now, frames=now.frames + frames, faces=now.faces + faces)
        self._report_progress(self._progress)

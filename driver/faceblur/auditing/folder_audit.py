"""The audit of many outputs: which belong to which sources, one after the other, and one report of all."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from faceblur.auditing.detectors import connected
from faceblur.auditing.file_audit import audit_files, audit_identity, opened
from faceblur.auditing.file_digests import file_digests
from faceblur.auditing.index_page import INDEX, index_page
from faceblur.auditing.mending import as_they_lie
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport, FileVerdict, FolderReport, as_json, read_report, report_path
from faceblur.auditing.report_files import check_writable, write_report
from faceblur.auditing.source_search import Detectors
from faceblur.auditing.stream_pairs import SOURCE_FIRST, AuditedFiles
from faceblur.auditing.videos_below import videos_below
from faceblur.base.atomic_files import held_if_free
from faceblur.base.counted import counted
from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.detection.endpoint import Endpoint
from faceblur.redaction.named_source import named_in
from faceblur.redaction.sidecar_files import SidecarReader, identify, sidecar_path
from faceblur.redaction.sidecar_format import Identity

log = logging.getLogger("faceblur")
NO_OUTPUT = "there is no output of it"
POLL_SECONDS = 5.0
Planned = Callable[[int, int | None], None]
Advanced = Callable[[Path, AuditProgress], None]


def find_outputs(source: Path, outdir: Path) -> list[FileVerdict]:
    """The outputs below a folder with their sources, and what cannot be audited, with its reason. Raises UsageError.

    A source is looked for below the folder `source` as the outputs lie below theirs, and where it was; or it is that
    file. Of two videos of this name it is the one that the output was made of.
    """
    found, used = [], set()
    outputs, unreadable = videos_below(outdir)
    sources, lost_sources = videos_below(source) if source.is_dir() else ([], [])
    _check_order(source, outdir, outputs, sources)
    found += [FileVerdict(source="", output=str(path), reason=reason) for path, reason in unreadable]
    for output in outputs:
        verdict = _paired(source, output, outdir)
        found.append(verdict)
        if not verdict.reason:
            used.add(Path(verdict.source).resolve())
    if source.is_dir():
        found += [FileVerdict(source=str(path), output="", reason=reason) for path, reason in lost_sources]
        for path in sources:
            if path.resolve() not in used and outdir.resolve() not in path.resolve().parents:
                found.append(FileVerdict(source=str(path), output="", reason=NO_OUTPUT))
    return found


def _check_order(source: Path, outdir: Path, outputs: Sequence[Path], sources: Sequence[Path]) -> None:
    """Refuse outputs that are named before their sources. Raises UsageError."""
    if _have_sidecar(sources or [source]) and outputs and not _have_sidecar(outputs):
        raise UsageError(f"{outdir}: there is no output of a run in it, but in {source}: {SOURCE_FIRST}")


def _have_sidecar(videos: Sequence[Path]) -> bool:
    return any(os.path.exists(sidecar_path(one)) for one in videos)


def _paired(source: Path, output: Path, outdir: Path) -> FileVerdict:
    sidecar = sidecar_path(output)
    if not os.path.exists(sidecar):  # unlike `Path.exists` it does not raise
        return FileVerdict(source="", output=str(output), reason=f"it has no sidecar {sidecar.name}")
    try:
        with SidecarReader(sidecar) as reader:
            video = reader.header.video
    except SidecarError as error:
        return FileVerdict(source="", output=str(output), reason=str(error))
    below = source / output.relative_to(outdir).parent
    places = [named_in(below, video.name), named_in(sidecar.parent, video.path or video.name)]
    places = [source] if source.is_file() else places
    found = [place for place in places if os.path.isfile(place) and not place.samefile(output)]
    if found:
        # Where none is the right one, the audit says of the first that it is another video.
        right = next((place for place in found if _is_of(place, video)), found[0])
        return FileVerdict(source=str(right), output=str(output))
    return FileVerdict(source=str(places[0]), output=str(output), reason=f"its source {video.name} is not there")


def _is_of(place: Path, video: Identity) -> bool:
    try:
        return identify(place, None).is_of(video)
    except OSError:
        return False


async def audit_outputs(
    planned: Sequence[FileVerdict],
    *,
    endpoint: Endpoint,
    again: bool = False,
    on_planned: Planned | None = None,
    on_progress: Advanced | None = None,
    index: Path | None = None,
) -> FolderReport:
    """Audit outputs one after the other, and write an index page of all reports into the folder `index`.

    One whose report is up to date is not audited `again`. What another process audits is left to it, as on another
    machine with the same disk, and waited for. Raises FunctionError; UsageError where no index page can be written.
    """
    if index is not None:
        await asyncio.to_thread(check_writable, index)
    waiting = [one for one in planned if not one.reason]
    if on_planned is not None:
        on_planned(len(waiting), sum(await asyncio.to_thread(lambda: [_frames(Path(one.output)) for one in waiting])))
    async with connected(endpoint) as detectors:
        done = await _all_audited(planned, partial(_audited, detectors=detectors, again=again, on_progress=on_progress))
    report = FolderReport(passed=bool(done) and all(one.passed for one in done), files=done)
    if index is not None:
        await asyncio.to_thread(write_report, index / f"{INDEX}.html", index_page(report, index))
        await asyncio.to_thread(write_report, index / f"{INDEX}.json", as_json(report))
    return report


async def _all_audited(
    planned: Sequence[FileVerdict], audited: Callable[[FileVerdict], Awaitable[FileVerdict]]
) -> list[FileVerdict]:
    """Every verdict, in order. What another process holds comes last: its report is known then."""
    done, is_said = list(planned), False
    waiting = [index for index, one in enumerate(planned) if not one.reason]
    while waiting:
        held = []
        for index in waiting:
            with held_if_free(Path(planned[index].output)) as is_free:
                if is_free:
                    done[index] = await audited(planned[index])
                else:
                    held.append(index)
        if held == waiting:
            if not is_said:
                log.warning("waiting for %s that other processes audit", counted(len(held), "output"))
            is_said = True
            await asyncio.sleep(POLL_SECONDS)
        waiting = held
    return done


async def _audited(one: FileVerdict, *, detectors: Detectors, again: bool, on_progress: Advanced | None) -> FileVerdict:
    output = Path(one.output)

    def advance(progress: AuditProgress) -> None:
        if on_progress is not None:
            on_progress(output, progress)

    try:
        files = await opened(Path(one.source), output, sidecar_path(output))
        report = None if again else await asyncio.to_thread(_known, files, detectors)
        if report is None:
            report = await audit_files(files, detectors, on_progress=advance)
    except (MediaError, SidecarError, UsageError) as error:
        return one.model_copy(update={"reason": str(error)})
    return one.model_copy(update={"report": report})


def _known(files: AuditedFiles, detectors: Detectors) -> AuditReport | None:
    """The report of an earlier audit of the same files by the same detectors."""
    try:
        report = read_report(files.output)
    except SidecarError:
        return None
    if report is None:
        return None
    digests = file_digests(files.output, files.sidecar)
    is_same = report.sha256 == digests and report.of == audit_identity(files, detectors, digests)
    is_known = is_same and report_path(files.output, "html").exists()
    return as_they_lie(report, files) if is_known else None


def _frames(output: Path) -> int:
    """How many frames a sidecar lists."""
    with sidecar_path(output).open("rb") as file:
        return max(0, sum(1 for _ in file) - 1)

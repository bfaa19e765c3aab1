"""Puts a tree of videos into the ledger: each with its output's path, its settings, and what identifies it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faceblur.base.errors import SidecarError
from faceblur.base.events import FileEnded, RunPlanned
from faceblur.base.options import Options
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import Discovery, find_videos, nothing_found
from faceblur.jobs.job import Job
from faceblur.ledger.database import Database
from faceblur.ledger.queries import find_unfinished, target_folders
from faceblur.ledger.submissions import Added, NewJob, submit
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.preview_writer import preview_path
from faceblur.redaction.earlier_output import warn_of_edits
from faceblur.redaction.sidecar_files import SidecarReader, identify, sidecar_path
from faceblur.redaction.sidecar_format import Identity, SettingsUsed

JOBS_AT_ONCE = 100  # in one transaction: other workers wait for so long on SQLite
TAKEN = "is the output of another video in the ledger: choose another output folder; --overwrite replaces it"
NOT_DONE = {
    "paused": "its job is paused: `faceblur jobs resume` has it done",
    "cancelled": "its job was cancelled: the same command puts it in again",
}


@dataclass(slots=True)
class Submission:
    """What became of the videos: how many were put in or were there, and which cannot be redacted, with the reason.

    `done` are those that are not put in, with their outputs, which are there; `failed` were set aside before. `jobs`
    are of the videos that workers do or will do, by their keys.
    """

    counts: Counter[str] = field(default_factory=Counter)
    done: dict[Path, Path] = field(default_factory=dict)
    failed: list[Path] = field(default_factory=list)
    jobs: dict[str, NewJob] = field(default_factory=dict)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def add(self, jobs: Sequence[NewJob], added: Sequence[Added]) -> None:
        """Note what became of some jobs."""
        for one, how in zip(jobs, added, strict=True):
            if how == "taken":
                self.broken.append((one.source, f"{one.target} {TAKEN}"))
                continue
            self.counts[how] += 1
            if how == "done":
                self.done[one.source] = one.target
            elif how == "failed":
                self.failed.append(one.source)
            else:
                self.jobs[one.key] = one


async def submit_videos(
    ledger: str,
    inputs: Sequence[Path],
    outdir: Path,
    options: Options,
    *,
    priority: int = 0,
    overwrite: bool = False,
    journal: Journal | None = None,
) -> Submission:
    """Put videos into a ledger. Raises UsageError or LedgerError.

    A video whose output exists, of this very video and with these settings, is not put in, unless `overwrite`. The
    `journal` has the files that are not to be opened.
    """
    codec = check_encoder(options.encoder) if options.encoder else None
    async with Database(ledger) as database:
        found = await asyncio.to_thread(find_videos, inputs, outdir, codec=codec, journal=journal)
        if not found.files and not found.broken:
            raise nothing_found("video", inputs, found)
        submission = Submission(broken=found.broken, others=found.others)
        # Through a link a folder has two names, and two jobs of one output would not know of each other.
        names = await asyncio.to_thread(_by_real_path, await target_folders(database))
        jobs = await asyncio.to_thread(_jobs, found, submission, options, names, priority=priority, overwrite=overwrite)

        def has_output(target: Path) -> bool:
            # `_jobs` found that a sidecar that is there is of other settings, or of another video.
            return target.is_file() and not (options.sidecar and sidecar_path(target).is_file())

        for first in range(0, len(jobs), JOBS_AT_ONCE):
            some = jobs[first : first + JOBS_AT_ONCE]
            added = await submit(database, some, overwrite=overwrite, has_output=has_output)
            submission.add(some, added)
    return submission


@asynccontextmanager
async def submitted_for_run(
    ledger: str,
    inputs: Sequence[Path],
    outdir: Path,
    options: Options,
    run: Job,
    *,
    overwrite: bool,
    journal: Journal,
) -> AsyncIterator[None]:
    """Puts the videos of a run into a ledger, and reports those that are not redacted: at first, and at the end.

    Raises as `submit_videos`.
    """
    found = await submit_videos(ledger, inputs, outdir, options, overwrite=overwrite, journal=journal)
    for path, reason in found.broken:
        run.emit(FileEnded(path, "failed", reason))
    for path, target in found.done.items():
        run.emit(FileEnded(path, "skipped", "it is done; --overwrite writes it again", target))
    for path in found.failed:
        run.emit(FileEnded(path, "failed", "it failed before: `faceblur jobs retry` queues it again"))
    run.emit(RunPlanned(len(found.jobs), None))
    yield
    async with Database(ledger) as database:  # another worker may have done them, or not
        unfinished = await find_unfinished(database, list(found.jobs))
    for key, (state, reason) in unfinished.items():
        source = found.jobs[key].source
        if source not in run.report.files or run.report.files[source].state != "failed":
            run.emit(FileEnded(source, "failed", reason or NOT_DONE.get(state, f"its job is {state}")))
    for key, job in found.jobs.items():
        if key not in unfinished and _is_left_to_others(run, job.source) and job.target.is_file():
            run.emit(FileEnded(job.source, "skipped", "another worker has done it", job.target))


def _is_left_to_others(run: Job, source: Path) -> bool:
    """Whether a run has neither done nor failed a video itself."""
    return source not in run.report.files or run.report.files[source].state == "not done"


def _by_real_path(folders: Iterable[str]) -> dict[str, str]:
    """Folders by their paths without links."""
    return {os.path.realpath(one): one for one in sorted(folders)}


def _jobs(
    found: Discovery,
    submission: Submission,
    options: Options,
    names: Mapping[str, str],
    *,
    priority: int,
    overwrite: bool,
) -> list[NewJob]:
    """The jobs to put in. `names` are those of the folders of outputs in the ledger, by their paths without links."""
    settings = dataclasses.asdict(options)
    jobs = []
    for one in found.files:
        source, folder = one.source.absolute(), one.target.absolute().parent
        target = Path(names.get(os.path.realpath(folder), folder), one.target.name)
        try:
            str(source).encode(), str(target).encode()
            identity = identify(source, None)
        except UnicodeEncodeError:
            submission.broken.append((one.source, "its name is no UTF-8, which the ledger needs: rename it"))
            continue
        except OSError as error:
            submission.broken.append((one.source, f"cannot be read: {error.strerror}"))
            continue
        if not overwrite and _is_current(target, identity, options):
            warn_of_edits(one.target)
            submission.counts["done"] += 1
            submission.done[one.source] = one.target
            continue
        content = dataclasses.asdict(identity)
        del content["name"]
        jobs.append(NewJob(source, target, settings, content, one.frames, priority))
    return jobs


def _is_current(target: Path, identity: Identity, options: Options) -> bool:
    """Whether an output exists that is of this very video and of these settings, by its sidecar."""
    if not target.is_file() or not sidecar_path(target).is_file():
        return False
    try:
        with SidecarReader(sidecar_path(target)) as reader:
            header = reader.header
    except SidecarError:
        return False
    if header.function.verifier is not None and not options.verify:
        return False  # what its second detector rejected is visible
    if options.preview and not preview_path(target).is_file():
        return False
    return header.video.is_of(identity) and header.settings == SettingsUsed.of(options)

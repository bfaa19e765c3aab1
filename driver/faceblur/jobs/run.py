"""A run over many files: what the command line, the API's functions and `Session` all go through.

Paths and options come in; events and a report go out. A file that fails leaves the others alone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from faceblur.base.atomic_files import remove_stale
from faceblur.base.counted import counted
from faceblur.base.errors import FaceblurError, UsageError
from faceblur.base.events import Emit, FileEnded, RunPlanned
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import Discovery, PlannedFile, nothing_found
from faceblur.jobs.failure import why
from faceblur.jobs.job import Job
from faceblur.jobs.report import FileReport
from faceblur.redaction.earlier_output import has_other_choices, is_of_other_video, other_settings, warn_of_edits

log = logging.getLogger("faceblur")
NAMES_SHOWN = 10


class Run(Job):
    """Redacts the files of `inputs` into `outdir`, through the function of `endpoint`.

    Files that the `journal` of the crash guard gave up are not tried again.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        inputs: Sequence[Path],
        outdir: Path,
        options: Options,
        endpoint: Endpoint,
        *,
        overwrite: bool = False,
        on_event: Emit | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(on_event, journal)
        self.inputs, self.outdir, self.options, self.endpoint = inputs, outdir, options, endpoint
        self._overwrite = overwrite

    async def find(self, find: Callable[[Sequence[Path], Path, threading.Event], Discovery]) -> Discovery:
        """What the inputs hold; they are searched in a thread, which ends when this is cancelled. Raises UsageError."""
        stop = threading.Event()
        try:
            found = await asyncio.to_thread(find, self.inputs, self.outdir, stop)
        except FaceblurError:
            raise
        except (OSError, RuntimeError) as error:  # a name that is too long, a link that leads to itself
            raise UsageError(why(error) if isinstance(error, OSError) else str(error)) from error
        finally:
            stop.set()
        _log_unusual(found)
        if not found.files and not found.broken:
            raise nothing_found(self.kind, self.inputs, found)
        for path in await asyncio.to_thread(remove_stale, self.outdir):
            log.info("removed %s, left by a run that was killed", path)
        return found

    def plan(self, found: Discovery) -> list[PlannedFile]:
        """Report the files that are not to be redacted; return those that are."""
        for path, reason in found.broken:
            self.emit(FileEnded(path, "failed", reason))
        for path, first in found.duplicates:
            self.emit(FileEnded(path, "skipped", f"the same file as {first}"))
        waiting = []
        for one in found.files:
            given_up = self._journal.given_up.get(one.source)
            if before := self._journal.ended.get(one.source):
                self.report.files[one.source] = before
            elif given_up:
                self.emit(FileEnded(one.source, "failed", given_up))
            elif one.target.is_file() and not self._overwrite:
                self.emit(self._existing(one))
            else:
                self.report.files[one.source] = FileReport(one.source, one.target)
                waiting.append(one)
        totals = [one.frames for one in waiting]
        self.emit(RunPlanned(len(waiting), sum(filter(None, totals)) if all(totals) else None))
        return waiting

    def _existing(self, one: PlannedFile) -> FileEnded:
        """What becomes of a file whose output exists: one of another video or with other boxes was not asked for."""
        try:
            is_of_other = is_of_other_video(one.target, one.source)
        except OSError as error:
            return FileEnded(one.source, "failed", f"cannot be read: {error.strerror}")
        if is_of_other:
            why = "exists, and was made of another video; --overwrite writes it again"
            return FileEnded(one.source, "failed", f"{one.target} {why}")
        if has_other_choices(one.target, self.options):
            why = "exists, and other boxes or another span were chosen for it; --overwrite writes it again"
            return FileEnded(one.source, "failed", f"{one.target} {why}")
        warn_of_edits(one.target)
        others = other_settings(one.target, self.options)
        why = f"exists, made with other values of {', '.join(others)}" if others else "exists"
        return FileEnded(one.source, "skipped", f"{one.target} {why}; --overwrite writes it again", one.target)


def _log_unusual(found: Discovery) -> None:
    """Warn of files that are left alone, and of outputs that could not have their source's name."""
    if others := found.others:
        names = ", ".join(path.name for path in others[:NAMES_SHOWN]) + (", …" if len(others) > NAMES_SHOWN else "")
        log.warning("%s left alone: %s", counted(len(others), "other file"), names)
    for one in found.renamed:
        log.warning("%s is written to %s: another input has its name", one.source, one.target)

"""What every job has in common: its report, its events, and how one file of it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from faceblur.base.errors import FaceblurError
from faceblur.base.events import Emit, Event, FileEnded, FileStarted
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.report import Report
from faceblur.redaction.threads import FileWork
from faceblur.redaction.written import Written

log = logging.getLogger("faceblur")


class Job:
    """Work on files. `report` is true at any moment.

    `on_event` gets every event once the report has taken it, in the event loop's thread.
    """

    def __init__(self, on_event: Emit | None = None, journal: Journal | None = None) -> None:
        self.report = Report()
        self._on_event = on_event
        self._journal = journal or Journal(None)

    def emit(self, event: Event) -> None:
        """Have the report and the listener take an event."""
        self.report.apply(event)
        if self._on_event is not None:
            self._on_event(event)

    async def _redact_file(
        self, one: PlannedFile, codecs: Executor, redact: Callable[[FileWork], Awaitable[Written]]
    ) -> None:
        """Redact one file, and report how it ended; only cancellation is raised."""
        start = time.perf_counter()
        self.emit(FileStarted(one.source, one.frames))
        self._journal.write("begun", one.source)
        ended = FileEnded(one.source, "not done")
        try:
            written = await redact(FileWork(one.source, codecs, self.emit))
            notes = [f"left out: {note}" for note in written.left_out] + [f"damage: {note}" for note in written.damage]
            seconds = time.perf_counter() - start
            ended = FileEnded(
                one.source, "done", "; ".join(notes), one.target, written.left_out, written.damage, seconds
            )
        except FaceblurError as error:
            ended = FileEnded(one.source, "failed", str(error).removeprefix(f"{one.source}: "))
        except Exception as error:
            log.debug("%s failed", one.source, exc_info=True)
            reason = f"internal error, a bug in faceblur: {type(error).__name__}: {error} (see -vv)"
            ended = FileEnded(one.source, "failed", reason)
        finally:
            self.emit(ended)
            report = self.report.files[one.source] if ended.state != "not done" else None
            self._journal.write("ended", one.source, report)

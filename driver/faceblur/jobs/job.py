"""What every job has in common: its report, its events, and how one file of it ends."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceblur.base.events import Emit, Event, FileEnded, FileStarted
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.failure import why_failed
from faceblur.jobs.function_load import FunctionLoad
from faceblur.jobs.report import Report
from faceblur.redaction.threads import FileWork
from faceblur.redaction.written import Written


@dataclass(slots=True)
class RunningFile:
    """A file that is being redacted; `written` is to be set once its output is complete."""

    work: FileWork
    written: Written | None = None


class Job(ABC):
    """Work on files. `report` is up to date at any time; `load` is None before a function answered.

    `on_event` gets every event once the report has taken it, in the event loop's thread. What it raises ends the job
    and is raised by `execute`.
    """

    def __init__(self, on_event: Emit | None = None, journal: Journal | None = None) -> None:
        self.report = Report()
        self.load: FunctionLoad | None = None
        self._on_event = on_event
        self._event_error: Exception | None = None
        self._journal = journal or Journal(None)

    @abstractmethod
    async def execute(self) -> Report:
        """Do the work. Raises UsageError or FunctionError. May be cancelled: nothing half written stays then."""

    async def run(self) -> Report:
        """Execute it, and note in the report when it ended."""
        try:
            return await self.execute()
        finally:
            self.report.ended = time.monotonic()

    def emit(self, event: Event) -> None:
        """Have the report and the listener take an event."""
        self.report.apply(event)
        if self._on_event is None or self._event_error is not None:
            return
        try:
            self._on_event(event)
        except Exception as error:
            self._event_error = error
            raise

    @contextmanager
    def running(self, one: PlannedFile, codecs: Executor, claim: Any = None) -> Iterator[RunningFile]:
        """While a file is being redacted; reports how it ends. Only cancellation and errors of `on_event` pass.

        `claim` is what the crash guard's journal keeps of it, for a worker of a fleet.
        """
        file, start = RunningFile(FileWork(one.source, codecs, self.emit)), time.perf_counter()
        self.emit(FileStarted(one.source, one.frames))
        self._journal.write("begun", one.source, claim)
        ended = FileEnded(one.source, "not done")
        try:
            yield file
            ended = _done(one, file.written, time.perf_counter() - start)
        except Exception as error:
            if self._event_error is not None:
                raise self._event_error from None
            ended = failed(one.source, error)
        finally:
            self.emit(ended)
            report = self.report.files[one.source] if ended.state != "not done" else None
            self._journal.write("ended", one.source, report)


def _done(one: PlannedFile, written: Written | None, seconds: float) -> FileEnded:
    """How a file ended that raised nothing: it is done only if its output is complete."""
    if written is None:
        raise RuntimeError("no output was written")
    notes = [f"left out: {note}" for note in written.left_out] + [f"damage: {note}" for note in written.damage]
    reason = "; ".join(notes)
    return FileEnded(one.source, "done", reason, one.target, written.left_out, written.damage, seconds, written.by_hand)


def failed(source: Path, error: Exception) -> FileEnded:
    """How a file ended whose redaction raised."""
    return FileEnded(source, "failed", why_failed(source, error))

"""What a worker takes, and where from: a ledger, in memory for one run or in a database for a fleet."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from faceblur.base.options import Options
from faceblur.base.work_item import WorkItem
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.report import FileReport
from faceblur.redaction.publication import DIRECT, Publication


class Part:
    """A file that a worker has taken. `alone`: it may have ended a worker before, so nothing runs beside it.

    `task` is what redacts it, `report` how far that is. `claim` is what the crash guard's journal keeps of it,
    `item` what logs carry of it.
    """

    publication: Publication = DIRECT
    claim: Any = None
    item: WorkItem | None = None
    task: asyncio.Task[None]
    report: FileReport | None = None

    def __init__(self, file: PlannedFile, *, alone: bool) -> None:
        self.file, self.alone = file, alone

    def options(self) -> Options:
        """How it is redacted. Raises UsageError."""
        raise NotImplementedError

    async def recovered(self) -> bool:
        """Whether its output was complete, and only had to get its name."""
        return False

    async def ended(self, report: FileReport, failure: Exception | None) -> None:
        """It is done, or it failed; `report` is complete. Raises the failure if this worker can do no part any more."""

    async def stopped(self) -> bool:
        """Its task was cancelled. Returns whether the ledger wanted that; else it is the worker that stops."""
        return False


class Ledger(Protocol):
    """Hands out parts. `poll` is the number of seconds from one question to the next while there is none."""

    poll: float

    async def take(self) -> Part | None:
        """The next part; None: there is none now."""

    async def is_over(self) -> bool:
        """Whether there will be none any more. Asked while this worker has none."""

"""A part that this worker has claimed in the ledger that it shares with others, to its end."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Literal

from faceblur.base.errors import LedgerError
from faceblur.base.options import Options
from faceblur.base.work_item import WorkItem
from faceblur.fleet.failures import ends_worker, kind_of
from faceblur.fleet.patience import until_answered
from faceblur.fleet.publishing import LedgerPublication, finish_publishing, remove_attempt
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.parts import Part
from faceblur.jobs.report import FileReport
from faceblur.ledger.claims import Answer, Claim
from faceblur.ledger.database import Database
from faceblur.ledger.endings import fail, finish, give_back
from faceblur.ledger.states import ErrorKind

log = logging.getLogger("faceblur")
TAKEN_OVER = "another worker took it over"
GOODBYE_SECONDS = 1.0  # for giving a part back when the worker is stopped; its lease would end by itself too
JobEnded = Callable[[WorkItem, Literal["done", "failed"]], None]


class ClaimedPart(Part):
    """A claim as a worker's part. `forget` is called once the ledger knows how it ended. `began`: `time.monotonic`.

    `job_ended` is called when it failed and is not tried again, or was complete already.
    """

    claim: Claim

    def __init__(
        self, claim: Claim, database: Database, forget: Callable[[ClaimedPart], None], job_ended: JobEnded
    ) -> None:
        super().__init__(PlannedFile(claim.source, claim.target, claim.frames), alone=claim.suspect)
        self.claim, self.began = claim, time.monotonic()
        self.item = claim.item
        self._database, self._forget, self._job_ended = database, forget, job_ended
        self.publication: LedgerPublication = LedgerPublication(database, claim)
        self._verdict: Answer | None = None

    def options(self) -> Options:
        return Options(**self.claim.settings)

    def stop(self, verdict: Answer) -> None:
        """It is lost, or it was paused or cancelled: end its work."""
        if self._verdict is None:
            self._verdict = verdict
            self.task.cancel()

    async def recovered(self) -> bool:
        if not self.claim.recover:
            for earlier in self.claim.earlier():  # who was to remove what they left may have been killed before
                await asyncio.to_thread(remove_attempt, earlier)
            return False
        try:
            complete = await asyncio.to_thread(finish_publishing, self.claim)
        except OSError as error:
            complete, reason = False, f"its output cannot get its name: {error.strerror}"
        else:
            reason = "its complete output has vanished or was changed"
        if complete:
            log.info("published %s, which a worker that stopped had completed", self.claim.target)
            held = await until_answered(lambda: finish(self._database, self.claim, "{}"))
            if held:
                self._job_ended(self.claim.item, "done")
        else:
            held = await self._fail("storage", reason)
        self._check(held)
        self._forget(self)
        return True

    async def ended(self, report: FileReport, failure: Exception | None) -> None:
        telling = asyncio.ensure_future(self._tell(report, failure))
        try:
            await asyncio.shield(telling)
        except asyncio.CancelledError:
            await asyncio.wait([telling], timeout=GOODBYE_SECONDS)
            raise
        self._forget(self)
        if failure is not None and ends_worker(failure):
            raise failure

    async def _tell(self, report: FileReport, failure: Exception | None) -> None:
        """Tell the ledger how the part ended. If it is another worker's by now, nothing failed here."""
        if failure is None:
            held = await until_answered(lambda: finish(self._database, self.claim, _result(report)))
        else:
            held = await self._fail(kind_of(failure), report.reason)
            if not held:
                report.state, report.reason = "not done", TAKEN_OVER
        self._check(held)

    async def _fail(self, kind: ErrorKind, reason: str) -> bool:
        state = await until_answered(lambda: fail(self._database, self.claim, kind, reason))
        if state == "failed":
            self._job_ended(self.claim.item, "failed")
        return state is not None

    def _check(self, held: bool) -> None:
        if not held:
            log.warning("%s: the ledger does not take how it ended: %s", self.claim.source, TAKEN_OVER)

    async def stopped(self) -> bool:
        if self.publication.refused:
            log.warning("%s is not published: another worker has it now, or its job was cancelled", self.claim.source)
            self._verdict = self._verdict or "lost"
        if self._verdict != "lost":
            await self._give_back("cancelled" if self._verdict == "cancel" else "released")
        self._forget(self)
        return self._verdict is not None

    async def _give_back(self, outcome: Literal["cancelled", "released"]) -> None:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await give_back(self._database, self.claim, outcome)
        except (LedgerError, TimeoutError) as error:
            why = str(error) or f"the ledger did not answer within {GOODBYE_SECONDS:g} s"
            log.warning("%s: another worker takes it once its lease has ended (%s)", self.claim.source, why)


def _result(report: FileReport) -> str:
    """What the ledger keeps of a file's report, as JSON."""
    kept = {"frames": report.frames, "faces": report.faces, "searched": report.searched, "seconds": report.seconds}
    kept["function_seconds"] = round(report.function_seconds, 3)
    return json.dumps(kept | {"left_out": report.left_out, "damage": report.damage, "by_hand": report.by_hand})

"""A ledger that many workers share, as one worker sees it: parts are claimed, and their leases renewed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from faceblur.base.errors import LedgerAway
from faceblur.fleet.claimed_part import ClaimedPart, JobEnded
from faceblur.fleet.heartbeat import Heartbeat
from faceblur.fleet.owner import is_gone, new_owner
from faceblur.fleet.patience import until_answered
from faceblur.fleet.publishing import remove_attempt
from faceblur.ledger.claims import LEASE_SECONDS, Answer, Claim, Lost, Progress, claim, end_leases, requeue_lost
from faceblur.ledger.database import Database
from faceblur.ledger.endings import fail
from faceblur.ledger.queries import is_empty

log = logging.getLogger("faceblur")
POLL_SECONDS = 5.0  # from one look for work to the next while there is none


class SharedLedger:
    """The parts of the ledger at `url`, for one worker. An async context manager, in which the heartbeats are sent.

    It is never over, or with `until_empty` once no part waits or runs anywhere. A worker that is silent for `lease`
    seconds loses its parts. So do those of this machine that have ended, once this one starts. `crashed` are the claims
    that an earlier process of this worker died of, each with its signal: the ledger learns of them first. `job_ended`
    gets each job that is over without a part of this worker that says so: it failed and is not tried again, or another
    worker had completed it. Raises LedgerError.
    """

    def __init__(
        self,
        url: str,
        *,
        until_empty: bool = False,
        lease: float = LEASE_SECONDS,
        crashed: Sequence[tuple[Claim, str]] = (),
        job_ended: JobEnded = lambda *_: None,
    ) -> None:
        self.owner, self._job_ended = new_owner(), job_ended
        self._url, self._until_empty, self._lease, self._crashed = url, until_empty, lease, crashed
        self.poll = min(POLL_SECONDS, lease / 8)
        self._tidied = -self.poll
        self._is_idle = False
        self._said: set[bool] = set()  # of an idle worker: that others have videos (False), that nobody has (True)
        self._claimed: dict[int, ClaimedPart] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._database = await self._stack.enter_async_context(Database(self._url))
        self._loop = asyncio.get_running_loop()
        try:
            for one, by in self._crashed:
                reason = f"a codec died while it was read or written ({by}): the file may be damaged"
                state = await until_answered(partial(fail, self._database, one, "crash", reason))
                if state is not None:  # else another worker has it
                    await asyncio.to_thread(remove_attempt, Lost(one.target, one.tag))
                if state == "failed":
                    self._job_ended(one.item, "failed")
            # Only now: an earlier process of another worker may be about to report what it died of.
            for owner in await until_answered(partial(end_leases, self._database, is_gone)):
                log.info("%s has ended: what it was doing is done anew", owner)
        except BaseException:
            await self._stack.aclose()
            raise
        self._stack.enter_context(Heartbeat(self._url, self._progress, self._heard, self._lease))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def take(self) -> ClaimedPart | None:
        try:
            if time.monotonic() - self._tidied >= self.poll:
                self._tidied = time.monotonic()
                await self._tidy()
            if (one := await claim(self._database, self.owner, lease=self._lease, but=list(self._claimed))) is None:
                self._is_idle = not self._claimed
                return None
        except LedgerAway as error:
            log.warning("%s", error)
            return None
        self._is_idle = False
        part = self._claimed[one.part] = ClaimedPart(one, self._database, self._forget, self._job_ended)
        return part

    async def is_over(self) -> bool:
        if not self._until_empty and (not self._is_idle or True in self._said):
            return False
        try:
            empty = await is_empty(self._database)
        except LedgerAway as error:
            log.warning("%s", error)
            return False
        if empty and self._until_empty:
            return True
        if self._is_idle and empty not in self._said:
            self._said.add(empty)
            self._say_why_idle(empty)
        return False

    def _say_why_idle(self, empty: bool) -> None:
        if empty:
            log.warning(
                "no video waits or runs: waiting for more to be submitted. Ctrl-C ends this worker, "
                "`work --until-empty` ends by itself"
            )
            return
        log.warning(
            "waiting for videos that other workers have, or that are tried again later: see `faceblur jobs`; "
            "those of a worker that was killed are free %g s after its last heartbeat",
            self._lease,
        )

    async def _tidy(self) -> None:
        """Queue again what other workers lost, and remove what they left of it."""
        for lost in await requeue_lost(self._database, self.owner, lease=self._lease):
            await asyncio.to_thread(remove_attempt, lost)
            if lost.failed is not None:
                self._job_ended(lost.failed, "failed")

    def _forget(self, part: ClaimedPart) -> None:
        if self._claimed.get(part.claim.part) is part:
            del self._claimed[part.claim.part]

    def _progress(self) -> list[Progress]:
        """How far each claim is. On the heartbeat's thread."""
        progress = []
        for part in list(self._claimed.values()):
            frames = part.report.masked if part.report is not None else 0
            progress.append(Progress(part.claim, frames, frames / max(time.monotonic() - part.began, 1e-3)))
        return progress

    def _heard(self, number: int, answer: Answer) -> None:
        """The ledger's answer to a heartbeat. On the heartbeat's thread."""
        if answer != "ok":
            self._loop.call_soon_threadsafe(self._stop, number, answer)

    def _stop(self, number: int, answer: Answer) -> None:
        if (part := self._claimed.get(number)) is not None:
            part.stop(answer)

"""Claims: which part a worker works on, and the lease by which the ledger knows that it still does.

A claim is identified by part, attempt and owner. A worker whose claim the ledger does not know any more can write
nothing. So one that was frozen does not replace the output of the one that took over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from faceblur.base.work_item import WorkItem
from faceblur.ledger.attempts import end_attempt, record, retry_or_fail
from faceblur.ledger.clock import now, server_started
from faceblur.ledger.database import Database
from faceblur.ledger.tables import attempt, job, part

LEASE_SECONDS = 40.0
REAPED_AT_ONCE = 100
Answer = Literal["ok", "lost", "cancel", "pause"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A part that this worker works on.

    `recover`: its output is complete and only has to get its name; `output_digest` tells it from any other. `suspect`:
    it may have ended the worker that had it before, so it is to run alone. `key` and `created` are its job's.
    """

    job: int
    part: int
    attempt: int
    owner: str
    source: Path
    target: Path
    settings: Mapping[str, Any]
    frames: int | None
    recover: bool
    output_digest: str | None
    suspect: bool
    key: str = ""
    created: float = 0.0

    @property
    def tag(self) -> str:
        """What tells this attempt's temporary files from all others'."""
        return tag(self.part, self.attempt)

    @property
    def item(self) -> WorkItem:
        """What logs and traces carry of it."""
        return WorkItem(self.job, self.part, self.attempt, self.key, self.created)

    def earlier(self) -> list[Lost]:
        """The attempts before: they may publish nothing any more."""
        return [Lost(self.target, tag(self.part, number)) for number in range(1, self.attempt)]

    def held(self, *states: str) -> ColumnElement[bool]:
        """The condition that this claim holds, in one of these states."""
        return and_(
            part.c.id == self.part,
            part.c.attempt == self.attempt,
            part.c.owner == self.owner,
            part.c.state.in_(states),
        )


def tag(part_id: int, number: int) -> str:
    """What tells an attempt's temporary files from all others'."""
    return f"{part_id}.{number}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a claim is."""

    claim: Claim
    frames: int
    fps: float


async def claim(
    database: Database, owner: str, *, lease: float = LEASE_SECONDS, but: Collection[int] = ()
) -> Claim | None:
    """Claim the next part: by priority, then the longest first, so that none is left to run alone at the end.

    None: there is nothing to do now. `but` are parts that this worker has not let go of, though it may have lost them.
    """
    others = part.c.id.not_in(but)
    async with database.write() as connection:
        found = (await connection.execute(_stuck(lease).where(others))).first() or await _next(connection, others)
        if found is None:
            return None
        recover = found.state == "publishing"
        number = found.attempt if recover else found.attempt + 1
        values: dict[str, Any] = {"owner": owner, "lease_until": now() + lease}
        if not recover:
            values |= {"state": "running", "attempt": number, "started": now(), "ended": None}
            values |= {"frames_done": 0, "fps": None, "reason": None}
            await connection.execute(insert(attempt).values(part=found.id, n=number, owner=owner, started=now()))
        await connection.execute(update(part).where(part.c.id == found.id).values(values))
        await record(connection, found.id, number, "recovering" if recover else "running", owner)
        return Claim(
            job=found.job,
            part=found.id,
            attempt=number,
            owner=owner,
            source=Path(found.source),
            target=Path(found.target),
            settings=json.loads(found.settings),
            frames=found.frames_total or None,
            recover=recover,
            output_digest=found.output_digest,
            suspect=found.error_kind in ("lost", "crash"),
            key=found.key,
            created=found.created,
        )


_COLUMNS = (
    part.c.id,
    part.c.job,
    part.c.attempt,
    part.c.state,
    part.c.frames_total,
    part.c.error_kind,
    part.c.output_digest,
    job.c.key,
    job.c.created,
    job.c.source,
    job.c.target,
    job.c.settings,
)


def _stuck(lease: float) -> Select[Any]:
    """A part whose output is complete, and whose worker stopped before it got its name."""
    found = select(*_COLUMNS).join(job, job.c.id == part.c.job).where(part.c.state == "publishing", _expired(lease))
    return found.limit(1).with_for_update(skip_locked=True, of=part)


async def _next(connection: AsyncConnection, others: ColumnElement[bool]) -> Any:
    """The part that is next; None: there is none."""
    # Another job's output may be about to get the same name: whoever comes after has to wait.
    taken = select(job.c.target).join(part, part.c.job == job.c.id).where(part.c.state == "publishing")
    targets = (await connection.execute(taken)).scalars().all()
    waiting = (
        select(*_COLUMNS)
        .join(job, job.c.id == part.c.job)
        .where(part.c.state == "queued", part.c.not_before <= now(), job.c.wanted == "run", others)
        .order_by(part.c.priority.desc(), part.c.frames_total.desc(), part.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=part)
    )
    if targets:
        waiting = waiting.where(job.c.target.not_in(targets))
    return (await connection.execute(waiting)).first()


def _expired(lease: float) -> ColumnElement[bool]:
    # While the database was away nobody could renew a lease: after its start every worker has the time of one.
    return and_(part.c.lease_until < now(), server_started() + lease < now())


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt whose worker stopped; what it left of `target` has this `tag` in its name.

    `failed` is it, if it was the last one.
    """

    target: Path
    tag: str
    failed: WorkItem | None = None


async def requeue_lost(database: Database, owner: str, *, lease: float = LEASE_SECONDS) -> list[Lost]:
    """Queue the parts again whose workers did not renew their leases, or set them aside after their last attempt.

    Not those of `owner`, who asks: it works.
    """
    expired = (
        select(*_COLUMNS, part.c.owner)
        .join(job, job.c.id == part.c.job)
        .where(part.c.state == "running", part.c.owner != owner, _expired(lease))
        .limit(REAPED_AT_ONCE)
        .with_for_update(skip_locked=True, of=part)
    )
    async with database.write() as connection:
        lost = []
        for one in (await connection.execute(expired)).all():
            reason = f"its worker {one.owner} stopped without a word"
            await end_attempt(connection, one.id, one.attempt, "lost", "lost", reason)
            state = await retry_or_fail(connection, one.id, one.attempt, "lost", reason)
            item = WorkItem(one.job, one.id, one.attempt, one.key, one.created)
            lost.append(Lost(Path(one.target), tag(one.id, one.attempt), item if state == "failed" else None))
    return lost


async def end_leases(database: Database, is_gone: Callable[[str], bool]) -> list[str]:
    """End the leases of the workers that are known to be gone, so that others take their parts now; these workers."""
    at_work = part.c.state.in_(("running", "publishing"))
    async with database.write() as connection:
        owners = (await connection.execute(select(part.c.owner).where(at_work).distinct())).scalars()
        gone = [owner for owner in owners if owner and is_gone(owner)]
        ending = update(part).where(at_work, part.c.owner.in_(gone)).values(lease_until=0)
        if gone:
            await connection.execute(ending)
    return gone


async def beat(database: Database, progress: Sequence[Progress], *, lease: float = LEASE_SECONDS) -> dict[int, Answer]:
    """Renew the leases of claims and note their progress; what is wanted of each, by part."""
    answers: dict[int, Answer] = {}
    async with database.write() as connection:
        for one in progress:
            values = {"lease_until": now() + lease, "frames_done": one.frames, "fps": one.fps}
            renewed = await connection.execute(
                update(part).where(one.claim.held("running", "publishing")).values(values)
            )
            if not renewed.rowcount:
                answers[one.claim.part] = "lost"
                continue
            wanted = case((part.c.state == "publishing", "run"), else_=job.c.wanted)
            asked = select(wanted).join(job, job.c.id == part.c.job).where(part.c.id == one.claim.part)
            found = (await connection.execute(asked)).scalar_one()
            answers[one.claim.part] = {"cancel": "cancel", "pause": "pause"}.get(found, "ok")  # type: ignore[assignment]
    return answers

"""What the ledger says of its jobs: a table, counts, and one job's timeline. Nothing here writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from faceblur.ledger.clock import now
from faceblur.ledger.database import Database
from faceblur.ledger.tables import attempt, event, job, part

KEYS_AT_ONCE = 1000  # in one question: databases limit the number of its values
# What people see: a job that waits may be paused, or be tried again later.
SHOWN = case(
    ((part.c.state == "queued") & (job.c.wanted == "pause"), "paused"),
    else_=part.c.state,
).label("state")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands. `not_before` is in seconds from now; `seconds` is how long its last attempt took or takes.

    `is_silent`: its worker's lease is over, and no other worker has looked since.
    """

    id: int
    source: str
    target: str
    state: str
    wanted: str
    priority: int
    attempt: int
    owner: str | None
    frames_done: int
    frames_total: int
    fps: float | None
    not_before: float
    seconds: float | None
    error_kind: str | None
    reason: str | None
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs are in which state, and of their frames.

    `fps` is the sum of the running ones whose workers are heard. `oldest_failure` is when the first of the failed
    ones failed, in seconds since 1970; None: none failed.
    """

    states: dict[str, int]
    frames_done: int
    frames_total: int
    fps: float
    oldest_failure: float | None = None


AT_WORK = part.c.state.in_(("running", "publishing"))
# The last progress of an attempt comes before its last frames. What waits begins anew: what it did before is nothing.
FRAMES_DONE = case(
    (part.c.state == "done", part.c.frames_total), (part.c.state == "queued", 0), else_=part.c.frames_done
)


async def list_jobs(
    database: Database, *, states: Sequence[str] = (), contains: str = "", limit: int | None = None
) -> list[JobRow]:
    """Jobs, running ones first, then those that wait in their order, then those that ended, the newest first."""
    order = case({"running": 0, "publishing": 0, "queued": 1}, value=part.c.state, else_=2)
    ended = case((AT_WORK, now()), else_=part.c.ended)
    query = select(
        job.c.id,
        job.c.source,
        job.c.target,
        SHOWN,
        job.c.wanted,
        part.c.priority,
        part.c.attempt,
        part.c.owner,
        FRAMES_DONE.label("frames_done"),
        part.c.frames_total,
        part.c.fps,
        case((part.c.not_before > now(), part.c.not_before - now()), else_=0.0).label("not_before"),
        (ended - part.c.started).label("seconds"),
        part.c.error_kind,
        part.c.reason,
        case((AT_WORK & (part.c.lease_until < now()), True), else_=False).label("is_silent"),
    ).join(part, part.c.job == job.c.id)
    query = query.order_by(order, part.c.priority.desc(), func.coalesce(part.c.ended, 0).desc(), job.c.id).limit(limit)
    if states:
        query = query.where(SHOWN.in_(states))
    if contains:
        query = query.where(job.c.source.contains(contains, autoescape=True))
    async with database.read() as connection:
        return [JobRow(**one) for one in (await connection.execute(query)).mappings()]


async def count_jobs(database: Database) -> Counts:
    """How far the whole ledger is."""
    running = AT_WORK & (part.c.lease_until >= now())
    query = (
        select(
            SHOWN,
            func.count().label("jobs"),
            func.coalesce(func.sum(FRAMES_DONE), 0).label("done"),
            func.coalesce(func.sum(part.c.frames_total), 0).label("total"),
            func.coalesce(func.sum(case((running, part.c.fps))), 0.0).label("fps"),
            func.min(part.c.ended).label("ended"),
        )
        .join(job, job.c.id == part.c.job)
        .group_by(SHOWN)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query)).all()
    counted = [one for one in rows if one.state not in ("cancelled", "failed")]
    return Counts(
        states={one.state: one.jobs for one in rows},
        frames_done=int(sum(one.done for one in counted)),
        frames_total=int(sum(one.total for one in counted)),
        fps=float(sum(one.fps for one in rows)),
        oldest_failure=next((one.ended for one in rows if one.state == "failed"), None),
    )


async def find_unfinished(database: Database, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Of the jobs with these keys those that are not done: state, and the reason or an empty text."""
    query = select(job.c.key, SHOWN, part.c.reason).join(part, part.c.job == job.c.id).where(part.c.state != "done")
    found: dict[str, tuple[str, str]] = {}
    async with database.read() as connection:
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = job.c.key.in_(keys[first : first + KEYS_AT_ONCE])
            found |= {
                one.key: (one.state, one.reason or "") for one in (await connection.execute(query.where(some))).all()
            }
    return found


async def target_folders(database: Database) -> set[str]:
    """The folders of the outputs of all jobs, as the ledger names them."""
    async with database.read() as connection:
        targets = (await connection.execute(select(job.c.target))).scalars()
        return {os.path.dirname(one) for one in targets}


async def is_empty(database: Database) -> bool:
    """Whether nothing waits or runs. What is paused does not count."""
    waits = (part.c.state == "queued") & (job.c.wanted == "run")
    query = select(part.c.id).join(job, job.c.id == part.c.job)
    query = query.where(waits | AT_WORK).limit(1)
    async with database.read() as connection:
        return (await connection.execute(query)).first() is None


async def show_job(database: Database, job_id: int) -> dict[str, Any] | None:
    """One job with its attempts and its timeline; None: there is no such job."""
    async with database.read() as connection:
        found = (await connection.execute(select(job).where(job.c.id == job_id))).mappings().one_or_none()
        if found is None:
            return None
        its_part = (await connection.execute(select(part).where(part.c.job == job_id))).mappings().one()
        tries = select(attempt).where(attempt.c.part == its_part["id"]).order_by(attempt.c.n)
        lines = select(event).where(event.c.part == its_part["id"]).order_by(event.c.id)
        return {
            **found,
            "part": dict(its_part),
            "attempts": [dict(one) for one in (await connection.execute(tries)).mappings()],
            "events": [dict(one) for one in (await connection.execute(lines)).mappings()],
        }

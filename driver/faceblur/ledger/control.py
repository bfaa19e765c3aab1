"""What people want of jobs: pause, resume, cancel, retry, another priority. Each returns the jobs that it fitted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from faceblur.ledger.attempts import record
from faceblur.ledger.clock import now
from faceblur.ledger.database import Database
from faceblur.ledger.states import OPEN
from faceblur.ledger.submissions import requeue
from faceblur.ledger.tables import job, part

# A job that is publishing has its output: it can be neither paused nor cancelled.
STOPPABLE = ("queued", "running")


async def pause(database: Database, jobs: Sequence[int]) -> list[int]:
    """No worker takes these jobs; one that works on a job gives it back at its next heartbeat."""
    return await _want(database, jobs, "pause", STOPPABLE)


async def resume(database: Database, jobs: Sequence[int]) -> list[int]:
    return await _want(database, jobs, "run", OPEN)


async def cancel(database: Database, jobs: Sequence[int]) -> list[int]:
    """End these jobs without an output. A worker stops at its next heartbeat."""
    async with database.write() as connection:
        parts = await _parts(connection, jobs, part.c.state.in_(STOPPABLE))
        await connection.execute(update(job).where(job.c.id.in_(parts)).values(wanted="cancel"))
        for part_id, number in parts.values():
            waiting = (part.c.id == part_id) & (part.c.state == "queued")
            ended = await connection.execute(update(part).where(waiting).values(state="cancelled", ended=now()))
            await record(connection, part_id, number, "cancelled" if ended.rowcount else "cancel asked")
    return sorted(parts)


async def retry(database: Database, jobs: Sequence[int]) -> list[int]:
    """Queue jobs that failed or were cancelled again, with all their attempts."""
    async with database.write() as connection:
        parts = await _parts(connection, jobs, part.c.state.in_(("failed", "cancelled")))
        await connection.execute(update(job).where(job.c.id.in_(parts)).values(wanted="run"))
        for part_id, number in parts.values():
            await requeue(connection, part_id, number)
    return sorted(parts)


async def prioritize(database: Database, jobs: Sequence[int], priority: int) -> list[int]:
    """Have jobs that wait taken earlier (a higher number) or later."""
    async with database.write() as connection:
        parts = await _parts(connection, jobs, part.c.state.in_(OPEN))
        await connection.execute(update(job).where(job.c.id.in_(parts)).values(priority=priority))
        await connection.execute(update(part).where(part.c.job.in_(parts)).values(priority=priority))
    return sorted(parts)


async def _want(database: Database, jobs: Sequence[int], wanted: str, states: Sequence[str]) -> list[int]:
    async with database.write() as connection:
        parts = await _parts(connection, jobs, part.c.state.in_(states))
        await connection.execute(update(job).where(job.c.id.in_(parts), job.c.wanted != "cancel").values(wanted=wanted))
        for part_id, number in parts.values():
            await record(connection, part_id, number, {"pause": "paused", "run": "resumed"}[wanted])
    return sorted(parts)


async def _parts(
    connection: AsyncConnection, jobs: Sequence[int], condition: ColumnElement[bool]
) -> dict[int, tuple[int, int]]:
    """Part and attempt of each of these jobs whose part meets the condition, by job. They are locked.

    The jobs first, as by a worker that publishes: in another order each could wait for the other.
    """
    await connection.execute(select(job.c.id).where(job.c.id.in_(jobs)).order_by(job.c.id).with_for_update())
    query = select(part.c.job, part.c.id, part.c.attempt).where(part.c.job.in_(jobs), condition).order_by(part.c.id)
    return {one.job: (one.id, one.attempt) for one in (await connection.execute(query.with_for_update())).all()}

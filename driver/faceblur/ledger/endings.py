"""How a claim ends: published in two phases, failed, or given back. Each function says whether the claim still held.

A rename cannot be part of a transaction. So the ledger first records that this attempt publishes: from then on no other
attempt starts, and the rename may be repeated by whoever finds it undone.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from sqlalchemy import select, update

from faceblur.ledger.attempts import end_attempt, record, retry_or_fail
from faceblur.ledger.claims import Claim
from faceblur.ledger.clock import now
from faceblur.ledger.database import Database
from faceblur.ledger.states import ErrorKind, PartState
from faceblur.ledger.tables import job, part


async def begin_publish(database: Database, claim: Claim, output_bytes: int, output_digest: str) -> bool:
    """The output, a video of so many bytes, is complete under its temporary name: may it get its name? False: no.

    `output_digest` tells it from any other. True again when it is asked again, since the answer to the first time may
    have been lost.
    """
    async with database.write() as connection:
        # Locked: a newer job of the same output, which cancels this one, is seen here or sees that this one publishes.
        number = select(part.c.job).where(part.c.id == claim.part).scalar_subquery()
        its_job = select(job.c.wanted).where(job.c.id == number)
        wanted = (await connection.execute(its_job.with_for_update())).scalar_one_or_none()
        values = {"state": "publishing", "output_bytes": output_bytes, "output_digest": output_digest}
        changes = update(part).where(claim.held("running")).values(values)
        if wanted in ("run", "pause") and (await connection.execute(changes)).rowcount:
            await record(connection, claim.part, claim.attempt, "publishing")
            return True
        return await _holds(connection, claim, "publishing")


async def finish(database: Database, claim: Claim, result: str) -> bool:
    """The output has its name. `result` is JSON, what the report says of it.

    The frames that it has replace the part's: those were known before, and may be an estimate.
    """
    frames = json.loads(result).get("frames") or part.c.frames_total
    async with database.write() as connection:
        values: dict[str, Any] = {"state": "done", "ended": now(), "lease_until": None, "result": result}
        values |= {"error_kind": None, "reason": None, "frames_total": frames}
        changed = await connection.execute(update(part).where(claim.held("publishing")).values(values))
        if changed.rowcount:
            await end_attempt(connection, claim.part, claim.attempt, "done")
            return True
        # Another worker may have found it renamed, and recorded that before.
        same = (part.c.id == claim.part) & (part.c.attempt == claim.attempt) & (part.c.state == "done")
        return bool((await connection.execute(select(part.c.id).where(same))).first())


async def fail(database: Database, claim: Claim, kind: ErrorKind, reason: str) -> PartState | None:
    """The attempt ended with an error: it is tried again, or not, by the kind of error.

    Returns the state of the part now; None: the claim did not hold any more.
    """
    async with database.write() as connection:
        if not await _holds(connection, claim, "running", "publishing"):
            return None
        await end_attempt(
            connection, claim.part, claim.attempt, "crashed" if kind == "crash" else "error", kind, reason
        )
        return await retry_or_fail(connection, claim.part, claim.attempt, kind, reason)


async def give_back(database: Database, claim: Claim, outcome: Literal["released", "cancelled"]) -> bool:
    """The worker stops: the part waits for another one without a penalty, or its job was cancelled."""
    async with database.write() as connection:
        if not await _holds(connection, claim, "running"):
            return False
        await end_attempt(connection, claim.part, claim.attempt, outcome)
        values: dict[str, Any] = {"owner": None, "lease_until": None}
        # A job that was cancelled may have been put in again before its worker stopped.
        wanted = (await connection.execute(select(job.c.wanted).where(job.c.id == claim.job))).scalar_one()
        values |= {"state": "cancelled", "ended": now()} if wanted == "cancel" else {"state": "queued"}
        await connection.execute(update(part).where(part.c.id == claim.part).values(values))
        return True


async def _holds(connection: Any, claim: Claim, *states: str) -> bool:
    query = select(part.c.id).where(claim.held(*states)).with_for_update()
    return (await connection.execute(query)).first() is not None

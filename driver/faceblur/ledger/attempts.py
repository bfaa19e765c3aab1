"""What becomes of an attempt and of its part, within a transaction: the timeline, and whether it is tried again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from faceblur.ledger.clock import now
from faceblur.ledger.states import RETRIES, AttemptOutcome, ErrorKind, PartState
from faceblur.ledger.tables import attempt, event, job, part


async def record(connection: AsyncConnection, part_id: int, number: int, stage: str, detail: str = "") -> None:
    """Add a line to the part's timeline."""
    await connection.execute(insert(event).values(part=part_id, attempt=number, stage=stage, at=now(), detail=detail))


async def end_attempt(
    connection: AsyncConnection,
    part_id: int,
    number: int,
    outcome: AttemptOutcome,
    kind: ErrorKind | None = None,
    error: str | None = None,
) -> None:
    values: dict[str, Any] = {"ended": now(), "outcome": outcome, "error_kind": kind, "error": error}
    this = (attempt.c.part == part_id) & (attempt.c.n == number)
    await connection.execute(update(attempt).where(this).values(values))
    await record(connection, part_id, number, outcome, error or "")


async def retry_or_fail(
    connection: AsyncConnection, part_id: int, number: int, kind: ErrorKind, reason: str
) -> PartState:
    """Queue a part again after an error, later by the kind of error, or set it aside after its last attempt.

    Returns its state now.
    """
    this = part.c.id == part_id
    asked = select(part.c.forgiven, job.c.wanted).join(job, job.c.id == part.c.job).where(this)
    found = (await connection.execute(asked)).one()
    same_kind = (attempt.c.part == part_id) & (attempt.c.error_kind == kind) & (attempt.c.n > found.forgiven)
    failures = (await connection.execute(select(func.count()).select_from(attempt).where(same_kind))).scalar_one()
    wait = RETRIES[kind].wait(failures)
    values: dict[str, Any] = {"owner": None, "lease_until": None, "error_kind": kind, "reason": reason}
    if found.wanted == "cancel":
        state: PartState = "cancelled"
    elif wait is None:
        state = "failed"
        if failures > 1:
            values["reason"] = f"{reason} (the last of {failures} attempts)"
    else:
        state = "queued"
        values["not_before"] = now() + wait
    values |= {"state": state} | ({} if state == "queued" else {"ended": now()})
    await connection.execute(update(part).where(this).values(values))
    if state != "queued":
        await record(connection, part_id, number, state, values["reason"])
    return state

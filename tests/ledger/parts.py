"""What the tests of the ledger share: jobs, claims of them, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import update

from faceblur.ledger.claims import Claim, claim
from faceblur.ledger.clock import now
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish, finish
from faceblur.ledger.queries import list_jobs
from faceblur.ledger.submissions import NewJob
from faceblur.ledger.tables import part

# After the server's start nobody's lease is taken for the time of one lease: here it has been up for longer than this.
SHORT = 0.1


def new_job(name: str, frames: int = 100, **values: object) -> NewJob:
    settings = {"style": values.get("style", "blur")}
    return NewJob(Path("/in", name), Path("/out", name), settings, {"bytes": hash(name) % 1000}, frames)


def on(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Database(url) as database:
            await work(database)

    asyncio.run(run())


async def claimed(database: Database, owner: str = "one") -> Claim:
    found = await claim(database, owner)
    assert found is not None
    return found


async def expire(database: Database, one: Claim) -> None:
    """As if its worker had been silent for longer than a lease."""
    async with database.write() as connection:
        await connection.execute(update(part).where(part.c.id == one.part).values(lease_until=now() - 1))


async def states(database: Database) -> list[str]:
    return [one.state for one in sorted(await list_jobs(database), key=lambda one: one.id)]


async def publish(database: Database, one: Claim) -> bool:
    return await begin_publish(database, one, 1, "digest") and await finish(database, one, "{}")

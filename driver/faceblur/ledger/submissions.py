"""Puts videos into the ledger. The same video with the same settings for the same output is there once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from faceblur.ledger.attempts import record
from faceblur.ledger.clock import now
from faceblur.ledger.database import Database
from faceblur.ledger.tables import event, job, part

Added = Literal["queued", "waiting", "done", "failed", "taken"]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A video to redact. `identity` tells its content from another's whatever its name is; `frames` may be unknown."""

    source: Path
    target: Path
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    frames: int | None
    priority: int = 0

    @property
    def key(self) -> str:
        """A digest of what makes the work the same."""
        parts = [self.identity, self.settings, str(self.target)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def submit(
    database: Database,
    jobs: Sequence[NewJob],
    *,
    overwrite: bool = False,
    has_output: Callable[[Path], bool] = Path.is_file,
) -> list[Added]:
    """Put jobs in, in one transaction. For each: `queued` now, `waiting` or running before, `done` or `failed` before.

    A job that is done is queued again where `has_output` says that its output is gone, and with `overwrite`. Jobs of
    the same output with other settings, or of a video that has changed since, are cancelled. But of another video,
    which is still there, the output is `taken`, unless `overwrite`.
    """
    async with database.write() as connection:
        taken = set() if overwrite else await _taken(connection, jobs, has_output)
        free = [one for one in jobs if one.key not in taken]
        added = await _add(connection, {one.key: one for one in free}) if free else set()
        is_done = (lambda _: False) if overwrite else has_output
        return [
            "taken" if one.key in taken else "queued" if one.key in added else await _again(connection, one, is_done)
            for one in jobs
        ]


async def _taken(connection: AsyncConnection, jobs: Sequence[NewJob], has_output: Callable[[Path], bool]) -> set[str]:
    """The keys of those whose output is, or will be, that of another video."""
    targets = {str(one.target): one for one in jobs}
    query = select(job.c.target, job.c.source, job.c.key, part.c.state).join(part, part.c.job == job.c.id)
    query = query.where(job.c.target.in_(targets), part.c.state.not_in(("failed", "cancelled")))
    others = (await connection.execute(query)).all()
    return {
        targets[one.target].key
        for one in others
        if one.key != targets[one.target].key
        and (one.state != "done" or has_output(Path(one.target)))
        and _is_another(Path(one.source), targets[one.target].source)
    }


def _is_another(video: Path, than: Path) -> bool:
    """Whether a path leads to another video. What is not there any more was moved."""
    try:
        return video != than and not video.samefile(than)
    except OSError:
        return False


async def _add(connection: AsyncConnection, jobs: Mapping[str, NewJob]) -> set[str]:
    """Add those jobs that are not there, and cancel older ones of the same outputs. Returns the keys of the added."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [
        {"key": key, "source": str(one.source), "target": str(one.target), "settings": json.dumps(one.settings)}
        | {"priority": one.priority}
        for key, one in jobs.items()
    ]
    adding = dialect.insert(job).values(created=now()).on_conflict_do_nothing(index_elements=["key"])
    found = await connection.execute(adding.returning(job.c.id, job.c.key), rows)
    added = {one.key: one.id for one in found}
    if not added:
        return set()
    await _supersede(connection, [jobs[key] for key in added])
    parts = [
        {"job": number, "kind": "video", "state": "queued", "priority": jobs[key].priority}
        | {"frames_total": jobs[key].frames or 0}
        for key, number in added.items()
    ]
    numbers = await connection.execute(part.insert().returning(part.c.id), parts)
    await connection.execute(
        event.insert().values(at=now(), attempt=0, stage="queued"), [{"part": n} for (n,) in numbers]
    )
    return set(added)


async def _again(connection: AsyncConnection, new: NewJob, has_output: Callable[[Path], bool]) -> Added:
    """A job that is in the ledger already."""
    asked = (
        select(part.c.id, part.c.state, part.c.attempt, job.c.wanted)
        .select_from(job)
        .join(part, job.c.id == part.c.job)
        .where(job.c.key == new.key)
    )
    found = (await connection.execute(asked.with_for_update())).one()
    # The video may have been moved since.
    await connection.execute(update(job).where(job.c.key == new.key).values(source=str(new.source)))
    if found.state == "failed":
        return "failed"
    if found.state == "done" and has_output(new.target) and await _wrote_last(connection, new):
        return "done"
    if found.state in ("done", "cancelled"):
        await _supersede(connection, [new])
        await requeue(connection, found.id, found.attempt)
        await connection.execute(update(job).where(job.c.key == new.key).values(wanted="run"))
        return "queued"
    if found.wanted == "cancel":  # its worker has not stopped yet
        await _supersede(connection, [new])
        await connection.execute(update(job).where(job.c.key == new.key).values(wanted="run"))
    return "waiting"


async def _wrote_last(connection: AsyncConnection, new: NewJob) -> bool:
    """Whether the output is this job's: another one with other settings may have replaced it since."""
    ended = select(job.c.key).join(part, part.c.job == job.c.id).where(job.c.target == str(new.target))
    last = ended.where(part.c.state == "done").order_by(part.c.ended.desc()).limit(1)
    return bool((await connection.execute(last)).scalar_one() == new.key)


async def _supersede(connection: AsyncConnection, jobs: Sequence[NewJob]) -> None:
    """Cancel the other jobs that would write the same outputs."""
    targets, keys = [str(one.target) for one in jobs], [one.key for one in jobs]
    others = select(job.c.id).where(job.c.target.in_(targets), job.c.key.not_in(keys))
    await connection.execute(update(job).where(job.c.id.in_(others)).values(wanted="cancel"))
    waiting = (part.c.job.in_(others)) & (part.c.state == "queued")
    ended = update(part).where(waiting).values(state="cancelled", ended=now(), reason="replaced by a newer job")
    await connection.execute(ended)


async def requeue(connection: AsyncConnection, part_id: int, number: int) -> None:
    """Queue a part that ended again; its failures so far are forgiven."""
    values = {"state": "queued", "not_before": 0, "forgiven": number, "reason": None, "error_kind": None, "ended": None}
    await connection.execute(update(part).where(part.c.id == part_id).values(values))
    await record(connection, part_id, number, "queued")

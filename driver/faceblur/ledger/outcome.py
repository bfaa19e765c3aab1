"""What the jobs of a ledger took, all together. Nothing here writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import select

from faceblur.ledger.database import Database
from faceblur.ledger.tables import attempt, job, part


@dataclass(slots=True)
class Outcome:
    """Of the jobs that are done: `frames`, `faces`, `searched` frames, `output_bytes` and `function_seconds`.

    `states` counts all jobs. `seconds` is from the first attempt's start to the last one's end, `busy_seconds` the sum
    of all attempts, `lost_seconds` of those that came to nothing. `errors` counts attempts by how they ended,
    `left_out` the outputs that lack something, `by_hand` those in which people chose what is masked, spared or not
    searched. `workers` is how many took part.
    """

    states: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    faces: int = 0
    searched: int = 0
    output_bytes: int = 0
    function_seconds: float = 0.0
    seconds: float = 0.0
    busy_seconds: float = 0.0
    lost_seconds: float = 0.0
    workers: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    by_hand: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


async def read_outcome(database: Database, *, below: Sequence[str] = (), contains: str = "") -> Outcome:
    """The outcome of the jobs whose source is one of these paths or below one, and contains a text."""
    jobs = select(part.c.id, part.c.state, part.c.result, part.c.output_bytes, job.c.source)
    tries = select(attempt.c.part, attempt.c.owner, attempt.c.started, attempt.c.ended, attempt.c.outcome)
    async with database.read() as connection:
        parts = (await connection.execute(jobs.join(job, job.c.id == part.c.job))).all()
        attempts = (await connection.execute(tries)).all()
    folders = tuple(f"{one.rstrip('/')}/" for one in below)
    chosen = {one.id for one in parts if _is_chosen(one.source, below, folders, contains)}
    outcome = Outcome()
    for one in parts:
        if one.id in chosen:
            outcome.states[one.state] += 1
            if one.state == "done":
                _add_result(outcome, json.loads(one.result or "{}"), one.output_bytes or 0)
    _add_attempts(outcome, [one for one in attempts if one.part in chosen and one.ended is not None])
    return outcome


def _is_chosen(source: str, below: Sequence[str], folders: tuple[str, ...], contains: str) -> bool:
    return contains in source and (not below or source in below or source.startswith(folders))


def _add_result(outcome: Outcome, result: dict[str, object], output_bytes: int) -> None:
    def number(name: str) -> float:
        value = result.get(name, 0)
        return value if isinstance(value, int | float) else 0

    outcome.frames += int(number("frames"))
    outcome.faces += int(number("faces"))
    outcome.searched += int(number("searched"))
    outcome.function_seconds += number("function_seconds")
    outcome.output_bytes += output_bytes
    for name in ("left_out", "damage"):
        notes = result.get(name)
        outcome.left_out.update(set(notes) if isinstance(notes, list) else ())
    chosen = result.get("by_hand")
    # Their kinds, such as `spared by hand`: what follows differs from video to video.
    outcome.by_hand.update({str(one).partition(":")[0] for one in chosen} if isinstance(chosen, list) else ())


def _add_attempts(outcome: Outcome, attempts: Sequence[object]) -> None:
    rows: list[tuple[str, float, float, str | None]] = [
        (one.owner, one.started, one.ended, one.outcome)  # type: ignore[attr-defined]
        for one in attempts
    ]
    if not rows:
        return
    outcome.seconds = max(ended for _, _, ended, _ in rows) - min(started for _, started, _, _ in rows)
    outcome.busy_seconds = sum(ended - started for _, started, ended, _ in rows)
    outcome.lost_seconds = sum(ended - started for _, started, ended, how in rows if how != "done")
    outcome.workers = len({owner for owner, *_ in rows})
    outcome.errors.update(how or "?" for *_, how in rows if how != "done")

"""For which job, part and attempt the running code works: logs and traces carry them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkItem:
    """The numbers that a fleet's ledger gave them; the job's key, and when it was put in, in seconds since 1970."""

    job: int
    part: int
    attempt: int
    key: str = ""
    created: float = 0.0


# Set in the task that works for it, and so in all tasks that this one starts. None outside of a fleet.
current: ContextVar[WorkItem | None] = ContextVar("work_item", default=None)

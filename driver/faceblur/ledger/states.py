"""The words of the ledger: states, outcomes, kinds of errors, and how often and when a failed part is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PartState = Literal["queued", "running", "publishing", "done", "failed", "cancelled"]
AttemptOutcome = Literal["done", "error", "lost", "crashed", "cancelled", "released"]
# `file`: this video cannot be read or written. `function`: no usable answer. `storage`: a disk is full or away.
# `crash`: a codec ended the worker. `lost`: the worker did not renew its lease. `internal`: a bug.
ErrorKind = Literal["file", "function", "storage", "crash", "lost", "internal"]

OPEN: tuple[PartState, ...] = ("queued", "running", "publishing")
# What people see: a job that waits may be paused.
STATES_SHOWN = ("queued", "paused", "running", "publishing", "done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `times` more attempts, the first after `first` seconds; each wait is twice the one before."""

    times: int
    first: float = 0.0
    longest: float = 0.0

    def wait(self, failures: int) -> float | None:
        """Seconds until the next attempt after so many failures; None: there is none."""
        if failures > self.times:
            return None
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))


# A file that is broken stays so. What is away comes back, mostly within minutes: tried for about two hours. What ends
# its worker may do so again, and may have been killed by chance: five times by chance is rare where one in ten is.
RETRIES: dict[ErrorKind, Retry] = {
    "file": Retry(0),
    "internal": Retry(1, 10, 10),
    "function": Retry(30, 10, 300),
    "storage": Retry(30, 10, 300),
    "crash": Retry(2, 0, 0),
    "lost": Retry(4, 0, 0),
}

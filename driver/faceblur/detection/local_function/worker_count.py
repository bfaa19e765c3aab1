"""How many workers the function on this machine gets, where the user does not say it."""

from __future__ import annotations

import os

# A worker uses all cores that it is given: on a small machine a second one takes time to start and gains nothing.
CORES_PER_WORKER = 2


def default_workers(configured: int) -> int:
    """The number that function.yaml says, but at most one for every CORES_PER_WORKER cores here."""
    return min(configured, max(1, len(os.sched_getaffinity(0)) // CORES_PER_WORKER))

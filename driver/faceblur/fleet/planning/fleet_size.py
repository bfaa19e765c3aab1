"""What will do the work that is planned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FleetSize:
    """What will do the work: workers, each with `cores`, and the GPUs of the function.

    `gpus` None: each worker runs the function itself. `price` is that of one GPU, or else of one worker, for an hour.
    """

    workers: int
    cores: int
    gpus: int | None
    price: float | None

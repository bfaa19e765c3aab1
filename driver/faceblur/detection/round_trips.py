"""Where a request's time went: on the network, in the function's queue, or in its computing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from faceblur.detection.transport import Response


@dataclass(frozen=True, slots=True)
class Trip:
    """One request's seconds. What the function spends on HTTP, base64 and JSON counts as network."""

    network: float
    queue: float
    computing: float


class RoundTrips:
    """Splits what a client cannot see itself: the function tells how long it computed, not how long a request waited.

    Of the time between the last byte sent and the first received, the computing is known. The least that was ever left
    of it is the way there and back. What is left beyond that waited for a worker, as far as it can have: at most until
    all requests that were under way with it had been computed. The rest is the network's: several requests share it.
    A function that tells no timings computed all the while.
    """

    def __init__(self) -> None:
        self._shortest = math.inf

    def split(self, response: Response, timings_ms: Iterable[float], among: int) -> Trip:
        """`among` is how many requests were under way, this one with them."""
        computing = told_seconds(timings_ms) or response.waiting
        computing = min(computing, response.waiting)
        rest = response.waiting - computing
        self._shortest = min(self._shortest, rest)
        queue = min(rest - self._shortest, (among - 1) * computing)
        return Trip(response.sending + response.receiving + rest - queue, queue, computing)


def told_seconds(timings_ms: Iterable[float]) -> float:
    """What the function says it computed; 0 when it says nothing that can be."""
    seconds = sum(timings_ms) / 1000
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0

"""Where a request's time went: on the network, in the function's queue, or in its computing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from faceblur.detection.exchange import Response


@dataclass(frozen=True, slots=True)
class Trip:
    """One request's seconds. What the function spends on HTTP, base64 and JSON counts as network."""

    network: float
    queue: float
    computing: float


class RoundTrips:
    """Estimates what a client cannot measure: the function reports how long it computed, not how long a request waited.

    Of the time between the last byte sent and the first byte received, the computing is known. The shortest remainder
    of all requests so far is the way there and back. What exceeds it was spent in the queue, but at most as long as
    computing all other requests in flight took. The rest is the network's, which several requests share. A function
    that reports no timings is taken to have computed all the time.
    """

    def __init__(self) -> None:
        self._shortest = math.inf

    def split(self, response: Response, timings_ms: Iterable[float], concurrent: int) -> Trip:
        """`concurrent` is how many requests were in flight, this one included."""
        computing = computing_seconds(timings_ms) or response.waiting
        computing = min(computing, response.waiting)
        rest = response.waiting - computing
        self._shortest = min(self._shortest, rest)
        queue = min(rest - self._shortest, (concurrent - 1) * computing)
        return Trip(response.sending + response.receiving + rest - queue, queue, computing)


def computing_seconds(timings_ms: Iterable[float]) -> float:
    """How long the function computed by its own report; 0 when it reports nothing, or nothing possible."""
    seconds = sum(timings_ms) / 1000
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0

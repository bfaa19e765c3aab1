"""The adaptive limit settles where every worker has a batch: simulated time, so that the machine does not matter."""

from __future__ import annotations

import heapq
import statistics

import pytest

from faceblur.detection.adaptive_limit import AdaptiveLimit, Ticket


def simulate(limit: AdaptiveLimit, *, workers: int, computing: float, batches: int, way: float = 0.005) -> list[int]:
    """The limit after each answer: so many batches are sent as the limit allows, each to the worker that is free first.

    A discrete-event simulation. `computing` and `way`, there and back, are seconds of its clock.
    """
    now, free_at = 0.0, [0.0] * workers
    in_flight: list[tuple[float, int, float, Ticket]] = []  # when it arrives, number, when it was sent
    found: list[int] = []
    sent = 0
    while len(found) < batches:
        while sent < batches and len(in_flight) < int(limit.limit):
            done = max(now + way / 2, heapq.heappop(free_at)) + computing
            heapq.heappush(free_at, done)
            ticket = Ticket(len(in_flight) + 1, limit.epoch)
            heapq.heappush(in_flight, (done + way / 2, sent, now, ticket))
            sent += 1
        now, _, sent_at, ticket = in_flight[0]
        found.append(int(limit.answered(ticket, len(in_flight), now - sent_at, computing)))
        heapq.heappop(in_flight)
    return found


def test_limit_passes_sixty_four_workers_after_a_few_round_trips() -> None:
    found = simulate(AdaptiveLimit(4, 128), workers=64, computing=0.6, batches=300)
    assert 64 < max(found[:150]) <= 128 and found[-1] >= 48, found


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_limit_settles_within_twenty_batches(workers: int) -> None:
    found = simulate(AdaptiveLimit(4, 128), workers=workers, computing=0.2, batches=24 + 9 * workers)
    assert 0.75 * workers <= statistics.median(found[20:]) <= 3 * workers + 6, list(map(str, found))


def settled(limit: AdaptiveLimit, *, workers: int, way: float, computing: float = 0.1) -> float:
    """The limit after 150 round trips to so many workers, in the formula of a queue."""
    for _ in range(150):
        in_flight, epoch = int(limit.limit), limit.epoch
        seconds = max(way + computing, in_flight * computing / workers)
        for _ in range(in_flight):
            limit.answered(Ticket(in_flight, epoch), in_flight, seconds, computing)
    return limit.limit


def test_rising_latency_lowers_the_limit() -> None:
    limit = AdaptiveLimit(4, 128)
    before = settled(limit, workers=16, way=0.01)
    assert before >= 16
    assert settled(limit, workers=2, way=0.01) < before / 2


def test_longer_way_raises_the_limit() -> None:
    """Larger frames take longer to travel: what looks like a queue at first is recognised, and no worker idles."""
    limit = AdaptiveLimit(4, 128)
    assert settled(limit, workers=8, way=0.01) >= 8
    assert settled(limit, workers=8, way=0.3) >= 0.8 * 8 * (0.3 + 0.1) / 0.1


def test_refusal_ends_the_start_phase_and_lowers_the_limit() -> None:
    limit = AdaptiveLimit(8, 128)
    assert limit.refused(in_flight=5) == 4
    assert limit.answered(Ticket(4, limit.epoch), 4, 0.1, 0.1) == 4  # no fast rise any more

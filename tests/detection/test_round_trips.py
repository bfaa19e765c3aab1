"""How the time of a request is split: network, queue, computing."""

from __future__ import annotations

import pytest

from faceblur.detection.exchange import Response
from faceblur.detection.round_trips import RoundTrips


def test_round_trips_are_split() -> None:
    trips = RoundTrips()
    alone = Response(200, b"", sending=0.1, waiting=1.5, receiving=0.1)
    assert trips.split(alone, [1000.0], concurrent=1).queue == 0
    queued = Response(200, b"", sending=0.1, waiting=3.5, receiving=0.1)
    trip = trips.split(queued, [1000.0], concurrent=4)
    assert (round(trip.network, 6), trip.queue, trip.computing) == (0.7, 2.0, 1.0)
    # Two requests of a second each cannot have waited longer than a second: the rest is the way.
    assert trips.split(queued, [1000.0], concurrent=2).queue == 1.0
    for nonsense in ([float("nan")], [-5.0], [float("inf")], [1e300], []):
        trip = trips.split(queued, nonsense, concurrent=2)
        assert min(trip.network, trip.queue, trip.computing) >= 0
        assert trip.network + trip.queue + trip.computing == pytest.approx(queued.seconds)

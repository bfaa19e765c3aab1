"""The share of the allowed requests that was not in flight."""

from __future__ import annotations

import pytest

from faceblur.detection.utilization import Utilization


def test_idle_share_is_weighted_by_time_and_starts_anew_with_every_report() -> None:
    now = 100.0
    utilization = Utilization(lambda: now)
    now = 101.0
    utilization.record(in_flight=0, limit=4)  # one second idle
    now = 104.0
    assert utilization.idle_share(in_flight=2, limit=4) == pytest.approx((1 + 3 / 2) / 4)
    now = 106.0
    assert utilization.idle_share(in_flight=6, limit=4) == 0  # the limit fell below the requests in flight
    assert utilization.idle_share(in_flight=0, limit=4) == 1  # no time has passed

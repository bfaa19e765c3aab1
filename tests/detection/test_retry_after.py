"""`Retry-After` has seconds or a date; what it states is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from faceblur.detection.retry_after import MAX_SECONDS, bounded_wait, stated_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("120", 120), (" 7 ", 7), ("99999999999999999999", MAX_SECONDS), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_seconds_and_dates_that_are_over(header: str, seconds: float) -> None:
    assert stated_seconds(header) == seconds


def test_a_date_to_come() -> None:
    date = datetime.now(UTC) + timedelta(seconds=90)
    assert 85 < (stated_seconds(format_datetime(date, usegmt=True)) or 0) <= 90
    assert stated_seconds(format_datetime(date + timedelta(days=9), usegmt=True)) == MAX_SECONDS


@pytest.mark.parametrize("header", ["", "soon", "-1", "1.5", "NaN", "\u0663", "Wed, 99 Oct 99999 07:28:00 GMT"])
def test_anything_else_states_nothing(header: str) -> None:
    assert stated_seconds(header) is None


def test_a_wait_ends_when_it_is_time_to_give_up() -> None:
    assert bounded_wait(0.5, None, 0.1) == 0.5
    assert bounded_wait(0.5, 3, 10) == 3 and bounded_wait(4, 3, 10) == 4
    assert bounded_wait(0.5, 3, 1) == 1 and bounded_wait(0.5, 3, -1) == 0

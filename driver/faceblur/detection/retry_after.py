"""The header `Retry-After`: for how long the function, or a gateway before it, asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3600.0  # a clock that is wrong may name any date


def stated_seconds(header: str) -> float | None:
    """The seconds to wait from now on: the header has a number of them, or a date. None where it has neither."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(MAX_SECONDS, float(text[:9]))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(MAX_SECONDS, max(0.0, (date - datetime.now(UTC)).total_seconds()))


def bounded_wait(backoff: float, stated: float | None, left: float) -> float:
    """The seconds to the next attempt: at least what is `stated`, but no more than are `left` before giving up."""
    return backoff if stated is None else min(max(backoff, stated), max(0.0, left))

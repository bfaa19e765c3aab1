"""Whether a text holds a position on the earth, in the forms that cameras, drones and phones write."""

from __future__ import annotations

import re

_NUMBER = r"[-+]?\d{1,3}\.\d{1,15}"
_AFTER_LABEL = r"[\s\"'=:(\[]{0,6}"
# A degree sign of UTF-16 is no UTF-8: it becomes a replacement character.
_DEGREES = r"\d{1,3}(?:\.\d{3,15}|\s?[°\ufffd])"
# One of these is enough.
FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        # DJI: GPS (8.5417, 47.3769, 19), HOME(8.5417,47.3769); geo:47.37,8.54.
        rf"\b(?:gps|home|geo|position|location|coord\w*)\b{_AFTER_LABEL}{_NUMBER}\s{{0,3}}[,;/ ]\s{{0,3}}{_NUMBER}",
        # [latitude: 47.3], "longitude":8.5; DJI also writes longtitude.
        r"(?:latitude|longt?itude)(?:[\s\"']{0,4}[:=(][\s\"']{0,4}[-+]?\d|\s{0,3}[-+]?\d{1,3}\.\d)",
        # ISO 6709: +48.8584+002.2945/
        r"(?<![\d.])[-+]\d{2}(?:\d{2}){0,2}(?:\.\d+)?[-+]\d{3}(?:\d{2}){0,2}(?:\.\d+)?(?:[-+]\d+(?:\.\d+)?)?(?:CRS\w*)?/",
        r"(?<![\d.])[-+]\d{2}\.\d{3,}[-+]\d{3}\.\d{3,}",
        # NMEA 0183: $GPRMC,…
        r"\$G[PNLAB](?:GGA|RMC|GLL|GNS)\b",
        # A pair of numbers with at least four decimals each: 47.3769, 8.5417
        r"(?<![\d.])[-+]?\d{1,2}\.\d{4,15}°?\s{0,3}[,;/ ]\s{0,3}[-+]?\d{1,3}\.\d{4,}(?![\d.])",
        r"(?<![\d.])[-+]?\d{1,3}\.\d{4,15}°?\s{0,3}[,;/ ]\s{0,3}[-+]?\d{1,2}\.\d{4,}(?![\d.])",
    )
]
# Both of a pair: lat=47.3 and lon=8.5; 47.3769° N and 8° 32' E, or N: 47.376900 and E: 8.541700.
PAIRS = [
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (rf"(?:\b|_)lat\b{_AFTER_LABEL}[-+]?\d", rf"(?:\b|_)(?:lon|lng|long)\b{_AFTER_LABEL}[-+]?\d"),
        (
            rf"\b[NS]\W{{0,3}}{_DEGREES}|{_DEGREES}[\d\W]{{0,16}}[NS]\b",
            rf"\b[EW]\W{{0,3}}{_DEGREES}|{_DEGREES}[\d\W]{{0,16}}[EW]\b",
        ),
    )
]


def holds_position(text: str) -> bool:
    """Whether a position is written in a text."""
    return any(form.search(text) for form in FORMS) or any(
        one.search(text) and other.search(text) for one, other in PAIRS
    )

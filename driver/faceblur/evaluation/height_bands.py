"""The bands of face heights by which the figures are listed, and the one that counts."""

from __future__ import annotations

import math

# Lower faces cannot be distinguished from each other, and no detector's anchor is smaller: they are listed, but neither
# `--min-recall` nor the count of exposed faces includes them.
MIN_HEIGHT = 16.0
COUNTED = f"{MIN_HEIGHT:g} and more"
# By their labels' height in pixels: from the first on, up to but not including the second.
BANDS = {
    "all": (0.0, math.inf),
    COUNTED: (MIN_HEIGHT, math.inf),
    "under 16": (0.0, 16.0),
    "16 to 32": (16.0, 32.0),
    "32 to 64": (32.0, 64.0),
    "64 and more": (64.0, math.inf),
}


def bands_of(height: float) -> list[str]:
    """The bands that hold a face of this height in pixels."""
    return [band for band, (first, end) in BANDS.items() if first <= height < end]

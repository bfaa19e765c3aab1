"""The options that an output's container is opened with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

from faceblur.media.metadata import needs_free_tags

MAX_TIMESCALE = 100_000_000  # units per second


def muxer_options(
    muxer: str, path: Path, tags: Mapping[str, str], time_bases: Iterable[Fraction | None], *, has_cover_art: bool
) -> dict[str, str]:
    """The options of FFmpeg's `muxer` for a file with these tags, whose source's streams have these units of time."""
    if muxer in ("mp4", "mov", "3gp", "3g2"):
        # FFmpeg writes free tags in a way that has no room for cover art.
        free = needs_free_tags(tags) and not has_cover_art
        return {"movie_timescale": _timescale(time_bases)} | ({"movflags": "+use_metadata_tags"} if free else {})
    if muxer == "mpegts":
        return {"mpegts_m2ts_mode": "1" if path.suffix.lower() in (".mts", ".m2ts") else "0"}
    return {"preload": "0"} if muxer == "vob" else {}  # or everything is a second late


def _timescale(time_bases: Iterable[Fraction | None]) -> str:
    """The unit of late starts, by default milliseconds: too coarse for 1/30000 s."""
    scales = [time_base.denominator for time_base in time_bases if time_base]
    common = math.lcm(*scales)
    return str(common if common <= MAX_TIMESCALE else max(scales))

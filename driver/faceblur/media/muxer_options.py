"""The options that an output's container is opened with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceblur.media.metadata import needs_free_tags

M2TS_PMT = 0x100  # the identity of a table of streams in M2TS
MAX_TIMESCALE = 100_000_000  # units per second


def muxer_options(
    muxer: str, path: Path, tags: Mapping[str, str], streams: Sequence[Any], *, has_cover_art: bool
) -> dict[str, str]:
    """The options of FFmpeg's `muxer` for a file with these tags and the source's streams."""
    if muxer in ("mp4", "mov", "3gp", "3g2"):
        # FFmpeg writes free tags in a way that has no room for cover art.
        free = needs_free_tags(tags) and not has_cover_art
        return {"movie_timescale": _timescale(one.time_base for one in streams)} | (
            {"movflags": "+use_metadata_tags"} if free else {}
        )
    if muxer == "mpegts":
        # A plain MPEG-TS may have the suffix too; with its identities FFmpeg writes no other.
        is_m2ts = path.suffix.lower() in (".mts", ".m2ts") and all(one.id != M2TS_PMT for one in streams)
        return {"mpegts_m2ts_mode": "1" if is_m2ts else "0"}
    return {"preload": "0"} if muxer == "vob" else {}  # or everything is a second late


def _timescale(time_bases: Iterable[Fraction | None]) -> str:
    """The unit of late starts, by default milliseconds: too coarse for 1/30000 s."""
    scales = [time_base.denominator for time_base in time_bases if time_base]
    common = math.lcm(*scales)
    return str(common if common <= MAX_TIMESCALE else max(scales))

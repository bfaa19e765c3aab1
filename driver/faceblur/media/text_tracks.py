"""Text tracks: subtitles whose packets are lines of text. Drones and dash cams write their positions into such."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from faceblur.media.opening import open_input
from faceblur.media.private_texts import is_private
from faceblur.media.pyav import READ_ERRORS, codec_of

log = logging.getLogger("faceblur")

# Subtitles that are pictures of text.
BITMAPS = frozenset({"dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "xsub", "dvb_teletext"})
# Telemetry is so from its beginning: so many packets of the file are read, so many lines of each track.
PROBED_PACKETS, PROBED_LINES = 3000, 8
TELEMETRY_SHARE = 0.5  # of a track's lines hold a position; where fewer do, only those are left out
EMPTY = 2  # bytes of a line without text in MP4


def is_text_track(stream: Any) -> bool:
    """Whether a stream's packets are lines of text."""
    return stream.type == "subtitle" and codec_of(stream) not in BITMAPS


def tracks_with_positions(path: Path, streams: list[Any]) -> set[int]:
    """The indices of those text tracks of a file whose lines are positions, by the first of them."""
    lines: dict[int, list[bool]] = {stream.index: [] for stream in streams if is_text_track(stream)}
    if not lines:
        return set()
    try:
        with open_input(path) as container:
            for number, packet in enumerate(container.demux()):
                index = packet.stream.index
                if index in lines and packet.size > EMPTY:
                    lines[index].append(is_private(bytes(packet)))
                if number >= PROBED_PACKETS or all(len(one) >= PROBED_LINES for one in lines.values()):
                    break
    except READ_ERRORS as error:
        # The pass that reads the complete file fails at the same position, and reports why.
        log.debug("%s: %s", path, error)
    return {index for index, private in lines.items() if private and sum(private) >= TELEMETRY_SHARE * len(private)}

"""Where a stream of MPEG-1, 2 or 4 changes its size: FFmpeg's decoders lose the frame that they hold back there."""

from __future__ import annotations

import re
from typing import Any

HEAD_BYTES = 256  # of a packet, in which its headers are
# What follows the start code: of MPEG-1 and 2 the size, aspect and rate; of MPEG-4 all up to the next start code.
HEADERS = {
    "mpeg1video": re.compile(rb"\x00\x00\x01\xb3(....)", re.DOTALL),
    "mpeg2video": re.compile(rb"\x00\x00\x01\xb3(....)", re.DOTALL),
    "mpeg4": re.compile(rb"\x00\x00\x01[\x20-\x2f](.*?)\x00\x00\x01", re.DOTALL),
}


class SequenceHeaders:
    """Follows the headers in a stream's packets; of other codecs it sees none."""

    def __init__(self, codec: str) -> None:
        self._pattern = HEADERS.get(codec)
        self._last: bytes | None = None

    def changes_at(self, packet: Any) -> bool:
        """Whether another header than the last one is in a packet: the decoder must give all its frames before."""
        if self._pattern is None or not packet.size:
            return False
        found = self._pattern.search(bytes(memoryview(packet)[:HEAD_BYTES]))
        if found is None:
            return False
        before, self._last = self._last, found[1]
        return before is not None and before != self._last

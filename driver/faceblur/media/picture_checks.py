"""What a packet's own bytes say of its picture, where the decoder says nothing: check sums of FFV1, ends of JPEGs."""

from __future__ import annotations

from typing import Any

from faceblur.media.check_sums import check_sum

JPEG_END, FILLING, LOOKED_AT = b"\xff\xd9", b"\0\xff", 1 << 10
# What follows a slice of FFV1: its length in three bytes, a mark of errors, its check sum in four.
SLICE_TRAILER = 8


class PictureCheck:
    """Checks the packets of one stream, in order.

    Some cameras' JPEGs have no end, and FFV1 may have no check sums: only in a stream that has them must all have them.
    """

    def __init__(self, codec: str) -> None:
        self._is_whole = {"mjpeg": _has_end, "ffv1": _has_right_sums}.get(codec)
        self._found = False

    def is_damaged(self, packet: Any) -> bool:
        """Whether a packet lacks what those before it had."""
        if self._is_whole is None or not packet.size:
            return False
        is_whole = self._is_whole(packet)
        self._found = self._found or is_whole
        return self._found and not is_whole


def _has_end(packet: Any) -> bool:
    return bytes(memoryview(packet)[-LOOKED_AT:]).rstrip(FILLING).endswith(JPEG_END)


def _has_right_sums(packet: Any) -> bool:
    """Whether a packet is slices of FFV1 with the right check sums; it is read from its end."""
    content = bytes(packet)
    stop = len(content)
    while stop > SLICE_TRAILER:
        begin = stop - SLICE_TRAILER - int.from_bytes(content[stop - SLICE_TRAILER : stop - SLICE_TRAILER + 3])
        if begin < 0 or check_sum(content[begin:stop]):
            return False
        stop = begin
    return stop == 0

"""IVF: a header, then frames of a length and a time."""

from __future__ import annotations

import struct

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

FRAME_HEADER = 12  # bytes


def ivf(content: Content) -> Videos:
    """The frames of an IVF file's video. Raises Fault."""
    (at,) = struct.unpack_from("<H", content, 6)
    size, frames = len(content), 0
    while at + FRAME_HEADER <= size and not is_padding(content, at):
        (length,) = struct.unpack_from("<I", content, at)
        frames += length > 0
        at += FRAME_HEADER + length
        check_end(at, size)
    if at < size and not is_padding(content, at):
        raise Fault("cut short: its last frame is not complete")
    return [VideoTrack(frames)]

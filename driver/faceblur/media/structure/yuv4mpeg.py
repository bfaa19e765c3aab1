"""YUV4MPEG2 (`.y4m`): a line of text, then frames of one size, each after a line of its own."""

from __future__ import annotations

import re

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

HEADER = re.compile(rb"YUV4MPEG2 [^\n]*\n")
FRAME = re.compile(rb"FRAME[^\n]*\n")
LONGEST_LINE = 1 << 10
# By the colour space: how many columns and rows share a sample of colour, None: there is no colour.
SUBSAMPLING = {b"420": (2, 2), b"411": (4, 1), b"422": (2, 1), b"444": (1, 1), b"mono": None}


def yuv4mpeg(content: Content) -> Videos:
    """The frames of a YUV4MPEG2 file. Raises Fault."""
    size, header = len(content), HEADER.match(content[:LONGEST_LINE])
    length = _frame_bytes(header[0]) if header else None
    if header is None or length is None:
        return None
    at, frames = header.end(), 0
    while at < size and not is_padding(content, at):
        line = FRAME.match(content[at : at + LONGEST_LINE])
        if line is None:
            raise Fault(f"damaged: byte {at} begins no frame")
        at += line.end() + length
        check_end(at, size)
        frames += 1
    return [VideoTrack(frames)]


def _frame_bytes(header: bytes) -> int | None:
    """How many bytes a frame has, None for a colour space that is not known."""
    fields = {one[:1]: one[1:] for one in header.split()[1:]}
    colour = re.match(rb"(420|411|422|444|mono)(alpha)?\D*(9|1\d)?", fields.get(b"C", b"420"))
    if colour is None:
        return None
    width, height = int(fields[b"W"]), int(fields[b"H"])
    shared = SUBSAMPLING[colour[1]]
    samples = width * height * (2 if colour[2] else 1)
    if shared is not None:
        samples += 2 * -(-width // shared[0]) * -(-height // shared[1])
    return samples * (2 if colour[3] else 1)

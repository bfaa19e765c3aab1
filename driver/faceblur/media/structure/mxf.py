"""MXF: items of a key, a length and a content, one after the other."""

from __future__ import annotations

from collections import Counter

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

KEY = b"\x06\x0e\x2b\x34"  # that each key begins with
ESSENCE = b"\x01\x02\x01\x01\x0d\x01\x03\x01"  # what follows it in the keys of frames
PICTURES = {0x05, 0x15}  # what comes then: kinds of pictures
RUN_IN = 1 << 16  # bytes that may come before the first key


def mxf(content: Content) -> Videos:
    """The frames of an MXF file's only video, where each is an item of its own. Raises Fault."""
    at, size, pictures = content.find(KEY, 0, RUN_IN), len(content), Counter[bytes]()
    while at >= 0 and at + 17 <= size and not is_padding(content, at):
        if content[at : at + 4] != KEY:
            raise Fault(f"damaged: byte {at} begins no item")
        width = content[at + 16]
        begin = at + 17 + (width & 0x7F if width & 0x80 else 0)
        length = int.from_bytes(content[at + 17 : begin]) if width & 0x80 else width
        check_end(begin + length, size)
        if content[at + 4 : at + 12] == ESSENCE and content[at + 12] in PICTURES and length:
            pictures[content[at + 12 : at + 16]] += 1
        at = begin + length
    frames = list(pictures.values())
    return [VideoTrack(frames[0])] if len(frames) == 1 and frames[0] > 1 else None

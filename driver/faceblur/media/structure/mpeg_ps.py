"""MPEG-PS: packs and packets, each beginning with a start code; all but packs hold their length."""

from __future__ import annotations

from faceblur.media.structure.pes import HEAD, START, is_sound
from faceblur.media.structure.structure import Content, Fault, Videos, check_end

PACK, END = 0xBA, 0xB9
LONGEST_HEADER = 3 + 255  # bytes


def mpeg_ps(content: Content) -> Videos:
    """Check an MPEG-PS file, such as a DVD's. Raises Fault."""
    at, size = 0, len(content)
    while at + HEAD <= size:
        code = content[at + 3]
        if content[at : at + 3] != START or code < END:
            at = _skip(content, at)
        elif code == END:
            at += 4
        elif code == PACK:
            at += 14 + (content[min(at + 13, size - 1)] & 7) if content[at + 4] >> 6 == 1 else 12
        else:
            length = int.from_bytes(content[at + 4 : at + HEAD])
            if not is_sound(content[at : at + HEAD + min(length, LONGEST_HEADER)]):
                raise Fault(f"damaged: the header of the packet at byte {at} does not have the length that it names")
            at += HEAD + length
    check_end(at, size)
    return None


def _skip(content: Content, at: int) -> int:
    """What follows zeros or 0xFF, which fill a file up to a size. Raises Fault for anything else."""
    size, following = len(content), content.find(START, at)
    following = size if following < 0 else following
    filling = content[at:following]
    if (filling.strip(b"\0") and filling.strip(b"\xff")) or (following + 3 < size and content[following + 3] < END):
        raise Fault(f"damaged: byte {at} begins no packet")
    return following

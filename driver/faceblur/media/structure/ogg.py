"""Ogg: numbered pages of several streams, each with a check sum; each stream's last one is marked."""

from __future__ import annotations

import struct

from faceblur.media.check_sums import check_sum
from faceblur.media.structure.structure import Content, Fault, Videos, check_end, is_padding

LAST_PAGE = 0x04


def ogg(content: Content) -> Videos:
    """Check an Ogg file. Raises Fault."""
    at, size, numbers, ended = 0, len(content), dict[int, int](), set[int]()
    while at + 27 <= size and not is_padding(content, at):
        if content[at : at + 4] != b"OggS":
            raise Fault(f"damaged: byte {at} begins no page")
        flags, serial, number, checked = content[at + 5], *struct.unpack_from("<III", content, at + 14)
        segments = content[at + 26]
        end = at + 27 + segments + sum(content[at + 27 : at + 27 + segments])
        check_end(end, size)
        if check_sum(content[at : at + 22] + bytes(4) + content[at + 26 : end]) != checked:
            raise Fault(f"damaged: the page at byte {at} does not have its check sum")
        if number != numbers.get(serial, -1) + 1 and serial in numbers:
            raise Fault(f"damaged: pages before byte {at} are missing")
        numbers[serial] = number
        if flags & LAST_PAGE:
            ended.add(serial)
        at = end
    if ended != set(numbers):
        raise Fault("cut short: its streams do not end")
    return None

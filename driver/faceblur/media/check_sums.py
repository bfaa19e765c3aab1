"""The check sum of Ogg's pages and FFV1's slices: CRC-32 with the highest bit first, beginning with zero."""

from __future__ import annotations

import zlib

# It is the common CRC-32 with the bits of every byte, and of the sum, in reverse order.
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def check_sum(content: bytes) -> int:
    """The check sum of bytes; zero for bytes that are followed by their own."""
    value = zlib.crc32(content.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)

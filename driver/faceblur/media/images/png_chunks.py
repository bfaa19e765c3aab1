"""The chunks of PNG files: those that describe colours and resolution are copied from the source."""

from __future__ import annotations

import struct
from collections.abc import Iterator

DEPTH_AT = 24  # in IHDR, the first chunk
BEGIN = 33  # bytes of the signature and IHDR
# https://www.w3.org/TR/png-3/#5ChunkOrdering
KEPT = (b"cHRM", b"cICP", b"gAMA", b"iCCP", b"mDCV", b"cLLI", b"sRGB", b"pHYs")


def bit_depth(content: bytes) -> int:
    """Bits per channel of a PNG."""
    return content[DEPTH_AT]


def with_source_chunks(written: bytes, source: bytes) -> bytes:
    """A PNG with what its source says about colours and resolution."""
    kept = b"".join(chunk for name, chunk in chunks(source) if name in KEPT)
    return written[:BEGIN] + kept + written[BEGIN:]


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG: each one's name, and all its bytes."""
    start = 8
    while start + 12 <= len(content):
        (size,) = struct.unpack(">I", content[start : start + 4])
        yield content[start + 4 : start + 8], content[start : start + 12 + size]
        start += 12 + size

"""The chunks of PNG files: those that describe colours and resolution are copied from the source."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from faceblur.media.hidden_files import holds_file

DEPTH_AT = 24  # in IHDR, the first chunk
BEGIN = 33  # bytes of the signature and IHDR
# https://www.w3.org/TR/png-3/#5ChunkOrdering
KEPT = (b"cHRM", b"cICP", b"gAMA", b"iCCP", b"mDCV", b"cLLI", b"sRGB", b"pHYs")
MAX_PROFILE = 1 << 24  # bytes, unpacked: the largest profiles of printers have some megabytes


def bit_depth(content: bytes) -> int:
    """Bits per channel of a PNG."""
    return content[DEPTH_AT]


def with_source_chunks(written: bytes, source: bytes) -> bytes:
    """A PNG with what its source says about colours and resolution."""
    kept = b"".join(chunk for name, chunk in chunks(source) if name in KEPT and not _holds_picture(name, chunk))
    return written[:BEGIN] + kept + written[BEGIN:]


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG up to its end: each one's name, and all its bytes."""
    start, name = 8, b""
    while start + 12 <= len(content) and name != b"IEND":
        (size,) = struct.unpack(">I", content[start : start + 4])
        name = content[start + 4 : start + 8]
        yield name, content[start : start + 12 + size]
        start += 12 + size


def _holds_picture(name: bytes, chunk: bytes) -> bool:
    """Whether a chunk is a colour profile with a picture in it, or one that cannot be looked into."""
    if name != b"iCCP":
        return False
    packed = chunk[8:-4].partition(b"\0")[2][1:]  # after the profile's name and the number of the method
    unpacker = zlib.decompressobj()
    try:
        return holds_file(unpacker.decompress(packed, MAX_PROFILE)) or not unpacker.eof
    except zlib.error:
        return True

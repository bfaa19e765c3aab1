"""The chunks of PNG files: those that describe colours and resolution are copied from the source."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from faceblur.media.hidden_files import holds_file

DEPTH_AT = 24  # in IHDR, the first chunk
BEGIN = 33  # bytes of the signature and IHDR
# How many bytes each of these has: https://www.w3.org/TR/png-3/#11Ancillary-chunks
SIZES = {b"cHRM": 32, b"cICP": 4, b"gAMA": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"pHYs": 9}
PROFILE, MAX_NAME = b"iCCP", 79
MAX_PROFILE = 1 << 24  # bytes, unpacked: the largest profiles of printers have some megabytes


def bit_depth(content: bytes) -> int:
    """Bits per channel of a PNG."""
    return content[DEPTH_AT]


def with_source_chunks(written: bytes, source: bytes) -> bytes:
    """A PNG with what its source says about colours and resolution."""
    kept = b"".join(chunk for name, chunk in chunks(source) if is_kept(name, chunk) and not _holds_picture(name, chunk))
    return written[:BEGIN] + kept + written[BEGIN:]


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG up to its end: each one's name, and all its bytes."""
    start, name = 8, b""
    while start + 12 <= len(content) and name != b"IEND":
        (size,) = struct.unpack(">I", content[start : start + 4])
        name = content[start + 4 : start + 8]
        yield name, content[start : start + 12 + size]
        start += 12 + size


def is_kept(name: bytes, chunk: bytes) -> bool:
    """Whether a chunk describes colours or resolution, and holds no more than that."""
    if name != PROFILE:
        return len(chunk) - 12 == SIZES.get(name)
    called, _, packed = chunk[8:-4].partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return False
    return len(called) <= MAX_NAME and unpacker.eof and not unpacker.unused_data


def _holds_picture(name: bytes, chunk: bytes) -> bool:
    """Whether a chunk, which is kept, is a colour profile with a picture in it."""
    return name == PROFILE and holds_file(zlib.decompress(chunk[8:-4].partition(b"\0")[2][1:]))

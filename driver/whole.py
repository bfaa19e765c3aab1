"""Whether a file ends where its own structure says: a cut one often decodes to its end without an error."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

TS_PACKETS = (188, 192, 204)  # plain, with a clock before each, with error correction after it
SEGMENT = b"\x18\x53\x80\x67"
AVI_HAS_INDEX = 0x10  # AVIF_HASINDEX of the main header's flags


def missing(path: Path, container: str) -> str | None:
    """What a file lacks by its own structure, in words; `container` is FFmpeg's name. None: nothing. Raises OSError."""
    names, size = set(container.split(",")), path.stat().st_size
    with path.open("rb") as file:
        if "mp4" in names:
            return _boxes(file, size)
        if "matroska" in names:
            return _segment(file, size)
        if "avi" in names:
            return _riff(file, size)
        return _packets(file, size) if "mpegts" in names else None


def _lacks(stop: int, size: int) -> str | None:
    return f"{stop - size} bytes are missing at its end" if stop > size else None


def _boxes(file: BinaryIO, size: int) -> str | None:
    """ISO BMFF: boxes of a length and a type, one after the other."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, _ = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        if length == 0:  # to the end of the file
            return None
        if length < 8:
            return None  # padding after the last box
        at += length
    return _lacks(at, size)


def _segment(file: BinaryIO, size: int) -> str | None:
    """Matroska: after the EBML header comes one segment that holds everything, of a length that may be unknown."""
    file.seek(0)
    head = file.read(4096)
    at = head.find(SEGMENT)
    if at < 0 or at + 4 >= len(head) or not head[at + 4]:
        return None
    width = 9 - head[at + 4].bit_length()
    value = int.from_bytes(head[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else _lacks(at + 4 + width + value, size)


def _riff(file: BinaryIO, size: int) -> str | None:
    """AVI: RIFF chunks, each of at most a gigabyte or two; an index at the end of the first, unless others are."""
    at, index, promised = 0, False, False
    while at + 12 <= size:
        file.seek(at)
        name, length, _ = struct.unpack("<4sI4s", file.read(12))
        if name != b"RIFF":
            break
        stop, inner = at + 8 + length, at + 12
        while inner + 8 <= min(stop, size):
            file.seek(inner)
            chunk, inner_length = struct.unpack("<4sI", file.read(8))
            index = index or chunk == b"idx1"
            if chunk == b"LIST" and inner_length < 1 << 20:
                content = file.read(inner_length)
                place = content.find(b"avih")
                if place >= 0:
                    (flags,) = struct.unpack_from("<I", content.ljust(place + 24, b"\0"), place + 20)
                    promised = bool(flags & AVI_HAS_INDEX)
                index = index or b"indx" in content
            inner += 8 + inner_length + inner_length % 2
        at = stop + stop % 2
    if promised and not index:
        return "its index is missing"
    return _lacks(at, size)


def _packets(file: BinaryIO, size: int) -> str | None:
    """MPEG-TS: packets of one size, each beginning with the same byte."""
    file.seek(0)
    head = file.read(1 << 16)
    for length in TS_PACKETS:
        for first in range(min(length, len(head))):
            if len(head) > first + 4 * length and all(head[first + n * length] == 0x47 for n in range(5)):
                over = (size - first + (4 if length == 192 else 0)) % length
                return f"its last packet has {over} of {length} bytes" if over else None
    return None

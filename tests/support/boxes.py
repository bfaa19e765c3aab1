"""Boxes of ISO BMFF, put into a file whose header is at its end, as FFmpeg writes it by default."""

from __future__ import annotations

import struct

VISUAL_ENTRY = 86  # bytes of a visual sample entry before its own boxes
HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"udta"}


def box(name: bytes, content: bytes = b"", *, full: bool = False) -> bytes:
    """A box; `full`: with version and flags of 0."""
    body = bytes(4) * full + content
    return struct.pack(">I4s", 8 + len(body), name) + body


def with_boxes(content: bytes, path: tuple[bytes, ...], added: bytes) -> bytes:
    """A file with boxes added at the end of the first box at this path, such as moov, trak; `entry` is stsd's first."""
    begin, spans = 0, []
    stop, at = len(content), 0
    for name in path:
        begin, size = _find(content, name, at, stop)
        spans.append(begin)
        stop, at = begin + size, begin + (16 if name == b"stsd" else VISUAL_ENTRY if name == b"entry" else 8)
    changed = bytearray(content[:stop] + added + content[stop:])
    for one in spans:
        (size,) = struct.unpack_from(">I", changed, one)
        struct.pack_into(">I", changed, one, size + len(added))
    return bytes(changed)


ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"entry")


def _find(content: bytes, name: bytes, at: int, stop: int) -> tuple[int, int]:
    while at + 8 <= stop:
        size, found = struct.unpack_from(">I4s", content, at)
        if found == name or name == b"entry":
            return at, size
        at += size
    raise AssertionError(f"no box {name!r}")


# Spherical video: https://github.com/google/spatial-media/blob/master/docs/spherical-video-v2-rfc.md
ST3D = box(b"st3d", b"\2", full=True)  # left and right
SV3D = box(
    b"sv3d",
    box(b"svhd", b"maker\0", full=True)
    + box(b"proj", box(b"prhd", bytes(12), full=True) + box(b"equi", bytes(16), full=True)),
)
# Clean aperture: width, height, and the offsets of its centre, as fractions.
CLAP = box(b"clap", struct.pack(">8I", 300, 1, 200, 1, 0, 1, 0, 1))
# Dolby Vision's configuration: version 1.0, profile 8, level 1, with RPU and base layer, compatible with HLG.
DVVC = box(b"dvvC", bytes([1, 0, 8 << 1, 1 << 3 | 0b101, 4 << 4]) + bytes(19))

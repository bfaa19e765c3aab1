"""The pixels' aspect in a Matroska file that is written: FFmpeg's muxer has a field for it that PyAV cannot set.

The video tracks are written with a name that is longer than theirs. Afterwards the display size replaces the surplus of
the name, so that nothing in the file moves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from faceblur.media.ebml import read_element

SPARE = "x" * 24  # the surplus of a name: enough for two sizes and a void element
HEAD_BYTES = 1 << 20  # the tracks come before everything large
SEGMENT, TRACKS, ENTRY, TYPE, NAME, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0x536E, 0xE0
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT, VOID, CRC = 0x54B0, 0x54BA, 0x54B2, 0xEC, 0xBF
RATIO = b"\3"


@dataclass(frozen=True, slots=True)
class _Element:
    identity: int
    header: bytes
    content: bytes

    def __bytes__(self) -> bytes:
        return self.header + self.content


@dataclass(frozen=True, slots=True)
class DisplaySize:
    """How large a video is shown: in pixels, or as the two sides of a ratio where the pixels are no integers."""

    width: int
    height: int
    is_ratio: bool = False

    @classmethod
    def of(cls, size_wh: tuple[int, int], aspect: Fraction) -> DisplaySize:
        """The display size of a video of this size whose pixels have this aspect, width by height."""
        width, height = size_wh
        if width * aspect % 1 == 0:
            return cls(int(width * aspect), height)
        shown = width * aspect / height
        return cls(shown.numerator, shown.denominator, is_ratio=True)


def name_with_room(name: str) -> str:
    """A track's name with room for a display size."""
    return name + SPARE


def set_display_sizes(path: Path, sizes: list[DisplaySize | None]) -> None:
    """Write the display size of each video track, in order; None: this one's name has no room for it.

    Raises OSError, and ValueError for a file that is not as FFmpeg writes it.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD_BYTES)
        begin, end = _tracks(head)
        waiting, changed = iter(sizes), []
        for one in _elements(head[begin:end]):
            if one.identity == ENTRY:
                changed.append(one.header + _entry(one.content, waiting))
            elif one.identity != CRC:
                changed.append(bytes(one))
        body = b"".join(changed)
        if head[begin] == CRC:
            body = _pack(CRC, zlib.crc32(body).to_bytes(4, "little")) + body
        assert len(body) == end - begin
        file.seek(begin)
        file.write(body)


def _entry(content: bytes, sizes: Iterator[DisplaySize | None]) -> bytes:
    """A track's entry with its display size; as long as it was."""
    elements = _elements(content)
    is_video = any(one.identity == TYPE and one.content == b"\1" for one in elements)
    if not is_video or (size := next(sizes)) is None:
        return content
    body = b""
    for one in elements:
        if one.identity == NAME:
            name = one.content.removesuffix(SPARE.encode())
            body += _pack(NAME, name) if name else b""
        elif one.identity == VIDEO:
            kept = [bytes(part) for part in _elements(one.content) if part.identity != DISPLAY_UNIT]
            kept += [_pack(DISPLAY_WIDTH, size.width.to_bytes(3)), _pack(DISPLAY_HEIGHT, size.height.to_bytes(3))]
            kept += [_pack(DISPLAY_UNIT, RATIO)] if size.is_ratio else []
            body += _pack(VIDEO, b"".join(kept))
        else:
            body += bytes(one)
    room = len(content) - len(body)
    if not 2 <= room < 2 * len(SPARE):
        raise ValueError("a track's name has no room for its display size")
    return body + _pack(VOID, bytes(room - 2))


def _pack(identity: int, content: bytes) -> bytes:
    width = 1 if len(content) < 127 else 2  # 127 would say that the length is unknown
    length = (len(content) | 1 << 7 * width).to_bytes(width)
    return identity.to_bytes((identity.bit_length() + 7) // 8) + length + content


def _tracks(head: bytes) -> tuple[int, int]:
    """Where the content of the tracks' element begins and ends."""
    at = 0
    while at + 12 < len(head):
        identity, begin, length = read_element(head, at)
        if identity == TRACKS and length is not None and begin + length <= len(head):
            return begin, begin + length
        at = begin if identity == SEGMENT or length is None else begin + length
    raise ValueError("no tracks at its beginning")


def _elements(content: bytes) -> list[_Element]:
    elements, at = [], 0
    while at < len(content):
        identity, begin, length = read_element(content, at)
        stop = len(content) if length is None else begin + length
        elements.append(_Element(identity, content[at:begin], content[begin:stop]))
        at = stop
    return elements

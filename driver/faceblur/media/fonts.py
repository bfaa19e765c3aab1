"""Fonts, recognised by their bytes: the only attachments that are copied."""

from __future__ import annotations

import struct

from faceblur.media.hidden_files import holds_encoded_file, holds_file

SFNT = (
    b"\0\1\0\0",
    b"OTTO",
    b"true",
)  # TrueType and OpenType: https://learn.microsoft.com/typography/opentype/spec/otff
COLLECTION = b"ttcf"
WOFF = (b"wOFF", b"wOF2")
WOFF_HEADER = 44  # bytes; the file's length is at byte 8: https://www.w3.org/TR/WOFF/#WOFFHeader
MAX_TABLES, MAX_FONTS = 200, 200


def font_of(content: bytes) -> bytes | None:
    """The font that `content` begins with, without what follows it.

    None where it begins with none, and where a table holds a picture, as those of coloured glyphs do.
    """
    font = _whole_font(content)
    if font is None or holds_file(font) or holds_encoded_file(font.decode("latin-1")):
        return None
    return font


def _whole_font(content: bytes) -> bytes | None:
    try:
        if content[:4] in WOFF:
            (end,) = struct.unpack_from(">I", content, 8)
            return content[:end] if WOFF_HEADER <= end <= len(content) else None
        if content[:4] != COLLECTION:
            return _cut(content, _end_of_tables(content, 0))
        (count,) = struct.unpack_from(">I", content, 8)
        if not 0 < count <= MAX_FONTS:
            return None
        ends = [_end_of_tables(content, offset) for offset in struct.unpack_from(f">{count}I", content, 12)]
    except struct.error:
        return None
    return _cut(content, max(ends) if all(ends) else 0)


def _end_of_tables(content: bytes, at: int) -> int:
    """Where the last table of the font that begins at a byte ends; 0: it is no font. Raises struct.error."""
    kind, tables = struct.unpack_from(">4sH", content, at)
    if kind not in SFNT or not 0 < tables <= MAX_TABLES:
        return 0
    ends = list[int]()
    for entry in range(at + 12, at + 12 + 16 * tables, 16):
        _, _, offset, length = struct.unpack_from(">4sIII", content, entry)
        ends.append(offset + length)
    return max(ends)


def _cut(content: bytes, end: int) -> bytes | None:
    padded = end + -end % 4  # tables begin at multiples of four bytes
    return content[:padded] if 0 < end <= len(content) else None

"""Pictures and other files that hide where something else is expected: in packets, in headers, in texts."""

from __future__ import annotations

import re

# How files begin, by FFmpeg's demuxer of one picture; each is found by its fixed part, then checked.
PICTURES = {
    "jpeg_pipe": b"\xff\xd8\xff",
    "png_pipe": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF8",
    "bmp_pipe": b"BM",
    "tiff_pipe": b"II*\0",
}
_FIXED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"WEBP", b"GIF8", b"ftyp")
# What random bytes do not contain: a JPEG with its first segment's name or a table's size, and so on.
_BEGINNING = re.compile(
    rb"\xff\xd8\xff(?:[\xe0-\xef]..(?:JFIF|JFXX|Exif|ICC_|Adobe|http|MPF|Duck|Phot)|\xdb\0[\x43\x84\xc5])"
    rb"|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|\0\0\0.ftyp[\w ]{4}",
    re.DOTALL,
)
# Lines of base64, without a choice of where one ends: a pattern that tries all takes for ever.
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}+\s{0,2}+)++", re.ASCII)
MIN_ENCODED = 512  # characters: no file that shows anything is shorter


def picture_format(content: bytes) -> str | None:
    """FFmpeg's demuxer of the picture that `content` is, None: it is none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp_pipe"
    if content[:4] == b"MM\0*":
        return "tiff_pipe"
    return next((name for name, begin in PICTURES.items() if content.startswith(begin)), None)


def holds_file(content: bytes) -> bool:
    """Whether a picture or a video begins anywhere in `content`."""
    return any(fixed in content for fixed in _FIXED) and _BEGINNING.search(content) is not None


def holds_encoded_file(text: str) -> bool:
    """Whether a text holds what is long enough to be a file in base64."""
    return "data:image/" in text or any(len(found[0]) >= MIN_ENCODED for found in _BASE64.finditer(text))

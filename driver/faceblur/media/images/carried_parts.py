"""What an image file holds besides its pixels and what is kept with them: the video of a motion photo, unknown parts.

EXIF, XMP, comments, texts and Photoshop's data are what Pillow reads: `pillow_pages` names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from faceblur.media.images.png_chunks import chunks, is_kept

JPEG, FURTHER_IMAGE = b"\xff\xd8\xff", "a further image"
SOS, EOI, END_OF_GIF = 0xDA, 0xD9, b";"
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# What ends the coded pixels of a JPEG: a marker that is neither an escaped byte nor one that restarts them.
AFTER_PIXELS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Segments of a JPEG that are kept, written anew, or named by Pillow, by the number of their marker.
KNOWN_SEGMENTS = {
    0: (b"JFIF",),
    1: (b"Exif", b"http://ns.adobe.com/xap/", b"http://ns.adobe.com/xmp/"),
    2: (b"ICC_PROFILE", b"MPF"),
    13: (b"Photoshop",),
    14: (b"Adobe",),
}
SEGMENTS = {b"JFXX": "a thumbnail", b"FPXR": "FlashPix data", b"JP": "C2PA or other data of JUMBF"}
JFIF_THUMBNAIL = 12  # where its width and height are
PNG_STRUCTURE = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"})
PNG_NAMED = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
WEBP_KNOWN = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "})
GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"XMP Data")
VIDEO = re.compile(rb"\0\0\0.ftyp[\w ]{4}", re.DOTALL)


def carried_parts(kind: str, content: bytes) -> list[str]:
    """Names of the parts of a file of this format, Pillow's name, that an output does not keep."""
    walk = WALKS.get(kind)
    if walk is None:
        return ["a video"] if VIDEO.search(content) else []
    parts = list(walk(content))
    return list(dict.fromkeys(part for part in parts if part))


def _jpeg(content: bytes) -> Iterator[str]:
    segments, end = _jpeg_segments(content)
    yield from segments
    rest = content[end:]
    while (further := rest.lstrip(b"\0")).startswith(JPEG):
        yield FURTHER_IMAGE
        rest = further[_jpeg_segments(further)[1] :]
    yield from _after(rest)


def _mpo(content: bytes) -> Iterator[str]:
    """Further images of an MPO are counted where it is read."""
    return (part for part in _jpeg(content) if part != FURTHER_IMAGE)


def _jpeg_segments(content: bytes) -> tuple[list[str], int]:
    """The names of a JPEG's segments that are not kept, and where it ends."""
    names, at = list[str](), 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF or marker in STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == EOI:
            break
        stop = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if 0xE0 <= marker <= 0xEF:
            names.append(_segment(marker - 0xE0, content[at + 4 : stop]))
        if marker == SOS:
            end = AFTER_PIXELS.search(content, stop)
            stop = end.start() if end else len(content)
        at = stop
    return names, at + 2


def _segment(number: int, body: bytes) -> str:
    if number == 0 and body.startswith(b"JFIF") and body[JFIF_THUMBNAIL : JFIF_THUMBNAIL + 2].strip(b"\0"):
        return "a thumbnail"
    if body.startswith(KNOWN_SEGMENTS.get(number, ())):
        return ""
    return next(
        (name for begin, name in SEGMENTS.items() if body.startswith(begin)), f"data of the segment APP{number}"
    )


def _png(content: bytes) -> Iterator[str]:
    at = 8
    for name, chunk in chunks(content):
        at += len(chunk)
        if name not in PNG_STRUCTURE | PNG_NAMED and not is_kept(name, chunk):
            yield f"the chunk {name.decode('latin-1')}"
    yield from _after(content[at:])


def _webp(content: bytes) -> Iterator[str]:
    end = 8 + int.from_bytes(content[4:8], "little")
    at = 12
    while at + 8 <= min(end, len(content)):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name not in WEBP_KNOWN:
            yield f"the chunk {name.decode('latin-1')}"
        at += 8 + size + size % 2
    yield from _after(content[end:])


def _gif(content: bytes) -> Iterator[str]:
    at, after_first_frame = len(content), False
    for at in gif_blocks(content):
        kind, label, begin = content[at : at + 1], content[at + 1 : at + 2], content[at + 3 : at + 14]
        if kind == b"!" and label == b"\x01":
            yield "plain text"
        after_first_frame |= kind == b","
        if kind == b"!" and label == b"\xfe" and after_first_frame:  # those before are in Pillow's metadata
            yield "a comment"
        if kind == b"!" and label == b"\xff" and not begin.startswith(GIF_APPLICATIONS):
            yield f"data of the application {begin.decode('ascii', 'replace')}"
    if content[at : at + 1] == END_OF_GIF:
        yield from _after(content[at + 1 :])


def gif_blocks(content: bytes) -> Iterator[int]:
    """Where the blocks of a GIF begin, the last one its end; not so where it was cut. Stray bytes count as blocks."""
    at = 13 + _palette(content[10:11])
    while at < len(content):
        yield at
        kind = content[at : at + 1]
        if kind == END_OF_GIF:
            return
        if kind == b",":
            at = _blocks_end(content, at + 11 + _palette(content[at + 9 : at + 10]))
        else:
            at = _blocks_end(content, at + 2) if kind == b"!" else at + 1


def _palette(flags: bytes) -> int:
    """How many bytes a palette takes in a GIF, by the byte of flags of what it belongs to."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _blocks_end(content: bytes, at: int) -> int:
    while at < len(content) and content[at]:
        at += 1 + content[at]
    return at + 1


def _after(rest: bytes) -> Iterator[str]:
    """What follows an image in its file."""
    if VIDEO.search(rest):
        yield "the video of a motion photo"
    elif rest.startswith(JPEG):
        yield FURTHER_IMAGE
    elif rest.strip(b"\0\xff"):
        yield f"{len(rest)} bytes after the image"


WALKS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "JPEG": _jpeg,
    "MPO": _mpo,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
}

"""Whether a file looks like a video by its first bytes, also where it is cut or damaged and cannot be opened.

The list is that of the containers and raw streams of opening.py that FFmpeg, too, knows by their first bytes.
"""

from __future__ import annotations

import re
from pathlib import Path

HEAD_BYTES = 1 << 16
TS_PACKETS = (188, 192, 204)  # plain, with a clock before each, with error correction after it
TS_SYNC = 0x47
TS_PROBED = 5  # packets in a row that begin with this byte: other files have two or three by chance
# Boxes that begin a file of ISO BMFF or QuickTime, and brands of such files that hold images or sound only.
BOXES = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"wide", b"free", b"skip", b"pnot", b"prft", b"emsg"}
NO_VIDEO_BRANDS = {
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"mif1",
    b"mif2",
    b"msf1",
    b"miaf",
    b"avif",
} | {*(b"avis", b"crx ", b"jp2 ", b"jpx ", b"jpm ", b"jxl ", b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"aax ")}
# Marks of video in the first pages of an Ogg file.
OGG_VIDEO = (b"\x80theora", b"BBCD\0", b"OVP80", b"\1video\0", b"fishead\0")
BEGINNINGS = re.compile(
    rb"""
      \x1a\x45\xdf\xa3 .{0,64}? (?: webm | matroska )       # EBML
    | RIFF .{4} (?: AVI[ \x19X] | AMV[ ] | 4XMV | CDXA )    # AVI and its kin, Video CD
    | \x30\x26\xb2\x75\x8e\x66\xcf\x11                      # ASF
    | FLV\x01 | KDK\x00                                     # FLV
    | \x00\x00\x01 [\xba\xb3\xb0]                           # MPEG-PS, MPEG-1 and MPEG-2 video, MPEG-4 video
    | \x00\x00\x01 [\x00-\x1f] \x00\x00\x01 [\x20-\x2f]     # MPEG-4 video without its first header
    | \x00\x00\x01\x0f                                      # VC-1
    | \x00? \x00\x00\x01 (?: [\x27\x47\x67] | \x09[\x10-\xf0] | [\x40\x42\x46]\x01 )  # H.264, HEVC
    | \x00? \x00\x00\x01\x00 [\x61\x69\x71\x79\xa1]         # VVC
    | \x12\x00\x0a [\x04-\x40]                              # AV1
    | DKIF\x00\x00 | YUV4MPEG2[ ] | BBCD\x00                # IVF, Y4M, Dirac
    | DHAV | DAHUA | HXVS | HXVF | IMKH                     # cameras' recorders
    | \x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02          # MXF
    | \x00{4}\x01\xbc.{4}\x00{4}\xe1\xe2                   # GXF
    | \.RMF\x00 | \.REC\x00 | \.R1M                         # RealMedia
    | \xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d  # WTV
    | \xf5\x46\x7a\xbd                                      # TiVo
    | .{4} RED[12] | MLVI | LUCAM-RECORDER                  # cinema and astronomy
    | nut/multimedia[ ]container | NSV[fs] | NuppelVideo\x00 | MythTVVideo\x00
    | \x1f\x07\x00 [\x3f\xbf]                               # DV
    | BIK[bfghik] | KB2[adfghijk] | SMK[24] | Interplay[ ]MVE[ ]File | THP\x00 | CRID | FORM .{4} WVQA | pmpm
    | \x84\x10\xff\xff\xff\xff | AV[\x00-\x02].\x55         # RoQ, PVA
    """,
    re.VERBOSE | re.DOTALL,
)


def looks_like_video(path: Path) -> bool:
    """Whether a file begins as a video does. Raises OSError."""
    head = _head(path)
    # By chance a text may have any letters anywhere.
    if _is_text(head):
        return False
    return bool(BEGINNINGS.match(head)) or _is_iso_bmff(head) or _is_ogg_video(head) or _is_mpeg_ts(head)


def is_text(path: Path) -> bool:
    """Whether a file begins as a text in UTF-8 or UTF-16 does. Raises OSError."""
    return _is_text(_head(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _is_text(head: bytes) -> bool:
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = head.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else it is the last character that is cut
            return False
        text = head[: error.start].decode("utf-16" if wide else "utf-8")
    return bool(text) and not re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text)


def _is_iso_bmff(head: bytes) -> bool:
    if head[4:8] not in BOXES:
        return False
    return not (head[4:8] == b"ftyp" and head[8:12] in NO_VIDEO_BRANDS)


def _is_ogg_video(head: bytes) -> bool:
    return head[:4] == b"OggS" and any(mark in head[:4096] for mark in OGG_VIDEO)


def _is_mpeg_ts(head: bytes) -> bool:
    return any(
        all(head[first + n * length] == TS_SYNC for n in range(TS_PROBED))
        for length in TS_PACKETS
        for first in range(min(length, max(0, len(head) - (TS_PROBED - 1) * length)))
    )

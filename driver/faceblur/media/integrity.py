"""Whether a file is complete by its container's own structure: what is cut or damaged often decodes without an error.

FFmpeg skips damaged parts of Matroska, FLV, ASF and Ogg without a message; the structure of the file shows them.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from faceblur.media.ebml import read_element

TS_PACKETS = (188, 192, 204)  # plain, with a clock before each, with error correction after it
AVI_HAS_INDEX = 0x10  # AVIF_HASINDEX of the main header's flags
OGG_LAST_PAGE = 0x04
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
# Matroska's elements below the segment: seek head, info, tracks, cluster, cues, chapters, attachments, tags; void, CRC.
BELOW_SEGMENT = {
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    CLUSTER,
    0x1C53BB6B,
    0x1043A770,
    0x1941A469,
    0x1254C367,
    0xEC,
    0xBF,
}
# Below a cluster: timestamp, simple block, block group, position, previous size, silent tracks, encrypted block; both.
BELOW_CLUSTER = {0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF, 0xEC, 0xBF}


def find_fault(path: Path, container: str) -> str | None:
    """What is wrong with a file, as `cut short: …` or `damaged: …`; None: nothing. `container` is FFmpeg's name.

    Raises OSError.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for name in container.split(","):
                if name in CHECKS:
                    return CHECKS[name](content)
    return None


def _cut_short(stop: int, size: int) -> str | None:
    return f"cut short: {stop - size} bytes are missing at its end" if stop > size else None


def _iso_bmff(content: mmap.mmap) -> str | None:
    """ISO BMFF: boxes of a length and a type, one after the other."""
    at, size = 0, len(content)
    while at + 8 <= size:
        (length,) = struct.unpack_from(">I", content, at)
        if length == 1 and at + 16 <= size:
            (length,) = struct.unpack_from(">Q", content, at + 8)
        if length < 8:  # 0: to the end of the file; others: padding after the last box
            return None
        at += length
    return _cut_short(at, size)


def _matroska(content: mmap.mmap) -> str | None:
    """Matroska: one segment of known elements after the EBML header, with clusters of frames."""
    size = len(content)
    at, stops = 0, [size]
    try:
        while at < stops[-1]:
            identity, begin, length = read_element(content, at)
            if len(stops) == 3 and identity in BELOW_SEGMENT - BELOW_CLUSTER:
                stops.pop()  # a cluster of unknown length ends where the next element begins
            known = (None, BELOW_SEGMENT, BELOW_CLUSTER)[len(stops) - 1]
            if known is not None and identity not in known:
                return f"damaged: byte {at} begins no element of Matroska"
            if length is not None and begin + length > size:
                return _cut_short(begin + length, size)
            if identity in (SEGMENT, CLUSTER):
                stops.append(stops[-1] if length is None else begin + length)
                at = begin
            else:
                at = begin if length is None else begin + length
            while len(stops) > 1 and at >= stops[-1]:
                if at > stops[-1]:
                    return f"damaged: an element ends at byte {at}, beyond what holds it"
                stops.pop()
    except IndexError:
        return "cut short: its last element is not complete"
    return None


def _avi(content: mmap.mmap) -> str | None:
    """AVI: RIFF chunks, each of at most a gigabyte or two; an index at the end of the first, unless others are."""
    at, size, index, promised = 0, len(content), False, False
    while at + 12 <= size and content[at : at + 4] == b"RIFF":
        stop, inner = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little"), at + 12
        while inner + 8 <= min(stop, size):
            name, length = struct.unpack_from("<4sI", content, inner)
            index = index or name == b"idx1"
            if name == b"LIST" and content[inner + 8 : inner + 12] == b"hdrl":
                header = content[inner : inner + 8 + length]
                position = header.find(b"avih")
                promised = position >= 0 and bool(
                    int.from_bytes(header[position + 20 : position + 24], "little") & AVI_HAS_INDEX
                )
                index = index or b"indx" in header
            inner += 8 + length + length % 2
        at = stop + stop % 2
    if promised and not index:
        return "cut short: its index is missing"
    return _cut_short(at, size)


def _mpeg_ts(content: mmap.mmap) -> str | None:
    """MPEG-TS: packets of one size, each beginning with the same byte."""
    head, size = content[: 1 << 16], len(content)
    for length in TS_PACKETS:
        for first in range(min(length, len(head))):
            if len(head) > first + 4 * length and all(head[first + n * length] == 0x47 for n in range(5)):
                over = (size - first + (4 if length == 192 else 0)) % length
                return f"cut short: its last packet has {over} of {length} bytes" if over else None
    return None


def _mpeg_ps(content: mmap.mmap) -> str | None:
    """MPEG-PS: packs and packets, each beginning with a start code; all but packs hold their length."""
    at, size = 0, len(content)
    while at + 6 <= size:
        code = content[at + 3]
        if content[at : at + 3] != b"\0\0\1":
            at = content.find(b"\0\0\1\xba", at)  # stuffing, or damage that the decoders report
            if at < 0:
                return None
        elif code == 0xB9:  # the end of the program
            at += 4
        elif code == 0xBA:
            at += 14 + (content[min(at + 13, size - 1)] & 7) if content[at + 4] >> 6 == 1 else 12
        else:
            at += 6 + int.from_bytes(content[at + 4 : at + 6])
    return _cut_short(at, size)


def _flv(content: mmap.mmap) -> str | None:
    """FLV: tags, each followed by its length."""
    size, at = len(content), int.from_bytes(content[5:9]) + 4
    while at + 11 <= size:
        length = 11 + int.from_bytes(content[at + 1 : at + 4])
        if at + length + 4 > size:
            return _cut_short(at + length + 4, size)
        if int.from_bytes(content[at + length : at + length + 4]) not in (length, length - 11, 0):
            return f"damaged: the tag at byte {at} does not end where its length says"
        at += length + 4
    return "cut short: its last tag is not complete" if at < size else None


def _asf(content: mmap.mmap) -> str | None:
    """ASF: objects of an identity and a length, one after the other."""
    at, size = 0, len(content)
    while at + 24 <= size:
        length = int.from_bytes(content[at + 16 : at + 24], "little")
        if length < 24:
            return f"damaged: the object at byte {at} has no length"
        at += length
    return _cut_short(at, size) or (f"damaged: {size - at} bytes are left over at its end" if at < size else None)


def _ogg(content: mmap.mmap) -> str | None:
    """Ogg: numbered pages of several streams; each stream's last one is marked."""
    at, size, numbers, ended = 0, len(content), dict[int, int](), set[int]()
    while at + 27 <= size:
        if content[at : at + 4] != b"OggS":
            return f"damaged: byte {at} begins no page"
        flags, serial, number = content[at + 5], *struct.unpack_from("<II", content, at + 14)
        if number != numbers.get(serial, -1) + 1 and serial in numbers:
            return f"damaged: pages before byte {at} are missing"
        numbers[serial] = number
        if flags & OGG_LAST_PAGE:
            ended.add(serial)
        segments = content[at + 26]
        at += 27 + segments + sum(content[at + 27 : at + 27 + segments])
    return _cut_short(at, size) or ("cut short: its streams do not end" if ended != set(numbers) else None)


CHECKS: dict[str, Callable[[mmap.mmap], str | None]] = {
    "mp4": _iso_bmff,
    "matroska": _matroska,
    "avi": _avi,
    "mpegts": _mpeg_ts,
    "mpeg": _mpeg_ps,
    "flv": _flv,
    "asf": _asf,
    "ogg": _ogg,
}

"""AVI: RIFF chunks, each file of several of at most a gigabyte or two; an index at its end, or several inside."""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass, field

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

HAS_INDEX = 0x10  # AVIF_HASINDEX of the main header's flags
UNSET = {0, 0xFFFFFFFF}  # lengths of a file that was written to a pipe, or whose writer died
OF_STREAM = re.compile(rb"(\d\d)(..)|..(\d\d)", re.DOTALL)
NAME = re.compile(rb"[A-Za-z ]{4}")  # of a chunk that is of no stream, as `JUNK`
NO_FRAMES = {b"pc", b"ix", b"tx"}  # palettes, indexes, texts of a stream


@dataclass(slots=True)
class _Found:
    """What a file holds: its streams' types, its frames by stream, whether it has an index and promises one."""

    streams: list[bytes] = field(default_factory=list)
    frames: Counter[int] = field(default_factory=Counter)
    has_index: bool = False
    promises_index: bool = False


def avi(content: Content) -> Videos:
    """The video tracks of an AVI file. Raises Fault."""
    at, size, found, is_set = 0, len(content), _Found(), True
    while at + 12 <= size and content[at : at + 4] == b"RIFF":
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        is_set = is_set and length not in UNSET
        stop = at + 8 + length if length not in UNSET else size
        _walk(content, at + 12, min(stop, size), found, is_data=False)
        at = stop + stop % 2
    if is_set and found.promises_index and not found.has_index:
        raise Fault("cut short: its index is missing")
    check_end(at - at % 2 if at - size == 1 else at, size)
    return [VideoTrack(found.frames[index]) for index, kind in enumerate(found.streams) if kind == b"vids"]


def _walk(content: Content, at: int, stop: int, found: _Found, *, is_data: bool) -> None:
    """Read the chunks of a range; with `is_data` those are frames."""
    while at + 8 <= stop and not is_padding(content, at):
        name, length = struct.unpack_from("<4sI", content, at)
        begin, end = at + 8, at + 8 + length
        if name == b"LIST":
            end = stop if length in UNSET else end
            _list(content, begin, min(end, stop), found)
        elif name == b"idx1":
            found.has_index = True
        elif is_data and not NAME.fullmatch(name):
            _frame(name, at, length, found)
        # Only frames are missed where a file ends early.
        check_end(end if is_data or name == b"LIST" else 0, len(content))
        at = end + end % 2


def _list(content: Content, begin: int, stop: int, found: _Found) -> None:
    kind = content[begin : begin + 4]
    if kind in (b"movi", b"rec "):
        _walk(content, begin + 4, stop, found, is_data=True)
    elif kind == b"hdrl":
        header = content[begin:stop]
        position = header.find(b"avih")
        flags = int.from_bytes(header[position + 20 : position + 24], "little")
        found.promises_index = position >= 0 and bool(flags & HAS_INDEX)
        found.has_index = found.has_index or b"indx" in header
        found.streams += [header[one.end() + 4 : one.end() + 8] for one in re.finditer(b"strh", header)]


def _frame(name: bytes, at: int, length: int, found: _Found) -> None:
    """Count a chunk of a stream, `NNxx`; an index of one is `ixNN`."""
    match = OF_STREAM.fullmatch(name)
    if match is None or int(match[1] or match[3]) >= len(found.streams):
        raise Fault(f"damaged: byte {at} begins no chunk of a stream")
    if match[1] and match[2] not in NO_FRAMES and length:
        found.frames[int(match[1])] += 1

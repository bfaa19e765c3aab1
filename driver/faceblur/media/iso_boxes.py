"""Boxes of ISO BMFF and QuickTime: a length, a name of four bytes, and a content that may be boxes again."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass

VIDEO, AUDIO = b"vide", b"soun"
ENTRIES = 8  # bytes of a table of sample entries before the first of them: version, flags, number
# Bytes of a sample entry before its own boxes; those of audio depend on its version.
VISUAL_ENTRY, AUDIO_ENTRY = 86, {0: 36, 1: 52, 2: 72}

Content = mmap.mmap | bytes


@dataclass(frozen=True, slots=True)
class Box:
    """A box of a file: where it begins, where its content does, and where it ends."""

    name: bytes
    begin: int
    body: int
    stop: int


def boxes(content: Content, at: int, stop: int) -> Iterator[Box]:
    """The boxes in a part of a file, as far as their lengths fit into it."""
    while at + 8 <= stop:
        size, name = struct.unpack_from(">I4s", content, at)
        body = at + 8
        if size == 1 and at + 16 <= stop:
            (size,), body = struct.unpack_from(">Q", content, body), at + 16
        end = stop if size == 0 else at + size
        if not body <= end <= stop:
            return
        yield Box(name, at, body, end)
        at = end


def find(content: Content, inside: Box, *path: bytes) -> Box | None:
    """The first box at a path of names inside another, None where there is none."""
    for name in path:
        found = next((one for one in boxes(content, inside.body, inside.stop) if one.name == name), None)
        if found is None:
            return None
        inside = found
    return inside


def tracks(content: Content) -> list[Box]:
    """The tracks of a file, in order."""
    moov = next((one for one in boxes(content, 0, len(content)) if one.name == b"moov"), None)
    return [] if moov is None else [one for one in boxes(content, moov.body, moov.stop) if one.name == b"trak"]


def kind_of(content: Content, track: Box) -> bytes:
    """What a track holds, by its handler: VIDEO, AUDIO or another name."""
    handler = find(content, track, b"mdia", b"hdlr")
    return b"" if handler is None else content[handler.body + 8 : handler.body + 12]


def sample_entries(content: Content, track: Box) -> Iterator[tuple[Box, int]]:
    """The sample entries of a track of video or audio, and where the boxes of each begin."""
    table, kind = find(content, track, b"mdia", b"minf", b"stbl", b"stsd"), kind_of(content, track)
    if table is None or kind not in (VIDEO, AUDIO):
        return
    for entry in boxes(content, table.body + ENTRIES, table.stop):
        if kind == VIDEO:
            yield entry, entry.begin + VISUAL_ENTRY
        elif entry.begin + AUDIO_ENTRY[0] <= entry.stop:
            (version,) = struct.unpack_from(">H", content, entry.begin + 16)
            yield entry, entry.begin + AUDIO_ENTRY.get(version, AUDIO_ENTRY[0])

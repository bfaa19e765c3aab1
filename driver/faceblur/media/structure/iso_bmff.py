"""ISO BMFF and QuickTime: boxes of a length and a type, in one another. Tables list the frames, or fragments do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end

MOVIE, FRAGMENT, DATA, INDEX_OF_FRAGMENTS = b"moov", b"moof", b"mdat", b"mfra"
# The first boxes in those, and in others, by which they are known.
IN_MOVIE, IN_FRAGMENT, IN_TRACK_FRAGMENT, IN_TRACK = b"mvhd", b"mfhd", b"tfhd", b"tkhd"
RUN_OFFSET, RUN_FIRST_FLAGS, RUN_DURATIONS, RUN_SIZES = 0x1, 0x4, 0x100, 0x200  # flags of a run of frames
RUN_COLUMNS = (RUN_DURATIONS, RUN_SIZES, 0x400, 0x800)


@dataclass(slots=True)
class _TrackTables:
    is_video: bool
    frames: int
    has_edits: bool


def iso_bmff(content: Content) -> Videos:
    """The video tracks of an MP4, MOV or 3GP file. Raises Fault."""
    size, tracks, fragment = len(content), dict[int, _TrackTables](), 0
    for kind, at, begin, end in _boxes(content, 0, size):
        if kind == MOVIE:
            check_end(end, size)
            tracks |= _movie(content, begin, end)
        elif kind == FRAGMENT:
            check_end(end, size)
            _fragment(content, begin, end, tracks)
            fragment = end
        elif kind == DATA:
            check_end(end, size)
        elif content[begin + 4 : begin + 8] == IN_FRAGMENT:
            raise Fault(f"damaged: byte {at} begins no fragment, though one follows")
        elif end > size or end < begin or not kind.isalnum():
            # What cameras append is of no form. It ends the file, unless a length before it is wrong.
            if _has_more(content, at, fragment) if tracks else content.find(IN_MOVIE) >= 0:
                raise Fault(f"damaged: byte {at} begins no box")
            break
    return [VideoTrack(one.frames, one.has_edits) for one in tracks.values() if one.is_video]


def _has_more(content: Content, at: int, fragment: int) -> bool:
    """Whether fragments follow a byte, or are in the data of the last one, which ends at `fragment` (0: none)."""
    following = any(content.find(one, at) >= 0 for one in (DATA, INDEX_OF_FRAGMENTS))
    return fragment > 0 and (following or content.find(IN_FRAGMENT, fragment) >= 0)


def _boxes(content: Content, at: int, stop: int) -> Iterator[tuple[bytes, int, int, int]]:
    """The boxes of a range: type, where each begins, where its content does, and where it ends: maybe too late."""
    while at + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", content, at)
        begin = at + 8
        if length == 1 and at + 16 <= stop:
            (length,) = struct.unpack_from(">Q", content, at + 8)
            begin = at + 16
        end = stop if length == 0 else at + length
        yield kind, at, begin, end
        if end < begin:
            return
        at = end


def _inside(content: Content, begin: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Where the content of each box of a box begins and ends; of several of a type the first. Raises Fault."""
    found: dict[bytes, tuple[int, int]] = {}
    for kind, at, inner, stop in _boxes(content, begin, end):
        if stop > end or (stop < inner and any(content[at:end])):
            raise Fault(f"damaged: the box at byte {at} is longer than what holds it")
        found.setdefault(kind, (inner, stop))
    return found


def _movie(content: Content, begin: int, end: int) -> dict[int, _TrackTables]:
    """The tracks of a movie by their numbers."""
    tracks = {}
    for kind, at, inner, stop in _boxes(content, begin, end):
        if kind == b"trak":
            header, _ = _inside(content, inner, stop).get(IN_TRACK, (inner, stop))
            number = int.from_bytes(
                content[header + 20 : header + 24] if content[header] else content[header + 12 : header + 16]
            )
            tracks[number] = _track(content, inner, stop)
        elif content[inner + 4 : inner + 8] == IN_TRACK:
            raise Fault(f"damaged: byte {at} begins no track, though one follows")
    return tracks


def _track(content: Content, begin: int, end: int) -> _TrackTables:
    track = _inside(content, begin, end)
    media = _inside(content, *track.get(b"mdia", (0, 0)))
    info = _inside(content, *media.get(b"minf", (0, 0)))
    tables = _inside(content, *info.get(b"stbl", (0, 0)))
    if b"hdlr" not in media or not {b"stsz", b"stz2"} & tables.keys():
        raise Fault(f"damaged: the track at byte {begin} has no table of its frames")
    handler = media[b"hdlr"][0]
    edits = _inside(content, *track.get(b"edts", (0, 0)))
    is_video = content[handler + 8 : handler + 12] == b"vide"
    frames = _listed_frames(content, tables, is_video=is_video)
    return _TrackTables(is_video, frames, b"elst" in edits)


def _listed_frames(content: Content, tables: dict[bytes, tuple[int, int]], *, is_video: bool) -> int:
    """How many frames the tables list that are not empty; all tables must list the same number."""
    size = 0
    if b"stsz" in tables:
        begin, _ = tables[b"stsz"]
        size, count = struct.unpack_from(">II", content, begin + 4)
        filled = count if size else int(np.count_nonzero(_table(content, begin + 12, count)))
    else:
        count = filled = int(struct.unpack_from(">I", content, tables[b"stz2"][0] + 8)[0])
    if size and not is_video:
        return filled  # single samples of sound: old files count them in several ways
    if b"stts" in tables and (timed := _sum_of_times(content, tables[b"stts"][0])) > count:
        raise Fault(f"cut short: {count} of the {timed} frames that its header promises")
    if b"stsc" in tables and (chunks := _chunks(content, tables)) is not None:
        check_end(int(chunks.max(initial=0)), len(content))
        located = _located(content, tables[b"stsc"][0], len(chunks))
        if located != count:
            raise Fault(f"damaged: one of its tables lists {count} frames, another one {located}")
    return filled


def _chunks(content: Content, tables: dict[bytes, tuple[int, int]]) -> np.ndarray | None:
    """The bytes at which the chunks begin that hold the frames."""
    if b"stco" in tables:
        (count,) = struct.unpack_from(">I", content, tables[b"stco"][0] + 4)
        return _table(content, tables[b"stco"][0] + 8, count)
    if b"co64" in tables:
        (count,) = struct.unpack_from(">I", content, tables[b"co64"][0] + 4)
        return _table(content, tables[b"co64"][0] + 8, 2 * count).view(">u8")
    return None


def _table(content: Content, begin: int, count: int) -> np.ndarray:
    """A table of `count` numbers of 32 bits. Raises Fault where the file is too short for it."""
    check_end(begin + 4 * count, len(content))
    return np.frombuffer(content[begin : begin + 4 * count], ">u4")


def _sum_of_times(content: Content, begin: int) -> int:
    (count,) = struct.unpack_from(">I", content, begin + 4)
    return int(_table(content, begin + 8, 2 * count)[::2].sum(dtype=np.int64))


def _located(content: Content, begin: int, chunks: int) -> int:
    """How many frames all chunks hold. An entry has a first chunk, the frames in each, and more."""
    (count,) = struct.unpack_from(">I", content, begin + 4)
    entries = _table(content, begin + 8, 3 * count).reshape(-1, 3).astype(np.int64)
    lengths = np.diff(entries[:, 0], append=chunks + 1)
    return int((lengths * entries[:, 1]).sum())


def _fragment(content: Content, begin: int, end: int, tracks: dict[int, _TrackTables]) -> None:
    """Add the frames of a fragment to its tracks."""
    for kind, at, inner, stop in _boxes(content, begin, end):
        if stop > end:
            raise Fault(f"damaged: the box at byte {at} is longer than what holds it")
        if kind == b"traf":
            header, _ = _inside(content, inner, stop).get(IN_TRACK_FRAGMENT, (inner, stop))
            track = tracks.get(int.from_bytes(content[header + 4 : header + 8]))
            if track is None:
                raise Fault(f"damaged: the fragment at byte {begin} is of a track that the file does not have")
            for part, where, start, until in _boxes(content, inner, stop):
                if part == b"trun":
                    track.frames += _run(content, start)
                elif _may_be_run(content, start, until):
                    raise Fault(f"damaged: byte {where} begins no run of frames, though one follows")
        elif content[inner + 4 : inner + 8] == IN_TRACK_FRAGMENT:
            raise Fault(f"damaged: byte {at} begins no part of a fragment, though one follows")


def _may_be_run(content: Content, begin: int, end: int) -> bool:
    """Whether a box of another type has exactly the form of a run of frames."""
    if end - begin < 8:
        return False
    flags, count = struct.unpack_from(">II", content, begin)
    columns = sum(bool(flags & one) for one in RUN_COLUMNS)
    known = RUN_OFFSET | RUN_FIRST_FLAGS | sum(RUN_COLUMNS)
    fields = bool(flags & RUN_OFFSET) + bool(flags & RUN_FIRST_FLAGS) + count * columns
    return columns > 0 and not flags & 0xFFFFFF & ~known and end - begin == 8 + 4 * fields


def _run(content: Content, begin: int) -> int:
    """How many frames of a run are not empty."""
    flags, count = struct.unpack_from(">II", content, begin)
    columns = [one for one in RUN_COLUMNS if flags & one]
    if not flags & RUN_SIZES:
        return int(count)
    first = begin + 8 + 4 * bool(flags & RUN_OFFSET) + 4 * bool(flags & RUN_FIRST_FLAGS)
    table = _table(content, first, count * len(columns)).reshape(-1, len(columns))
    return int(np.count_nonzero(table[:, columns.index(RUN_SIZES)]))

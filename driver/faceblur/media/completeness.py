"""Whether a video was read completely: its frames are compared with what its structure and its header promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from faceblur.base.counted import counted
from faceblur.media.damage import DamageLog
from faceblur.media.frame_count import FrameCount
from faceblur.media.pyav import describe
from faceblur.media.structure.structure import Structure, VideoTrack

# A file is cut when less came than its header promises; headers are not exact to the packet.
CUT_SHORT_SECONDS = 1.0
# Containers whose header may hold the end. FFmpeg computes that of others of what it has read, or guesses it.
HOLD_END = {"matroska", "flv", "asf", "mxf", "rm", "nut", "wtv", "gxf"}


def check_complete(
    log: DamageLog,
    structure: Structure,
    counts: Mapping[int, FrameCount],
    streams: Sequence[Any],
    read: Mapping[int, int],
    formats: Sequence[str],
    end: float | None,
) -> Iterator[str]:
    """Record what is missing as damage, and yield what is left out for a good reason, in words.

    `counts` are those of the video streams by their index, `streams` all of the file, `read` how many packets of each
    are not empty. `end` is the time of the file's end by its header in seconds, None: unknown.
    """
    if structure.fault:
        what, _, why = structure.fault.partition(": ")
        log.record(what, why)
        return
    tracks = _tracks(structure, streams)
    yield from hidden_frames(structure, streams, {index: count.outside for index, count in counts.items()}).values()
    for index, count in counts.items():
        stream, track = streams[index], tracks.get(index)
        listed = track.frames if track else _indexed(stream) if "avi" in formats else 0
        if track and track.has_edits:
            listed = min(listed, _indexed(stream))
        if count.packets < listed:
            log.record("cut short", f"{count.packets} of the {counted(listed, 'frame')} that its header promises")
        yield from _check_decoded(log, stream, count)
    for stream in streams:
        if "mp4" in formats and stream.type == "audio" and read.get(stream.index, 0) < (listed := _indexed(stream)):
            listed_packets = counted(listed, "packet")
            log.record("cut short", f"{read.get(stream.index, 0)} of the {listed_packets} of {describe(stream)}")
    if end is not None and HOLD_END & set(formats) and log.seconds < end - CUT_SHORT_SECONDS:
        log.record("cut short", f"its header promises {end:.3f} s")


def hidden_frames(structure: Structure, streams: Sequence[Any], outside: Mapping[int, int]) -> dict[int, str]:
    """What an edit list hides of the video streams by their index, in words. `outside` is how much of it was read."""
    hidden = dict[int, str]()
    for index, track in _tracks(structure, streams).items():
        if index in outside and track.has_edits:
            # FFmpeg does not even read most of it.
            frames = max(0, track.frames - _indexed(streams[index])) + outside[index]
            if frames:
                hidden[index] = f"{describe(streams[index])}: {counted(frames, 'frame')} that its edit list hides"
    return hidden


def _tracks(structure: Structure, streams: Sequence[Any]) -> dict[int, VideoTrack]:
    """The structure's video tracks by the index of their stream."""
    tracks = structure.videos or ()
    return dict(zip(_videos(streams, len(tracks)), tracks, strict=False))


def _check_decoded(log: DamageLog, stream: Any, count: FrameCount) -> Iterator[str]:
    if count.early:
        yield f"{describe(stream)}: {counted(count.early, 'frame')} at its beginning, as those before it are missing"
    if count.without_frame and count.must_be_exact:
        log.record("damaged", f"without a frame: {counted(count.without_frame, 'packet')} of {describe(stream)}")
    elif count.without_frame:
        yield f"{describe(stream)}: {counted(count.without_frame, 'packet')} without a frame"


def _indexed(stream: Any) -> int:
    """How many frames FFmpeg's index of a stream lists that are not empty."""
    return sum(entry.size > 0 for entry in stream.index_entries)


def _videos(streams: Sequence[Any], count: int) -> list[int]:
    """The indices of the video streams, where their number is that of the container's tracks: else none."""
    found = [stream.index for stream in streams if stream.type == "video"]
    tracks = [index for index in found if not _is_picture(streams[index])]
    return next((one for one in (found, tracks) if len(one) == count), [])


def _is_picture(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.__class__.attached_pic)

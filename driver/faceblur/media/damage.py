"""What counts as damage of a video. Each check records what it sees in the video's damage log.

What cannot be read or decoded counts too: the reader and the stream decoder record it where it happens.
"""

from __future__ import annotations

from typing import Any

from faceblur.media.damage_log import DamageLog
from faceblur.media.integrity import find_fault
from faceblur.media.pyav import seconds_of
from faceblur.media.source_file import SourceFile

# A file is cut when less came than its header promises; headers are not exact to the packet.
CUT_SHORT_SECONDS = 1.0


def check_marks(item: Any, log: DamageLog) -> None:
    """Record a packet that the container marks as damaged, or a frame that the decoder marks so."""
    if item.is_corrupt:
        log.record("damaged", seconds=seconds_of(item))


def is_audio_in_order(packet: Any, last_dts: int | None, log: DamageLog) -> bool:
    """Whether an audio packet comes after the one before it: muxers take no audio that goes back in time."""
    if packet.dts is not None and (last_dts is None or packet.dts >= last_dts):
        return True
    log.record("the audio's time is missing or goes back", "such packets are left out", seconds_of(packet))
    return False


def has_later_time(frame: Any, last_pts: int | None, log: DamageLog) -> bool:
    """Whether a decoded frame has a timestamp after that of the frame before it."""
    if frame.pts is None:
        log.record("a frame has no timestamp")
        return False
    if last_pts is not None and frame.pts <= last_pts:
        log.record("a frame's time goes back", "it is put after the one before it", seconds_of(frame))
        return False
    return True


def has_size_of(frame: Any, stream: Any, log: DamageLog) -> bool:
    """Whether a decoded frame has its stream's size."""
    if (frame.width, frame.height) == (stream.width, stream.height):
        return True
    log.record("the frame size changes", "such frames are left out", seconds_of(frame))
    return False


def promised_frames(source: SourceFile) -> dict[int, int]:
    """How many frames each video stream must hold: those of MP4's header, those of AVI's index that are not empty."""
    if "avi" in source.formats:
        return {i: sum(entry.size > 0 for entry in stream.index_entries) for i, stream in source.videos.items()}
    return {i: int(stream.frames) if "mp4" in source.formats else 0 for i, stream in source.videos.items()}


def check_complete(source: SourceFile, packets: dict[int, int], promised: dict[int, int]) -> None:
    """Record when less came than the container's structure and header promise; both count packets by stream."""
    if fault := find_fault(source.path, source.container.format.name):
        what, _, why = fault.partition(": ")
        source.damage.record(what, why)
    elif short := [index for index in packets if packets[index] < promised[index]]:
        source.damage.record(
            "cut short", f"{packets[short[0]]} of the {promised[short[0]]} frames that its header promises"
        )
    elif "mp4" not in source.formats:
        # AVI's and Matroska's headers hold the end, counted from zero even where the first frame comes later.
        end = source.duration or 0.0
        if source.damage.seconds < end - CUT_SHORT_SECONDS:
            source.damage.record("cut short", f"its header promises {end:.3f} s")

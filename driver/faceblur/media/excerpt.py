"""A few seconds from the middle of a video, copied into a file of their own: to measure how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from faceblur.base.errors import MediaError
from faceblur.media.containers import MUXERS
from faceblur.media.opening import open_input
from faceblur.media.pyav import READ_ERRORS, WRITE_ERRORS, reason

BEFORE = 16  # units of time by which a first packet of unknown time is decoded before it is shown


def write_excerpt(source: Path, target: Path, *, at: float, seconds: float) -> Path:
    """Copy the first video stream from the key frame before `at`, a share of the length, for some seconds.

    Returns where it is: `target` with the suffix of a container that takes it. Raises MediaError, which names the
    source.
    """
    why = "its video has no key frame"
    # Matroska takes nearly every codec, the source's own container the rest; not every file can be searched.
    for suffix in (".mkv", source.suffix.lower()):
        written = target.with_suffix(suffix)
        for start in (at, 0.0):
            try:
                if suffix in MUXERS and _copy(source, written, start, seconds):
                    return written
            except (*READ_ERRORS, *WRITE_ERRORS) as error:
                why = reason(error)
    written.unlink(missing_ok=True)
    raise MediaError(f"{source}: no part of it can be copied: {why}")


def _copy(source: Path, target: Path, at: float, seconds: float) -> int:
    """How many packets were copied. Raises READ_ERRORS and WRITE_ERRORS."""
    count = 0
    with open_input(source) as container, av.open(str(target), "w", format=MUXERS[target.suffix]) as output:
        stream = next((one for one in container.streams.video if one.codec_context is not None), None)
        if stream is None:
            raise ValueError("no video stream")
        copy: Any = output.add_stream_from_template(stream, opaque=True)
        if at and container.duration:
            container.seek(int(container.duration * at))
        for packet in _packets(container, stream, seconds):
            packet.stream = copy
            output.mux_one(packet)
            count += 1
    return count


def _packets(container: Any, stream: Any, seconds: float) -> Iterator[Any]:
    """The packets from the first key frame on, with times from 0 on."""
    first = last = None
    for packet in container.demux(stream):
        if packet.pts is None or not packet.size or (first is None and not packet.is_keyframe):
            continue
        # Matroska does not say in which order its first packets are decoded: it is theirs in the file.
        dts = packet.dts if packet.dts is not None else (packet.pts - BEFORE if last is None else last + 1)
        first = dts if first is None else first
        if (dts - first) * packet.time_base > seconds:
            return
        last = dts
        packet.pts, packet.dts = packet.pts - first, dts - first
        yield packet

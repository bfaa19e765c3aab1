"""The first frames of a stream, read in a separate pass: they hold facts that the container's header may lack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from faceblur.media.frame_form import FrameForm
from faceblur.media.hdr import HdrMetadata, read_hdr
from faceblur.media.opening import open_input
from faceblur.media.orientation import UPRIGHT, of_matrix
from faceblur.media.pyav import READ_ERRORS, decoder_of, display_matrix, seconds_of, side_data_of

# The pass ends after this many packets, also where no frame was decoded.
MAX_PACKETS = 5000
PROBED_FRAMES = 4


@dataclass(frozen=True, slots=True)
class StreamProbe:
    """Facts of a video stream that its first frames hold.

    `form` is that of all frames. `start_seconds` is the time of the first one. `matrix` is FFmpeg's display matrix: 9
    integers, None where the frames are upright.
    """

    form: FrameForm
    start_seconds: float
    matrix: tuple[int, ...] | None = None
    interlaced: bool = False
    hdr: HdrMetadata | None = None


def probe_stream(path: Path, stream: Any, form: FrameForm | None = None) -> StreamProbe:
    """Probe a video stream of a file; what the header says of it where no frame can be decoded.

    `form` is what its frames get, where they change theirs.
    """
    frames = read_first_frames(path, stream, PROBED_FRAMES)
    if not frames:
        return StreamProbe(form or _header_form(stream, stream.codec_context.pix_fmt or "yuv420p"), 0.0)
    matrix = display_matrix(frames[0]) if form is None or form.orientation != UPRIGHT else None
    form = form or _header_form(stream, frames[0].format.name)
    data = side_data_of(frames[0])
    return StreamProbe(
        form._replace(orientation=UPRIGHT if matrix is None else of_matrix(matrix)),
        seconds_of(frames[0]) or 0.0,
        matrix,
        any(one.interlaced_frame for one in frames),
        read_hdr(data),
    )


def _header_form(stream: Any, pix_fmt: str) -> FrameForm:
    """The form of frames by their stream's header, but for the orientation."""
    context = stream.codec_context
    tags = context.color_range, context.color_primaries, context.color_trc, context.colorspace
    return FrameForm(stream.width, stream.height, stream.sample_aspect_ratio, pix_fmt, *tags, UPRIGHT)


def read_first_frames(path: Path, stream: Any, count: int) -> list[VideoFrame]:
    """The first `count` frames or a few more of a stream, read from the beginning; fewer where reading fails."""
    frames: list[VideoFrame] = []
    try:
        with open_input(path) as container:
            counterpart: Any = container.streams[stream.index]
            decoder = decoder_of(counterpart)
            for packets, packet in enumerate(container.demux(counterpart)):
                frames += decoder.decode(packet)
                if len(frames) >= count or packets > MAX_PACKETS:
                    break
    except READ_ERRORS:
        # The pass that reads the complete file fails at the same position, and reports why.
        return frames
    return frames

"""A decoded frame of a video, with its identity: which frame it is, of which stream, and when it is shown."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from faceblur.media.orientation import UPRIGHT, is_sideways, of_matrix, turned
from faceblur.media.pixel_formats import has_alpha
from faceblur.media.planes import planes
from faceblur.media.pyav import display_matrix, in_seconds

# PyAV is imported in this package only: the packages above take its types from here.
__all__ = ["DecodedFrame", "Packet", "VideoFrame"]


class _Reformatters(threading.local):
    """Each thread's own scalers and converters of frames, one for each purpose.

    A frame's own one would be set up for it alone, and take memory as long as the frame lives.
    """

    def __init__(self) -> None:
        self._of: defaultdict[str, VideoReformatter] = defaultdict(VideoReformatter)

    def reformat(self, purpose: str, pixels: VideoFrame, **form: Any) -> VideoFrame:
        """The frame in another form, the arguments of PyAV's `reformat`; itself where it is in that form already."""
        return self._of[purpose].reformat(pixels, threads=1, **form)


_reformatters = _Reformatters()


@dataclass(slots=True)
class DecodedFrame:
    """A frame as it is stored, and what it is.

    `stream` is the index of its video stream in the source. `number` is its sequence number: its position, from 0,
    among the frames of that stream that the reader yields. `pixels` is PyAV's frame: the planes, the timestamp and the
    side data. `damage` says what could not be read just before this frame, None: nothing. `orientation` is how a viewer
    turns and mirrors the stored pixels, 1 to 8 (`orientation`); 0: take it from the side data.
    """

    stream: int
    number: int
    pixels: VideoFrame
    damage: str | None = None
    orientation: int = 0

    def __post_init__(self) -> None:
        if not self.orientation:
            matrix = display_matrix(self.pixels)
            self.orientation = UPRIGHT if matrix is None else of_matrix(matrix)

    @property
    def pts(self) -> int:
        """The time at which the frame is shown, in units of `time_base`."""
        pts = self.pixels.pts
        assert pts is not None  # the reader gives every frame one
        return pts

    @property
    def time_base(self) -> Fraction:
        """The unit of `pts` in seconds."""
        time_base = self.pixels.time_base
        assert time_base is not None
        return time_base

    @property
    def seconds(self) -> float:
        """The time at which the frame is shown, in seconds."""
        return in_seconds(self.pts, self.time_base)

    @property
    def size_bytes(self) -> int:
        """What the decoded planes take in memory."""
        return sum(plane.buffer_size for plane in self.pixels.planes)

    @property
    def area(self) -> int:
        """Width times height, in pixels."""
        return self.pixels.width * self.pixels.height

    @property
    def upright_wh(self) -> tuple[int, int]:
        """Width and height of what a viewer shows."""
        width, height = self.pixels.width, self.pixels.height
        return (height, width) if is_sideways(self.orientation) else (width, height)

    def upright(self) -> NDArray[np.uint8]:
        """The frame as a viewer shows it, `(H, W, 3) uint8 BGR`: turned and mirrored."""
        stored = _reformatters.reformat("upright", self.pixels, format="bgr24").to_ndarray()
        return turned(np.asarray(stored, np.uint8), self.orientation)

    def gray(self) -> NDArray[np.uint8]:
        """The gray levels of the frame as a viewer shows it, `(H, W) uint8`."""
        stored = _reformatters.reformat("gray", self.pixels, format="gray").to_ndarray()
        return turned(np.asarray(stored, np.uint8), self.orientation)

    def colours(self) -> list[NDArray[np.uint8]]:
        """Both colour planes as a viewer shows them, `(H / 2, W / 2) uint8`; they may be the frame's own memory."""
        stored = _reformatters.reformat("colours", self.pixels, format="yuv420p")
        return [turned(np.asarray(one.array, np.uint8), self.orientation) for one in list(planes(stored))[1:]]

    def alpha(self) -> NDArray[np.uint8] | None:
        """The alpha plane as a viewer would show it, `(H, W, 3) uint8 BGR` in gray; None where it shows nothing."""
        if not has_alpha(self.pixels.format.name):
            return None
        alpha = np.asarray(self.pixels.to_ndarray(format="rgba", threads=1), np.uint8)[..., 3]
        if alpha.min() == alpha.max():
            return None
        return turned(np.repeat(alpha[..., None], 3, axis=2), self.orientation)

    def thumbnail(self, long_side: int) -> NDArray[np.uint8]:
        """A small upright copy, `(h, w, 3) uint8 BGR`, at most `long_side` pixels long; never larger than the frame.

        It is scaled in the frame's own pixel format first: to convert all of the frame would take longer.
        """
        width, height = self.pixels.width, self.pixels.height
        share = min(1.0, long_side / max(width, height))
        small = _reformatters.reformat(
            "thumbnail",
            self.pixels,
            width=max(1, round(width * share)),
            height=max(1, round(height * share)),
            format="bgr24",
            interpolation=Interpolation.AREA,
        )
        return turned(np.asarray(small.to_ndarray(), np.uint8), self.orientation)

    def in_format(self, pix_fmt: str) -> DecodedFrame:
        """The same frame in another pixel format, in its own range; itself where it is in this format already."""
        pixels = self.pixels
        if pixels.format.name == pix_fmt:
            return self
        is_full_range = pixels.color_range == ColorRange.JPEG or "yuvj" in pixels.format.name
        color_range = ColorRange.JPEG if is_full_range else None
        converted = _reformatters.reformat("convert", pixels, format=pix_fmt, dst_color_range=color_range)
        converted.pts, converted.time_base = pixels.pts, pixels.time_base
        return replace(self, pixels=converted)

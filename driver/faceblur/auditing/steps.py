"""What is compared with what: a pair of streams, and a step through both of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.colour_planes import ColourPlanes
from faceblur.auditing.frame_alignment import AlignmentStep
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace


@dataclass(frozen=True, slots=True)
class StreamPair:
    """A video stream of the source and its counterpart in the output, by their indices.

    `tolerance` is the largest difference of their times, in seconds; a stream of cover art holds one image.
    """

    source: int
    output: int
    tolerance: float = 0.0
    is_cover_art: bool = False


@dataclass(frozen=True, slots=True)
class FramePair:
    """One step through the videos: a pair of frames, or a single one, and their times in seconds.

    Times count from where a player of the source shows zero; both, so that they differ by what the output is late.
    `line` is the sidecar's of the source's frame, as it was edited, `removed` are the faces that edits took out of it.
    The frames themselves are None once they are not needed any more.
    """

    step: AlignmentStep
    source: DecodedFrame | None
    output: DecodedFrame | None
    line: FrameLine | None
    source_seconds: float = 0.0
    output_seconds: float = 0.0
    removed: tuple[SidecarFace, ...] = ()

    def without_frames(self) -> FramePair:
        """The same step, without what takes memory."""
        return replace(self, source=None, output=None)


@dataclass(frozen=True, slots=True)
class PairImages:
    """A step's frames, upright, or None: in gray `(H, W) uint8`, the source's as `(H, W, 3) uint8 BGR` too.

    Alpha planes are there where they show anything, the colour planes of both where a face is listed.
    """

    source: NDArray[np.uint8] | None
    source_gray: NDArray[np.uint8] | None
    output_gray: NDArray[np.uint8] | None
    source_alpha: NDArray[np.uint8] | None
    output_alpha: NDArray[np.uint8] | None
    colours: tuple[ColourPlanes, ColourPlanes] | None

    @classmethod
    def of(cls, pair: FramePair) -> PairImages:
        """Convert the frames, in one thread: two threads must not convert a frame of PyAV's at a time."""
        both = pair.source, pair.output
        image = None if pair.source is None else pair.source.upright()
        gray, other_gray = (None if one is None else one.gray() for one in both)
        alpha, other_alpha = (None if one is None else one.alpha() for one in both)
        colours = None
        if pair.source is not None and pair.output is not None and pair.line is not None and pair.line.faces:
            colours = pair.source.colours(), pair.output.colours()
        return cls(image, gray, other_gray, alpha, other_alpha, colours)

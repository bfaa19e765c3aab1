"""One frame: what is sent of it, covering the faces that the function found, and those that its neighbours tell of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driver.errors import InvalidReply
from driver.planes import quarter_turns, redact_frame, stored_box, take_redacted, upright
from driver.scenes import thumbnail
from driver.tracks import Box, Found
from driver.video import VideoFrame
from function import wire
from function.redact import Region, regions

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent of a frame, and what scenes are told apart by."""

    image: bytes
    thumbnail: NDArray[np.int16]


@dataclass(slots=True)
class Searched:
    """A frame in the encoder's pixel format whose sure faces are covered; where its faces are, as a viewer sees it."""

    frame: VideoFrame
    turns: int
    found: list[Found]
    thumbnail: NDArray[np.int16]

    @property
    def seconds(self) -> float:
        return float(self.frame.pts * self.frame.time_base)  # type: ignore[operator]


def prepare(frame: VideoFrame) -> Prepared:
    """Encode a frame for the function, upright."""
    picture = upright(frame)
    return Prepared(wire.encode_image(picture, "jpeg", JPEG_QUALITY), thumbnail(picture))


def cover(
    frame: VideoFrame,
    prepared: Prepared,
    faces: list[wire.Face],
    image: bytes | None,
    *,
    options: wire.Options,
    pix_fmt: str,
    source: Path,
) -> Searched:
    """The frame in `pix_fmt` with its sure faces covered, from the function's `image` or, without one, here.

    It keeps its timestamp. Raises InvalidReply when the image cannot be used or shows a face that was not redacted.
    """
    native = frame.reformat(format=pix_fmt, threads=1)
    native.pts, native.time_base = frame.pts, frame.time_base
    found = [Found(face.box, face.score) for face in faces]
    searched = Searched(native, quarter_turns(frame), found, prepared.thumbnail)
    covered = _regions(searched, [one.box for one in found if one.score >= options.threshold], options)
    if image is None:
        redact_frame(native, covered, options.style)
    elif covered:
        try:
            redacted = wire.decode_image(image)
        except wire.WireError as error:
            raise InvalidReply(f"{source}: the function's image is {error}") from error
        take_redacted(native, np.rot90(redacted, -searched.turns), covered, options.style)
    return searched


def fill(searched: Searched, boxes: list[Box], options: wire.Options) -> None:
    """Cover further boxes, which the frames around give to this one, in place."""
    redact_frame(searched.frame, _regions(searched, boxes, options), options.style)


def _regions(searched: Searched, boxes: list[Box], options: wire.Options) -> list[Region]:
    """Boxes of the upright frame as regions of the stored one."""
    frame, turns = searched.frame, searched.turns
    upright_wh = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    return regions([stored_box(box, turns, upright_wh) for box in boxes], options.padding)

"""One frame: what is sent of it, covering the faces that the function found, and those that its neighbours tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceblur.base.errors import InvalidReply
from faceblur.media.planes import check_redacted, quarter_turns, redact_frame, stored_box, upright
from faceblur.media.video import Picture, VideoFrame, in_format
from faceblur.redaction.sidecar import FrameLine, SidecarFace
from faceblur.tracking.boxes import Box
from faceblur.tracking.scenes import Thumbnail
from faceblur.tracking.tracker import Detection, WindowedFrame
from faceblur_function import wire
from faceblur_function.images import decode_image, encode_image
from faceblur_function.masks import Region, regions

JPEG_QUALITY = 95


@dataclass(slots=True)
class Searched:
    """A picture in the encoder's format whose sure faces are covered; where its faces are, as a viewer sees it."""

    picture: Picture
    turns: int
    found: list[Detection]
    thumbnail: Thumbnail

    @property
    def frame(self) -> VideoFrame:
        return self.picture.frame

    @property
    def seconds(self) -> float:
        return float(self.frame.pts * self.frame.time_base)  # type: ignore[operator]


def encode_upright(frame: VideoFrame) -> bytes:
    """What is sent of a frame."""
    return encode_image(upright(frame), "jpeg", JPEG_QUALITY)


def cover(
    picture: Picture,
    thumbnail: Thumbnail,
    faces: list[wire.Face],
    image: bytes | None,
    pix_fmt: str,
    *,
    options: wire.Options,
    source: Path,
) -> Searched:
    """The picture in `pix_fmt` with its sure faces covered, on its own planes. It keeps its timestamp.

    `image` is what the function made of it, where it was asked for that. It is held against the frame and goes no
    further: so the result is the same to the bit whatever the function sends back, and `render` can repeat it. Raises
    InvalidReply when it cannot be used or shows a face that was not redacted.
    """
    native = in_format(picture.frame, pix_fmt)
    found = [Detection(face.box, face.score) for face in faces]
    turns = quarter_turns(picture.frame)
    searched = Searched(replace(picture, frame=native), turns, found, thumbnail)
    covered = _regions(searched, [one.box for one in found if one.score >= options.threshold], options.padding)
    if image is not None and covered:
        try:
            redacted = decode_image(image)
        except wire.WireError as error:
            raise InvalidReply(f"{source}: the function's image is {error}") from error
        check_redacted(native, np.rot90(redacted, -searched.turns), covered, options.style)
    redact_frame(native, covered, options.style)
    return searched


def fill(searched: Searched, boxes: list[Box], options: wire.Options) -> None:
    """Cover further boxes, which the frames around give to this one, in place."""
    redact_frame(searched.frame, _regions(searched, boxes, options.padding), options.style)


def tell(moment: WindowedFrame[Searched], number: int, threshold: float) -> FrameLine:
    """What the sidecar says of a frame that is covered: its faces in the order in which they were."""
    found = moment.item.found
    tracks = {box: track for track, box in moment.covers.items() if track not in moment.missed}
    faces = [
        SidecarFace(box=one.box, score=one.score, track=tracks.get(one.box), state="detected")
        for one in found
        if one.score >= threshold
    ]
    scores = {one.box: one.score for one in found}
    for track in sorted(moment.missed):
        box = moment.covers[track]
        faces.append(SidecarFace(box=box, score=scores.get(box), track=track, state="covered"))
    picture = moment.item.picture
    assert picture.frame.pts is not None
    return FrameLine(frame=number, pts=picture.frame.pts, faces=faces, stream=picture.stream, damage=picture.damage)


def stored_regions(frame: VideoFrame, turns: int, boxes: Iterable[Box], padding: float) -> list[Region]:
    """Boxes of the upright frame as regions of the stored one, which lies `turns` quarter turns away."""
    upright_wh = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    return regions([stored_box(box, turns, upright_wh) for box in boxes], padding)


def _regions(searched: Searched, boxes: Iterable[Box], padding: float) -> list[Region]:
    return stored_regions(searched.frame, searched.turns, boxes, padding)

"""One frame: what is sent of it, covering the faces that the function found, and those that its neighbours tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceblur.base.errors import InvalidReply
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.masking import redact_frame, stored_regions
from faceblur.redaction.sidecar import FrameLine, SidecarFace
from faceblur.redaction.verification import verify_redacted
from faceblur.tracking.boxes import Box
from faceblur.tracking.scenes import Thumbnail
from faceblur.tracking.tracker import Detection, WindowedFrame
from faceblur_function import wire
from faceblur_function.masks import Region

JPEG_QUALITY = 95


@dataclass(slots=True)
class Searched:
    """A picture in the encoder's format whose sure faces are covered; where its faces are, as a viewer sees it."""

    picture: DecodedFrame
    found: list[Detection]
    thumbnail: Thumbnail

    @property
    def frame(self) -> DecodedFrame:
        return self.picture

    @property
    def seconds(self) -> float:
        return self.picture.seconds


def encode_upright(frame: DecodedFrame) -> bytes:
    """What is sent of a frame."""
    return wire.encode_image(frame.upright(), "jpeg", JPEG_QUALITY)


def cover(
    picture: DecodedFrame,
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
    native = picture.in_format(pix_fmt)
    found = [Detection(face.box, face.score) for face in faces]
    searched = Searched(native, found, thumbnail)
    covered = _regions(searched, [one.box for one in found if one.score >= options.threshold], options.padding)
    if image is not None and covered:
        try:
            redacted = wire.decode_image(image)
        except wire.WireError as error:
            raise InvalidReply(f"{source}: the function's image is {error}") from error
        verify_redacted(native, np.rot90(redacted, -native.turns), covered, options.style)
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
    return FrameLine(frame=number, pts=picture.pts, faces=faces, stream=picture.stream, damage=picture.damage)


def _regions(searched: Searched, boxes: Iterable[Box], padding: float) -> list[Region]:
    return stored_regions(searched.frame, boxes, padding)

"""What the audit knows of one frame of the source while it is searched: its image, its masks, what is there to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.carried_detections import intervals
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.listed_masks import listed_regions
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.tracking.boxes import Box
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.new_content import Neighbour, shows_new
from faceblur.tracking.scene_cuts import transition
from faceblur.tracking.thumbnails import Thumbnail, copy_side, thumbnail
from faceblur_function.mask_shapes import Region


@dataclass(slots=True)
class AuditedFrame:
    """A frame of the source: `image` is `(H, W, 3) uint8 BGR`, upright, `alpha` its alpha plane where that shows more.

    `masked` are its masks by the sidecar, by track as far as they have one. `cut` says that a new scene begins with it,
    `camera` how the camera moved since the frame before. `ends_interval`: it is looked at closely in any case; so is
    one that `shows_new`. `detections` are what was detected in it.
    """

    number: int
    seconds: float
    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    line: FrameLine
    masked: list[Region]
    thumbnail: Thumbnail
    ends_interval: bool = False
    cut: bool = False
    camera: CameraMotion = NO_MOTION
    shows_new: bool = False
    detections: list[MergedDetection] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        frame: DecodedFrame,
        line: FrameLine,
        image: NDArray[np.uint8],
        alpha: NDArray[np.uint8] | None,
        padding: float,
        ends_interval: bool,
    ) -> AuditedFrame:
        small = frame.thumbnail(copy_side(*frame.upright_wh))
        return cls(
            number=frame.number,
            seconds=frame.seconds,
            image=image,
            alpha=alpha,
            line=line,
            masked=listed_regions(line.faces, padding),
            thumbnail=thumbnail(small, image.shape[1] / small.shape[1]),
            ends_interval=ends_interval,
        )

    def without_image(self) -> AuditedFrame:
        """What the frames that follow are compared with."""
        return replace(self, image=self.image[:0], alpha=None)

    @property
    def boxes(self) -> dict[int, Box]:
        """What is masked, by track."""
        return {face.track: face.box for face in self.line.faces if face.is_masked and face.track is not None}


def compare(before: AuditedFrame | None, frames: Sequence[AuditedFrame]) -> None:
    """Set what happened between each frame and the one before it, and which show what the ends around do not.

    The last frame ends an interval; `before` is the one that ended the interval before, None at the beginning.
    """
    last = None if before is None else before.thumbnail
    for frame in frames:
        frame.cut, frame.camera = transition(last, frame.thumbnail)
        last = frame.thumbnail
    for start, inner, end in intervals(before, frames):
        _compare_inner(start, inner, end)


def _compare_inner(start: AuditedFrame | None, inner: Sequence[AuditedFrame], end: AuditedFrame) -> None:
    if not inner:
        return
    if start is None or any(one.cut for one in (*inner, end)):
        for one in inner:
            one.shows_new = True
        return
    forth = [NO_MOTION]
    for one in (*inner, end):
        forth.append(forth[-1].then(one.camera))
    back = forth[-1].inverse()
    for one, motion in zip(inner, forth[1:], strict=False):
        # A face without a counterpart in a neighbour explains itself only.
        neighbours = [
            Neighbour(other.thumbnail, moved, [other.boxes.get(track, box) for track, box in one.boxes.items()])
            for other, moved in ((start, motion), (end, back.then(motion)))
        ]
        one.shows_new = shows_new(one.thumbnail, list(one.boxes.values()), neighbours)

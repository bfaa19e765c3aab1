"""How the camera moves from one frame to the next, and how it carries boxes along.

The motion is estimated as in BoT-SORT (Aharon et al., 2022): corners, sparse optical flow, and the similarity that most
of the corners follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2

from faceblur.tracking.boxes import Box, centre
from faceblur.tracking.thumbnails import Thumbnail, halved

# Corners are searched for in a copy of half the thumbnail's size, in a third of the time.
CORNERS, CORNER_QUALITY, CORNER_DISTANCE = 60, 0.01, 3
FLOW_WH, FLOW_LEVELS = (11, 11), 3
# With fewer corners than this, or less than this share of them in agreement, the motion is unknown.
MIN_CORNERS, MIN_AGREEMENT = 8, 0.5
MAX_ZOOM = 4.0  # from one frame to the next: corners that fall together are no zoom


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """From the frame before to this one: what was at x + iy is now at `turn * (x + iy) + shift`, in pixels.

    This is a similarity: shift, zoom and roll. It describes a pan over a distant scene.
    """

    turn: complex = 1
    shift: complex = 0

    def carry(self, box: Box) -> Box:
        """Where a box of the frame before lies in this one, when its face moves with the scene only."""
        return _placed(box, self.turn * centre(box) + self.shift, abs(self.turn))

    def carry_back(self, box: Box) -> Box:
        """Where a box of this frame lay in the frame before."""
        return _placed(box, (centre(box) - self.shift) / self.turn, 1 / abs(self.turn))

    def then(self, later: CameraMotion) -> CameraMotion:
        """This motion, and after it another one."""
        return CameraMotion(later.turn * self.turn, later.turn * self.shift + later.shift)

    def inverse(self) -> CameraMotion:
        """The motion back."""
        return CameraMotion(1 / self.turn, -self.shift / self.turn)


NO_MOTION = CameraMotion()


def _placed(box: Box, middle: complex, scale: float) -> Box:
    half_width, half_height = (box[2] - box[0]) * scale / 2, (box[3] - box[1]) * scale / 2
    return middle.real - half_width, middle.imag - half_height, middle.real + half_width, middle.imag + half_height


def estimate_motion(before: Thumbnail, after: Thumbnail) -> CameraMotion | None:
    """The motion between two frames, in pixels of the frames; None where too little agrees on one."""
    if before.gray.shape != after.gray.shape:
        return None
    corners = cv2.goodFeaturesToTrack(halved(before.gray), CORNERS, CORNER_QUALITY, CORNER_DISTANCE)
    if corners is None:
        return None
    corners = corners * 2 + 0.5  # the centres of two by two pixels
    flow: Any = cv2.calcOpticalFlowPyrLK  # its stub does not know that the fourth may be None
    moved, status, _ = flow(before.gray, after.gray, corners, None, winSize=FLOW_WH, maxLevel=FLOW_LEVELS)
    followed = status[:, 0] > 0
    if followed.sum() < MIN_CORNERS:
        return None
    matrix, agreed = cv2.estimateAffinePartial2D(corners[followed], moved[followed], ransacReprojThreshold=1.0)
    if matrix is None or agreed.sum() < max(MIN_CORNERS, MIN_AGREEMENT * len(corners)):
        return None
    (cosine, _, x), (sine, _, y) = matrix.tolist()
    if not 1 / MAX_ZOOM < math.hypot(cosine, sine) < MAX_ZOOM:
        return None
    return CameraMotion(complex(cosine, sine), complex(x, y) * after.scale)

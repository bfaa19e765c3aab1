"""What happens between two frames: a new scene begins, over which nothing is carried, or the camera moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.media.frames import DecodedFrame
from faceblur.tracking.boxes import STILL, Camera

HUES_WH = (64, 36)
# The mean change of hue, saturation and value from which frames count as of two scenes. PySceneDetect's ContentDetector
# cuts from 27 on by default; a higher one rather carries a cover over a soft cut than drops it at a flash.
CUT = 40.0
# The camera's motion is found as in BoT-SORT (Aharon et al., 2022): corners, sparse optical flow, and the similarity
# that most of them follow. At this long side it was right to 0.5 of 1280 pixels on known pans, in 0.6 ms on one core.
GREY_SIDE = 320
CORNERS, CORNER_QUALITY, CORNER_DISTANCE = 60, 0.01, 3  # found in a copy of half that size, in a third of the time
FLOW_WH, FLOW_LEVELS = (11, 11), 3
# With fewer corners than this, or less than this share of them in agreement, it is not known how the camera moved.
MIN_CORNERS, MIN_AGREEMENT = 8, 0.5


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy of a frame in hue, saturation and value, and a larger grey one; `scale` times smaller."""

    hues: NDArray[np.int16]
    grey: NDArray[np.uint8]
    scale: float


def thumbnail(picture: NDArray[np.uint8]) -> Thumbnail:
    """What is compared of a picture `(H, W, 3) uint8 BGR`."""
    height, width = picture.shape[:2]
    if min(width, height) >= 256:  # to average all pixels of a large picture would take five times as long
        picture = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    hues = cv2.cvtColor(cv2.resize(picture, HUES_WH, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    share = min(1.0, GREY_SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return Thumbnail(hues.astype(np.int16), small, width / small.shape[1])  # type: ignore[arg-type]


def frame_thumbnail(frame: DecodedFrame) -> Thumbnail:
    """The same of a video's frame, upright, without converting all of it first."""
    picture = frame.thumbnail(GREY_SIDE)
    # By halves, which is fast; what remains is not.
    hues = cv2.cvtColor(cv2.resize(_halved(picture), HUES_WH, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return Thumbnail(hues.astype(np.int16), grey, frame.pixels.width / picture.shape[0 if frame.turns % 2 else 1])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Step:
    """From one frame to the next: whether a new scene begins, and how the camera moved."""

    cut: bool = False
    camera: Camera = STILL


def step(before: Thumbnail | None, after: Thumbnail) -> Step:
    """What happened between two frames, in pixels of the frames. A cut is a large change that no motion explains."""
    if before is None:
        return Step()
    if camera := _motion(before, after):
        return Step(camera=camera)
    return Step(cut=is_change(before, after))


def is_change(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether much changed between two frames: a new scene, or a motion, however fast."""
    return float(np.abs(after.hues - before.hues).mean()) > CUT


def _motion(before: Thumbnail, after: Thumbnail) -> Camera | None:
    if before.grey.shape != after.grey.shape:
        return None
    corners = cv2.goodFeaturesToTrack(_halved(before.grey), CORNERS, CORNER_QUALITY, CORNER_DISTANCE)
    if corners is None:
        return None
    corners = corners * 2 + 0.5  # the centres of two by two pixels
    flow: Any = cv2.calcOpticalFlowPyrLK  # its stub does not know that the fourth may be None
    moved, status, _ = flow(before.grey, after.grey, corners, None, winSize=FLOW_WH, maxLevel=FLOW_LEVELS)
    seen = status[:, 0] > 0
    if seen.sum() < MIN_CORNERS:
        return None
    matrix, agreed = cv2.estimateAffinePartial2D(corners[seen], moved[seen], ransacReprojThreshold=1.0)
    if matrix is None or agreed.sum() < max(MIN_CORNERS, MIN_AGREEMENT * len(corners)):
        return None
    (cosine, _, x), (sine, _, y) = matrix.tolist()
    return Camera(complex(cosine, sine), complex(x, y) * after.scale)


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    half_wh = (max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2))
    return cv2.resize(picture, half_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

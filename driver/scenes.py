"""Where a new scene begins: nothing is carried over such a cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL_WH = (64, 36)
# The mean change of hue, saturation and value from which frames count as of two scenes. PySceneDetect's ContentDetector
# cuts from 27 on by default; a higher one rather carries a cover over a soft cut than drops it at a flash.
CUT = 40.0


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.int16]:
    """What is compared of a picture `(H, W, 3) uint8 BGR`: a small copy as hue, saturation and value."""
    height, width = picture.shape[:2]
    if min(width, height) >= 256:  # to average all pixels of a large picture would take five times as long
        picture = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    small = cv2.resize(picture, THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2HSV).astype(np.int16)


def is_cut(before: NDArray[np.int16] | None, after: NDArray[np.int16]) -> bool:
    """Whether a new scene begins between two frames' thumbnails."""
    return before is not None and float(np.abs(after - before).mean()) > CUT

"""A small copy of a frame, by which frames are compared with their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels: at 320 the camera's motion was right to 0.5 of 1280 pixels on known pans. Of faces of 16 to 24 px that are new
# in a frame of 1920x1080, half as many are missed with 480.
MIN_LONG_SIDE, MAX_LONG_SIDE = 320, 480
REDUCTION = 4  # at which a face of 16 px is still 4 px large
HUES_WH = (64, 36)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A frame in hue, saturation and value, `(36, 64, 3)`, and in gray, `(h, w)`; that one is `scale` times smaller."""

    hues: NDArray[np.int16]
    gray: NDArray[np.uint8]
    scale: float


def copy_side(width: int, height: int) -> int:
    """The long side of the copy of a frame of this size, unless the frame is smaller."""
    return max(MIN_LONG_SIDE, min(MAX_LONG_SIDE, max(width, height) // REDUCTION))


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a face looked like: a frame that showed it, and its box there."""

    thumbnail: Thumbnail
    box: tuple[float, float, float, float]


def thumbnail(small: NDArray[np.uint8], scale: float) -> Thumbnail:
    """What is compared of a frame: `small` is its copy `(h, w, 3) uint8 BGR`, upright, `scale` times smaller."""
    # By halves, which is fast; the rest of the way is not.
    hues = cv2.cvtColor(cv2.resize(halved(small), HUES_WH, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
    gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return Thumbnail(hues.astype(np.int16), gray, scale)  # type: ignore[arg-type]


def halved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image at half its size; a side of one pixel stays."""
    half_wh = (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))
    return cv2.resize(image, half_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

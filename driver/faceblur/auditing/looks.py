"""The looks of the second detection pass: which images of a frame are searched, and where their pixels lie in it.

Some frames are looked at in a small copy, some at full size, some enlarged, and what may be a face in an enlarged crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box
from faceblur_function.defaults import SMALL_FRAME
from faceblur_function.images import encode_image

Image = NDArray[np.uint8]
# A frame whose long side is at least this long may be looked at in a copy of half the size, which is no small frame.
HALVED = 2 * SMALL_FRAME + 2
# A run's detection scales down to 1920 (the function's DETECT_SIZE): twice the size is up to this long side. A larger
# frame goes in tiles, or the function would scale it down; a face of up to OVERLAP pixels is complete in one of them.
LONG_SIDE, TILE, OVERLAP = 3840, 1920, 192
# Larger detections in the enlarged copy, in its pixels, only confirm those at the frame's own size: there
# detectors take bodies for faces.
MAX_ENLARGED = 128.0
# The sizes in pixels that what may be a face gets in its crops, and how many of its sides are seen.
CROPS = ((64, 3), (96, 2))
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Look:
    """One image to search, and where its pixels lie in the frame: `frame = offset + pixel / scale`.

    `middle` is the box that a crop is about: only what is detected there counts.
    """

    image: Image
    is_enlarged: bool = False
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    middle: Box | None = None

    def to_frame(self, box: Sequence[float]) -> Box:
        """A box of the image, in pixels of the frame."""
        x1, y1, x2, y2 = (value / self.scale for value in box)
        return self.x + x1, self.y + y1, self.x + x2, self.y + y2

    def jpeg(self) -> bytes:
        """The image as it is sent."""
        return encode_image(self.image, "jpeg", JPEG_QUALITY)


def small_look(frame: Image) -> Look:
    """A copy of a frame `(H, W, 3) uint8 BGR` in which each face of some size is detected; small frames as they are."""
    if max(frame.shape) < HALVED:
        return Look(frame)
    half_wh = (frame.shape[1] + 1) // 2, (frame.shape[0] + 1) // 2
    return Look(cv2.resize(frame, half_wh, interpolation=cv2.INTER_AREA), scale=0.5)  # type: ignore[arg-type]


def is_small(frame: Image) -> bool:
    """Whether a run's function has its second detector search the frame, too."""
    return bool(max(frame.shape) <= SMALL_FRAME)


def enlarged_looks(frame: Image) -> list[Look]:
    """The frame at twice the size at which a run detects, in tiles."""
    scale = min(2.0, LONG_SIDE / max(frame.shape))
    enlarged: Any = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    looks = []
    for top, bottom in _cuts(enlarged.shape[0]):
        for left, right in _cuts(enlarged.shape[1]):
            image = np.ascontiguousarray(enlarged[top:bottom, left:right])
            looks.append(Look(image, True, left / scale, top / scale, scale))
    return looks


def crop_looks(frame: Image, box: Box, crops: Sequence[tuple[int, int]] = CROPS) -> list[Look]:
    """Enlarged, or reduced, squares around a box that may be a face; what lies beside the frame repeats its border."""
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = max(box[2] - box[0], box[3] - box[1])
    looks = []
    for pixels, sides in crops:
        scale = pixels / side
        corner = middle[0] - side * sides / 2, middle[1] - side * sides / 2
        matrix = np.array([[scale, 0, (0.5 - corner[0]) * scale - 0.5], [0, scale, (0.5 - corner[1]) * scale - 0.5]])
        image: Any = cv2.warpAffine(
            _reduced(frame, matrix, scale), matrix, (pixels * sides,) * 2, borderMode=cv2.BORDER_REPLICATE
        )
        looks.append(Look(image, False, *corner, scale, box))
    return looks


def _reduced(frame: Image, matrix: NDArray[np.float64], scale: float) -> Image:
    """The frame without what is finer than the crop's pixels, which would alias."""
    if scale >= 0.7:
        return frame
    matrix[:, :2] /= scale
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _cuts(length: int) -> list[tuple[int, int]]:
    """Equal, overlapping parts of at most TILE pixels."""
    count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    size = -(-(length + (count - 1) * OVERLAP) // count)
    starts = [min(index * (size - OVERLAP), length - min(size, length)) for index in range(count)]
    return [(start, min(length, start + size)) for start in starts]

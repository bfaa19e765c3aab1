"""A second detector's opinion on what may be a face: it looks at an enlarged crop, at several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceblur_function.defaults import CROP_SIDES
from faceblur_function.detectors.detector import Detector, Faces, Floats, Frame

# The sizes in pixels that the box gets, and how many of its sides are seen, with what is around it. Of 2,237 faces on
# photographs, dark, blurred, noisy, tilted and cut, the best of the four looks rejects half as many as the first.
LOOKS = ((64, 2), (96, 2), (64, 3), (48, 2))
# From this score on no further look is needed. It is above every score at which a driver rejects.
CERTAIN = 0.3


def verify(detector: Detector, crops: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """The best face in the middle of each crop, or none that scores at least `threshold`, in the crop's pixels.

    A crop is a square `(S, S, 3) uint8 BGR`. The box in question is its middle, a CROP_SIDES-th of each side.
    """
    best = [Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))] * len(crops)
    for side, sides in LOOKS:
        open_crops = [index for index, faces in enumerate(best) if not len(faces) or faces.scores[0] < CERTAIN]
        seen = detector.detect([_enlarged(crops[index], side, sides) for index in open_crops], threshold=threshold)
        for index, faces in zip(open_crops, seen, strict=True):
            height, width = crops[index].shape[:2]
            scale = np.array([width, height], np.float32) / np.float32(side * CROP_SIDES)
            corner = np.array([width, height], np.float32) * np.float32((1 - sides / CROP_SIDES) / 2)
            middle = _in_the_middle(faces, side, sides)
            if len(middle) and (not len(best[index]) or middle.scores[0] > best[index].scores[0]):
                best[index] = _moved(middle, scale, corner)
    return best


def _enlarged(crop: Frame, side: int, sides: int) -> Frame:
    """The middle of a crop, so that the box in question is `side` pixels large and `sides` times that is seen."""
    height, width = crop.shape[:2]
    share = sides / CROP_SIDES
    x, y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    part = crop[y : height - y, x : width - x]
    smaller = part.shape[0] > side * sides
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(part, (side * sides, side * sides), interpolation=interpolation)  # type: ignore[return-value]


def _moved(faces: Faces, scale: Floats, corner: Floats) -> Faces:
    """Faces of an enlarged part, in the crop's pixels."""
    xyxy = (faces.xyxy.reshape(-1, 2, 2) * scale + corner).reshape(-1, 4)
    return Faces(xyxy.astype(np.float32), faces.scores, (faces.landmarks * scale + corner).astype(np.float32))


def _in_the_middle(faces: Faces, side: int, sides: int) -> Faces:
    """The best face whose centre lies in the box in question, or none."""
    centres = (faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2
    low, high = side * (sides - 1) / 2, side * (sides + 1) / 2
    inside = np.flatnonzero(((centres >= low) & (centres <= high)).all(axis=1))[:1]
    return Faces(faces.xyxy[inside], faces.scores[inside], faces.landmarks[inside])

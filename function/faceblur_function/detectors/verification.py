"""A second detector's opinion on what may be a face: it looks at a crop in three sizes, and turned to both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from faceblur_function.defaults import CROP_SIDES
from faceblur_function.detectors.collage import turned_back
from faceblur_function.detectors.detector import NO_FACES, Detector, Faces, Floats, Frame

PIXELS = 96  # of a side of what a look shows: of one size, since the network takes long with each new one


class CropLook(NamedTuple):
    """The box in question gets `side` of the PIXELS, and what is around it the others, after quarter `turns`."""

    side: int
    turns: int = 0


# CenterFace knows small faces amid much else best. No more faces are rejected than by six looks in up to 192 pixels, in
# which the box had 48 to 96 (docs/defaults.md). A head that lies on its side is seen upright in one turned look.
LOOKS = CropLook(40), CropLook(32), CropLook(64), CropLook(48, turns=1), CropLook(48, turns=-1)
# From this score on no further look is needed. It is above every score at which a driver rejects.
CERTAIN = 0.3
# Turned looks count from this score on only: of other things the best has 0.47, half a cup with its mirror image 0.53.
TURNED_CERTAIN = 0.6


def verify(detector: Detector, crops: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """The best face in the middle of each crop, or none that scores at least `threshold`, in the crop's pixels.

    A crop is a square `(S, S, 3) uint8 BGR`. The box in question is its middle, a CROP_SIDES-th of each side.
    """
    best = [NO_FACES] * len(crops)
    for look in LOOKS:
        lowest = max(threshold, TURNED_CERTAIN) if look.turns else threshold
        open_crops = [index for index, faces in enumerate(best) if not len(faces) or faces.scores[0] < CERTAIN]
        seen = detector.detect([_enlarged(crops[index], look) for index in open_crops], threshold=lowest)
        for index, faces in zip(open_crops, seen, strict=True):
            middle = _in_the_middle(faces, look)
            if len(middle) and (not len(best[index]) or middle.scores[0] > best[index].scores[0]):
                best[index] = _in_crop(middle, look, crops[index])
    return best


def _enlarged(crop: Frame, look: CropLook) -> Frame:
    """The middle of a crop, as the look shows it."""
    height, width = crop.shape[:2]
    share = PIXELS / look.side / CROP_SIDES
    x, y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    part = crop[y : height - y, x : width - x]
    interpolation = cv2.INTER_AREA if part.shape[0] > PIXELS else cv2.INTER_LINEAR
    enlarged = cv2.resize(part, (PIXELS, PIXELS), interpolation=interpolation)
    return np.ascontiguousarray(np.rot90(enlarged, look.turns))


def _in_crop(faces: Faces, look: CropLook, crop: Frame) -> Faces:
    """Faces that a look shows, in the crop's pixels."""
    size = np.array(crop.shape[1::-1], np.float32)
    points: Floats = np.concatenate([faces.xyxy.reshape(-1, 2, 2), faces.landmarks], axis=1)
    points = turned_back(points - np.float32(PIXELS / 2), look.turns)
    points = (points * (size / np.float32(look.side * CROP_SIDES)) + size / 2).astype(np.float32)
    return Faces(points[:, :2].reshape(-1, 4), faces.scores, points[:, 2:])


def _in_the_middle(faces: Faces, look: CropLook) -> Faces:
    """The best face whose centre lies in the box in question, or none."""
    centres = (faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2
    low, high = (PIXELS - look.side) / 2, (PIXELS + look.side) / 2
    inside = np.flatnonzero(((centres >= low) & (centres <= high)).all(axis=1))[:1]
    return Faces(faces.xyxy[inside], faces.scores[inside], faces.landmarks[inside])

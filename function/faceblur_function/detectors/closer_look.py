"""A closer look at what may be a small face, or one that the border cuts: areas with low scores are searched once more.

A small network hardly detects faces of less than 32 px, and small ones that are turned or tilted, but nearly always has
some suspicion. Enlarged, the same network is sure of them; a head that lies on its side is seen once it is turned. What
it is sure of in a second look too, larger still and mirrored, is a face. One picture has all areas of a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faceblur_function.detectors.anchors import NMS_IOU, iou_matrix, merged
from faceblur_function.detectors.collage import COLUMNS, Area, Collage, Enlargement, Tile, collage, rows_of_tiles
from faceblur_function.detectors.detector import NO_FACES, Detector, Faces, Frame
from faceblur_function.detectors.suspicious_areas import (
    LYING,
    SURE,
    SuspiciousAreas,
    area_of,
    in_sure,
    suspicious_areas,
)

FIRST, SECOND = Enlargement(1.5, 96, mirrored=False), Enlargement(1.5, 128, mirrored=True)
# A face that is turned upright is easily seen in smaller tiles.
LYING_FIRST, TO_BOTH_SIDES = Enlargement(1.25, 64, mirrored=False), (1, -1)
# The scores of both looks add up to this: in 66 looks at faces of 24 px to 1.6 and more, at a fold of a suit to 1.1.
CONFIRMED = 1.4
# Those of lying heads to this: from 0.95 on nothing verifies them. They are lower in float32 than in
# bfloat16 (docs/defaults.md).
LYING_CONFIRMED = 1.5
# Pictures have so many rows of areas.
FIRST_ROWS, SECOND_ROWS = (2, 4), (1, 2, 4)
AREAS = COLUMNS * 4
# The largest first picture of usual frames: their areas, and below them those turned to both sides.
LYING_COLUMNS = COLUMNS * FIRST.tile // LYING_FIRST.tile
LYING_HEIGHT = math.ceil(LYING * len(TO_BOTH_SIDES) / LYING_COLUMNS) * LYING_FIRST.tile
PICTURE_WH = (COLUMNS * FIRST.tile, FIRST_ROWS[-1] * FIRST.tile + LYING_HEIGHT)


@dataclass(slots=True)
class Seen:
    """What pictures show of a frame: faces in upright and in turned areas, in its pixels."""

    upright: Faces = NO_FACES
    lying: Faces = NO_FACES


def detect_closely(detector: Detector, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """Detect in each frame `(H, W, 3) uint8 BGR`; the faces that score at least `threshold`, best score first."""
    suspicion = detector.suspicion
    if suspicion is None:
        return detector.detect(frames, threshold=threshold)
    found = detector.detect(frames, threshold=min(threshold, suspicion))
    areas = [suspicious_areas(*one, suspicion, tile=FIRST.tile) for one in zip(found, frames, strict=True)]
    pictures = (_first_pictures(*one, detector.detect_size) for one in zip(frames, areas, strict=True))
    first = _seen(detector, frames, pictures)
    second = _seen(detector, frames, map(_second_pictures, frames, first))
    for number, (frame, once, again) in enumerate(zip(frames, first, second, strict=True)):
        for lying, pair in ((False, (once.upright, again.upright)), (True, (once.lying, again.lying))):
            found[number] = _joined(frame, found[number], _confirmed(found[number], *pair, lying=lying))
    return [_above(faces, threshold) for faces in found]


def _first_pictures(frame: Frame, areas: SuspiciousAreas, longest: int) -> Iterator[Collage]:
    """The pictures of a frame's areas, the first one of which also has those turned to both sides.

    These have pictures of their own where one of both would have a side above `longest`, and would be scaled down.
    """
    parts = list(_parts(areas.upright))
    turned = [area._replace(turns=turns) for area in areas.lying for turns in TO_BOTH_SIDES]
    top = _rows(parts[0] if parts else [], FIRST_ROWS) * FIRST.tile
    if (parts or turned) and top + LYING_HEIGHT <= longest:
        upright = rows_of_tiles(parts.pop(0) if parts else [], FIRST)
        yield collage(frame, upright + _lying_tiles(turned, top), (PICTURE_WH[0], top + LYING_HEIGHT))
        turned = []
    for look, some in ((FIRST, parts), (LYING_FIRST, _parts(turned))):
        for part in some:
            size_wh = (COLUMNS * look.tile, _rows(part, FIRST_ROWS) * look.tile)
            yield collage(frame, rows_of_tiles(part, look), size_wh)


def _lying_tiles(areas: Sequence[Area], top: int) -> list[Tile]:
    """Tiles of lying heads from the left to the right, and from `top` on."""
    side, places = LYING_FIRST.tile, (divmod(number, LYING_COLUMNS) for number in range(len(areas)))
    return [Tile(x * side, top + y * side, area, LYING_FIRST) for (y, x), area in zip(places, areas, strict=True)]


def _second_pictures(frame: Frame, first: Seen) -> Iterator[Collage]:
    """The pictures of what the first look is sure of."""
    upright = [area_of(box) for box in first.upright.xyxy]
    lying = [area_of(box)._replace(turns=turns) for box in first.lying.xyxy for turns in TO_BOTH_SIDES]
    for part in _parts(upright + lying):
        size_wh = (COLUMNS * SECOND.tile, _rows(part, SECOND_ROWS) * SECOND.tile)
        yield collage(frame, rows_of_tiles(part, SECOND), size_wh)


def _parts(areas: Sequence[Area]) -> Iterator[Sequence[Area]]:
    """Areas for a picture each."""
    return (areas[first : first + AREAS] for first in range(0, len(areas), AREAS))


def _rows(areas: Sequence[Area], choice: Sequence[int]) -> int:
    """How many rows a picture has for so many areas: the network takes long with each new size."""
    return next(rows for rows in choice if len(areas) <= rows * COLUMNS)


def _seen(detector: Detector, frames: Sequence[Frame], pictures: Iterable[Iterable[Collage]]) -> list[Seen]:
    """What the pictures of each frame show that the detector is sure of."""
    parts = [(number, one) for number, some in enumerate(pictures) for one in some]
    seen = [Seen() for _ in frames]
    detected = detector.detect([one.picture for _, one in parts], threshold=SURE) if parts else []
    for (number, one), faces in zip(parts, detected, strict=True):
        frame, its = frames[number], seen[number]
        its.upright = _joined(frame, its.upright, one.in_tiles(faces, turned=False))
        its.lying = _joined(frame, its.lying, one.in_tiles(faces, turned=True))
    return seen


def _confirmed(found: Faces, first: Faces, second: Faces, *, lying: bool) -> Faces:
    """The faces of the first look that the second one shows too; no parts of larger ones.

    They have the lower score; lying ones the higher, so that fewer of them are doubtful: the second detector sees them
    less well than upright ones.
    """
    same = iou_matrix(first.xyxy, second.xyxy) > NMS_IOU
    again = np.where(same, second.scores, 0).max(axis=1, initial=0).astype(np.float32)
    enough = LYING_CONFIRMED if lying else CONFIRMED
    kept = (again > 0) & (first.scores + again >= enough) & ~in_sure(first.xyxy, found)
    scores = np.maximum(first.scores, again) if lying else np.minimum(first.scores, again)
    return Faces(first.xyxy[kept], scores[kept], first.landmarks[kept])


def _joined(frame: Frame, one: Faces, other: Faces) -> Faces:
    return merged([one, other], (frame.shape[1], frame.shape[0])) if len(other) else one


def _above(faces: Faces, threshold: float) -> Faces:
    kept = faces.scores >= threshold
    return Faces(faces.xyxy[kept], faces.scores[kept], faces.landmarks[kept])

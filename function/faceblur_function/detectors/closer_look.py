"""A closer look at what may be a small face, or one that the border cuts: areas with low scores are searched once more.

A small network hardly detects faces of less than 32 px, and small ones that are turned or tilted, but nearly always has
some suspicion. Enlarged, the same network is sure of them. What it is sure of in a second look too, larger still and
mirrored, is a face. What is still suspicious then may be a head that lies on its side: it is looked at turned, to both
sides. A frame's suspicious areas are put together in one small picture: so a look costs in proportion to their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur_function.detectors.anchors import NMS_IOU, iou_matrix, non_maximum_suppression
from faceblur_function.detectors.detector import Detector, Faces, Floats, Frame

# Suspicious is a score from the detector's `suspicion` up to SURE, of a box of at most MAX_SIDE px. Chosen by curves
# (docs/defaults.md).
SURE, MAX_SIDE = 0.3, 64.0
# A larger face below this score may turn out to be none, in the second pass or for the second detector: what lies in it
# is looked at. It is not below the CERTAIN of the driver.
CERTAIN = 0.95
# A box that comes nearer to the frame's border than BORDER of its side is suspicious at any size, from CUT_SCORE on.
# What is beyond the border is filled with its mirror image, which completes a face that is seen to a half.
CUT_SCORE, BORDER = 0.03, 0.05
# The scores of both looks add up to this: in 66 looks at faces of 24 px to 1.6 and more, at a fold of a suit to 1.1.
CONFIRMED = 1.4
# Those of lying heads to this: from 0.95 on nothing verifies them.
LYING_CONFIRMED = 1.6
# Pictures have so many areas in a row, and one, two or four rows: the network takes long with each new size.
COLUMNS, AREAS = 4, 16
# The pictures of a frame have at most this share of its pixels; a frame of any size has room for MIN_AREAS.
MAX_SHARE, MIN_AREAS = 0.25, 16
# So many boxes are compared for each area: noise has thousands.
TRIES = 8
# Two boxes of like size are one area when their middles are closer than this share of it.
SAME_PLACE, SAME_SIZE = 0.35, 1.7
# A face counts whose middle is in this share of the tile: others have a tile of their own.
MIDDLE = 0.6

NONE = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


class Enlargement(NamedTuple):
    """How areas are shown: `around` times as large as the box in their middle, in `tile` pixels."""

    around: float
    tile: int
    mirrored: bool


FIRST, SECOND = Enlargement(1.5, 96, mirrored=False), Enlargement(1.5, 128, mirrored=True)
# So many of a frame's areas are turned to both sides, most suspicious first: those of at least LYING_SIDE px, and from
# LARGE_SCORE on of up to LARGE_LYING px. A face that is turned upright is easily seen in smaller tiles.
LYING, LYING_SIDE, LARGE_LYING, LARGE_SCORE = 4, 20.0, 128.0, 0.03
LYING_FIRST, UPRIGHT, TO_BOTH_SIDES = Enlargement(1.25, 64, mirrored=False), (0,), (1, -1)


class Area(NamedTuple):
    """What may be a face: its middle x, y and its side, in pixels of the frame. It is shown after quarter `turns`."""

    x: float
    y: float
    side: float
    turns: int = 0


def detect_closely(detector: Detector, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """Detect in each frame `(H, W, 3) uint8 BGR`; the faces that score at least `threshold`, best score first."""
    suspicion = detector.suspicion
    if suspicion is None:
        return detector.detect(frames, threshold=threshold)
    found = detector.detect(frames, threshold=min(threshold, suspicion))
    areas = [_suspicious(*one, suspicion) for one in zip(found, frames, strict=True)]
    found = _seen_twice(detector, frames, found, areas, FIRST, UPRIGHT)
    areas = [_maybe_lying(faces, suspicion) for faces in found]
    found = _seen_twice(detector, frames, found, areas, LYING_FIRST, TO_BOTH_SIDES)
    return [_above(faces, threshold) for faces in found]


def _seen_twice(
    detector: Detector,
    frames: Sequence[Frame],
    found: Sequence[Faces],
    areas: Sequence[Sequence[Area]],
    look: Enlargement,
    turns: Sequence[int],
) -> list[Faces]:
    """The faces `found` in each frame, and those in its areas of which the detector is sure in a second look too."""
    first = _look(detector, frames, [[one._replace(turns=n) for one in some for n in turns] for some in areas], look)
    again = [[_area(box)._replace(turns=n) for box in faces.xyxy for n in turns] for faces in first]
    second = _look(detector, frames, again, SECOND)
    confirmed = [_confirmed(*one, lying=turns != UPRIGHT) for one in zip(found, first, second, strict=True)]
    return [_joined(*one) for one in zip(frames, found, confirmed, strict=True)]


def _look(
    detector: Detector, frames: Sequence[Frame], areas: Sequence[Sequence[Area]], look: Enlargement
) -> list[Faces]:
    """The faces in the areas of each frame of which the detector is sure, in pixels of the frame."""
    parts = [
        (number, some[first : first + AREAS])
        for number, some in enumerate(areas)
        for first in range(0, len(some), AREAS)
    ]
    pictures = [_picture(frames[number], part, look) for number, part in parts]
    seen = [NONE] * len(frames)
    for (number, part), faces in zip(parts, detector.detect(pictures, threshold=SURE), strict=True):
        faces = _in_frame(faces, part, look)
        seen[number] = _joined(frames[number], seen[number], faces)
    return seen


def _suspicious(faces: Faces, frame: Frame, suspicion: float) -> list[Area]:
    """The areas of a frame that may show a small or a cut face, most suspicious first. Not those in a sure face."""
    sides = _sides(faces)
    cut = (faces.scores >= CUT_SCORE) & _at_border(faces.xyxy, sides, frame)
    small = (faces.scores < SURE) & (faces.scores >= suspicion) & ((sides <= MAX_SIDE) | cut) & (sides > 0)
    small &= ~_in_sure(faces.xyxy, faces)
    limit = max(MIN_AREAS, int(MAX_SHARE * frame.shape[0] * frame.shape[1] / FIRST.tile**2))
    limit -= limit % COLUMNS  # a row takes as long with one area as with all
    return _areas(faces.xyxy[small], limit)


def _maybe_lying(faces: Faces, suspicion: float) -> list[Area]:
    """The areas that may show a head that lies on its side, most suspicious first. Not those in a sure face."""
    sides = _sides(faces)
    large = (sides <= LARGE_LYING) & (faces.scores >= LARGE_SCORE)
    lying = (faces.scores < SURE) & (faces.scores >= suspicion) & (sides >= LYING_SIDE) & ((sides <= MAX_SIDE) | large)
    return _areas(faces.xyxy[lying & ~_in_sure(faces.xyxy, faces)], LYING)


def _areas(boxes: Floats, limit: int) -> list[Area]:
    """The first areas of these boxes, at most so many; like boxes at one place are one area."""
    areas: list[Area] = []
    for box in boxes[: limit * TRIES]:
        if len(areas) == limit:
            break
        one = _area(box)
        if not any(_is_same(one, other) for other in areas):
            areas.append(one)
    return areas


def _at_border(boxes: Floats, sides: Floats, frame: Frame) -> NDArray[np.bool_]:
    """Whether each box comes nearer to the frame's border than BORDER of its larger side."""
    size_wh = np.array([frame.shape[1], frame.shape[0]], np.float32)
    nearest = np.minimum(boxes[:, :2], size_wh - boxes[:, 2:]).min(axis=1, initial=np.inf)
    return np.asarray(nearest < BORDER * sides)


def _in_sure(boxes: Floats, faces: Faces) -> NDArray[np.bool_]:
    """Whether the middle of each box lies in a face that is sure, which a large one is by a high score alone."""
    middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    sure = faces.xyxy[None, faces.scores >= np.where(_sides(faces) <= MAX_SIDE, SURE, CERTAIN)]
    inside = np.asarray(((sure[..., :2] <= middles) & (middles <= sure[..., 2:])).all(axis=2))
    return np.asarray(inside.any(axis=1))


def _sides(faces: Faces) -> Floats:
    return np.asarray((faces.xyxy[:, 2:] - faces.xyxy[:, :2]).max(axis=1, initial=0))


def _area(box: Floats) -> Area:
    x1, y1, x2, y2 = box.tolist()
    return Area((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1))


def _is_same(one: Area, other: Area) -> bool:
    near = max(abs(one.x - other.x), abs(one.y - other.y)) < SAME_PLACE * other.side
    return near and other.side < SAME_SIZE * one.side and one.side < SAME_SIZE * other.side


def _picture(frame: Frame, areas: Sequence[Area], look: Enlargement) -> Frame:
    """At most AREAS areas in rows, each with what is around it, enlarged."""
    side = look.tile
    rows = 1 << (math.ceil(len(areas) / COLUMNS) - 1).bit_length()
    picture = np.zeros((rows * side, COLUMNS * side, 3), np.uint8)
    for number, area in enumerate(areas):
        scale = side / (look.around * area.side)
        # Of the middles of pixels, the first of which is at 0 for OpenCV.
        left, top = (side / 2 - 0.5 - scale * (middle - 0.5) for middle in (area.x, area.y))
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        y, x = (index * side for index in divmod(number, COLUMNS))
        tile = picture[y : y + side, x : x + side]
        cv2.warpAffine(frame, matrix, (side, side), dst=tile, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        if area.turns:
            tile[:] = np.rot90(tile, area.turns).copy()
    return picture[:, ::-1] if look.mirrored else picture


def _in_frame(seen: Faces, areas: Sequence[Area], look: Enlargement) -> Faces:
    """The faces of a picture that lie in the middle of a tile, in pixels of the frame."""
    points = np.concatenate([seen.xyxy.reshape(-1, 2, 2), seen.landmarks], axis=1)
    if look.mirrored:
        points[:, :, 0] = COLUMNS * look.tile - points[:, :, 0]
        points[:, :2, 0] = points[:, 1::-1, 0]  # left and right of the box
    middles = points[:, :2].mean(axis=1)
    tiles = middles // look.tile
    numbers = (tiles[:, 0] + tiles[:, 1] * COLUMNS).astype(int)
    tile_middles = (tiles + np.float32(0.5)) * look.tile
    inner = np.abs(middles - tile_middles).max(axis=1, initial=0) <= MIDDLE / 2 * look.tile
    kept = np.flatnonzero(inner & (numbers < len(areas)))
    own = np.array([areas[number] for number in numbers[kept]], np.float32).reshape(-1, 1, 4)
    scale = own[:, :, 2:3] * np.float32(look.around / look.tile)
    points = turned_back(points[kept] - tile_middles[kept, None], own[:, :, 3:]) * scale + own[:, :, :2]
    return Faces(points[:, :2].reshape(-1, 4), seen.scores[kept], points[:, 2:])


def turned_back(points: Floats, turns: Floats | int) -> Floats:
    """Points `(N, P, 2)` around the middle of a picture that was shown in so many quarter turns, -1 to 1: of all, or
    `(N, 1, 1)`. The first two are corners of a box, which get their order back.
    """
    turned = np.where(turns == 0, points, np.stack([-points[..., 1], points[..., 0]], axis=2) * turns)
    turned[:, :2] = np.sort(turned[:, :2], axis=1)
    return np.asarray(turned)


def _confirmed(found: Faces, first: Faces, second: Faces, *, lying: bool) -> Faces:
    """The faces of the first look that the second one shows too; no parts of larger ones.

    They have the lower score; lying ones the higher, so that fewer of them are doubtful: the second detector sees them
    less well than upright ones.
    """
    same = iou_matrix(first.xyxy, second.xyxy) > NMS_IOU
    again = np.where(same, second.scores, 0).max(axis=1, initial=0).astype(np.float32)
    enough = LYING_CONFIRMED if lying else CONFIRMED
    kept = (again > 0) & (first.scores + again >= enough) & ~_in_sure(first.xyxy, found)
    scores = np.maximum(first.scores, again) if lying else np.minimum(first.scores, again)
    return Faces(first.xyxy[kept], scores[kept], first.landmarks[kept])


def _joined(frame: Frame, one: Faces, other: Faces) -> Faces:
    if not len(other):
        return one
    both = Faces(
        np.concatenate([one.xyxy, other.xyxy]),
        np.concatenate([one.scores, other.scores]),
        np.concatenate([one.landmarks, other.landmarks]),
    )
    return non_maximum_suppression(both, (frame.shape[1], frame.shape[0]))


def _above(faces: Faces, threshold: float) -> Faces:
    kept = faces.scores >= threshold
    return Faces(faces.xyxy[kept], faces.scores[kept], faces.landmarks[kept])

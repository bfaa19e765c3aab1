"""A closer look at what may be a small face: areas with low scores are searched once more, enlarged.

A small network hardly detects faces of less than 32 px, and small ones that are turned or tilted, but nearly always has
some suspicion. Enlarged, the same network is sure of them. What it is sure of in a second look too, larger still and
mirrored, is a face. A frame's suspicious areas are put together in one small picture: so a look costs in proportion to
their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from faceblur_function.detectors.anchors import NMS_IOU, iou_matrix, non_maximum_suppression
from faceblur_function.detectors.detector import Detector, Faces, Floats, Frame

# Suspicious is a score from the detector's `suspicion` up to SURE, of a box of at most MAX_SIDE px. These and the next
# two were chosen by curves (docs/defaults.md).
SURE, MAX_SIDE = 0.3, 64.0
# An area is AROUND times as large as the box in its middle. It is so many pixels large in the picture of each look.
AROUND, FIRST_TILE, SECOND_TILE = 1.5, 96, 128
# The picture of a frame has at most this share of its pixels; a frame of any size has room for MIN_TILES.
MAX_SHARE, MIN_TILES = 0.25, 16
COLUMNS = 4  # in the picture
# So many boxes are compared for each area: noise has thousands.
TRIES = 8
# Two boxes of like size are one area when their middles are closer than this share of it.
SAME_PLACE, SAME_SIZE = 0.35, 1.7
# A face counts whose middle is in this share of the tile: others have a tile of their own.
MIDDLE = 0.6

NONE = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


class Area(NamedTuple):
    """A square of a frame: its middle x, y and its side, in pixels."""

    x: float
    y: float
    side: float


def detect_closely(detector: Detector, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
    """Detect in each frame `(H, W, 3) uint8 BGR`; the faces that score at least `threshold`, best score first."""
    suspicion = detector.suspicion
    if suspicion is None:
        return detector.detect(frames, threshold=threshold)
    found = detector.detect(frames, threshold=min(threshold, suspicion))
    areas = [_suspicious(*one, suspicion) for one in zip(found, frames, strict=True)]
    first = _look(detector, frames, areas, FIRST_TILE)
    areas = [[_area(box) for box in faces.xyxy] for faces in first]
    second = _look(detector, frames, areas, SECOND_TILE, mirrored=True)
    found = [_joined(*one) for one in zip(frames, found, map(_confirmed, first, second), strict=True)]
    return [_above(faces, threshold) for faces in found]


def _look(
    detector: Detector, frames: Sequence[Frame], areas: Sequence[Sequence[Area]], tile: int, *, mirrored: bool = False
) -> list[Faces]:
    """The faces in the areas of each frame of which the detector is sure, in pixels of the frame."""
    seen = [NONE] * len(frames)
    shown = [index for index, some in enumerate(areas) if some]
    pictures = [_picture(frames[index], areas[index], tile, mirrored=mirrored) for index in shown]
    for index, picture, faces in zip(shown, pictures, detector.detect(pictures, threshold=SURE), strict=True):
        if mirrored:
            faces = _mirrored(faces, picture.shape[1])
        height, width = frames[index].shape[:2]
        seen[index] = non_maximum_suppression(_in_frame(faces, areas[index], tile), (width, height))
    return seen


def _suspicious(faces: Faces, frame: Frame, suspicion: float) -> list[Area]:
    """The areas of a frame that may show a small face, most suspicious first. Not those in a face that is sure."""
    sides = (faces.xyxy[:, 2:] - faces.xyxy[:, :2]).max(axis=1, initial=0)
    middles = (faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2
    sure = faces.xyxy[faces.scores >= SURE]
    inside = (sure[None, :, :2] <= middles[:, None]) & (middles[:, None] <= sure[None, :, 2:])
    in_sure = np.asarray(np.asarray(inside.all(axis=2)).any(axis=1))
    suspicious = (faces.scores < SURE) & (faces.scores >= suspicion) & (sides <= MAX_SIDE) & (sides > 0) & ~in_sure
    limit = max(MIN_TILES, int(MAX_SHARE * frame.shape[0] * frame.shape[1] / FIRST_TILE**2))
    areas: list[Area] = []
    for index in np.flatnonzero(suspicious)[: limit * TRIES]:
        one = _area(faces.xyxy[index])
        if not any(_is_same(one, other) for other in areas):
            areas.append(one)
        if len(areas) == limit:
            break
    return areas


def _area(box: Floats) -> Area:
    x1, y1, x2, y2 = box.tolist()
    return Area((x1 + x2) / 2, (y1 + y2) / 2, AROUND * max(x2 - x1, y2 - y1))


def _is_same(one: Area, other: Area) -> bool:
    near = max(abs(one.x - other.x), abs(one.y - other.y)) < SAME_PLACE / AROUND * other.side
    return near and other.side < SAME_SIZE * one.side and one.side < SAME_SIZE * other.side


def _picture(frame: Frame, areas: Sequence[Area], tile: int, *, mirrored: bool) -> Frame:
    """The areas, enlarged, in rows: of few different sizes, for the network is slow the first time with each."""
    picture = np.zeros((math.ceil(len(areas) / COLUMNS) * tile, COLUMNS * tile, 3), np.uint8)
    for number, (x, y, side) in enumerate(areas):
        row, column = divmod(number, COLUMNS)
        scale = tile / side
        # Of the middles of pixels, the first of which is at 0 for OpenCV.
        left, top = (tile / 2 - 0.5 - scale * (middle - 0.5) for middle in (x, y))
        place = picture[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        cv2.warpAffine(frame, matrix, (tile, tile), dst=place, flags=cv2.INTER_LINEAR)
    return picture[:, ::-1] if mirrored else picture


def _mirrored(faces: Faces, width: int) -> Faces:
    flipped = faces.xyxy.copy()
    flipped[:, [0, 2]] = width - faces.xyxy[:, [2, 0]]
    landmarks = faces.landmarks.copy()
    landmarks[:, :, 0] = width - landmarks[:, :, 0]
    return Faces(flipped, faces.scores, landmarks)


def _in_frame(seen: Faces, areas: Sequence[Area], tile: int) -> Faces:
    """The faces of a picture, in pixels of the frame: those in the middle of a tile."""
    middles = (seen.xyxy[:, :2] + seen.xyxy[:, 2:]) / 2
    tiles = (middles // tile).astype(int)
    numbers = tiles[:, 1] * COLUMNS + tiles[:, 0]
    inner = np.abs(middles - (tiles + 0.5) * tile).max(axis=1, initial=0) <= MIDDLE / 2 * tile
    kept = np.flatnonzero(inner & (numbers < len(areas)))
    own = np.array([areas[number] for number in numbers[kept]], np.float32).reshape(-1, 3)
    corner = tiles[kept].astype(np.float32) * tile
    scale = own[:, 2:] / tile

    def placed(points: Floats) -> Floats:
        return np.asarray((points - corner - np.float32(tile / 2)) * scale + own[:, :2], np.float32)

    boxes = np.concatenate([placed(seen.xyxy[kept, :2]), placed(seen.xyxy[kept, 2:])], axis=1)
    landmarks = np.stack([placed(seen.landmarks[kept, point]) for point in range(5)], axis=1)
    return Faces(boxes, seen.scores[kept], landmarks)


def _confirmed(first: Faces, second: Faces) -> Faces:
    """The faces of the first look that the second one shows too, with the lower score of the two."""
    same = iou_matrix(first.xyxy, second.xyxy) > NMS_IOU
    scores = np.minimum(first.scores, np.where(same, second.scores, 0).max(axis=1, initial=0)).astype(np.float32)
    kept = scores > 0
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

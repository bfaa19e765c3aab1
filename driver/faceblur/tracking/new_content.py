"""Whether a frame shows anything new: an area that the searched frames on both sides of it do not explain.

Each of the two is carried to the frame by the camera's motion. What differs from both is new, unless a known face that
moves by itself brought it. A difference counts where it is larger than an inexact motion makes it, which is in
proportion to the local contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box, centre
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.thumbnails import Thumbnail

Gray = NDArray[np.uint8]
# The mean difference of a block counts from this share of the contrast around it, plus FLOOR gray levels, which is more
# than noise makes. Chosen by curves (benchmarks/exposure.md): of faces pasted into moving scenes, as bright on average
# as the scene, none of 40 px and more was missed.
SHARE, FLOOR = 0.55, 8.0
# In pixels of the copy. In a frame of 1280x720, a block is as large as the smallest face that counts, 16 px.
BLOCK, AROUND = 4, 5
# So far beyond the border a frame may show what its neighbours do not: no face fits in.
BORDER = 2
# Hair, neck and shoulders move with a face, up to so many times its size to each side.
BODY = 1.5


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A searched frame beside the one in question: its copy, how the camera moved from it to that one, its faces."""

    thumbnail: Thumbnail
    motion: CameraMotion
    faces: Sequence[Box]


def shows_new(frame: Thumbnail, faces: Sequence[Box], neighbours: Sequence[Neighbour]) -> bool:
    """Whether a frame shows what none of its `neighbours` does. Give the nearest one first.

    `faces` are the known ones, where they lie in the frame; each neighbour has the same ones in the same order.
    """
    if any(one.thumbnail.gray.shape != frame.gray.shape for one in neighbours):
        return True
    difference: Any = np.full_like(frame.gray, 255)
    contrast: Any = np.zeros_like(frame.gray)
    for one in neighbours:  # one more can only explain more: where the camera is still, the nearest one explains all
        carried, unknown = _carried(one, frame.scale)
        difference = cv2.min(difference, _difference(frame.gray, carried, unknown))
        if one.motion != NO_MOTION:  # what stands still while the camera moves: a logo, a border, the car around a face
            difference = cv2.min(difference, cv2.absdiff(frame.gray, one.thumbnail.gray))
        for number, face in enumerate(faces):
            _explain_body(difference, frame, face, one.thumbnail.gray, one.faces[number])
            x1, y1, x2, y2 = (max(0, round(value / frame.scale)) for value in face)
            difference[y1:y2, x1:x2] = 0  # it is masked
        contrast = cv2.max(contrast, _contrast(carried))
        if not _is_new(difference, contrast):
            return False
    return True


def _is_new(difference: Gray, contrast: Gray) -> bool:
    """Whether a block differs by more than the contrast around it allows."""
    blocks = cv2.blur(difference, (BLOCK, BLOCK))
    if blocks.max() <= SHARE * FLOOR:
        return False
    allowed = cv2.convertScaleAbs(cv2.blur(contrast, (AROUND, AROUND)), alpha=SHARE, beta=SHARE * FLOOR)
    return bool((blocks > allowed).any())


def _carried(one: Neighbour, scale: float) -> tuple[Gray, Gray | None]:
    """A neighbour's copy where the camera carries it, and 255 where that is unknown, else 0; None: it is known."""
    gray = one.thumbnail.gray
    if one.motion == NO_MOTION:
        return gray, None
    height, width = gray.shape
    turn, shift = one.motion.turn, one.motion.shift / scale
    matrix = np.array([[turn.real, -turn.imag, 0], [turn.imag, turn.real, 0]], float)
    # The motion is of points in the plane: the middle of the first pixel is at 0.5.
    matrix[:, 2] = matrix[:, :2].sum(axis=1) / 2 + [shift.real - 0.5, shift.imag - 0.5]
    moved = cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    left, top, right, bottom = -BORDER, -BORDER, width - 1 + BORDER, height - 1 + BORDER
    corners = np.array([(left, top, 1), (right, top, 1), (right, bottom, 1), (left, bottom, 1)]) @ matrix.T
    unknown = np.full_like(gray, 255)
    cv2.fillConvexPoly(unknown, np.rint(corners * 16).astype(np.int32), 0, shift=4)
    return moved, unknown  # type: ignore[return-value]


def _difference(gray: Gray, moved: Gray, unknown: Gray | None) -> Gray:
    difference = cv2.absdiff(gray, moved)
    return difference if unknown is None else cv2.max(difference, unknown)  # type: ignore[return-value]


def _contrast(gray: Gray) -> Gray:
    """By how much a pixel and its eight neighbours differ."""
    return cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))  # type: ignore[return-value]


def _explain_body(difference: Gray, frame: Thumbnail, face: Box, before: Gray, face_before: Box) -> None:
    """Lower the difference around a face to what is left when its surroundings moved with it."""
    height, width = frame.gray.shape
    grow = BODY * (face[2] - face[0]), BODY * (face[3] - face[1])
    x1, y1 = (max(0, round((face[side] - grow[side]) / frame.scale)) for side in (0, 1))
    x2 = min(width, round((face[2] + grow[0]) / frame.scale))
    y2 = min(height, round((face[3] + grow[1]) / frame.scale))
    if x1 >= x2 or y1 >= y2:
        return
    way = (centre(face) - centre(face_before)) / frame.scale
    middle = (x1 + x2 - 1) / 2 - way.real, (y1 + y2 - 1) / 2 - way.imag
    moved = cv2.getRectSubPix(before, (x2 - x1, y2 - y1), middle)
    area = difference[y1:y2, x1:x2]
    cv2.min(area, cv2.absdiff(frame.gray[y1:y2, x1:x2], moved), dst=area)

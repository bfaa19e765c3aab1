"""Heads to paste into frames, so that the place of every face is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
from numpy.typing import NDArray

from benchmarks.leaks import load
from benchmarks.pans import Boxes, Image
from examples.sample_clip import astronaut

# `(H, W, 4)`: blue, green, red and how opaque a pixel is, 0 to 1.
Head = NDArray[np.float32]
# A head is the face's box, grown by this share to each side.
GROW = 0.35
# Photographs' faces of at least so many pixels are taken.
MIN_HEAD = 40


def heads(photos: Sequence[Path] = ()) -> list[Head]:
    """The faces, or those of photographs, each with a fourth channel that says how opaque it is."""
    if photos:
        return [
            _head(photo.image, box.astype(int))
            for photo in load(photos)
            for box in photo.faces
            if box[3] - box[1] >= MIN_HEAD and _lies_within(box, photo.image)
        ]
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    images = [(astronaut(), (178, 57, 273, 177)), (cv2.imread(str(hopper)), (174, 109, 343, 332))]
    return [_head(image, np.array(box)) for image, box in images]


def _lies_within(box: Boxes, image: Image) -> bool:
    """Whether the whole head lies in the photograph."""
    grow = GROW * (box[2:] - box[:2]) + 1
    return bool((box[:2] >= grow).all() and (box[2:] + grow <= image.shape[1::-1]).all())


def _head(image: Image, box: NDArray[np.integer]) -> Head:
    grow = [round(GROW * side) for side in (box[2] - box[0], box[3] - box[1])]
    crop = image[box[1] - grow[1] : box[3] + grow[1], box[0] - grow[0] : box[2] + grow[0]].astype(np.float32)
    y, x = (np.linspace(-1, 1, side) for side in crop.shape[:2])
    opaque = np.clip((1 - np.hypot(x[None, :], y[:, None])) * 8, 0, 1)
    return np.dstack([crop, opaque]).astype(np.float32)


def paste(
    frame: NDArray[np.float32],
    faces: Sequence[Head],
    number: int,
    middle: tuple[float, float],
    height: float,
    opacity: float,
) -> tuple[float, float, float, float]:
    """Lay a head on the frame; the box of its face, which is `height` pixels high."""
    head = faces[number % len(faces)]
    scale = height / (head.shape[0] / (1 + 2 * GROW))
    small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if number // 2 % 2:
        small = small[:, ::-1]
    h, w = small.shape[:2]
    x1, y1 = round(middle[0] - w / 2), round(middle[1] - h / 2)
    left, top = max(0, -x1), max(0, -y1)
    part = small[top : max(top, frame.shape[0] - y1), left : max(left, frame.shape[1] - x1)]
    place = frame[y1 + top : y1 + top + part.shape[0], x1 + left : x1 + left + part.shape[1]]
    place += (part[:, :, :3] - place) * part[:, :, 3:] * np.float32(opacity)
    half_wh = w / (1 + 2 * GROW) / 2, height / 2
    return middle[0] - half_wh[0], middle[1] - half_wh[1], middle[0] + half_wh[0], middle[1] + half_wh[1]

"""The check with one real face: its image, and the verdict on what a function made of it.

The image is NASA's portrait of the astronaut Eileen Collins (public domain).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceblur_function.images import Frame
from faceblur_function.mask_shapes import regions
from faceblur_function.wire import Check, Face

IMAGE = Path(__file__).with_name("smoke_face.jpg")
FACE = (slice(68, 164), slice(122, 191))  # rows and columns of the face itself
# Detail left in the face, as a share of what the image has there: `blur` leaves about 0.05, an unblurred face has 1.
MAX_DETAIL = 0.3
MAX_LEVELS = 8  # by which a pixel outside the face may differ: JPEG decoders are not the same


def detail(image: Frame) -> float:
    """How much fine structure an image has: the standard deviation of its Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F).std())


def verdict(
    before: Frame, after: Frame, faces: Sequence[Face], *, padding: float, model: str, device: str, ms: float
) -> Check:
    """Whether `after` is IMAGE (`before`) with its face hidden and the rest unchanged. Both are of the same shape.

    `faces` are those that were detected, `padding` is that of their masks, `ms` the milliseconds it took.
    """
    best = max(faces, key=lambda face: face.score, default=None)
    left = detail(after[FACE]) / detail(before[FACE])
    untouched = np.ones(before.shape[:2], bool)
    for region in regions((face.box for face in faces), padding):
        untouched[region.window(before.shape[1], before.shape[0])] = False
    reason = None
    if best is None:
        reason = "no face was detected in an image that shows one"
    elif left > MAX_DETAIL:
        reason = f"the face is not blurred: {left:.0%} of its detail is left"
    elif np.abs(before.astype(int) - after)[untouched].max(initial=0) > MAX_LEVELS:
        reason = "the image was changed outside the face"
    return Check(
        ok=reason is None,
        reason=reason,
        face=best,
        detail_left=round(left, 3),
        model=model,
        device=device,
        ms=round(ms, 1),
    )

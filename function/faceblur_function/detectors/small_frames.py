"""The second detector's search of small frames, twice enlarged: their faces are small ones.

In a frame of 426x240 a person who is seen whole has a face of 10 to 15 px. The MobileNet is hardly ever sure of those,
CenterFace in an enlarged frame often is. Larger frames would take too long.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceblur_function.defaults import SMALL_FRAME
from faceblur_function.detectors.anchors import merged
from faceblur_function.detectors.detector import Detector, Faces, Frame

ENLARGED = 2
# A face counts from this score on, up to this height in pixels of the frame: of larger ones the first detector is sure.
MIN_SCORE, MAX_HEIGHT = 0.35, 32.0
# Faces up to this height, of which the first detector misses most, are listed from a lower score on: over some frames a
# driver adds up what stays below its threshold (docs/defaults.md).
TINY_SCORE, TINY_HEIGHT = 0.2, 16.0


def with_small_faces(
    second: Detector, frames: Sequence[Frame], found: Sequence[Faces], *, threshold: float
) -> list[Faces]:
    """Each frame's faces `found` by the first detector, and the small ones that the second detects in small frames."""
    small = [index for index, frame in enumerate(frames) if max(frame.shape[:2]) <= SMALL_FRAME]
    joined = list(found)
    seen = second.detect([_enlarged(frames[index]) for index in small], threshold=max(threshold, TINY_SCORE))
    for index, faces in zip(small, seen, strict=True):
        joined[index] = _joined(frames[index], found[index], faces)
    return joined


def _enlarged(frame: Frame) -> Frame:
    return cv2.resize(frame, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _joined(frame: Frame, first: Faces, enlarged: Faces) -> Faces:
    scale = np.float32(ENLARGED)
    xyxy, landmarks = enlarged.xyxy / scale, enlarged.landmarks / scale
    heights = xyxy[:, 3] - xyxy[:, 1]
    kept = np.where(enlarged.scores >= MIN_SCORE, heights <= MAX_HEIGHT, heights <= TINY_HEIGHT)
    if not kept.any():
        return first
    small = Faces(xyxy[kept], enlarged.scores[kept], landmarks[kept])
    return merged([first, small], (frame.shape[1], frame.shape[0]))

"""Frames scaled down for a detector, and the grouping of frames of one size into batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2

from faceblur_function.detectors.detector import Frame


def fit(frame: Frame, long_side: int, interpolation: int = cv2.INTER_AREA) -> Frame:
    """Scale a frame down, keeping its aspect, so that its longer side is at most `long_side` pixels.

    A frame that is small enough is returned itself, not a copy of it.
    """
    height, width = frame.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return frame
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size_wh, interpolation=interpolation)  # type: ignore[return-value]


def small_copy(frame: Frame, long_side: int) -> Frame:
    """A faster `fit` for a copy of a small fraction of the size.

    It halves the frame, which is fast, while its longer side stays at least `long_side`; then it scales linearly.
    """
    while max(frame.shape[:2]) >= 2 * long_side and min(frame.shape[:2]) > 1:
        half_wh = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = cv2.resize(frame, half_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return fit(frame, long_side, cv2.INTER_LINEAR)


def group_by_size(images: Sequence[Frame]) -> dict[tuple[int, int], list[int]]:
    """The indices of the images of each size (width, height)."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.shape[1], image.shape[0]].append(index)
    return groups

"""Detections of several passes over one frame: those at one location are one."""

from __future__ import annotations

from dataclasses import dataclass

from faceblur.tracking.boxes import Box

# Detections of one frame that overlap by this IoU are one face.
ONE_FACE = 0.4


@dataclass(slots=True)
class MergedDetection:
    """The detections at one location of one frame: the best one's box and score.

    `source_scores` are the scores of those in the source. There are none where only the output shows a face:
    detectors often detect a face in a masked head.
    """

    box: Box
    score: float
    source_scores: list[float]


def iou(a: Box, b: Box) -> float:
    """The overlap of two boxes as intersection over union, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0

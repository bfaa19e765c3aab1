"""Detections of several looks at one frame: those at one location are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faceblur.tracking.boxes import Box, iou

Seen = tuple[int, float, bool]
# Detections of one frame that overlap by this IoU are one face.
ONE_FACE = 0.4


@dataclass(frozen=True, slots=True)
class LookDetection:
    """What one model detected in one look. One that only `confirms` is merged with others, and is none by itself.

    In a crop a model takes more for a face than in the frame.
    """

    box: Box
    score: float
    model: int
    confirms: bool = False
    in_crop: bool = False


@dataclass(slots=True)
class MergedDetection:
    """The detections at one location of one frame: the best one's box and score.

    `seen` has each one's model, by its number, its score, and whether it was in a crop.
    """

    box: Box
    score: float
    seen: list[Seen]


def merged(detections: Iterable[LookDetection], before: Sequence[MergedDetection] = ()) -> list[MergedDetection]:
    """One detection a location; those of `before` come first, and more is seen of them."""
    found = list(before)
    for detection in sorted(detections, key=lambda one: (one.confirms, -one.score)):
        same = next((one for one in found if iou(one.box, detection.box) >= ONE_FACE), None)
        if same is not None:
            same.seen.append(_seen(detection))
            if detection.score > same.score and not detection.confirms and not detection.in_crop:
                same.box, same.score = detection.box, detection.score
        elif not detection.confirms:
            found.append(MergedDetection(detection.box, detection.score, [_seen(detection)]))
    return found


def _seen(detection: LookDetection) -> Seen:
    return detection.model, detection.score, detection.in_crop

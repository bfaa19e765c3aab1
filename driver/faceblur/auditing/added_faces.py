"""Faces that the output shows where it differs from the source: the source's detail says nothing about them."""

from __future__ import annotations

from collections.abc import Sequence

from faceblur.auditing.checked_frame import FrameChecks
from faceblur.auditing.finding_rules import is_added_face
from faceblur.auditing.masked_share import is_masked
from faceblur.auditing.merged_detections import ONE_FACE, MergedDetection
from faceblur.auditing.observations import Observation
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.tracking.boxes import Box, centre, holds, iou


def check_added(
    checks: FrameChecks,
    line: FrameLine,
    seconds: float,
    detections: Sequence[MergedDetection],
    confident: float,
    models: int,
) -> None:
    """Add the faces among what was detected in the output's image by so many `models`.

    `confident` is the score that one of them must reach. Faces that the source shows there, too, are compared with it
    instead.
    """
    known = [*(face.box for face in line.faces), *(one.box for one, _ in checks.detections)]
    for one in detections:
        if not is_added_face(one, confident, models) or not _has_changed(one.box, checks):
            continue
        if is_masked(one.box, checks.masked) or any(iou(box, one.box) >= ONE_FACE / 2 for box in known):
            continue
        text = f"the output shows a face with score {one.score:.2f}, which the source has not here"
        checks.added.append(Observation(line.frame, seconds, one.score, text, one.box, one.score))


def _has_changed(box: Box, checks: FrameChecks) -> bool:
    """Whether the middle of a box is in an area that changed; one without a box is all of the frame."""
    middle = centre(box)
    return any(area.box is None or holds(area.box, middle) for area in checks.changed)

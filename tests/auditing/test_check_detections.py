"""What was detected in a frame is counted once, whether the sidecar lists it or the second pass saw it again."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur.auditing.checked_frame import FrameChecks
from faceblur.auditing.frame_alignment import small_frame
from faceblur.auditing.frame_checks import check_detections
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.redaction.listed_masks import listed_regions
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace
from faceblur.tracking.boxes import Box

LISTED: Box = (40.0, 30.0, 80.0, 80.0)


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ((42.0, 31.0, 81.0, 79.0), [[(1, 0.9, False), (0, 0.99, False)]]),  # the same face
        ((100.0, 30.0, 140.0, 80.0), [[(1, 0.9, False)], [(0, 0.99, False)]]),  # another face, and unmasked
    ],
)
def test_a_listed_face_that_is_detected_again_is_one(box: Box, seen: list[list[tuple[int, float, bool]]]) -> None:
    """Followed as two, one face in two frames became two findings, and its evidence was shared out among them."""
    line = FrameLine(frame=0, pts=0, stream=0, faces=[SidecarFace(box=LISTED, score=0.99, track=1, state="detected")])
    gray = np.random.default_rng(0).integers(0, 255, (120, 160), np.uint8)
    checks = FrameChecks((small_frame(gray, 0.0),) * 2, [(gray, gray)], listed_regions(line.faces, 0.25))
    detection = MergedDetection(box, 0.9, [(1, 0.9, False)])
    for _ in range(2):  # frames that are shifted are checked again
        checks.detections.clear()
        check_detections(checks, line, 0.0, [detection])
        assert [one.seen for one, _ in checks.detections] == seen
    assert detection.seen == [(1, 0.9, False)]


@pytest.mark.parametrize(
    ("box", "track"), [(LISTED, 7), ((20.0, 10.0, 110.0, 110.0), 7), ((90.0, 60.0, 130.0, 110.0), None)]
)
def test_what_an_edit_removed_is_of_the_track_that_would_mask_it(box: Box, track: int | None) -> None:
    """Also where the track's box is much larger than what is detected: its mask hides it all the same."""
    gray = np.random.default_rng(0).integers(0, 255, (120, 160), np.uint8)
    checks = FrameChecks((small_frame(gray, 0.0),) * 2, [(gray, gray)], [])
    line, removed = FrameLine(frame=0, pts=0, stream=0, faces=[]), SidecarFace(box=box, track=7, state="gap-filled")
    check_detections(checks, line, 0.0, [MergedDetection(LISTED, 0.9, [(0, 0.9, False)])], [removed], 0.25)
    ((_, found),) = checks.detections
    assert found is not None and found.track == track

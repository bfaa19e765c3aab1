"""What it takes for detections to count as a face: they are followed over frames."""

from __future__ import annotations

from faceblur.auditing.face_following import FaceFollower
from faceblur.auditing.finding_rules import CONFIDENT
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.observations import Observation

BOX = (100.0, 60.0, 130.0, 100.0)


def followed(*frames: tuple[list[float], bool]) -> tuple[int, float, int]:
    """What is known of a face that was detected in frames with scores, and was legible in the output or not."""
    follower = FaceFollower(CONFIDENT)
    for number, (scores, legible) in enumerate(frames):
        observation = Observation(number, number / 25, 1.0, "", BOX, 0.9) if legible else None
        assert follower.push(number / 25, [(MergedDetection(BOX, 0.9, scores), observation)]) == []
    (one,) = follower.push(10.0, [])
    return one.confident, one.score, one.legible.frames if one.legible else 0


def test_confident_detections_are_counted() -> None:
    assert followed(([0.2], True), ([0.95], True), ([0.3], True)) == (1, 0.95, 3)  # one frame of noise
    assert followed(([0.95, 0.9], True)) == (2, 0.95, 1)  # one frame, two detections
    assert followed(([0.95], False), ([0.95], True), ([0.95], False)) == (3, 0.95, 1)  # a face that is mostly masked
    assert followed(([], True), ([], True)) == (0, 0.0, 2)  # only the output shows one: a masked head

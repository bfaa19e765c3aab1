"""What both ends of an interval show is in between as well; where they do not agree, the frame is searched."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from faceblur.auditing.carried_detections import carry
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.tracking.boxes import Box
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion

FACE: Box = (100.0, 50.0, 140.0, 100.0)


@dataclass
class Frame:
    seconds: float
    ends_interval: bool = False
    shows_new: bool = False
    camera: CameraMotion = NO_MOTION
    detections: list[MergedDetection] = field(default_factory=list)
    boxes: dict[int, Box] = field(default_factory=dict)


def detection(score: float, box: Box = FACE, *crops: float) -> MergedDetection:
    return MergedDetection(box, score, [(0, score, False), *((1, one, True) for one in crops)])


def moved(box: Box, x: float, y: float = 0) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def interval(*ends: list[MergedDetection]) -> tuple[Frame, list[Frame]]:
    """The start of an interval, two frames within it, and its end."""
    start, end = (Frame(seconds, True, detections=found) for seconds, found in zip((0.0, 0.3), ends, strict=True))
    return start, [Frame(0.1), Frame(0.2), end]


def test_what_both_ends_show_is_in_between_with_the_weaker_score() -> None:
    start, frames = interval([detection(0.9, FACE, 0.8)], [detection(0.7, moved(FACE, 6), 0.9)])
    assert carry(start, frames) == []
    assert [one.detections for one in frames[:2]] == [
        [MergedDetection(pytest.approx(moved(FACE, x)), 0.7, [(0, 0.7, False)])] for x in (2, 4)
    ]


def test_the_camera_carries_it() -> None:
    pan = CameraMotion(shift=50 + 0j)
    start, frames = interval([detection(0.9)], [detection(0.9, moved(FACE, 150))])
    for one in frames:
        one.camera = pan
    assert carry(start, frames) == []
    assert [one.detections[0].box for one in frames[:2]] == [pytest.approx(moved(FACE, x)) for x in (50, 100)]


@pytest.mark.parametrize(
    "ends",
    [
        ([detection(0.9)], []),
        ([], [detection(0.9)]),
        ([detection(0.9)], [detection(0.9, moved(FACE, 30))]),  # moved by more than a quarter of its size
        ([detection(0.9)], [detection(0.2)]),
        ([detection(0.9)], [detection(0.9), detection(0.8, moved(FACE, 0, 200))]),
    ],
    ids=["gone", "new", "fast", "doubtful", "one more"],
)
def test_where_the_ends_do_not_agree_all_frames_are_searched(ends: tuple[list[MergedDetection], ...]) -> None:
    start, frames = interval(*ends)
    assert carry(start, frames) == frames[:2]


def test_what_no_end_is_sure_of_is_no_reason_to_search() -> None:
    start, frames = interval([detection(0.2)], [])
    assert carry(start, frames) == []
    assert [one.detections for one in frames[:2]] == [[], []]


@pytest.mark.parametrize("at_start", [True, False])
def test_a_frame_without_a_mask_of_its_ends_is_searched(at_start: bool) -> None:
    start, frames = interval([], [])
    (start if at_start else frames[-1]).boxes = {1: FACE}
    frames[0].boxes = {1: FACE, 2: FACE}
    assert carry(start, frames) == [frames[1]]


def test_a_frame_that_shows_anything_new_and_those_before_the_first_end_are_searched() -> None:
    start, frames = interval([], [])
    frames[0].shows_new = True
    assert carry(start, frames) == [frames[0]]
    assert carry(None, frames) == frames[:2]

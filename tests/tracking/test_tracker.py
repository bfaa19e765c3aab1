"""Masks where the detector missed a face: gaps, beginnings, ends, low scores, cuts, crossings, and a hard crowd."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Sequence

import pytest

from faceblur.tracking.boxes import Box, Detection, hull
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.tracker import Tracker, WindowedFrame

FPS = 25


def moving(index: int, speed: float = 4, size: float = 40) -> Box:
    return 10 + speed * index, 20.0, 10 + speed * index + size, 20 + size


def follow(
    frames: list[list[Detection]],
    *,
    look_around: float = 0.4,
    cuts: tuple[int, ...] = (),
    threshold: float = 0.3,
    cameras: Sequence[CameraMotion] = (),
) -> list[WindowedFrame]:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=threshold, look_around=look_around)
    pushed = [
        WindowedFrame(
            seconds=index / FPS,
            detections=detections,
            cut=index in cuts,
            camera=cameras[index] if cameras else NO_MOTION,
        )
        for index, detections in enumerate(frames)
    ]
    windowed = [one for frame in pushed for one in tracker.push(frame)]
    windowed += tracker.flush()
    assert len(windowed) == len(pushed) and all(one is frame for one, frame in zip(windowed, pushed, strict=True))
    return windowed


def carried(cameras: list[CameraMotion], box: Box) -> list[Box]:
    """Where a thing at rest lies in each frame."""
    return list(itertools.accumulate(cameras[1:], lambda at, camera: camera.carry(at), initial=box))


def holds(mask: Box, box: Box) -> bool:
    slack = 1e-6
    return all(a <= b + slack for a, b in zip(mask[:2], box[:2], strict=True)) and all(
        a >= b - slack for a, b in zip(mask[2:], box[2:], strict=True)
    )


def test_gap_is_masked_and_the_mask_does_not_lag() -> None:
    frames = [[] if 10 <= index < 16 else [Detection(moving(index), 0.9)] for index in range(30)]
    for index, frame in enumerate(follow(frames)):
        assert holds(hull(frame.masks.values()), moving(index)), index
        assert bool(frame.gaps) == (10 <= index < 16) or index >= 30 or index < 0


def test_before_the_first_and_after_the_last_detection() -> None:
    frames = [[Detection((50, 50, 90, 90), 0.9)] if 20 <= index < 30 else [] for index in range(60)]
    masked = [bool(frame.masks) for frame in follow(frames)]
    assert masked == [10 <= index < 40 for index in range(60)]


def test_a_score_of_just_the_threshold_is_a_face() -> None:
    frames = follow([[Detection((50, 50, 190, 190), 0.3)] if index == 5 else [] for index in range(9)])
    assert all(frame.masks for frame in frames) and frames[5].state_of(1) == "detected"


def test_a_lost_face_is_masked_where_it_was_seen_last_and_where_its_motion_leads() -> None:
    frames = follow([[Detection(moving(index), 0.9)] if index < 10 else [] for index in range(30)])
    for index in range(10, 20):
        assert holds(hull(frames[index].masks.values()), moving(9))  # it may have stopped
        assert holds(hull(frames[index].masks.values()), moving(index))


def test_low_scores_continue_a_track_in_both_directions() -> None:
    frames = [
        [Detection(moving(index), 0.9 if index == 15 else 0.12)] if 5 <= index < 25 else [] for index in range(40)
    ]
    for index, frame in enumerate(follow(frames)):
        if 5 <= index < 25:
            assert holds(hull(frame.masks.values()), moving(index))


def test_low_scores_of_a_small_face_that_add_up_are_a_face_from_the_first_on() -> None:
    frames = [[Detection(moving(index), 0.08)] if 8 <= index < 13 else [] for index in range(40)]
    for index, frame in enumerate(follow(frames)):
        assert bool(frame.masks) == (11 - 10 <= index <= 12 + 10), index  # 4 of them are a face
        if 8 <= index < 13:
            assert holds(hull(frame.masks.values()), moving(index)) and frame.gaps


@pytest.mark.parametrize(
    "detections",
    [
        lambda index: [Detection((50, 50, 90, 90), 0.08)] if index in (10, 13, 16) else [],  # too few
        lambda index: [Detection((50 + 90 * index, 50, 90 + 90 * index, 90), 0.2)],  # never twice at one position
        lambda index: [Detection((50, 50, 190, 190), 0.29)],  # large: a real face would score more
    ],
)
def test_low_scores_alone_start_no_track(detections: Callable[[int], list[Detection]]) -> None:
    assert not any(frame.masks for frame in follow([detections(index) for index in range(40)]))


def test_lost_face_goes_with_the_camera_in_both_directions() -> None:
    cameras = [CameraMotion(1.01, complex(9, -4) if index % 3 else complex(-14, 6)) for index in range(40)]
    boxes = carried(cameras, (400, 300, 440, 350))
    shown = [[Detection(boxes[index], 0.9)] if index == 20 else [] for index in range(40)]
    windowed = follow(shown, cameras=cameras)
    assert [bool(frame.masks) for frame in windowed] == [10 <= index <= 30 for index in range(40)]
    for frame, box in zip(windowed, boxes, strict=True):
        for mask in frame.masks.values():
            assert mask == pytest.approx(box)  # and no more is hidden than the face


def test_gap_under_a_camera_that_jerks() -> None:
    cameras = [CameraMotion(1, complex(36 if index == 11 else 0, 0)) for index in range(30)]
    boxes = carried(cameras, (50, 50, 90, 90))
    shown = [[Detection(box, 0.9)] if not 10 <= index < 18 else [] for index, box in enumerate(boxes)]
    for frame, box in zip(follow(shown, cameras=cameras), boxes, strict=True):
        assert holds(hull(frame.masks.values()), box)
    frame = follow(shown)[12]
    assert not holds(hull(frame.masks.values()), boxes[12]), "the same without the camera's motion"


def test_a_face_that_starts_to_move_in_a_gap_is_masked_from_one_step_before_to_one_step_after() -> None:
    boxes = [moving(min(max(index - 9, 0), 5), 6) for index in range(30)]
    frames = follow([[] if 10 <= index < 14 else [Detection(box, 0.9)] for index, box in enumerate(boxes)])
    for index in range(10, 14):
        for place in boxes[index - 1 : index + 2]:
            assert holds(hull(frames[index].masks.values()), place), index


def test_moving_face_is_masked_where_it_came_from() -> None:
    frames = [[Detection(moving(index), 0.9)] if 20 <= index < 30 else [] for index in range(40)]
    for index, frame in list(enumerate(follow(frames)))[11:30]:  # its motion is known one frame late
        assert holds(hull(frame.masks.values()), moving(index)), index


@pytest.mark.parametrize("low", [160, 220])
def test_before_its_first_detection_a_face_is_masked_where_a_low_score_was_and_where_it_may_have_stood(
    low: float,
) -> None:
    found = {20: (200, 0.9), 21: (208, 0.9), 18: (low, 0.1)}  # left borders and scores, by frame
    frames = follow(
        [
            [Detection((x, 50, x + 40, 90), score) for x, score in [found[index]]] if index in found else []
            for index in range(30)
        ]
    )
    for frame in frames[11:16]:
        for x in (200, low, 160):  # as it moved later, it came from there
            assert holds(hull(frame.masks.values()), (x, 50, x + 40, 90))


def test_nothing_is_carried_over_a_cut() -> None:
    face = [Detection((50, 50, 90, 90), 0.9)]
    before = follow([face if index < 10 else [] for index in range(30)], cuts=(10,))
    assert [bool(frame.masks) for frame in before] == [index < 10 for index in range(30)]
    after = follow([face if index >= 10 else [] for index in range(30)], cuts=(10,))
    assert [bool(frame.masks) for frame in after] == [index >= 10 for index in range(30)]


def test_without_a_window_frames_pass_at_once_with_what_was_detected() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0)
    for index in range(5):
        detections = [Detection(moving(index), 0.9), Detection((300, 0, 340, 40), 0.1)]
        (frame,) = tracker.push(WindowedFrame(seconds=index / FPS, detections=detections))
        assert frame.masks and not frame.gaps


def test_window_is_bounded_by_time_whatever_the_rate() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
    inside = 0
    for index in range(500):
        inside += 1 - len(list(tracker.push(WindowedFrame(seconds=index / 120))))
        assert inside <= 2 * 0.4 * 120 + 1


def test_two_faces_that_cross_stay_masked() -> None:
    def detections(index: int) -> list[Detection]:
        left, right = (10.0 + 6 * index, 20.0), (250.0 - 6 * index, 24.0)
        faces = [Detection((x, y, x + 40, y + 44), 0.9) for x, y in (left, right)]
        return faces[: 1 if 17 <= index <= 22 else 2]  # one hides the other

    for index, frame in enumerate(follow([detections(index) for index in range(40)])):
        for x, y in ((10.0 + 6 * index, 20.0), (250.0 - 6 * index, 24.0)):
            assert any(holds(box, (x + 6, y + 6, x + 34, y + 38)) for box in frame.masks.values()), index


def test_every_detection_above_the_threshold_is_masked_whatever_the_tracks_do() -> None:
    chance = random.Random(4)
    frames = []
    for _ in range(80):
        corners = [(chance.uniform(0, 900), chance.uniform(0, 500), chance.uniform(5, 90)) for _ in range(8)]
        frames.append([Detection((x, y, x + size, y + size), chance.random()) for x, y, size in corners])
    for frame, detections in zip(follow(frames), frames, strict=True):
        for one in detections:
            if one.score >= 0.3:
                assert any(holds(mask, one.box) for mask in frame.masks.values())


def calls(work: Callable[[], None]) -> int:
    """How many functions some work calls: a measure of it that does not depend on the machine."""
    count = 0

    def profile(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_five_hundred_flickering_faces_stay_linear() -> None:
    chance = random.Random(2)
    boxes = [(30.0 * (index % 40), 30.0 * (index // 40)) for index in range(500)]

    def run(frames: int) -> None:
        tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
        for index in range(frames):
            shown = [Detection((x, y, x + 20, y + 20), 0.9) for x, y in boxes if chance.random() < 0.7]
            list(tracker.push(WindowedFrame(seconds=index / FPS, detections=shown)))

    assert calls(lambda: run(60)) < 6 * calls(lambda: run(20))


@pytest.mark.parametrize("gap", [1, 3, 9])
def test_gaps_of_fast_faces(gap: int) -> None:
    frames = [[] if 10 <= index < 10 + gap else [Detection(moving(index, 8), 0.9)] for index in range(40)]
    for index, frame in enumerate(follow(frames)):
        assert holds(hull(frame.masks.values()), moving(index, 8)), index

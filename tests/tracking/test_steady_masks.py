"""Masks of gaps that neither jump nor shrink."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.steady_masks import MaskedFrame, steady
from faceblur.tracking.tracker import Tracker, WindowedFrame

SMALL, LARGE = (100.0, 100.0, 140.0, 140.0), (80.0, 80.0, 160.0, 160.0)


def frames(*boxes: Box | None, camera: CameraMotion = NO_MOTION, scenes: tuple[int, ...] = ()) -> list[MaskedFrame]:
    """Frames in which track 1 has these boxes; None: it is not there."""
    return [
        MaskedFrame({} if box is None else {1: box}, camera, scenes[index] if scenes else 0)
        for index, box in enumerate(boxes)
    ]


def test_a_box_that_grows_for_one_frame_is_led_up_to() -> None:
    around = frames(SMALL, SMALL, LARGE, SMALL, SMALL)
    assert steady([1], around, 2)[1] == LARGE
    assert steady([1], around, 1)[1] == (96.0, 96.0, 144.0, 144.0)


def test_a_box_that_shrinks_for_one_frame_is_filled() -> None:
    assert steady([1], frames(LARGE, LARGE, SMALL, LARGE, LARGE), 2)[1] == (84.0, 84.0, 156.0, 156.0)


@pytest.mark.parametrize("seed", range(5))
def test_no_box_shrinks_and_fewer_jump(seed: int) -> None:
    chance = np.random.default_rng(seed)
    boxes: list[Box] = [tuple(np.array(SMALL) + chance.normal(0, 12, 4)) for _ in range(30)]  # type: ignore[misc]
    around = frames(*boxes)
    new = [steady([1], around[max(0, at - 2) : at + 3], min(at, 2))[1] for at in range(30)]
    for own, box in zip(boxes, new, strict=True):
        assert box[0] <= own[0] and box[1] <= own[1] and box[2] >= own[2] and box[3] >= own[3]
    before, after = (np.abs(np.diff(np.array(some), axis=0)).max(axis=1) for some in (boxes, new))
    assert (after > 20).sum() < 0.6 * (before > 20).sum()


def test_boxes_are_compared_where_the_camera_carries_them() -> None:
    pan = CameraMotion(1, 10)
    moving = [(100.0 + 10 * index, 100.0, 140.0 + 10 * index, 140.0) for index in range(5)]
    assert steady([1], frames(*moving, camera=pan), 2)[1] == pytest.approx(moving[2])
    assert steady([1], frames(*moving), 1)[1][2] > moving[1][2]  # without the camera's motion it is the face that moves


def test_nothing_is_carried_over_a_cut_or_to_where_a_track_is_not() -> None:
    assert steady([1], frames(LARGE, LARGE, SMALL, SMALL, scenes=(0, 0, 1, 1)), 2)[1] == SMALL
    assert steady([1], frames(None, None, SMALL, None, None), 2)[1] == SMALL
    assert steady([], frames(SMALL), 0) == {}


def test_the_tracker_gives_steady_gaps_and_leaves_detections_as_they_are() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
    sizes = [40, 40, 40, 40, 70, 40, 40, 40, 40, 40]
    scores = [0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
    out = []
    for index, (size, score) in enumerate(zip(sizes, scores, strict=True)):
        box = (100.0 - size / 2, 100.0 - size / 2, 100.0 + size / 2, 100.0 + size / 2)
        out += tracker.push(WindowedFrame(seconds=index / 30, detections=[Detection(box, score)]))
    out += tracker.flush()
    widths = [one.masks[1][2] - one.masks[1][0] for one in out]
    assert widths == pytest.approx([40, 40, 46, 46, 70, 46, 46, 40, 40, 40])
    assert [set(one.gap_scores.values()) for one in out] == [set() if score > 0.3 else {score} for score in scores]

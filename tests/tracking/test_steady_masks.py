"""Masks that neither jump nor shrink, and one mask for each face."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.steady_masks import REACH, MaskedFrame, joined, steady
from faceblur.tracking.tracker import Tracker, WindowedFrame

SMALL, LARGE = (100.0, 100.0, 140.0, 140.0), (80.0, 80.0, 160.0, 160.0)


def frames(*boxes: Box | None, camera: CameraMotion = NO_MOTION, scenes: tuple[int, ...] = ()) -> list[MaskedFrame]:
    """Frames in which track 1 has these boxes; None: it is not there."""
    return [
        MaskedFrame({} if box is None else {1: box}, camera, scenes[index] if scenes else 0)
        for index, box in enumerate(boxes)
    ]


def holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def test_a_box_that_grows_for_one_frame_is_led_up_to() -> None:
    around = frames(*[SMALL] * 6, LARGE, *[SMALL] * 6)
    lefts = [steady(around, at)[1][0] for at in range(13)]
    assert lefts[6] == LARGE[0] and lefts[0] == lefts[1] == SMALL[0]
    assert max(abs(a - b) for a, b in itertools.pairwise(lefts[:7])) < 12  # of 20 that it grows by
    assert lefts[2:6] == sorted(lefts[2:6], reverse=True)


def test_a_box_that_shrinks_for_one_frame_is_filled() -> None:
    assert steady(frames(*[LARGE] * 4, SMALL, *[LARGE] * 4), 4)[1] == LARGE


@pytest.mark.parametrize("seed", range(5))
def test_no_box_shrinks_and_few_jump(seed: int) -> None:
    chance = np.random.default_rng(seed)
    boxes: list[Box] = [tuple((np.array(SMALL) + chance.normal(0, 8, 4)).tolist()) for _ in range(40)]
    around = frames(*boxes)
    new = [steady(around, at)[1] for at in range(40)]
    assert all(holds(after, before) for before, after in zip(boxes, new, strict=True))
    before, after = (np.abs(np.diff(np.array(some), axis=0)).max(axis=1) for some in (boxes, new))
    assert (before > 10).sum() > 20 and (after > 10).sum() < 0.35 * (before > 10).sum()
    # What is further away than REACH does not change a box.
    parts = [steady(around[max(0, at - REACH) : at + REACH + 1], min(at, REACH))[1] for at in range(40)]
    assert np.allclose(parts, new)


def test_boxes_are_compared_where_the_camera_carries_them() -> None:
    moving = [(100.0 + 10 * index, 100.0, 140.0 + 10 * index, 140.0) for index in range(9)]
    assert steady(frames(*moving, camera=CameraMotion(1, 10)), 4)[1] == pytest.approx(moving[4])
    assert steady(frames(*moving), 4)[1][2] > moving[4][2] + 5  # without the camera's motion it is the face that moves
    zoom = CameraMotion(1.1, 0)
    growing = [SMALL]
    for _ in range(8):
        growing.append(zoom.carry(growing[-1]))
    assert steady(frames(*growing, camera=zoom), 4)[1] == pytest.approx(growing[4])


def test_nothing_is_carried_over_a_cut_or_to_where_a_track_is_not() -> None:
    assert steady(frames(LARGE, LARGE, SMALL, SMALL, scenes=(0, 0, 1, 1)), 2)[1] == SMALL
    assert steady(frames(None, None, SMALL, None, None), 2)[1] == SMALL
    assert steady(frames(None, None), 0) == {}


def test_the_tracker_gives_steady_boxes_whether_they_were_detected_or_not() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
    sizes = [40, 40, 40, 60, 40, 40, 40, 40, 70, 40, 40, 40, 40, 40]
    scores = [0.9] * 6 + [0.1] * 5 + [0.9] * 3
    out = []
    for index, (size, score) in enumerate(zip(sizes, scores, strict=True)):
        box = (100.0 - size / 2, 100.0 - size / 2, 100.0 + size / 2, 100.0 + size / 2)
        out += tracker.push(WindowedFrame(seconds=index / 30, detections=[Detection(box, score)]))
    out += tracker.flush()
    widths = [one.masks[1][2] - one.masks[1][0] for one in out]
    assert all(width >= size - 1e-9 for width, size in zip(widths, sizes, strict=True))
    assert max(abs(a - b) for a, b in itertools.pairwise(widths)) < 18  # of 30 that the boxes grow by
    assert widths[2] > 45 and widths[7] > 45  # one beside a detection that is larger, one beside such a gap
    assert [set(one.scores.values()) for one in out] == [{score} for score in scores]


def test_two_masks_of_one_face_become_one_and_those_of_two_faces_stay_two() -> None:
    inside, beside, half = (110.0, 105.0, 150.0, 145.0), (150.0, 100.0, 190.0, 140.0), (125.0, 100.0, 165.0, 140.0)
    assert joined({1: LARGE, 2: inside}, {2}) == {1: LARGE}
    assert joined({1: inside, 2: LARGE}, {2}) == {1: LARGE}  # the detected one's track goes on
    assert joined({1: SMALL, 2: beside, 3: half}, {2, 3}) == {1: SMALL, 2: beside, 3: half}
    assert joined({1: LARGE, 2: inside}, set()) == {1: LARGE, 2: inside}  # both were detected: two faces
    assert joined({1: (0.0, 5.0, 0.0, 9.0), 2: (0.0, 5.0, 0.0, 9.0)}, {2}).keys() <= {1, 2}  # without an area
    assert joined({}, set()) == {}


def in_ellipse(outer: Box, inner: Box, padding: float) -> bool:
    """Whether the mask of a box holds that of another one."""
    middle, half = (np.array([box[:2], box[2:]]) for box in (outer, inner))
    angles = np.linspace(0, 2 * np.pi, 360)
    edge = half.mean(axis=0) + (0.5 + padding) * (half[1] - half[0]) * np.stack([np.cos(angles), np.sin(angles)], 1)
    ways = (edge - middle.mean(axis=0)) / ((0.5 + padding) * (middle[1] - middle[0]))
    return bool(np.hypot(*ways.T).max() < 1.002)


@pytest.mark.parametrize("padding", [0.0, 0.1, 0.25, 1.0])
def test_a_joined_mask_holds_both_masks_with_any_padding(padding: float) -> None:
    for missed in ((95.0, 102.0, 136.0, 150.0), (106.0, 105.0, 146.0, 145.0), (100.0, 98.0, 150.0, 145.0)):
        (mask,) = joined({1: SMALL, 2: missed}, {2}).values()
        assert in_ellipse(mask, SMALL, padding) and in_ellipse(mask, missed, padding)


def test_masks_stay_two_where_one_would_be_in_a_corner_of_their_hull() -> None:
    face, false = (293.0, 115.0, 483.0, 391.0), (278.0, 183.0, 700.0, 700.0)  # of a real clip
    assert joined({1: face, 2: false}, {2}) == {1: face, 2: false}
    corner = (80.0, 80.0, 105.0, 105.0)
    assert joined({1: corner, 2: LARGE}, {2}) == {1: corner, 2: LARGE}
    inside = (110.0, 105.0, 150.0, 145.0)
    assert joined({1: corner, 2: LARGE, 3: inside}, {2, 3}) == {1: corner, 2: LARGE}

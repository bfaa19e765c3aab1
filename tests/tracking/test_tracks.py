"""Covering what the detector missed: gaps, beginnings, ends, weak finds, cuts, crossings, and a hard crowd."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence

import pytest

from faceblur.tracking.boxes import STILL, Box, Camera, hull, interpolate, match
from faceblur.tracking.tracker import Detection, Tracker, WindowedFrame

FPS = 25


def moving(index: int, speed: float = 4, size: float = 40) -> Box:
    return 10 + speed * index, 20.0, 10 + speed * index + size, 20 + size


def follow(
    frames: list[list[Detection]],
    *,
    look_around: float = 0.4,
    cuts: tuple[int, ...] = (),
    threshold: float = 0.3,
    cameras: Sequence[Camera] = (),
) -> list[WindowedFrame[int]]:
    tracker: Tracker[int] = Tracker(threshold=threshold, look_around=look_around)
    moments: list[WindowedFrame[int]] = []
    for index, found in enumerate(frames):
        camera = cameras[index] if cameras else STILL
        moments += tracker.push(index, index / FPS, found, cut=index in cuts, camera=camera)
    moments += tracker.flush()
    assert [moment.item for moment in moments] == list(range(len(frames)))
    return moments


def carried(cameras: list[Camera], box: Box) -> list[Box]:
    """Where a thing at rest lies in each frame."""
    return list(itertools.accumulate(cameras[1:], lambda at, camera: camera.carry(at), initial=box))


def holds(cover: Box, box: Box) -> bool:
    slack = 1e-6
    return all(a <= b + slack for a, b in zip(cover[:2], box[:2], strict=True)) and all(
        a >= b - slack for a, b in zip(cover[2:], box[2:], strict=True)
    )


def test_gap_is_covered_and_the_cover_does_not_lag() -> None:
    frames = [[] if 10 <= index < 16 else [Detection(moving(index), 0.9)] for index in range(30)]
    for index, moment in enumerate(follow(frames)):
        assert holds(hull(moment.covers.values()), moving(index)), index
        assert bool(moment.missed) == (10 <= index < 16) or index >= 30 or index < 0


def test_before_the_first_and_after_the_last_find() -> None:
    frames = [[Detection((50, 50, 90, 90), 0.9)] if 20 <= index < 30 else [] for index in range(60)]
    covered = [bool(moment.covers) for moment in follow(frames)]
    assert covered == [10 <= index < 40 for index in range(60)]


def test_weak_finds_continue_a_track_in_both_directions() -> None:
    frames = [
        [Detection(moving(index), 0.9 if index == 15 else 0.12)] if 5 <= index < 25 else [] for index in range(40)
    ]
    for index, moment in enumerate(follow(frames)):
        if 5 <= index < 25:
            assert holds(hull(moment.covers.values()), moving(index))


def test_small_weak_finds_that_add_up_are_a_face_from_the_first_on() -> None:
    frames = [[Detection(moving(index), 0.08)] if 8 <= index < 13 else [] for index in range(40)]
    for index, moment in enumerate(follow(frames)):
        assert bool(moment.covers) == (11 - 10 <= index <= 12 + 10), index  # 4 of them are a face
        if 8 <= index < 13:
            assert holds(hull(moment.covers.values()), moving(index)) and moment.filled


@pytest.mark.parametrize(
    "found",
    [
        lambda index: [Detection((50, 50, 90, 90), 0.08)] if index in (10, 13, 16) else [],  # too few
        lambda index: [Detection((50 + 90 * index, 50, 90 + 90 * index, 90), 0.2)],  # never twice at one place
        lambda index: [Detection((50, 50, 190, 190), 0.29)],  # large: a real face would score more
    ],
)
def test_weak_finds_alone_start_no_track(found: Callable[[int], list[Detection]]) -> None:
    assert not any(moment.covers for moment in follow([found(index) for index in range(40)]))


def test_lost_face_goes_with_the_camera_in_both_directions() -> None:
    cameras = [Camera(1.01, complex(9, -4) if index % 3 else complex(-14, 6)) for index in range(40)]
    places = carried(cameras, (400, 300, 440, 350))
    shown = [[Detection(places[index], 0.9)] if index == 20 else [] for index in range(40)]
    moments = follow(shown, cameras=cameras)
    assert [bool(moment.covers) for moment in moments] == [10 <= index <= 30 for index in range(40)]
    for moment, place in zip(moments, places, strict=True):
        for cover in moment.covers.values():
            assert cover == pytest.approx(place)  # and no more is hidden than the face


def test_gap_under_a_camera_that_jerks() -> None:
    cameras = [Camera(1, complex(36 if index == 11 else 0, 0)) for index in range(30)]
    places = carried(cameras, (50, 50, 90, 90))
    shown = [[Detection(place, 0.9)] if not 10 <= index < 18 else [] for index, place in enumerate(places)]
    for moment, place in zip(follow(shown, cameras=cameras), places, strict=True):
        assert holds(hull(moment.covers.values()), place)
    moment = follow(shown)[12]
    assert not holds(hull(moment.covers.values()), places[12]), "the same without the camera's motion"


def test_moving_face_is_covered_where_it_came_from() -> None:
    frames = [[Detection(moving(index), 0.9)] if 20 <= index < 30 else [] for index in range(40)]
    for index, moment in list(enumerate(follow(frames)))[11:30]:  # its motion is known one frame late
        assert holds(hull(moment.covers.values()), moving(index)), index


def test_nothing_is_carried_over_a_cut() -> None:
    face = [Detection((50, 50, 90, 90), 0.9)]
    before = follow([face if index < 10 else [] for index in range(30)], cuts=(10,))
    assert [bool(moment.covers) for moment in before] == [index < 10 for index in range(30)]
    after = follow([face if index >= 10 else [] for index in range(30)], cuts=(10,))
    assert [bool(moment.covers) for moment in after] == [index >= 10 for index in range(30)]


def test_without_a_window_frames_pass_at_once_with_what_was_found() -> None:
    tracker: Tracker[int] = Tracker(threshold=0.3, look_around=0)
    for index in range(5):
        (moment,) = tracker.push(index, index / FPS, [Detection(moving(index), 0.9), Detection((300, 0, 340, 40), 0.1)])
        assert moment.covers and moment.filled == []


def test_window_is_bounded_by_time_whatever_the_rate() -> None:
    tracker: Tracker[int] = Tracker(threshold=0.3, look_around=0.4)
    inside = 0
    for index in range(500):
        inside += 1 - len(list(tracker.push(index, index / 120, [])))
        assert inside <= 0.4 * 120 + 1


def test_two_faces_that_cross_keep_being_covered() -> None:
    def found(index: int) -> list[Detection]:
        left, right = (10.0 + 6 * index, 20.0), (250.0 - 6 * index, 24.0)
        faces = [Detection((x, y, x + 40, y + 44), 0.9) for x, y in (left, right)]
        return faces[: 1 if 17 <= index <= 22 else 2]  # one hides the other

    for index, moment in enumerate(follow([found(index) for index in range(40)])):
        for x, y in ((10.0 + 6 * index, 20.0), (250.0 - 6 * index, 24.0)):
            assert any(holds(box, (x + 6, y + 6, x + 34, y + 38)) for box in moment.covers.values()), index


def test_every_sure_find_is_covered_whatever_the_tracks_do() -> None:
    chance = random.Random(4)
    frames = []
    for _ in range(80):
        corners = [(chance.uniform(0, 900), chance.uniform(0, 500), chance.uniform(5, 90)) for _ in range(8)]
        frames.append([Detection((x, y, x + size, y + size), chance.random()) for x, y, size in corners])
    for moment, found in zip(follow(frames), frames, strict=True):
        for one in found:
            if one.score >= 0.3:
                assert one.box in moment.covers.values()


def test_five_hundred_flickering_faces_stay_linear() -> None:
    chance = random.Random(2)
    boxes = [(30.0 * (index % 40), 30.0 * (index // 40)) for index in range(500)]

    def run(frames: int) -> float:
        began = time.process_time()
        tracker: Tracker[int] = Tracker(threshold=0.3, look_around=0.4)
        for index in range(frames):
            shown = [Detection((x, y, x + 20, y + 20), 0.9) for x, y in boxes if chance.random() < 0.7]
            list(tracker.push(index, index / FPS, shown))
        return time.process_time() - began

    run(5)
    assert run(60) < 6 * run(20)


def test_pairs_are_the_best_and_only_possible_ones() -> None:
    assert match([], [(0, 0, 1, 1)]) == [] and match([(0, 0, 1, 1)], []) == []
    assert match([(0, 0, 10, 10)], [(200, 0, 210, 10)]) == []
    assert match([(0, 0, 10, 10), (8, 0, 18, 10)], [(9, 0, 19, 10), (1, 0, 11, 10)]) == [(0, 1), (1, 0)]
    assert match([(0, 0, 10, 10)], [(9, 0, 19, 10)]) == [(0, 0)]  # fast and small: no overlap to speak of
    assert match([(0, 0, 10, 10)], [(0, 0, 100, 100)]) == []


def test_boxes_between() -> None:
    assert interpolate((0, 0, 10, 10), (10, 20, 30, 40), 0.5) == (5, 10, 20, 25)
    assert hull([(0, 5, 10, 10), (3, 0, 12, 9)]) == (0, 0, 12, 10)


@pytest.mark.parametrize("gap", [1, 3, 9])
def test_gaps_of_fast_faces(gap: int) -> None:
    frames = [[] if 10 <= index < 10 + gap else [Detection(moving(index, 8), 0.9)] for index in range(40)]
    for index, moment in enumerate(follow(frames)):
        assert holds(hull(moment.covers.values()), moving(index, 8)), index

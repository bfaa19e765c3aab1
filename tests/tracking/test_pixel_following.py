"""A face that the detector no longer detects is followed by its own pixels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import skimage.data

from examples.sample_clip import Image, astronaut
from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.pixel_following import follow, follow_on
from faceblur.tracking.thumbnails import Sighting, Thumbnail, thumbnail
from faceblur.tracking.tracker import Tracker, WindowedFrame
from tests.support.faces import BOX

SCALE = 4.0
RATE = 30
HEIGHT = 120  # of the face, in pixels of the frame


def picture(x: float, *, y: float = 300, is_shown: bool = True, covered: bool = False) -> Image:
    """The copy of a frame with a face whose middle is at x, y pixels of the frame, before a scene that stands still."""
    scene = cv2.resize(
        np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1]), (320, 180), interpolation=cv2.INTER_AREA
    )
    if is_shown:
        scale = HEIGHT / (BOX[3] - BOX[1]) / SCALE
        middle = (BOX[:2] + BOX[2:]) / 2
        matrix = np.array([[scale, 0, x / SCALE - scale * middle[0]], [0, scale, y / SCALE - scale * middle[1]]])
        head = cv2.warpAffine(astronaut(), matrix, (320, 180), flags=cv2.INTER_AREA)
        mask = cv2.ellipse(
            np.zeros((180, 320), np.uint8), (round(x / SCALE), round(y / SCALE)), (16, 20), 0, 0, 360, 1, -1
        )
        scene[mask > 0] = head[mask > 0]
    if covered:
        scene[40:110] = 90
    return np.asarray(scene, np.uint8)


def box(x: float, y: float = 300) -> Box:
    half = HEIGHT / 2 * (BOX[2] - BOX[0]) / (BOX[3] - BOX[1])
    return float(x - half), y - HEIGHT / 2, float(x + half), y + HEIGHT / 2


def copy_of(image: Image) -> Thumbnail:
    return thumbnail(image, SCALE)


@pytest.mark.parametrize("way", [0, 3.5, 14, -30])
def test_a_face_is_followed_to_where_it_moves(way: float) -> None:
    before, after = copy_of(picture(500)), copy_of(picture(500 + way))
    (found,) = follow(before, after, [(box(500), Sighting(before, box(500)))])
    assert found is not None
    np.testing.assert_allclose(found, box(500 + way), atol=2)


def test_a_face_is_followed_further_where_it_may_look_less_alike() -> None:
    def turned(degrees: float) -> Thumbnail:
        matrix = cv2.getRotationMatrix2D((500 / SCALE, 300 / SCALE), degrees, 1)
        return copy_of(np.asarray(cv2.warpAffine(picture(500), matrix, (320, 180)), np.uint8))

    seen, later = turned(0), [turned(3 * number) for number in range(1, 20)]
    strict, loose = (follow_on(seen, box(500), later, limit) for limit in (0.7, 0.4))
    assert 0 < len(strict) < len(loose) < len(later) and loose[: len(strict)] == strict
    np.testing.assert_allclose(loose[-1], box(500), atol=8)


def test_several_faces_are_followed_each_by_itself() -> None:
    def both(x: float, other: float) -> Thumbnail:
        image = picture(x)
        image[:, 160:] = picture(other)[:, 160:]
        return copy_of(image)

    before, after = both(300, 900), both(310, 880)
    lost = [(box(300), Sighting(before, box(300))), (box(900), Sighting(before, box(900)))]
    found = follow(before, after, lost)
    np.testing.assert_allclose(np.array(found), [box(310), box(880)], atol=2)


def test_what_is_gone_or_looks_otherwise_is_lost() -> None:
    before = copy_of(picture(500))
    lost = [(box(500), Sighting(before, box(500)))]
    assert follow(before, copy_of(picture(500, is_shown=False)), lost) == [None]
    assert follow(before, copy_of(picture(500, covered=True)), lost) == [None]
    assert follow(before, copy_of(np.full_like(picture(500), 90)), lost) == [None]
    # The pixels there can be followed, but they are not what was detected.
    scene = copy_of(picture(500, is_shown=False))
    assert follow(scene, scene, lost) == [None]


def test_frames_of_other_sizes_and_no_faces() -> None:
    before = copy_of(picture(500))
    assert follow(before, copy_of(picture(500)[:90]), [(box(500), Sighting(before, box(500)))]) == [None]
    assert follow(before, before, []) == []


def test_a_face_is_followed_over_the_border_until_it_has_left() -> None:
    detected = Sighting(copy_of(picture(80)), box(80))
    at, seen = box(80), 80.0
    for x in range(72, -120, -8):
        (found,) = follow(copy_of(picture(x + 8)), copy_of(picture(x)), [(at, detected)])
        if found is None:
            break
        at, seen = found, x
        np.testing.assert_allclose(at, box(x), atol=8)
    assert box(seen)[2] < 0.45 * (box(0)[2] - box(0)[0])  # less than half of it is left in the frame


@dataclass(slots=True, kw_only=True, eq=False)
class Shown(WindowedFrame):
    """A frame with the truth: where its face is."""

    truth: Box


def masked(
    xs: list[float],
    detected: range,
    *,
    every: int = 1,
    cut_at: int | None = None,
    scores: float = 0.95,
    covered: range = range(0),
) -> list[bool]:
    """Whether each frame's face is masked, where only the frames of `detected` have a detection."""
    tracker: Tracker[Shown] = Tracker(threshold=0.3, look_around=0.4)
    frames = []
    for index, x in enumerate(xs):
        is_searched = index % every == 0
        detections = [Detection(box(x), scores)] if index in detected and is_searched else []
        frames.append(
            Shown(
                seconds=index / RATE,
                detections=detections,
                is_searched=is_searched,
                thumbnail=copy_of(picture(x, covered=index in covered)),
                cut=index == cut_at,
                truth=box(x),
            )
        )
    out = [*itertools.chain.from_iterable(map(tracker.push, frames)), *tracker.flush()]
    assert [one.seconds for one in out] == sorted(one.seconds for one in out) and len(out) == len(xs)
    return [any(_holds(mask, one.truth) for mask in one.masks.values()) for one in out]


def _holds(mask: Box, truth: Box) -> bool:
    near = HEIGHT * 0.15
    return all(mask[i] <= truth[i] + near for i in (0, 1)) and all(mask[i] >= truth[i] - near for i in (2, 3))


# It stands for 5 frames, walks 6 px a frame, and stands again.
WALK = [500.0] * 5 + [500.0 + 6 * min(index, 25) for index in range(55)]


@pytest.mark.parametrize("every", [1, 3, 6])
def test_a_lost_face_stays_masked_as_long_as_it_is_seen(every: int) -> None:
    # Without pixels it would be masked for 0.4 s only, and along its last motion.
    assert all(masked(WALK, range(13), every=every))


def test_why_a_face_is_masked() -> None:
    """Every third frame is searched; it is detected in the first five of them, then followed, then only expected."""
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
    frames = []
    for index, x in enumerate(WALK):
        thumbnail = copy_of(picture(x, is_shown=index < 30))
        frames.append(WindowedFrame(seconds=index / RATE, thumbnail=thumbnail, is_searched=index % 3 == 0))
        if index in range(0, 15, 3):
            frames[-1].detections = [Detection(box(x), 0.95)]
    masked = [*itertools.chain.from_iterable(map(tracker.push, frames)), *tracker.flush()]
    states = [one.state_of(1) if 1 in one.masks else None for one in masked]
    assert states[:13] == (["detected", "interpolated", "interpolated"] * 5)[:13]
    assert set(states[13:30]) == {"followed"}
    assert states[30:42] == ["gap-filled", "interpolated", "interpolated"] * 4


def test_a_lost_face_is_followed_for_two_seconds_at_most() -> None:
    shown = masked([500.0] * 120, range(10))
    assert all(shown[: 9 + 2 * RATE]) and not any(shown[10 + int(2.5 * RATE) :])


def test_nothing_is_followed_over_a_cut() -> None:
    shown = masked(WALK, range(13), cut_at=20)
    assert all(shown[:20]) and not any(shown[20:])


def test_what_was_a_face_once_is_not_followed() -> None:
    shown = masked(WALK, range(1))
    assert not any(shown[20:])


def test_a_face_that_is_detected_again_keeps_its_track() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4)
    numbers = set()
    for index, x in enumerate(WALK):
        detections = [Detection(box(x), 0.95)] if index < 10 or index > 50 else []
        frame = WindowedFrame(
            seconds=index / RATE, detections=detections, is_searched=True, thumbnail=copy_of(picture(x))
        )
        for one in tracker.push(frame):
            numbers |= set(one.masks)
    for one in tracker.flush():
        numbers |= set(one.masks)
    assert numbers == {1}


def test_a_face_is_followed_back_to_where_it_came_from() -> None:
    thumbnails = [copy_of(picture(500 + 8 * index)) for index in range(12)]
    boxes = follow_on(thumbnails[11], box(500 + 8 * 11), thumbnails[10::-1])
    np.testing.assert_allclose(boxes, [box(500 + 8 * index) for index in range(10, -1, -1)], atol=6)
    thumbnails[3] = copy_of(picture(524, covered=True))
    assert len(follow_on(thumbnails[11], box(500 + 8 * 11), thumbnails[10::-1])) == 7


@pytest.mark.parametrize("every", [1, 3])
def test_a_face_is_masked_as_long_as_it_was_seen_before_its_first_detection(every: int) -> None:
    """It walks, stands, and only then is detected: for 0.8 s before that, not 0.4, and where it was."""
    xs = [500.0 + 6 * min(index, 20) for index in range(60)]
    shown = masked(xs, range(30, 60), every=every)
    assert all(shown[10:]) and not any(shown[:3])


def test_before_the_frame_to_which_a_face_is_followed_back_it_is_masked_as_before_a_detection() -> None:
    shown = masked([500.0] * 60, range(30, 60), covered=range(21))
    assert all(shown[10:]) and not any(shown[:8])


def test_what_was_masked_of_a_track_stays_masked_where_it_is_followed_to() -> None:
    frame = WindowedFrame(seconds=0.0, masks={1: (10.0, 10.0, 30.0, 30.0)})
    frame.add_followed(1, (20.0, 5.0, 40.0, 25.0))
    assert frame.masks == {1: (10.0, 5.0, 40.0, 30.0)} and frame.state_of(1) == "followed"


def test_nothing_is_followed_back_over_a_cut() -> None:
    shown = masked([500.0] * 60, range(30, 60), cut_at=24)
    assert all(shown[24:]) and not any(shown[:24])


def test_what_is_detected_once_with_a_low_score_is_not_followed_back() -> None:
    shown = masked([500.0] * 60, range(30, 31), scores=0.4)
    assert not any(shown[:17]) and all(shown[19:31])

"""When an interval of the search ends, whether the faces at its two ends agree, and which frame in it is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.doubtful_tracks import CERTAIN
from faceblur.tracking.new_content import Neighbour
from faceblur.tracking.search_intervals import SearchedFrame, SearchInterval, Span, agree
from faceblur.tracking.thumbnails import Thumbnail, thumbnail
from faceblur.tracking.tracker import WindowedFrame

WINDOW = 100  # frames of the look-ahead window: enough for every interval here
BOX = (100.0, 100.0, 140.0, 140.0)


@pytest.mark.parametrize(
    ("every", "look_around", "step", "searched"),
    [
        (None, 0.4, 1 / 30, [0, 6, 12]),
        (None, 0.4, 1 / 25, [0, 5, 10]),
        (None, 0.4, 1 / 24, [0, 4, 8, 12]),
        (None, 0.4, 1 / 60, [0, 12]),
        (None, 0.4, 1 / 50, [0, 10]),
        (None, 0.4, 1 / 120, [0, 12]),
        (None, 0.4, 1 / 8, [*range(13)]),
        (None, 0.2, 1 / 30, [0, 3, 6, 9, 12]),
        (None, 0.1, 1 / 30, [*range(13)]),
        (5, 0.4, 1 / 30, [0, 5, 10]),
        (5, 0.2, 1 / 30, [0, 3, 6, 9, 12]),
    ],
)
def test_interval_ends(every: int | None, look_around: float, step: float, searched: list[int]) -> None:
    interval = SearchInterval(every, look_around, WINDOW)
    assert [number for number in range(13) if interval.ends_at(number * step)] == searched


@pytest.mark.parametrize(
    ("every", "window_frames", "searched"),
    [
        (None, 18, [0, 6]),
        (None, 17, [0, 5]),
        (5, 14, [0, 4, 8]),
        (5, 15, [0, 5]),
        (None, 5, [*range(10)]),
        (None, 1, [*range(10)]),
    ],
)
def test_a_window_holds_three_intervals(every: int | None, window_frames: int, searched: list[int]) -> None:
    interval = SearchInterval(every, 0.4, window_frames)
    assert [number for number in range(10) if interval.ends_at(number / 30)] == searched


def faces(*boxes: Box, score: float = 0.9) -> list[Detection]:
    return [Detection(box, score) for box in boxes]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], True),
        (faces(BOX), faces((105.0, 100.0, 145.0, 140.0)), True),
        (faces(BOX), faces((105.0, 100.0, 145.0, 140.0), score=0.1), True),
        (faces(BOX), faces((115.0, 100.0, 155.0, 140.0)), False),
        (faces(BOX), [], False),
        ([], faces(BOX), False),
        (faces(BOX, score=0.2), faces(BOX, score=0.2), False),
        ([], faces(BOX, score=0.1), False),  # small: low scores may add up to a face
        ([], faces(BOX, score=0.05), False),
        (faces(BOX, score=0.05), faces(BOX, score=0.09), True),  # a suspicion that stays one
        (faces(BOX, score=0.05), faces(BOX, score=0.1), False),
        ([], faces((100.0, 100.0, 200.0, 200.0), score=0.2), True),
        (faces(BOX), faces(BOX, (200.0, 100.0, 240.0, 140.0)), False),
    ],
)
def test_agree(before: list[Detection], after: list[Detection], expected: bool) -> None:
    assert agree(before, after, 0.3) is expected


@dataclass(slots=True, kw_only=True, eq=False)
class Seen(WindowedFrame):
    """A frame of plain gray with bright squares: where they are is what it shows."""

    squares: tuple[int, ...] = ()
    thumbnail: Thumbnail = field(init=False)

    def __post_init__(self) -> None:
        image: Image = np.full((90, 160, 3), 90, np.uint8)
        for x in self.squares:
            image[40:50, x : x + 10] = 200
        self.thumbnail = thumbnail(image, 4.0)


def span(*squares: tuple[int, ...], detections: tuple[list[Detection], list[Detection]] = ([], [])) -> Span[Seen]:
    """A span of frames that show these squares, of which the first and the last one were searched."""
    first, *inner, last = (Seen(seconds=index / 30, squares=one) for index, one in enumerate(squares))
    first.detections, last.detections = detections
    return Span(SearchedFrame.of(first), inner, last)


@pytest.mark.parametrize(
    ("squares", "chosen"),
    [
        (((), (), (), (), (), (), ()), None),
        (((30,), (30,), (30,), (30,), (30,), (30,), (30,)), None),
        (((), (30,), (), (), (), (), ()), 1),
        (((), (), (), (), (), (30,), ()), 5),
        (((), (), (30,), (30,), (30,), (), ()), 3),
        (((), (30,), (), (), (), (90,), ()), 5),
        (((), (), (), (30,), (30,), (30,), (30,)), None),  # the end shows it
        (((30,), (30,), (30,), (), (), (), ()), None),
        (((), (), (), (), (), (30,), (90,)), 5),
    ],
)
def test_a_frame_that_shows_something_new_is_searched(squares: tuple[tuple[int, ...], ...], chosen: int | None) -> None:
    one = span(*squares)
    assert one.frame_to_search(0.3) is (None if chosen is None else one.inner[chosen - 1])


def test_an_interval_in_which_much_changes_is_searched_although_both_ends_agree() -> None:
    """Colours that are alike in gray: only the change says that it is another scene."""
    one = span(*[()] * 5)
    one.inner[1].thumbnail = thumbnail(np.full((90, 160, 3), (250, 62, 83), np.uint8), 4.0)
    assert one.frame_to_search(0.3) is one.inner[1]


def test_what_moves_as_a_known_face_does_is_not_new() -> None:
    boxes = [(4.0 * x, 160.0, 4.0 * x + 40, 200.0) for x in (30, 32)]
    still = span((30,), (31,), (32,), detections=(faces(boxes[0]), faces(boxes[1])))
    assert still.frame_to_search(0.3) is None
    another = span((30,), (31, 90), (32,), detections=(faces(boxes[0]), faces(boxes[1])))
    assert another.frame_to_search(0.3) is another.inner[0]


@pytest.mark.parametrize(
    ("scores", "is_masked"), [((CERTAIN, 0.1), True), ((0.1, CERTAIN), True), ((CERTAIN - 0.01, CERTAIN - 0.01), False)]
)
def test_what_appears_in_a_doubtful_face_is_new(scores: tuple[float, float], is_masked: bool) -> None:
    box = (4.0 * 80, 4.0 * 30, 4.0 * 110, 4.0 * 60)
    one = span((), (90,), (), detections=(faces(box, score=scores[0]), faces(box, score=scores[1])))
    assert one.frame_to_search(0.3) is (None if is_masked else one.inner[0])


def test_where_the_faces_differ_the_middle_is_searched_and_then_both_parts() -> None:
    whole = span((), (), (), (), (), detections=([], faces(BOX)))
    middle = whole.frame_to_search(0.3)
    assert middle is whole.inner[1]
    middle.detections = faces(BOX)
    before, after = whole.split(middle)
    assert before.frame_to_search(0.3) is whole.inner[0]
    assert after.frame_to_search(0.3) is None
    assert [part.frame_to_search(0.3) for part in before.split(whole.inner[0])] == [None, None]


@pytest.mark.parametrize(("speed", "is_searched"), [(0, False), (3, False), (4, True)])
def test_a_face_that_the_camera_follows_is_searched_where_the_tracker_would_lose_it(
    speed: float, is_searched: bool
) -> None:
    one = span(*[()] * 13, detections=(faces(BOX), faces(BOX)))
    for frame in (*one.inner, one.after):
        frame.camera = CameraMotion(1, -speed)
    middle = one.frame_to_search(0.3)
    assert middle is (one.inner[5] if is_searched else None)
    if middle is not None:
        middle.detections = faces(BOX)
        assert [part.frame_to_search(0.3) for part in one.split(middle)] == [None, None]


def test_frames_before_the_first_searched_one_are_searched() -> None:
    inner = [Seen(seconds=index / 30) for index in range(3)]
    assert Span(None, inner, Seen(seconds=0.1)).frame_to_search(0.3) is inner[1]


def test_each_frame_is_compared_with_its_nearer_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    one, first = span((), (), (), (), (), ()), list[object]()

    def looked_at(frame: Thumbnail, faces: object, neighbours: Sequence[Neighbour]) -> bool:
        first.append(neighbours[0].thumbnail)
        return False

    monkeypatch.setattr("faceblur.tracking.search_intervals.shows_new", looked_at)
    assert one.frame_to_search(0.3) is None and one.before is not None
    before, after = one.before.thumbnail, one.after.thumbnail
    assert [seen is before for seen in first] == [True, True, False, False] and first[3] is after

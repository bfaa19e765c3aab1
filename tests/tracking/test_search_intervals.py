"""When an interval of the search ends, and whether the faces at its two ends agree."""

from __future__ import annotations

import pytest

from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.search_intervals import SearchInterval, agree

WINDOW = 100  # frames of the look-ahead window: enough for every interval here
BOX = (100.0, 100.0, 140.0, 140.0)


@pytest.mark.parametrize(
    ("every", "look_around", "step", "searched"),
    [
        (None, 0.4, 1 / 30, [0, 6]),
        (None, 0.4, 1 / 25, [0, 5]),
        (None, 0.4, 1 / 24, [0, 4, 8]),
        (None, 0.4, 1 / 60, [0, 6]),
        (None, 0.4, 1 / 8, [*range(10)]),
        (None, 0.2, 1 / 30, [0, 3, 6, 9]),
        (None, 0.1, 1 / 30, [*range(10)]),
        (5, 0.4, 1 / 30, [0, 5]),
        (5, 0.2, 1 / 30, [0, 3, 6, 9]),
    ],
)
def test_interval_ends(every: int | None, look_around: float, step: float, searched: list[int]) -> None:
    interval = SearchInterval(every, look_around, WINDOW)
    assert [number for number in range(10) if interval.ends_at(number * step)] == searched


@pytest.mark.parametrize(("every", "window_frames"), [(None, 17), (5, 14)])
def test_window_that_is_too_short_has_every_frame_searched(every: int | None, window_frames: int) -> None:
    short, long = SearchInterval(every, 0.4, window_frames), SearchInterval(every, 0.4, window_frames + 1)
    assert all(short.ends_at(number / 30) for number in range(10))
    assert not all(long.ends_at(number / 30) for number in range(10))


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
        ([], faces(BOX, score=0.2), False),  # small: low scores may add up to a face
        ([], faces((100.0, 100.0, 200.0, 200.0), score=0.2), True),
        (faces(BOX), faces(BOX, (200.0, 100.0, 240.0, 140.0)), False),
    ],
)
def test_agree(before: list[Detection], after: list[Detection], expected: bool) -> None:
    assert agree(before, after, 0.3) is expected

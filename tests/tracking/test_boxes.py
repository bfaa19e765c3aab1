"""Which boxes of two frames may be the same face, and boxes between boxes."""

from __future__ import annotations

from faceblur.tracking.boxes import hull, interpolate, match_boxes


def test_pairs_are_the_best_and_only_possible_ones() -> None:
    assert match_boxes([], [(0, 0, 1, 1)]) == [] and match_boxes([(0, 0, 1, 1)], []) == []
    assert match_boxes([(0, 0, 10, 10)], [(200, 0, 210, 10)]) == []
    assert match_boxes([(0, 0, 10, 10), (8, 0, 18, 10)], [(9, 0, 19, 10), (1, 0, 11, 10)]) == [(0, 1), (1, 0)]
    assert match_boxes([(0, 0, 10, 10)], [(9, 0, 19, 10)]) == [(0, 0)]  # fast and small: no overlap to speak of
    assert match_boxes([(0, 0, 10, 10)], [(0, 0, 100, 100)]) == []


def test_boxes_between() -> None:
    assert interpolate((0, 0, 10, 10), (10, 20, 30, 40), 0.5) == (5, 10, 20, 25)
    assert hull([(0, 5, 10, 10), (3, 0, 12, 9)]) == (0, 0, 12, 10)

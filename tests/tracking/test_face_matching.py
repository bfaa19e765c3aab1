"""Which boxes of two frames may be the same face."""

from __future__ import annotations

from faceblur.tracking.face_matching import match_boxes


def test_pairs_are_the_best_and_only_possible_ones() -> None:
    assert match_boxes([], [(0, 0, 1, 1)]) == [] and match_boxes([(0, 0, 1, 1)], []) == []
    assert match_boxes([(0, 0, 10, 10)], [(200, 0, 210, 10)]) == []
    assert match_boxes([(0, 0, 10, 10), (8, 0, 18, 10)], [(9, 0, 19, 10), (1, 0, 11, 10)]) == [(0, 1), (1, 0)]
    assert match_boxes([(0, 0, 10, 10)], [(9, 0, 19, 10)]) == [(0, 0)]  # fast and small: no overlap to speak of
    assert match_boxes([(0, 0, 10, 10)], [(0, 0, 100, 100)]) == []

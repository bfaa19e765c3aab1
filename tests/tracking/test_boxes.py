"""Boxes between boxes, and around them."""

from __future__ import annotations

from faceblur.tracking.boxes import hull, interpolate


def test_boxes_between() -> None:
    assert interpolate((0, 0, 10, 10), (10, 20, 30, 40), 0.5) == (5, 10, 20, 25)
    assert hull([(0, 5, 10, 10), (3, 0, 12, 9)]) == (0, 0, 12, 10)

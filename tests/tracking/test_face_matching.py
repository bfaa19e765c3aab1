"""Which boxes of two frames may be the same face."""

from __future__ import annotations

import random

import numpy as np
import pytest
from lap import lapjv

from faceblur.tracking.boxes import Box
from faceblur.tracking.face_matching import _costs, _near, match_boxes


def test_pairs_are_the_best_and_only_possible_ones() -> None:
    assert match_boxes([], [(0, 0, 1, 1)]) == [] and match_boxes([(0, 0, 1, 1)], []) == []
    assert match_boxes([(0, 0, 10, 10)], [(200, 0, 210, 10)]) == []
    assert match_boxes([(0, 0, 10, 10), (8, 0, 18, 10)], [(9, 0, 19, 10), (1, 0, 11, 10)]) == [(0, 1), (1, 0)]
    assert match_boxes([(0, 0, 10, 10)], [(9, 0, 19, 10)]) == [(0, 0)]  # fast and small: no overlap to speak of
    assert match_boxes([(0, 0, 10, 10)], [(0, 0, 100, 100)]) == []


def dense(expected: list[Box], detected: list[Box]) -> list[tuple[int, int]]:
    """The same pairing from the complete matrix of costs."""
    a, b = np.asarray(expected)[:, None], np.asarray(detected)[None]
    pairs = np.broadcast_arrays(a, b)
    cost, possible = _costs(*(one.reshape(-1, 4) for one in pairs))
    costs = np.where(possible, cost, 1e4).reshape(len(expected), len(detected))
    _, columns, _ = lapjv(costs, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0 and costs[row, column] < 1e4]


@pytest.mark.parametrize("span", [60, 300, 2000])
@pytest.mark.parametrize("sides", [(5, 10), (5, 200), (20, 40)], ids=str)
def test_it_is_the_best_pairing_of_all(span: int, sides: tuple[int, int]) -> None:
    rng = random.Random(f"{span} {sides}")

    def face() -> Box:
        x, y, width = rng.uniform(0, span), rng.uniform(0, span), rng.uniform(*sides)
        return x, y, x + width, y + width * rng.uniform(0.6, 1.8)

    for _ in range(20):
        expected = [face() for _ in range(rng.randint(1, 60))]
        moved = [(x + rng.uniform(-8, 8), y + rng.uniform(-8, 8)) for x, y, _, _ in expected]
        sizes = [(x2 - x1, y2 - y1) for x1, y1, x2, y2 in expected]
        detected = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(moved, sizes, strict=True)] + [face()]
        rng.shuffle(detected)
        assert match_boxes(expected, detected) == dense(expected, detected)


def crowd(faces: int, pitch: float, side: float = 10) -> list[Box]:
    """Faces in rows, 64 to a row, `pitch` pixels apart."""
    corners = [(pitch * (number % 64), pitch * (number // 64)) for number in range(faces)]
    return [(x, y, x + side, y + side) for x, y in corners]


def test_only_faces_near_each_other_are_compared() -> None:
    """The number of comparisons grows with the number of faces; one large face does not change that."""
    giant = (0.0, 0.0, 4000.0, 4000.0)
    for faces in (1024, 4096):
        boxes = np.asarray([*crowd(faces, 30), giant])
        rows, _ = _near(boxes, boxes)
        assert len(rows) <= 4 * faces
        assert match_boxes(crowd(faces, 30), crowd(faces, 30)) == [(number, number) for number in range(faces)]


def test_a_crowd_whose_faces_all_touch_is_paired_too() -> None:
    boxes = crowd(2048, 8)
    moved = [(x1 + 1, y1 + 1, x2 + 1, y2 + 1) for x1, y1, x2, y2 in boxes]
    assert match_boxes(boxes, moved) == [(number, number) for number in range(2048)]

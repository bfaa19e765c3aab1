"""What is left of a face, beside what its mask leaves."""

from __future__ import annotations

import pytest

from faceblur.auditing.legibility import Legibility


@pytest.mark.parametrize(
    ("left", "expected", "exceeds"),
    [
        # A mask on a car's bonnet, whose edge cuts the frame of a window: of little detail the codec leaves some.
        (Legibility(0.437, 0.306), Legibility(0.311, 0.236), False),
        (Legibility(0.98, 0.99), Legibility(0.311, 0.236), True),
        (Legibility(1.0, 0.99), Legibility(0.8, 0.85), True),  # out of focus
        (Legibility(0.82, 0.99), Legibility(0.8, 0.85), False),
        (Legibility(0.25, 0.4), Legibility(0.02, 0.1), True),  # a mask that is shifted
    ],
)
def test_more_is_left_than_the_mask_leaves(left: Legibility, expected: Legibility, exceeds: bool) -> None:
    assert left.exceeds(expected) == exceeds

"""Which listed face that is still legible counts: not what is too little of it to be a face."""

from __future__ import annotations

import pytest

from faceblur.auditing.frame_checks import _counts
from faceblur.auditing.legibility import Legibility
from faceblur.tracking.boxes import Box


@pytest.mark.parametrize(
    ("box", "kept", "counts"),
    [
        ((100, 100, 120, 130), 0.2, True),
        ((100, 100, 110, 112), 0.9, True),
        ((100, 100, 110, 112), 0.4, False),
        ((196.9, -3.8, 208.4, 4.7), 0.53, False),  # 5 rows at the border: the mask's soft edge, and the codec's noise
        ((100, 100, 105.8, 108.1), 0.68, False),  # 6 columns, of which the mask leaves as little
        ((100, -40, 140, 20), 0.9, False),  # a third of it
        ((400, 100, 420, 130), 0.9, False),
    ],
)
def test_a_face_counts_that_is_large_enough_and_in_the_frame(box: Box, kept: float, counts: bool) -> None:
    assert _counts(box, Legibility(kept, 0.9), (320, 240)) == counts


def test_of_a_small_face_much_is_left_by_both_measures() -> None:
    for kept, correlation, counts in ((0.58, 0.36, False), (0.36, 0.58, False), (0.58, 0.58, True)):
        assert _counts((100, 100, 113, 113), Legibility(kept, correlation), (320, 240)) == counts

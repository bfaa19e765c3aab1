"""Frames scaled down for a detector: their sizes, and which are left as they are."""

from __future__ import annotations

from examples.sample_clip import Image
from faceblur_function.detectors.scaling import fit


def test_fit_bounds_the_long_side_and_returns_a_small_frame_itself(face: Image) -> None:
    assert fit(face, 128).shape == (128, 128, 3) and fit(face[:100], 256).shape == (50, 256, 3)
    assert fit(face, 4000) is face

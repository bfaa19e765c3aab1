"""What is left of a face, beside what its mask leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.auditing.frame_alignment import gray_image
from faceblur.auditing.legibility import Legibility, measure_legibility
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import redact


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


@pytest.mark.parametrize(("strength", "legible"), [(0.0, False), (0.1, True), (0.5, True), (-0.5, True)])
def test_face_that_shines_through_its_mask(face: Image, strength: float, legible: bool) -> None:
    """Also one of a tenth of its contrast, or in negative."""
    source, box = gray_image(face), (180.0, 70.0, 260.0, 180.0)
    masked = source.copy()
    redact(masked, regions([box], 0.25), "blur")
    mixed = masked + strength * (source.astype(np.float32) - masked)
    ok, jpeg = cv2.imencode(".jpg", mixed.round().clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    left = measure_legibility(source, cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), box, 0.675)
    assert ok and left is not None and left.legible == legible
    if legible:
        assert left.contrast == pytest.approx(abs(strength), abs=0.05)

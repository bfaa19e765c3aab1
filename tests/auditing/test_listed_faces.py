"""Which listed face that is still legible counts: not what is too little of it to be a face."""

from __future__ import annotations

import cv2
import pytest

from examples.sample_clip import Image
from faceblur.auditing.frame_alignment import gray_image
from faceblur.auditing.frame_checks import MORE_OF_SMALL, WITHIN, _as_redacted, _counts
from faceblur.auditing.legibility import LEGIBLE_KEPT, Legibility, measure_legibility
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import redact

PADDING = 0.25


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


@pytest.mark.parametrize(
    ("height", "kept", "contrast", "counts"),
    [
        (16.4, 0.23, 0.46, False),
        (23, 0.39, 0.22, False),
        (16.4, 0.23, 0.6, True),
        (16.4, 0.6, 0.3, True),
        (24, 0.2, 0.2, True),
    ],
)
def test_a_part_of_a_small_face_is_left_with_its_contrast(
    height: float, kept: float, contrast: float, counts: bool
) -> None:
    box = (100.0, 100.0, 113.0, 100.0 + height)
    assert _counts(box, Legibility(kept, 0.9, contrast), (320, 240)) == counts


@pytest.mark.parametrize(("height", "margin"), [(18, MORE_OF_SMALL), (36, LEGIBLE_KEPT)])
def test_a_mask_leaves_about_as_much_as_it_does_when_it_is_drawn_again(face: Image, height: int, margin: float) -> None:
    """Half a face beside it, it leaves more; of a small face the codec's noise may be a little more."""
    scale = height / 120
    source = gray_image(cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    own: Box = (178 * scale, 57 * scale, 273 * scale, 177 * scale)
    masks, reach = regions([own], PADDING), WITHIN * (0.5 + PADDING)

    def left_by(box: Box) -> Legibility:
        output = source.copy()
        redact(output, regions([box], PADDING), "blur")
        jpeg = cv2.imencode(".jpg", output, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        left = measure_legibility(source, cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), own, reach)
        assert left is not None
        return left

    expected = left_by(own)
    assert _as_redacted(source, masks, "blur", own, reach, expected)
    beside = left_by((own[0] + 47 * scale, own[1], own[2] + 47 * scale, own[3]))
    assert beside.legible and not _as_redacted(source, masks, "blur", own, reach, beside)
    drawn = source.copy()
    redact(drawn, masks, "blur")
    exact = measure_legibility(source, drawn, own, reach)
    assert exact is not None
    for more, is_as_redacted in ((margin - 0.02, True), (margin + 0.02, False)):
        left = Legibility(exact.kept + more, exact.correlation + more)
        assert _as_redacted(source, masks, "blur", own, reach, left) == is_as_redacted

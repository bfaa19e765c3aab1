"""Styles: what is left of a face, what happens at the borders, and how redaction is verified."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image, encode_image
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import STYLES, redact, was_redacted
from tests.conftest import detail_left

BOX = (178.0, 57.0, 273.0, 177.0)


def noise(height: int = 100, width: int = 120, dtype: type = np.uint8, top: int = 256) -> np.ndarray:
    return np.random.default_rng(3).integers(0, top, (height, width, 3)).astype(dtype)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("scale", [0.2, 0.5, 1, 3])
def test_no_detail_of_a_face_is_left_at_any_size(face: Image, style: str, scale: float) -> None:
    frame = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    box = tuple(value * scale for value in BOX)
    redacted = frame.copy()
    redact(redacted, regions([box], 0.25), style)
    x1, y1, x2, y2 = (round(value) for value in box)
    assert detail_left(frame[y1:y2, x1:x2], redacted[y1:y2, x1:x2]) < 0.3


def test_weaker_blurs_would_fail_that_test(face: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceblur_function.styles.BLUR_CELLS", 8)
    redacted = face.copy()
    redact(redacted, regions([BOX], 0.25), "blur")
    assert detail_left(face[57:177, 178:273], redacted[57:177, 178:273]) > 0.35


@pytest.mark.parametrize("style", STYLES)
def test_detector_finds_no_face_any_more(face: Image, detector: Detector, style: str) -> None:
    redacted = face.copy()
    redact(redacted, regions([BOX], 0.25), style)
    assert len(detector.detect([redacted], threshold=0.7)[0]) == 0


def test_a_blur_is_a_gradient_without_creases() -> None:
    """No two neighbouring slopes differ by more than a part of what straight lines from cell to cell would."""
    frame = noise(900, 900, np.uint16, 1 << 16)
    frame[:450, 450:] //= 4
    frame[450:, :450] //= 3
    (region,) = regions([(200, 200, 700, 700)], 0.25)
    redact(frame, [region], "blur")
    inner = frame[250:650, 250:650, 0].astype(float)
    cell = 500 / 3
    for axis in (0, 1):
        bend = np.abs(np.diff(inner, n=2, axis=axis)).max()
        assert np.ptp(inner) > 5000 and bend < 0.3 * np.ptp(inner) / cell


def test_at_most_three_cells_across_a_face() -> None:
    frame = noise(300, 300)
    redact(frame, regions([(75, 75, 225, 225)], 0.25), "pixelate")
    row = frame[150, 75:225, 0].astype(int)
    assert 2 <= np.count_nonzero(np.diff(row)) + 1 <= 4  # three cells, and their grid may cut a fourth


@pytest.mark.parametrize("style", STYLES)
def test_the_whole_box_is_covered_and_nothing_beyond_the_padding(style: str) -> None:
    before = noise(200, 200)
    frame = before.copy()
    redact(frame, regions([(60, 60, 140, 130)], 0.25), style)
    opacity = regions([(60, 60, 140, 130)], 0.25)[0].opacity(slice(60, 130), slice(60, 140))
    assert opacity.min() == 1
    changed = np.argwhere((frame != before).any(axis=2))
    assert changed[:, 0].min() >= 60 - 0.25 * 70 - 1 and changed[:, 0].max() <= 130 + 0.25 * 70
    assert changed[:, 1].min() >= 60 - 0.25 * 80 - 1 and changed[:, 1].max() <= 140 + 0.25 * 80


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "box",
    [
        (-30, 20, 30, 80),
        (90, 20, 150, 80),
        (30, -40, 90, 20),
        (30, 80, 90, 140),
        (-40, -40, 20, 20),
        (100, 80, 160, 140),
        (0, 0, 120, 100),
        (-500, -500, 600, 600),
    ],
    ids=["left", "right", "top", "bottom", "corner", "far corner", "whole frame", "larger"],
)
def test_faces_at_the_borders_are_covered(style: str, box: tuple[float, float, float, float]) -> None:
    before = noise()
    frame = before.copy()
    redact(frame, regions([box], 0.25), style)
    rows = slice(max(0, box[1]), min(100, box[3]))
    columns = slice(max(0, box[0]), min(120, box[2]))
    assert (frame[rows, columns] != before[rows, columns]).any(axis=2).mean() > 0.9


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("box", [(500, 500, 600, 600), (-90, -90, -60, -60), (50, 50, 50, 50), (60, 50, 50, 60)])
def test_boxes_outside_or_without_area_change_nothing(style: str, box: tuple[float, float, float, float]) -> None:
    frame = noise()
    redact(frame, regions([box], 0.25), style)
    assert np.array_equal(frame, noise())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_tiny_frames(style: str, size: tuple[int, int]) -> None:
    frame = noise(*size)
    redact(frame, regions([(0, 0, size[1], size[0])], 0.25), style)
    assert frame.shape == (*size, 3)


@pytest.mark.parametrize("style", STYLES)
def test_deep_planes_keep_their_range(style: str) -> None:
    plane = noise(dtype=np.uint16, top=1024)[..., 0].copy()
    redact(plane, regions([(20, 20, 90, 80)], 0.25), style, fill=64)
    assert plane.dtype == np.uint16 and plane.max() < 1024
    if style == "solid":
        assert (plane[40:60, 40:70] == 64).all()


def test_two_overlapping_faces_are_both_covered(face: Image) -> None:
    boxes = [BOX, (BOX[0] + 50, BOX[1] + 20, BOX[2] + 50, BOX[3] + 20)]
    redacted = face.copy()
    redact(redacted, regions(boxes, 0.25), "solid")
    for x1, y1, x2, y2 in boxes:
        assert redacted[int(y1) : int(y2), int(x1) : int(x2)].max() == 0


@pytest.mark.parametrize("padding", [0, 0.25])
@pytest.mark.parametrize("scale", [0.1, 0.3, 1, 3])
def test_a_face_that_was_not_redacted_is_noticed(face: Image, scale: float, padding: float) -> None:
    frame = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    masked = regions([tuple(value * scale for value in BOX)], padding)

    def sent_back(image: Image) -> Image:
        return decode_image(encode_image(image, "jpeg", 80))

    for style in STYLES:
        redacted = frame.copy()
        redact(redacted, masked, style)
        assert was_redacted(frame, sent_back(redacted), masked, style)
        assert not was_redacted(frame, sent_back(frame), masked, style)
        deep, clear = frame[..., 1].astype(np.uint16) * 4, sent_back(frame)[..., 1].astype(np.uint16) * 4
        assert not was_redacted(deep, clear, masked, style)


@pytest.mark.parametrize("style", STYLES)
def test_what_was_redacted_is_never_taken_for_clear(face: Image, style: str) -> None:
    """Anywhere in a photograph and on hard edges, at any padding: a wrong alarm would fail a complete video."""
    chance = np.random.default_rng(7)
    edges = np.kron(chance.integers(0, 2, (16, 16)), np.ones((32, 32))).astype(np.uint8)[..., None] * np.uint8(255)
    for frame in (face, np.ascontiguousarray(np.tile(edges, 3))):
        for _ in range(60):
            (x, y), side = chance.uniform(-20, 480, 2), chance.uniform(8, 160)
            masked = regions([(x, y, x + side, y + side * 1.3)], float(chance.choice([0, 0.1, 0.25])))
            redacted = frame.copy()
            redact(redacted, masked, style)
            assert was_redacted(frame, decode_image(encode_image(redacted, "jpeg", 90)), masked, style)


def test_each_of_several_faces_has_to_be_redacted(face: Image) -> None:
    tiny, other = (5.0, 5.0, 5.2, 5.2), (10.0, 300.0, 110.0, 420.0)
    redacted = face.copy()
    redact(redacted, regions([other], 0.25), "blur")
    assert was_redacted(face, redacted, regions([tiny, other], 0.25), "blur")
    assert not was_redacted(face, redacted, regions([other, BOX], 0.25), "blur")
    assert not was_redacted(face, redacted, regions([tiny, BOX], 0.25), "blur")

"""Long images are searched in strips: faces of a panorama are as large for the detector as those of a photograph."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.media.images.page import Page
from faceblur.redaction.image_frame import MAX_PIXELS, PageFrame
from faceblur.redaction.strips import MAX_STRIPS, area, merged, strips
from faceblur.tracking.boxes import Detection
from faceblur_function import wire
from faceblur_function.images import image_size
from tests.conftest import detail_left
from tests.support.images import invoke

LENGTH, HEIGHT, SIDE = 8000, 300, 80


@pytest.mark.parametrize("is_tall", [False, True])
def test_faces_of_a_panorama_are_masked(face: Image, function_url: str, tmp_path: Path, is_tall: bool) -> None:
    """Faces of 45 px, also on the borders of strips. In the image at 1920 px they have 11 px and are not detected."""
    shown = np.full((LENGTH, HEIGHT, 3) if is_tall else (HEIGHT, LENGTH, 3), 128, np.uint8)
    head = cv2.resize(face[20:220, 120:330], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    corners = [(at, 100) if is_tall else (100, at) for at in (20, 1600, 1900, 3300, LENGTH - SIDE - 20)]
    for y, x in corners:
        shown[y : y + SIDE, x : x + SIDE] = head
    Pillow.fromarray(np.ascontiguousarray(shown[..., ::-1])).save(tmp_path / "long.png")
    result = invoke("image", tmp_path / "long.png", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and f"1 frame, {len(corners)} faces" in result.output, result.output
    after = np.array(Pillow.open(tmp_path / "out" / "long.png"))[..., ::-1]
    for y, x in corners:
        middle = slice(y + 20, y + 65), slice(x + 20, x + 60)
        assert detail_left(shown[middle], np.ascontiguousarray(after[middle])) < 0.25


@pytest.mark.parametrize("size_wh", [(1920, 300), (3000, 1500), (1, 1), (4000, 2000), (300, 1920)])
def test_other_images_are_searched_as_they_are(size_wh: tuple[int, int]) -> None:
    (strip,) = strips(size_wh)
    assert strip == (slice(0, size_wh[1]), slice(0, size_wh[0]))


@pytest.mark.parametrize("size_wh", [(1921, 20), (20, 1921), (4001, 2000), (20000, 500), (70000, 100), (2_000_000, 7)])
def test_every_face_lies_completely_in_a_strip(size_wh: tuple[int, int]) -> None:
    parts, shorter = strips(size_wh), min(size_wh)
    along = [one[size_wh[0] == max(size_wh)] for one in parts]
    assert 2 <= len(parts) <= MAX_STRIPS
    assert along[0].start == 0 and along[-1].stop == max(size_wh)
    assert all(one.stop - following.start >= shorter for one, following in itertools.pairwise(along))
    assert all(one[size_wh[0] != max(size_wh)] == slice(0, shorter) for one in parts)


def test_strips_are_no_larger_than_the_function_takes() -> None:
    """No side is too long for a JPEG, all have the pixels of one image, and boxes come back to where they were."""
    frame = PageFrame(
        page=Page(np.zeros((3, 2_200_000, 1), np.uint8)), is_animated=False, stream=0, number=0, seconds=0.0
    )
    sizes = [image_size(one) for one in frame.encode()]
    assert len(sizes) == frame.views == len(frame.scales) == MAX_STRIPS and max(sizes[0]) <= 65500
    strip, (across, _) = frame.strips[1], frame.scales[1]
    faces = [[], [wire.Face(box=(10, 0, 20, 1), score=0.9)], *[[]] * (MAX_STRIPS - 2)]
    frame.add_detections(faces, [None] * MAX_STRIPS)
    assert frame.detections[0].box[:3:2] == (strip[1].start + 10 * across, strip[1].start + 20 * across)
    assert sum(map(area, strips((20000, 6000)))) > MAX_PIXELS


def test_a_face_in_two_strips_is_one_that_covers_both() -> None:
    cut, complete, other = (0.0, 0.0, 60.0, 100.0), (0.0, 0.0, 80.0, 98.0), (200.0, 0.0, 260.0, 100.0)
    found = merged([[Detection(cut, 0.9)], [Detection(complete, 0.8), Detection(other, 0.4)]])
    assert found == [Detection((0.0, 0.0, 80.0, 100.0), 0.9), Detection(other, 0.4)]
    assert merged([[Detection(cut, 0.5), Detection(complete, 0.8)]]) == [Detection(cut, 0.5), Detection(complete, 0.8)]

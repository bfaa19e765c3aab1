"""Large images are searched in tiles too: what the function scales down to search it hides small faces."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.media.images.page import Page
from faceblur.redaction.image_frame import PageFrame
from faceblur.redaction.tiles import LARGE, MAX_TILES, OVERLAP, merged, tiles
from faceblur.tracking.boxes import Detection
from faceblur_function import wire
from faceblur_function.images import image_size
from tests.conftest import detail_left
from tests.support.images import invoke


@pytest.mark.parametrize(
    ("size_wh", "side", "corners"),
    [
        ((8000, 300), 80, [(x, 100) for x in (20, 1600, 1780, 3300, 7900)]),
        ((300, 8000), 80, [(100, y) for y in (20, 1600, 1780, 3300, 7900)]),
        # Two of them are cut by the tiles, whose borders are at about 1600, and one is larger than what tiles share.
        ((5000, 3000), 36, [(40, 40), (1650, 1450), (3300, 1480), (4900, 2900)]),
        ((5000, 3000), 400, [(40, 40), (1450, 1300), (4500, 2500)]),
    ],
)
def test_faces_of_a_large_image_are_masked(
    face: Image, function_url: str, tmp_path: Path, size_wh: tuple[int, int], side: int, corners: list[tuple[int, int]]
) -> None:
    """Heads of these sides: at 1920 px the small ones are not detected."""
    shown = np.full((size_wh[1], size_wh[0], 3), 128, np.uint8)
    head = cv2.resize(face[20:220, 120:330], (side, side), interpolation=cv2.INTER_AREA)
    for x, y in corners:
        shown[y : y + side, x : x + side] = head
    Pillow.fromarray(np.ascontiguousarray(shown[..., ::-1])).save(tmp_path / "large.png", compress_level=1)
    result = invoke("image", tmp_path / "large.png", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    after = np.array(Pillow.open(tmp_path / "out" / "large.png"))[..., ::-1]
    for x, y in corners:
        middle = slice(y + side * 3 // 8, y + side * 3 // 4), slice(x + side * 3 // 8, x + side * 5 // 8)
        assert detail_left(shown[middle], np.ascontiguousarray(after[middle])) < 0.25


@pytest.mark.parametrize("size_wh", [(1920, 300), (2400, 1500), (1, 1), (300, 1920)])
def test_other_images_are_searched_as_they_are(size_wh: tuple[int, int]) -> None:
    assert tiles(size_wh) == [(slice(0, size_wh[1]), slice(0, size_wh[0]))]


@pytest.mark.parametrize(
    "size_wh", [(2401, 20), (20, 2401), (4000, 3000), (8192, 5464), (20000, 500), (70000, 100), (2_000_000, 7)]
)
def test_a_face_that_a_tile_cuts_lies_completely_in_another(size_wh: tuple[int, int]) -> None:
    *parts, last = tiles(size_wh)
    assert 2 <= len(parts) < MAX_TILES and last == (slice(0, size_wh[1]), slice(0, size_wh[0]))
    level = [
        one
        for one in parts
        if one[0].stop - one[0].start == parts[0][0].stop and one[1].stop - one[1].start == parts[0][1].stop
    ]
    for axis, length in ((0, size_wh[1]), (1, size_wh[0])):
        spans = sorted({(one[axis].start, one[axis].stop) for one in level})
        assert spans[0][0] == 0 and spans[-1][1] == length
        assert all(one[1] - other[0] >= OVERLAP for one, other in itertools.pairwise(spans))


def test_tiles_are_sent_no_larger_than_they_are_searched() -> None:
    """However long the image is; and boxes come back to where they were."""
    frame = PageFrame(
        page=Page(np.zeros((3, 2_200_000, 1), np.uint8)), is_animated=False, stream=0, number=0, seconds=0.0
    )
    sizes = [image_size(one) for one in frame.encode()]
    assert len(sizes) == frame.views == len(frame.scales) <= MAX_TILES and max(map(max, sizes)) <= LARGE
    tile, (across, _) = frame.tiles[1], frame.scales[1]
    faces = [[], [wire.Face(box=(10, 0, 20, 1), score=0.9)], *[[]] * (len(sizes) - 2)]
    frame.add_detections(faces, [None] * len(sizes))
    assert frame.detections[0].box[:3:2] == (tile[1].start + 10 * across, tile[1].start + 20 * across)
    with pytest.raises(ValueError, match="longer"):  # a tile without an answer was not searched
        frame.add_detections(faces[1:], [None] * len(sizes))


def test_a_face_in_two_tiles_is_one_that_covers_both() -> None:
    cut, complete, other = (0.0, 0.0, 60.0, 100.0), (0.0, 0.0, 80.0, 98.0), (200.0, 0.0, 260.0, 100.0)
    found = merged([[Detection(cut, 0.9)], [Detection(complete, 0.8), Detection(other, 0.4)]])
    assert found == [Detection((0.0, 0.0, 80.0, 100.0), 0.9), Detection(other, 0.4)]
    assert merged([[Detection(cut, 0.5), Detection(complete, 0.8)]]) == [Detection(cut, 0.5), Detection(complete, 0.8)]

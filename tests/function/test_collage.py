"""Pictures of enlarged areas: what they show is found where it is in the frame."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur_function.detectors.collage import Area, Collage, Enlargement, collage, rows_of_tiles
from faceblur_function.detectors.detector import Faces, Frame

GRAY = 90


def spot_at(x: int, y: int) -> Frame:
    """A gray frame with a bright spot of 6x4 px around a point."""
    frame = np.full((120, 160, 3), GRAY, np.uint8)
    frame[y - 2 : y + 2, x - 3 : x + 3] = 255
    return frame


def spots(one: Collage) -> Faces:
    """The bright spot of each tile, as a face with its points in the middle."""
    boxes = []
    for tile in one.tiles:
        side = tile.look.tile
        ys, xs = np.nonzero(one.picture[tile.y : tile.y + side, tile.x : tile.x + side, 0] > 170)
        boxes.append([tile.x + xs.min(), tile.y + ys.min(), tile.x + xs.max() + 1, tile.y + ys.max() + 1])
    xyxy = np.array(boxes, np.float32)
    middles = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return Faces(xyxy, np.full(len(xyxy), 0.5, np.float32), np.repeat(middles[:, None], 5, axis=1))


@pytest.mark.parametrize("turns", [-1, 0, 1])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("at", [(80, 60), (74, 65)])
def test_what_a_tile_shows_is_found_where_it_is_in_the_frame(at: tuple[int, int], mirrored: bool, turns: int) -> None:
    look = Enlargement(1.5, 96, mirrored)
    areas = [Area(79.0, 61.5, 20.0, turns), Area(81.0, 60.0, 24.0, turns)]
    one = collage(spot_at(*at), rows_of_tiles(areas, look), (384, 96))
    found = one.in_tiles(spots(one), turned=turns != 0)
    assert len(found) == 2
    x, y = at
    np.testing.assert_allclose(found.xyxy, [[x - 3, y - 2, x + 3, y + 2]] * 2, atol=0.5)
    np.testing.assert_allclose(found.landmarks, np.full((2, 5, 2), at), atol=0.5)
    assert not len(one.in_tiles(spots(one), turned=turns == 0))


def test_a_face_beside_the_middle_of_a_tile_is_left_to_another_tile() -> None:
    one = collage(spot_at(80, 60), rows_of_tiles([Area(70.0, 60.0, 20.0)], Enlargement(1.5, 96, False)), (384, 96))
    assert not len(one.in_tiles(spots(one), turned=False))

"""The looks at a frame: which images are searched, where they lie, and how their detections are merged."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur.auditing.looks import OVERLAP, TILE, _cuts, crop_looks, enlarged_looks, small_look
from faceblur.auditing.merged_detections import LookDetection, merged

BOX = (100.0, 60.0, 130.0, 100.0)


@pytest.mark.parametrize("length", [64, 1919, 1920, 1921, 2160, 2560, 3840])
def test_tiles_cover_everything_and_each_small_face_is_complete_in_one(length: int) -> None:
    cuts = _cuts(length)
    assert cuts[0][0] == 0 and cuts[-1][1] == length and all(stop - start <= TILE for start, stop in cuts)
    assert all(any(start <= at and at + OVERLAP <= stop for start, stop in cuts) for at in range(length - OVERLAP))


@pytest.mark.parametrize(
    ("size_wh", "scale"), [((320, 240), 2), ((1920, 1080), 2), ((2560, 1440), 1.5), ((3840, 2160), 1)]
)
def test_tiles_are_of_twice_the_size_at_which_a_run_detects(size_wh: tuple[int, int], scale: float) -> None:
    tiles = enlarged_looks(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    assert {one.scale for one in tiles} == {scale} and all(one.is_enlarged for one in tiles)
    last = tiles[-1]
    assert last.to_frame((0, 0, *last.image.shape[1::-1]))[2:] == pytest.approx(size_wh, abs=1)


@pytest.mark.parametrize(("size_wh", "small_wh"), [((960, 540), (960, 540)), ((1281, 721), (641, 361))])
def test_small_copy(size_wh: tuple[int, int], small_wh: tuple[int, int]) -> None:
    assert small_look(np.zeros((size_wh[1], size_wh[0], 3), np.uint8)).image.shape[1::-1] == small_wh


@pytest.mark.parametrize(
    "box", [BOX, (100.0, 60.0, 108.0, 70.0), (10.0, 20.0, 300.0, 230.0), (-10.0, -10.0, 40.0, 60.0)]
)
def test_crops_show_the_box_in_their_middle(box: tuple[float, float, float, float]) -> None:
    """A bright spot in the box's middle is found there, and lies there in the frame again."""
    frame = np.zeros((240, 320, 3), np.uint8)
    x, y = max(0.0, (box[0] + box[2]) / 2), max(0.0, (box[1] + box[3]) / 2)
    side = max(2, round((box[2] - box[0]) / 8))
    frame[round(y - side) : round(y + side), round(x - side) : round(x + side)] = 255
    for look in crop_looks(frame, box):
        rows, columns = np.nonzero(look.image[..., 0] > 127)
        spot = columns.mean() + 0.5, rows.mean() + 0.5
        middle = look.image.shape[1] / 2, look.image.shape[0] / 2
        assert spot == pytest.approx(middle, abs=3)
        assert look.to_frame((*spot, *spot))[:2] == pytest.approx((x, y), abs=2 / look.scale + 1)
        assert look.middle == box


def test_detections_at_one_location_are_merged() -> None:
    near = (101.0, 61.0, 131.0, 102.0)
    first = merged([LookDetection(BOX, 0.8, 0), LookDetection((0, 0, 200, 300), 0.99, 0, confirms=True)])
    (one,) = merged([LookDetection(near, 0.85, 0, confirms=True), LookDetection(near, 0.7, 1)], first)
    assert (one.box, one.score, one.seen) == (BOX, 0.8, [(0, 0.8, False), (1, 0.7, False), (0, 0.85, False)])
    (one,) = merged([LookDetection(near, 0.9, 1)], [one])
    assert (one.box, one.score) == (near, 0.9)

"""The second pass: which images are searched, and how their detections are merged."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur.auditing.second_pass import OVERLAP, TILE, _cuts, _merged, _PassDetection, _tiles

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
    first, *tiles = _tiles(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    assert first.image.shape[1::-1] == size_wh and not first.enlarged
    assert {one.scale for one in tiles} == {scale} and all(one.enlarged for one in tiles)
    last = tiles[-1]
    assert last.to_frame((0, 0, *last.image.shape[1::-1]))[2:] == pytest.approx(size_wh, abs=1)


def test_detections_at_one_location_are_merged() -> None:
    near = (101.0, 61.0, 131.0, 102.0)
    detections = [
        _PassDetection(near, 0.9, in_source=False, confirms=False),
        _PassDetection(BOX, 0.8, in_source=True, confirms=False),
        _PassDetection(near, 0.85, in_source=True, confirms=True),
        _PassDetection((0, 0, 200, 300), 0.99, in_source=True, confirms=True),
    ]
    (one,) = _merged(detections)
    assert (one.box, one.score, one.source_scores) == (BOX, 0.8, [0.8, 0.85])

"""The second look: what is searched, and what it takes for a find to count as a face."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur.auditing.audit import SURE
from faceblur.auditing.looks import OVERLAP, TILE, Follower, Sighting, _cuts, _Find, _merged, _views
from faceblur.auditing.moments import Sight

BOX = (100.0, 60.0, 130.0, 100.0)


@pytest.mark.parametrize("length", [64, 1919, 1920, 1921, 2160, 2560, 3840])
def test_tiles_cover_everything_and_each_small_face_is_whole_in_one(length: int) -> None:
    cuts = _cuts(length)
    assert cuts[0][0] == 0 and cuts[-1][1] == length and all(stop - start <= TILE for start, stop in cuts)
    assert all(any(start <= at and at + OVERLAP <= stop for start, stop in cuts) for at in range(length - OVERLAP))


@pytest.mark.parametrize(
    ("size_wh", "scale"), [((320, 240), 2), ((1920, 1080), 2), ((2560, 1440), 1.5), ((3840, 2160), 1)]
)
def test_views_are_of_twice_the_size_of_a_runs_look(size_wh: tuple[int, int], scale: float) -> None:
    first, *tiles = _views(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    assert first.image.shape[1::-1] == size_wh and not first.enlarged
    assert {one.scale for one in tiles} == {scale} and all(one.enlarged for one in tiles)
    last = tiles[-1]
    assert last.place((0, 0, *last.image.shape[1::-1]))[2:] == pytest.approx(size_wh, abs=1)


def test_finds_at_one_place_are_one_sighting() -> None:
    near = (101.0, 61.0, 131.0, 102.0)
    finds = [
        _Find(near, 0.9, in_source=False, confirms=False),
        _Find(BOX, 0.8, in_source=True, confirms=False),
        _Find(near, 0.85, in_source=True, confirms=True),
        _Find((0, 0, 200, 300), 0.99, in_source=True, confirms=True),
    ]
    (one,) = _merged(finds)
    assert (one.box, one.score, one.in_source) == (BOX, 0.8, [0.8, 0.85])


def followed(*frames: tuple[list[float], bool]) -> tuple[int, float, int]:
    """What is sure of a face that was found in frames with scores, and was legible in the output or not."""
    follower = Follower(SURE)
    for number, (scores, legible) in enumerate(frames):
        sight = Sight(number, number / 25, 1.0, "", BOX, 0.9) if legible else None
        assert follower.push(number / 25, [(Sighting(BOX, 0.9, scores), sight)]) == []
    (one,) = follower.push(10.0, [])
    return one.sure, one.score, one.legible.frames if one.legible else 0


def test_what_is_sure() -> None:
    assert followed(([0.2], True), ([0.95], True), ([0.3], True)) == (1, 0.95, 3)  # one frame of noise
    assert followed(([0.95, 0.9], True)) == (2, 0.95, 1)  # one frame, two looks
    assert followed(([0.95], False), ([0.95], True), ([0.95], False)) == (3, 0.95, 1)  # a face that is mostly covered
    assert followed(([], True), ([], True)) == (0, 0.0, 2)  # only the output shows one: a redacted head

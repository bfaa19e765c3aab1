"""Regions: what is masked around a box, and how soft the edge is."""

from __future__ import annotations

import numpy as np

from faceblur_function.mask_shapes import SOFT_EDGE, Plane, Region, boxes_as_regions, regions


def test_edge_is_soft_and_covers_the_corners_of_the_box() -> None:
    (region,) = regions([(100, 100, 300, 260)], 0.25)
    line = region.opacity(slice(180, 181), slice(0, 400))[0]
    assert line[50] < line[53] < line[56] < 1 and line[100] == 1 and line[40] == 0
    corner = ((0.5 / 0.75) ** 2 * 2) ** 0.5
    assert corner <= 1 - SOFT_EDGE


def test_scaled_region_matches_the_plane_it_is_for() -> None:
    (region,) = regions([(40, 40, 120, 120)], 0.25)
    full = region.opacity(slice(0, 160), slice(0, 160))
    half = region.scaled(0.5, 0.5).opacity(slice(0, 80), slice(0, 80))
    assert np.abs(full.reshape(80, 2, 80, 2).mean(axis=(1, 3)) - half).max() < 0.2


def transfer(source: Plane, target: Plane, region: Region, rows: slice, columns: slice) -> None:
    """Copy what a region masks from a redacted window into the same window of a plane, in place."""
    touched = region.opacity(rows, columns) > 0
    target[rows, columns][touched] = source[touched]


def test_transfer_takes_what_the_region_touches_and_no_more() -> None:
    region = Region(50, 40, 20, 15, 10, 10)
    target, source = np.zeros((80, 100), np.uint8), np.full((80, 100), 9, np.uint8)
    rows, columns = region.window(100, 80)
    transfer(source[rows, columns], target, region, rows, columns)
    assert np.array_equal(target == 9, region.opacity(slice(0, 80), slice(0, 100)) > 0)


def test_a_box_by_hand_is_masked_completely_with_every_pixel_that_it_touches() -> None:
    (region,) = boxes_as_regions([(10.3, 20.6, 30.2, 40.7)])
    for one, size_wh, window in (
        (region, (100, 80), (slice(20, 41), slice(10, 31))),
        (region.scaled(0.5, 0.5), (50, 40), (slice(10, 21), slice(5, 16))),
    ):
        assert one.window(*size_wh) == window
        assert (one.opacity(*window) == 1).all() and one.reached(*window).all()

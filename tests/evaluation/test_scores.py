"""Recall, precision and AP: figures that can be counted by hand."""

from __future__ import annotations

import pytest

from faceblur.evaluation.labels import Label
from faceblur.evaluation.samples import Sample
from faceblur.evaluation.scores import match_labels
from faceblur.tracking.boxes import Box
from faceblur.tracking.tracker import Detection

FOUND_A, FOUND_B = (10.0, 10.0, 50.0, 60.0), (100.0, 10.0, 140.0, 60.0)
ELSEWHERE = (300.0, 200.0, 340.0, 250.0)


@pytest.mark.parametrize(
    ("labels", "found", "recall", "precision", "ap"),
    [
        # One of two faces found and a weaker false one: at 51 of COCO's 101 recalls the precision is 1.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.9), (ELSEWHERE, 0.8)], 1 / 2, 1 / 2, 51 / 101),
        # The false one has the higher score.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.8), (ELSEWHERE, 0.9)], 1 / 2, 1 / 2, 51 / 101 / 2),
        # The same face found twice is one false box; one below the threshold counts for the AP alone.
        ([FOUND_A, FOUND_B], [(FOUND_A, 0.9), (FOUND_A, 0.7), (FOUND_B, 0.1)], 1 / 2, 1 / 2, (51 + 50 * 2 / 3) / 101),
        ([FOUND_A], [(FOUND_A, 0.9)], 1.0, 1.0, 1.0),
        ([FOUND_A], [], 0.0, None, 0.0),
        ([], [(FOUND_A, 0.9)], None, 0.0, None),
        ([], [], None, None, None),
        # Half of the box is IoU 0.5 and enough; less is not.
        ([FOUND_A], [((10.0, 10.0, 50.0, 35.0), 0.9)], 1.0, 1.0, 1.0),
        ([FOUND_A], [((10.0, 10.0, 50.0, 34.0), 0.9)], 0.0, 0.0, 0.0),
    ],
)
def test_numbers_counted_by_hand(
    labels: list[Box], found: list[tuple[Box, float]], recall: float | None, precision: float | None, ap: float | None
) -> None:
    sample = Sample([Label(box) for box in labels], [Detection(*one) for one in found])
    score = match_labels([sample])["all"].at(0.3)
    assert (score.recall, score.precision) == (recall, precision)
    assert score.ap == (None if ap is None else pytest.approx(ap))


def test_ignored_faces_count_neither_as_missed_nor_as_false() -> None:
    sample = Sample([Label(FOUND_A), Label(FOUND_B, ignored=True)], [Detection(FOUND_A, 0.9), Detection(FOUND_B, 0.8)])
    score = match_labels([sample])["all"].at(0.3)
    assert (score.faces, score.found, score.false, score.recall, score.precision) == (1, 1, 0, 1.0, 1.0)
    assert score.ap == pytest.approx(1)
    assert match_labels([Sample([Label(FOUND_B, ignored=True)], [])])["all"].at(0.3).recall is None


def test_bands_of_heights_part_at_their_first_pixel() -> None:
    heights = [10, 15.5, 16, 31.9, 32, 63, 64, 500]
    labels = [Label((100.0 * i, 0.0, 100.0 * i + 20, height)) for i, height in enumerate(heights)]
    bands = match_labels([Sample(labels, [Detection(one.box, 0.9) for one in labels[::2]])])
    assert {name: band.faces for name, band in bands.items()} == {
        "all": 8, "under 16": 2, "16 to 32": 2, "32 to 64": 2, "64 and more": 2, "16 and more": 6,
    }  # fmt: skip
    assert all(band.at(0.3).recall == 0.5 for band in bands.values())
    # A false box counts in the band of its own height.
    false = match_labels([Sample([], [Detection((0, 0, 30, 40), 0.9)])])
    assert {name for name, band in false.items() if band.at(0.3).false} == {"all", "32 to 64", "16 and more"}


def test_a_crowd_in_one_image_is_counted_completely() -> None:
    boxes = [(30.0 * x, 30.0 * y, 30.0 * x + 20, 30.0 * y + 25) for x in range(20) for y in range(15)]
    score = match_labels([Sample([Label(box) for box in boxes], [Detection(box, 0.9) for box in boxes])])["all"].at(0.3)
    assert (score.faces, score.found, score.recall, score.ap) == (300, 300, 1.0, pytest.approx(1))

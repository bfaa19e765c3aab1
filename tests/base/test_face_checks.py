"""Faces that cover nothing, or with numbers that no face has, are refused."""

from __future__ import annotations

import math

import pytest

from faceblur.base.face_checks import MAX_COORDINATE, fault_of, in_bounds, reaches_into

BOX = (10.0, 20.0, 30.0, 50.0)


@pytest.mark.parametrize("score", [None, 0, 0.5, 1])
def test_a_face_is_usable(score: float | None) -> None:
    assert fault_of(BOX, score) is None
    assert fault_of((-5, -5, MAX_COORDINATE, 5), score) is None


@pytest.mark.parametrize(
    "box",
    [(30, 20, 10, 50), (10, 50, 30, 20), (10, 20, 10, 50), (10, 20, 30, 20)],
)
def test_a_box_without_an_area_is_not(box: tuple[float, ...]) -> None:
    assert "covers nothing" in str(fault_of(box, 1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e18, -1e308, 10**400])
def test_numbers_beyond_any_frame_are_not(value: float) -> None:
    for index in range(4):
        box = [*BOX[:index], value, *BOX[index + 1 :]]
        assert "beyond 1,000,000 pixels" in str(fault_of(box, 1)), box


@pytest.mark.parametrize("score", [-0.01, 1.01, math.nan, math.inf])
def test_a_score_out_of_its_range_is_not(score: float) -> None:
    assert "not in the range 0 to 1" in str(fault_of(BOX, score))


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((90, 10, 110, 20), True),
        ((99.5, 10, 110, 20), True),
        ((100, 10, 110, 20), False),
        ((-10, 10, 0, 20), False),
        ((10, 50, 20, 60), False),
        ((10, -10, 20, 0.5), True),
        ((-100, -100, 300, 300), True),
    ],
)
def test_a_box_has_a_part_in_the_frame_or_not(box: tuple[float, ...], inside: bool) -> None:
    assert reaches_into(box, (100, 50)) == inside


def test_its_padding_counts() -> None:
    assert reaches_into((102, 10, 112, 20), (100, 50), padding=0.25)
    assert not reaches_into((103, 10, 113, 20), (100, 50), padding=0.25)


def test_a_box_is_clamped_to_what_can_be_read_again() -> None:
    assert in_bounds((-1e9, 0, 5, 1e300)) == (-MAX_COORDINATE, 0, 5, MAX_COORDINATE)

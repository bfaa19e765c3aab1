"""Which output frame belongs to which of the source: told by small copies, on pictures with a codec's errors."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan
from faceblur.auditing.alignment import Still, align, small
from faceblur.auditing.order import Order

FRAMES = 40
TICK = 1 / 25


def still(picture: Image, number: int, noise: float = 0.0) -> Still:
    copy = small(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32))
    copy = copy + np.random.default_rng(number).normal(0, noise, copy.shape).astype(np.float32)
    return Still(number * TICK, copy, np.ones(copy.shape, np.bool_))


@pytest.fixture(scope="module")
def pictures(face: Image) -> list[Image]:
    return list(pan(face, (320, 240), FRAMES))


def both(pictures: Sequence[Image], order: Sequence[int]) -> tuple[list[Still], list[Still]]:
    """A source, and an output that shows its frames in this order at regular times."""
    source = [still(picture, number) for number, picture in enumerate(pictures)]
    return source, [still(pictures[shown], number, noise=3.0) for number, shown in enumerate(order)]


def steps(source: list[Still], output: list[Still]) -> list[tuple[str, int, int]]:
    return [(one.kind, one.source, one.output) for one in align(source, output, 1e-6) if one.kind != "pair"]


def without(*numbers: int) -> list[int]:
    return [number for number in range(FRAMES) if number not in numbers]


@pytest.mark.parametrize("dropped", [(0,), (17,), (39,), (38, 39), (17, 18), (5, 20), (5, 6, 30)])
def test_dropped_frames(pictures: list[Image], dropped: tuple[int, ...]) -> None:
    found = steps(*both(pictures, without(*dropped)))
    assert [(kind, source) for kind, source, _ in found] == [("missing", number) for number in dropped]


def test_doubled_frame(pictures: list[Image]) -> None:
    assert steps(*both(pictures, sorted([*without(), 12]))) == [("extra", 13, 13)]


@pytest.mark.parametrize("order", [[*range(10), 11, 10, *range(12, FRAMES)], [*range(9), 30, *range(10, FRAMES)]])
def test_swapped_or_replaced_frames_shift_nothing(pictures: list[Image], order: list[int]) -> None:
    assert steps(*both(pictures, order)) == []


def test_still_picture_is_aligned_by_its_times(pictures: list[Image]) -> None:
    source, output = both([pictures[0]] * 60, [0] * 60)
    assert steps(source, output) == []
    del output[20:25]
    assert [source for _, source, _ in steps(source, output)] == [20, 21, 22, 23, 24]


def misplaced(source: list[Still], output: list[Still]) -> list[tuple[int, int | None, bool]]:
    order = Order()
    found = []
    for number, (one, other) in enumerate(zip(source, output, strict=True)):
        found += list(order.push(number, number, one, other))
    return [(one.source, one.shows, one.swapped) for one in [*found, *order.flush()]]


@pytest.mark.parametrize(("a", "b"), [(10, 11), (10, 12), (0, 39), (38, 39)])
def test_swapped_frames(pictures: list[Image], a: int, b: int) -> None:
    order = list(range(FRAMES))
    order[a], order[b] = b, a
    assert misplaced(*both(pictures, order)) == [(a, b, True), (b, a, True)]


@pytest.mark.parametrize("shown", [16, 30])
def test_replaced_frame(pictures: list[Image], shown: int) -> None:
    order = list(range(FRAMES))
    order[17] = shown
    assert misplaced(*both(pictures, order)) == [(17, shown, False)]


def test_foreign_frame(pictures: list[Image]) -> None:
    source, output = both(pictures, range(FRAMES))
    output[17] = still(np.zeros_like(pictures[0]), 17)
    assert misplaced(source, output) == [(17, None, False)]


def test_frozen_noise_is_in_order(pictures: list[Image]) -> None:
    """At strong compression an encoder repeats the first picture's noise: nothing that a viewer could tell."""
    source = [still(pictures[0], number, noise=1.0) for number in range(FRAMES)]
    output = [Still(one.seconds, source[0].picture, one.clear) for one in source]
    assert misplaced(source, output) == [] and steps(source, output) == []

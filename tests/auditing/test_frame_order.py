"""Frames that were swapped, repeated or replaced."""

from __future__ import annotations

import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.auditing.frame_alignment import SmallFrame
from faceblur.auditing.frame_order import FrameOrder
from tests.auditing.small_frames import FRAMES, both, frozen_noise, noisy_frame


def misplaced(source: list[SmallFrame], output: list[SmallFrame]) -> list[tuple[int, int | None, bool]]:
    order = FrameOrder()
    found = []
    for number, (one, other) in enumerate(zip(source, output, strict=True)):
        found += list(order.push(number, number, one, other))
    return [(one.source, one.shows, one.swapped) for one in [*found, *order.flush()]]


@pytest.mark.parametrize(("a", "b"), [(10, 11), (10, 12), (0, 39), (38, 39)])
def test_swapped_frames(images: list[Image], a: int, b: int) -> None:
    order = list(range(FRAMES))
    order[a], order[b] = b, a
    assert misplaced(*both(images, order)) == [(a, b, True), (b, a, True)]


@pytest.mark.parametrize("shown", [16, 30])
def test_replaced_frame(images: list[Image], shown: int) -> None:
    order = list(range(FRAMES))
    order[17] = shown
    assert misplaced(*both(images, order)) == [(17, shown, False)]


def test_foreign_frame(images: list[Image]) -> None:
    source, output = both(images, range(FRAMES))
    output[17] = noisy_frame(np.zeros_like(images[0]), 17)
    assert misplaced(source, output) == [(17, None, False)]


def test_frozen_noise_is_in_order(images: list[Image]) -> None:
    assert misplaced(*frozen_noise(images)) == []

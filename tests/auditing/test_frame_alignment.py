"""Which output frame belongs to which of the source: by small frames, with a codec's errors."""

from __future__ import annotations

from itertools import zip_longest

import pytest

from examples.sample_clip import Image
from faceblur.auditing.frame_alignment import Aligner, SmallFrame
from tests.auditing.small_frames import FRAMES, both, frozen_noise


def steps(source: list[SmallFrame], output: list[SmallFrame]) -> list[tuple[str, int, int]]:
    aligner = Aligner(1e-6)
    for one, other in zip_longest(source, output):
        aligner.push(one, other)
    return [(one.kind, one.source, one.output) for one in aligner.finish() if one.kind != "pair"]


def without(*numbers: int) -> list[int]:
    return [number for number in range(FRAMES) if number not in numbers]


@pytest.mark.parametrize("dropped", [(0,), (17,), (39,), (38, 39), (17, 18), (5, 20), (5, 6, 30)])
def test_dropped_frames(images: list[Image], dropped: tuple[int, ...]) -> None:
    found = steps(*both(images, without(*dropped)))
    assert [(kind, source) for kind, source, _ in found] == [("missing", number) for number in dropped]


def test_doubled_frame(images: list[Image]) -> None:
    assert steps(*both(images, sorted([*without(), 12]))) == [("extra", 13, 13)]


@pytest.mark.parametrize("order", [[*range(10), 11, 10, *range(12, FRAMES)], [*range(9), 30, *range(10, FRAMES)]])
def test_swapped_or_replaced_frames_shift_nothing(images: list[Image], order: list[int]) -> None:
    assert steps(*both(images, order)) == []


def test_still_image_is_aligned_by_its_times(images: list[Image]) -> None:
    source, output = both([images[0]] * 60, [0] * 60)
    assert steps(source, output) == []
    del output[20:25]
    assert [source for _, source, _ in steps(source, output)] == [20, 21, 22, 23, 24]


def test_frozen_noise_is_aligned(images: list[Image]) -> None:
    assert steps(*frozen_noise(images)) == []

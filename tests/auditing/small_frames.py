"""Small frames of a real face that moves, with a codec's errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from examples.sample_clip import Image
from faceblur.auditing.frame_alignment import SmallFrame, gray_image, shrink

FRAMES = 40
TICK = 1 / 25


def noisy_frame(image: Image, number: int, noise: float = 0.0) -> SmallFrame:
    copy = shrink(gray_image(image))
    copy = copy + np.random.default_rng(number).normal(0, noise, copy.shape).astype(np.float32)
    return SmallFrame(number * TICK, copy, np.ones(copy.shape, np.bool_))


def both(images: Sequence[Image], order: Sequence[int]) -> tuple[list[SmallFrame], list[SmallFrame]]:
    """A source, and an output that shows its frames in this order at regular times."""
    source = [noisy_frame(image, number) for number, image in enumerate(images)]
    return source, [noisy_frame(images[shown], number, noise=3.0) for number, shown in enumerate(order)]


def frozen_noise(images: Sequence[Image]) -> tuple[list[SmallFrame], list[SmallFrame]]:
    """At strong compression an encoder repeats the first frame's noise: nothing that a viewer can see."""
    source = [noisy_frame(images[0], number, noise=1.0) for number in range(FRAMES)]
    return source, [SmallFrame(one.seconds, source[0].image, one.clear) for one in source]

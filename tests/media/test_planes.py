"""Planes of frames as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.media.frames import VideoFrame
from faceblur.media.planes import from_bgr, planes


@pytest.mark.parametrize(
    ("pix_fmt", "shapes", "black"),
    [
        ("yuv420p", [(33, 35), (17, 18), (17, 18)], [16, 128, 128]),
        ("yuvj420p", [(33, 35), (17, 18), (17, 18)], [0, 128, 128]),
        ("yuva444p10le", [(33, 35)] * 3, [64, 512, 512]),
        ("gray", [(33, 35)], [16]),
        ("gbrp", [(33, 35)] * 3, [0, 0, 0]),
    ],
)
def test_planes_have_their_true_size_and_are_the_frame(pix_fmt: str, shapes: list[Any], black: list[int]) -> None:
    pixels = VideoFrame(35, 33, pix_fmt)
    views = list(planes(pixels))
    assert [view.array.shape for view in views] == shapes and [view.black for view in views] == black
    views[0].array[...] = 99
    assert (next(planes(pixels)).array == 99).all()


def test_bgr_in_another_frames_format(face: Image) -> None:
    like = VideoFrame(512, 512, "yuv420p10le")
    converted = from_bgr(face, like)
    assert converted.format.name == "yuv420p10le"
    assert np.abs(converted.to_ndarray(format="bgr24").astype(int) - face).mean() < 3

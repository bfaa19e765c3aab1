"""A decoded frame keeps its identity, its time and its rotation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from examples.sample_clip import Image, pan
from faceblur.media.frames import DecodedFrame
from faceblur.media.pyav import in_seconds
from faceblur.media.reader import VideoReader
from tests.support import awkward


def decoded(image: Image, pix_fmt: str = "yuv420p") -> DecodedFrame:
    pixels = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format=pix_fmt)
    pixels.pts, pixels.time_base = 90, Fraction(1, 30)
    return DecodedFrame(1, 7, pixels, "damaged at 0.100 s")


def test_time_size_and_area(face: Image) -> None:
    frame = decoded(next(pan(face, (320, 240), 1)))
    assert (frame.pts, frame.time_base, frame.seconds) == (90, Fraction(1, 30), 3.0)
    assert frame.area == 320 * 240 and frame.size_bytes >= 320 * 240 * 3 // 2
    assert frame.orientation == 1 and frame.upright_wh == (320, 240)


def test_seconds_are_those_of_exact_fractions_to_the_bit() -> None:
    chance = np.random.default_rng(1)
    for ticks in [0, 1, -1, 2**62 + 1, *chance.integers(-(2**53), 2**53, 2000).tolist()]:
        for time_base in (Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 1), Fraction(1, 2**31 - 1)):
            assert in_seconds(ticks, time_base) == float(ticks * time_base)


def test_another_format_is_the_same_frame(face: Image) -> None:
    frame = decoded(next(pan(face, (320, 240), 1)))
    assert frame.in_format("yuv420p") is frame
    other = frame.in_format("yuv444p10le")
    assert other.pixels.format.name == "yuv444p10le" and frame.pixels.format.name == "yuv420p"
    assert (other.stream, other.number, other.damage, other.seconds) == (1, 7, "damaged at 0.100 s", 3.0)


def test_copies_of_a_frame_are_the_same_whatever_frame_was_copied_before(face: Image) -> None:
    """One scaler serves all frames of a thread: nothing of another frame's size, format, matrix or range may stay."""
    frames = []
    for size, pix_fmt in (((320, 240), "yuv420p"), ((322, 182), "yuvj420p"), ((640, 360), "yuv422p10le")):
        for matrix in (Colorspace.ITU709, Colorspace.ITU601):
            frame = decoded(next(pan(face, size, 1)), pix_fmt)
            frame.pixels.colorspace = matrix
            frames.append(frame)
    kinds = frames + frames[::-1]
    for shown, frame in zip([one.upright() for one in kinds], kinds, strict=True):
        assert np.array_equal(shown, VideoReformatter().reformat(frame.pixels, format="bgr24", threads=1).to_ndarray())
    for gray, frame in zip([one.gray() for one in kinds], kinds, strict=True):
        assert np.array_equal(gray, VideoReformatter().reformat(frame.pixels, format="gray", threads=1).to_ndarray())
    for small, frame in zip([one.thumbnail(160) for one in kinds], kinds, strict=True):
        size_wh = small.shape[1], small.shape[0]
        own = VideoReformatter().reformat(frame.pixels, *size_wh, "bgr24", interpolation=Interpolation.AREA, threads=1)
        assert np.array_equal(small, own.to_ndarray())


def test_thumbnail_is_a_small_copy_and_never_larger(face: Image) -> None:
    frame = decoded(next(pan(face, (320, 240), 1)))
    small = frame.thumbnail(160)
    assert small.shape == (120, 160, 3) and small.flags["C_CONTIGUOUS"]
    expected = cv2.resize(frame.upright(), (160, 120), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 3
    assert frame.thumbnail(1000).shape == (240, 320, 3)


ROTATED = [("rotated_90.mp4", 8, 1), ("rotated_180.mp4", 3, 2), ("rotated_270.mp4", 6, 3)]


@pytest.mark.parametrize(("name", "orientation", "turns"), ROTATED)
def test_rotation_is_applied_and_survives_a_change_of_format(
    name: str, orientation: int, turns: int, tmp_path: Path
) -> None:
    kind = next(one for one in awkward.HEALTHY if one.name == name)
    awkward.make_all((kind,), tmp_path / "material", tmp_path)
    with VideoReader(tmp_path / name) as reader:
        frame = next(item for item in reader if isinstance(item, DecodedFrame))
    assert frame.orientation == frame.in_format("yuv444p10le").orientation == orientation
    width, height = frame.upright_wh
    assert frame.upright().shape == (height, width, 3)
    stored = frame.pixels.to_ndarray(format="bgr24")
    assert np.array_equal(frame.upright(), np.rot90(stored, turns))
    small = frame.thumbnail(96)
    assert max(small.shape) == 96 and (small.shape[1] > small.shape[0]) == (width > height)

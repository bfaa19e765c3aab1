"""What happens between two frames, on a photograph under a known camera."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from faceblur.tracking.scenes import Step, frame_thumbnail, step, thumbnail

from examples.sample_clip import Image
from faceblur.media.frames import DecodedFrame


def seen(face: Image, shift: complex, zoom: float, degrees: float, size_wh: tuple[int, int] = (640, 480)) -> Image:
    turn = zoom * np.exp(1j * np.radians(degrees))
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return cv2.warpAffine(face, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("light", [1.0, 0.2])
@pytest.mark.parametrize(
    ("shift", "zoom", "degrees"), [(8 - 5j, 1.0, 0.0), (-24 + 3j, 1.0, 0.0), (0j, 1.03, 0.0), (2 + 9j, 0.98, 1.5)]
)
def test_motion_of_the_camera_is_known_to_a_pixel(
    face: Image, shift: complex, zoom: float, degrees: float, light: float
) -> None:
    before, after = (
        thumbnail((light * picture).astype(np.uint8))
        for picture in (seen(face, -20 - 10j, 1.3, 0), seen(face, -20 - 10j, 1.3, 0))
    )
    turn = zoom * np.exp(1j * np.radians(degrees))
    moved = seen(face, turn * (-20 - 10j) + shift, 1.3 * zoom, degrees)
    camera = step(before, thumbnail((light * moved).astype(np.uint8))).camera
    for place in (100 + 100j, 320 + 240j, 500 + 300j):
        assert abs(camera.turn * place + camera.shift - (turn * place + shift)) < 1.5
    still = step(before, after).camera
    assert abs(still.turn - 1) < 1e-3 and abs(still.shift) < 0.1


def test_motion_that_cannot_be_told_is_none(face: Image) -> None:
    flat = thumbnail(np.full((480, 640, 3), 90, np.uint8))
    picture = thumbnail(seen(face, 0j, 1.3, 0))
    for before, after in ((None, picture), (flat, flat)):
        assert step(before, after) == Step()


def test_a_cut_is_a_change_that_no_motion_explains(face: Image) -> None:
    before = thumbnail(seen(face, -60j, 1.5, 0))
    others = [np.full((480, 640, 3), (40, 200, 60), np.uint8), np.zeros((480, 640, 3), np.uint8), face[::-1, ::-1]]
    for other in others:
        assert step(before, thumbnail(other)).cut and step(thumbnail(other), before).cut
    for shift in (20, 60, 100):  # a fast pan changes a picture as much as a cut
        fast = thumbnail(seen(face, -shift - 60j, 1.5, 0))
        assert not step(before, fast).cut and step(before, fast).camera.shift.real == pytest.approx(-shift, abs=1)


def test_picture_that_is_almost_a_line() -> None:
    """Its small copy is a single pixel high."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 640, 3), np.uint8)
    pixels = av.VideoFrame.from_ndarray(noise, "bgr24").reformat(format="yuv420p")
    line = frame_thumbnail(DecodedFrame(0, 0, pixels))
    assert line.grey.shape == (1, 320) and step(line, line) == Step()

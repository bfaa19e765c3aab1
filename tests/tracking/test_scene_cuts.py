"""What happens between two frames, on a photograph under a known camera."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from skimage.data import coffee

from examples.sample_clip import Image
from faceblur.media.frames import DecodedFrame
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.scene_cuts import is_change, transition
from faceblur.tracking.thumbnails import MIN_LONG_SIDE, Thumbnail, copy_side, thumbnail


def filmed(face: Image, shift: complex, zoom: float, degrees: float, size_wh: tuple[int, int] = (640, 480)) -> Image:
    turn = zoom * np.exp(1j * np.radians(degrees))
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return cv2.warpAffine(face, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def of_image(image: Image) -> Thumbnail:
    """The thumbnail of an image that is wider than high."""
    width, height = image.shape[1], image.shape[0]
    small = cv2.resize(image, (MIN_LONG_SIDE, MIN_LONG_SIDE * height // width), interpolation=cv2.INTER_AREA)
    return thumbnail(small, width / MIN_LONG_SIDE)


@pytest.mark.parametrize("light", [1.0, 0.2])
@pytest.mark.parametrize(
    ("shift", "zoom", "degrees"), [(8 - 5j, 1.0, 0.0), (-24 + 3j, 1.0, 0.0), (0j, 1.03, 0.0), (2 + 9j, 0.98, 1.5)]
)
def test_motion_of_the_camera_is_known_to_a_pixel(
    face: Image, shift: complex, zoom: float, degrees: float, light: float
) -> None:
    before, after = (
        of_image((light * image).astype(np.uint8))
        for image in (filmed(face, -20 - 10j, 1.3, 0), filmed(face, -20 - 10j, 1.3, 0))
    )
    turn = zoom * np.exp(1j * np.radians(degrees))
    moved = filmed(face, turn * (-20 - 10j) + shift, 1.3 * zoom, degrees)
    _, camera = transition(before, of_image((light * moved).astype(np.uint8)))
    for point in (100 + 100j, 320 + 240j, 500 + 300j):
        assert abs(camera.turn * point + camera.shift - (turn * point + shift)) < 1.5
    _, at_rest = transition(before, after)
    assert abs(at_rest.turn - 1) < 1e-3 and abs(at_rest.shift) < 0.1


def test_unknown_motion_is_no_motion(face: Image) -> None:
    flat = of_image(np.full((480, 640, 3), 90, np.uint8))
    image = of_image(filmed(face, 0j, 1.3, 0))
    for before, after in ((None, image), (flat, flat)):
        assert transition(before, after) == (False, NO_MOTION)


def test_cut_is_a_change_that_no_motion_explains(face: Image) -> None:
    before = of_image(filmed(face, -60j, 1.5, 0))
    others = [np.full((480, 640, 3), (40, 200, 60), np.uint8), np.zeros((480, 640, 3), np.uint8), coffee()[:, :, ::-1]]
    for other in map(of_image, others):
        assert transition(before, other) == transition(other, before) == (True, NO_MOTION)
    for shift in (20, 60, 100):  # a fast pan changes a frame as much as a cut
        fast = of_image(filmed(face, -shift - 60j, 1.5, 0))
        cut, camera = transition(before, fast)
        assert not cut and camera.shift.real == pytest.approx(-shift, abs=1)


@pytest.mark.parametrize(("shift", "smear"), [(100, 41), (160, 1), (220, 81), (280, 81)])
def test_change_within_a_scene_is_no_cut_though_no_motion_is_found(face: Image, shift: float, smear: int) -> None:
    """A camera that is torn round, or few frames a second. A mask that is dropped there leaves a face visible."""
    before = of_image(filmed(face, -60j, 1.5, 0))
    after = of_image(cv2.blur(filmed(face, -shift - 60j, 1.5, 0), (smear, 1)))
    assert is_change(before, after)
    assert transition(before, after) == transition(after, before) == (False, NO_MOTION)


def test_frame_that_is_almost_a_line() -> None:
    """Its thumbnail is a single pixel high."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 640, 3), np.uint8)
    pixels = av.VideoFrame.from_ndarray(noise, "bgr24").reformat(format="yuv420p")
    line = thumbnail(DecodedFrame(0, 0, pixels).thumbnail(MIN_LONG_SIDE), 640 / MIN_LONG_SIDE)
    assert line.gray.shape == (1, 320) and transition(line, line) == (False, NO_MOTION)


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [(160, 120, 320), (1280, 720, 320), (1080, 1920, 480), (1600, 900, 400), (3840, 2160, 480)],
)
def test_a_face_of_16_px_is_4_px_large_in_a_copy_of_at_most_480(width: int, height: int, side: int) -> None:
    assert copy_side(width, height) == side


def test_motions_one_after_the_other_and_back() -> None:
    first, second, box = CameraMotion(1.1 + 0.02j, 9 - 4j), CameraMotion(0.9j, -30 + 7j), (10.0, 20.0, 50.0, 70.0)
    carried = second.carry(first.carry(box))
    assert first.then(second).carry(box) == pytest.approx(carried)
    assert second.carry_back(carried) == pytest.approx(first.carry(box))
    assert second.inverse().carry(carried) == pytest.approx(first.carry(box))
    assert first.then(first.inverse()).carry(box) == pytest.approx(box)

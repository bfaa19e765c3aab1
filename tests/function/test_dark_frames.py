"""Faces in the dark are detected, and what is dark stays as dark."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur_function import wire
from faceblur_function.detectors.dark_frames import DARK, brightened
from faceblur_function.detectors.detector import Detector
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.images import decode_image
from tests.support.function_requests import encoded, post

FACE = 178, 60, 272, 188  # the astronaut's, in the photograph of 512x512


def at_night(face: Image, light: float, size: int) -> Image:
    """The photograph at so much of its light, with the noise of a camera, `size` pixels large."""
    small = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).normal(0, 1.5, small.shape)
    return np.clip(light * small + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("light", "size"), [(0.02, 512), (0.03, 320), (0.05, 200)])
def test_a_face_in_the_dark_is_detected(
    function_url: str, face: Image, detector: Detector, light: float, size: int
) -> None:
    frame = at_night(face, light, size)
    body = {"frames": [encoded(frame)], "return": "faces", "threshold": 0.3}
    reply = wire.Reply.model_validate_json(post(function_url, body).content)
    (found,) = reply.faces[0]
    assert np.abs(np.array(found.box) - np.array(FACE) * size / 512).max() < 0.06 * size
    assert len(detect_all_sizes(detector, [frame], threshold=0.3)[0]) == 0  # else it shows nothing


def test_a_face_in_the_dark_is_not_rejected_by_the_second_detector(function_url: str, face: Image) -> None:
    x, y, half = 225, 124, 192
    square = cv2.copyMakeBorder(face, half, half, half, half, cv2.BORDER_REPLICATE)[y : y + 2 * half, x : x + 2 * half]
    body = {"frames": [encoded(at_night(square, 0.02, 300))], "return": "faces", "threshold": 0.02, "verify": True}
    (faces,) = wire.Reply.model_validate_json(post(function_url, body).content).faces
    assert faces[0].score > 0.5  # 0.23 without


def test_what_is_returned_is_as_dark_as_before(function_url: str, face: Image) -> None:
    frame = decode_image(base64.b64decode(encoded(at_night(face, 0.05, 512))))
    body = {"frames": [encoded(frame)], "format": "png"}
    reply = wire.Reply.model_validate_json(post(function_url, body).content)
    assert reply.frames is not None
    returned = decode_image(base64.b64decode(reply.frames[0]))
    assert abs(returned.mean() - frame.mean()) < 1


def test_only_dark_frames_are_brightened(face: Image) -> None:
    assert brightened(face) is face
    for value in (0, 4, DARK - 1, DARK):
        flat = np.full((60, 90, 3), value, np.uint8)
        bright = brightened(flat)
        assert bright.shape == flat.shape and (bright is flat) == (value >= DARK)
        assert np.abs(bright.astype(float) - (np.sqrt(255.0 * value) if value < DARK else value)).max() <= 0.5


def test_a_well_lit_picture_between_black_bars_is_not_brightened(face: Image) -> None:
    bars = np.zeros((512, 1024, 3), np.uint8)
    bars[:, 350:638] = face[:, 112:400]
    assert bars.mean() < 40 and brightened(bars) is bars
    dark = (0.2 * bars).astype(np.uint8)
    assert brightened(dark) is not dark


def test_frames_of_any_size_are_taken() -> None:
    for height, width in ((1, 1), (1, 7), (9, 1)):
        assert brightened(np.zeros((height, width, 3), np.uint8)).shape == (height, width, 3)

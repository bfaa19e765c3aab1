"""The GPU model against the library whose network it runs."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from faceblur_function.detectors.detector import Faces, Frame
from tests.support.resnet import photograph, random_weights
from tests.support.resnet_detector import assert_same, ours

with warnings.catch_warnings():
    # The release of albumentations that the library pins imports a name that scipy has moved.
    warnings.filterwarnings("ignore", "Please import `gaussian_filter`", DeprecationWarning)
    from retinaface import predict_single


@cache
def library(seed: int, max_size: int) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        model = predict_single.Model(max_size=max_size)
    model.load_state_dict(torch.load(random_weights(seed), weights_only=True))
    model.eval()
    return model


@pytest.fixture(autouse=True)
def exact_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library rounds scores to two digits, which would hide a difference of 1e-3."""
    monkeypatch.setattr(predict_single, "ROUNDING_DIGITS", 6)


def theirs(frame: Frame, seed: int, detect_size: int, threshold: float) -> Faces:
    """What `predict_jsons` detects. The library would also scale an image up, which we never do."""
    model = library(seed, min(detect_size, max(frame.shape[:2])))
    found = model.predict_jsons(np.ascontiguousarray(frame[..., ::-1]), confidence_threshold=threshold)
    found = [one for one in found if one["bbox"]]
    xyxy = np.array([one["bbox"] for one in found], np.float32).reshape(-1, 4)
    landmarks = np.array([one["landmarks"] for one in found], np.float32).reshape(-1, 5, 2)
    return Faces(xyxy, np.array([one["score"] for one in found], np.float32), landmarks)


def clamped(faces: Faces, frame: Frame) -> Faces:
    height, width = frame.shape[:2]
    return Faces(np.clip(faces.xyxy, 0, [width, height, width, height]), faces.scores, faces.landmarks)


# Detection sizes below, at and above that of the photo; those below scale both axes by the same ratio.
@pytest.mark.parametrize(
    ("photo", "crop_wh", "detect_size", "seed"),
    [
        ("astronaut", (512, 512), 256, 1),
        ("astronaut", (320, 320), 320, 2),
        ("astronaut", (233, 317), 1920, 3),
        ("coffee", (600, 400), 300, 1),
        ("coffee", (401, 299), 401, 1),
        ("rocket", (333, 427), 428, 2),
        ("chelsea", (450, 300), 300, 1),
        ("chelsea", (301, 199), 301, 2),
    ],
)
def test_finds_what_the_library_finds(photo: str, crop_wh: tuple[int, int], detect_size: int, seed: int) -> None:
    frame = photograph(photo)[: crop_wh[1], : crop_wh[0]]
    expected = theirs(frame, seed, detect_size, 0.6)
    assert 20 <= len(expected) <= 1000
    (found,) = ours(seed, detect_size).detect([frame], threshold=0.6)
    assert_same(found, clamped(expected, frame))


def test_each_axis_is_scaled_back_by_its_own_ratio() -> None:
    """Where the scaled size was rounded, the library takes the height's ratio for both and is off at the far right."""
    frame = photograph("coffee")[:101]
    expected = theirs(frame, 1, 300, 0.5)
    (found,) = ours(1, 300).detect([frame], threshold=0.5)
    to_its_own = ((600 / 300) / (101 / 50), 1.0)  # 600x101 is scaled to 300x50, from 50.5
    corrected = Faces(
        (expected.xyxy * np.tile(to_its_own, 2)).astype(np.float32),
        expected.scores,
        (expected.landmarks * to_its_own).astype(np.float32),
    )
    assert len(expected) > 10
    assert np.abs(expected.xyxy - corrected.xyxy).max() > 0.5
    assert_same(found, clamped(corrected, frame))


def test_red_and_blue_swapped_is_noticed() -> None:
    frame = photograph("astronaut")[:256, :256]
    expected = clamped(theirs(frame, 1, 256, 0.6), frame)
    assert_same(ours().detect([frame], threshold=0.6)[0], expected)
    (swapped,) = ours().detect([frame[..., ::-1]], threshold=0.6)
    with pytest.raises(AssertionError):
        assert_same(swapped, expected)


def test_hundreds_of_boxes_in_one_picture() -> None:
    frame = photograph("coffee")[:350, :500]
    expected = theirs(frame, 1, 500, 0.5)
    assert len(expected) > 500
    assert_same(ours().detect([frame], threshold=0.5)[0], clamped(expected, frame))

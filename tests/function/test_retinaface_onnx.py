"""Detection by the model for the CPU, on real faces of every size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur_function.detectors.detector import Detector
from faceblur_function.detectors.load import load_detector
from tests.support.faces import BOX, box_iou


@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 2, 3])
def test_one_face_at_every_size(face: Image, detector: Detector, scale: float) -> None:
    frame = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    found = detector.detect([frame], threshold=0.8)[0]
    assert len(found) == 1 and box_iou(found.xyxy[0] / scale, BOX) > 0.8
    eyes_above_mouth = found.landmarks[0, :2, 1].max() < found.landmarks[0, 3:, 1].min()
    assert eyes_above_mouth and (found.landmarks[0] > found.xyxy[0, :2]).all()


def test_channel_order_matters_and_is_bgr(face: Image, detector: Detector) -> None:
    """A face in the wrong channel order scores lower: swapping red and blue cannot go unnoticed."""
    warm = cv2.resize(face, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    right = detector.detect([warm], threshold=0.05)[0].scores.max()
    wrong = detector.detect([np.ascontiguousarray(warm[..., ::-1])], threshold=0.05)[0].scores.max()
    assert right > wrong + 0.02


def test_batch_equals_its_frames_one_by_one(face: Image, detector: Detector) -> None:
    frames = [face, face[:300], np.zeros((64, 64, 3), np.uint8), face[::2, ::2].copy(), np.roll(face, 40, axis=1)]
    for together, alone in zip(
        detector.detect(frames, threshold=0.3),
        [detector.detect([frame], threshold=0.3)[0] for frame in frames],
        strict=True,
    ):
        assert np.allclose(together.xyxy, alone.xyxy, atol=0.05) and np.allclose(
            together.scores, alone.scores, atol=1e-4
        )


def test_boxes_are_clamped_to_the_frame(face: Image, detector: Detector) -> None:
    cut = np.ascontiguousarray(face[90:, 210:])
    found = detector.detect([cut], threshold=0.2)[0]
    assert len(found) >= 1
    assert (found.xyxy >= 0).all() and (found.xyxy <= [cut.shape[1], cut.shape[0]] * 2).all()


def test_detect_size_bounds_the_network_input(face: Image) -> None:
    small = load_detector("retinaface-mobilenet0.25", detect_size=128)
    assert box_iou(small.detect([face], threshold=0.5)[0].xyxy[0], BOX) > 0.7


def test_many_faces(face: Image, detector: Detector) -> None:
    tile = cv2.resize(face[:256, 96:352], (80, 80), interpolation=cv2.INTER_AREA)
    crowd = np.tile(tile, (10, 15, 1))
    assert len(detector.detect([crowd], threshold=0.5)[0]) == 150

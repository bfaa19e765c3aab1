"""CenterFace, and the union with the MobileNet: what the second detector adds."""

from __future__ import annotations

import cv2
import numpy as np
import onnxruntime
import pytest

from examples.sample_clip import Image
from faceblur_function.detectors.centerface import of_any_size
from faceblur_function.detectors.detector import Detector, DetectorError
from faceblur_function.detectors.load import load_detector
from faceblur_function.weights import load_weights
from tests.support.faces import BOX, box_iou


@pytest.fixture(scope="module")
def centerface() -> Detector:
    return load_detector("centerface", threads=1)


@pytest.fixture(scope="module")
def both() -> Detector:
    return load_detector("both", threads=1)


def lying(face: Image, height: int) -> Image:
    """A frame in which the only face is turned by 60 degrees."""
    scale = height / (BOX[3] - BOX[1])
    x, y = scale * (BOX[:2] + BOX[2:]) / 2
    small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((float(x), float(y)), 60, 1)
    return cv2.warpAffine(small, turn, small.shape[1::-1], borderMode=cv2.BORDER_REFLECT)  # type: ignore[return-value]


@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 2])
def test_one_face_at_every_size_with_its_landmarks(face: Image, centerface: Detector, scale: float) -> None:
    frame = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    (found,) = centerface.detect([frame], threshold=0.5)
    assert len(found) == 1 and box_iou(found.xyxy[0] / scale, BOX) > 0.7
    eyes, nose, mouth = found.landmarks[0, :2], found.landmarks[0, 2], found.landmarks[0, 3:]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    assert eyes[0, 0] < nose[0] < eyes[1, 0]


@pytest.mark.parametrize(("height", "width"), [(256, 288), (257, 300), (250, 257)])
def test_frames_of_any_size_are_padded_not_stretched(
    face: Image, centerface: Detector, height: int, width: int
) -> None:
    (found,) = centerface.detect([face[:height, :width]], threshold=0.5)
    assert len(found) == 1 and box_iou(found.xyxy[0], np.minimum(BOX, [width, height] * 2)) > 0.7


def test_padding_is_black_again_after_a_larger_frame(face: Image, centerface: Detector) -> None:
    (alone,) = centerface.detect([face[:230, :280]], threshold=0.3)
    (_, after) = centerface.detect([face[:256, :288], face[:230, :280]], threshold=0.3)
    np.testing.assert_allclose(after.xyxy, alone.xyxy, atol=0.05)
    np.testing.assert_allclose(after.scores, alone.scores, atol=1e-3)


def test_a_tilted_small_face_that_the_mobilenet_misses(
    face: Image, centerface: Detector, both: Detector, detector: Detector
) -> None:
    frame = lying(face, 32)
    middle = 32 / (BOX[3] - BOX[1]) * (BOX[:2] + BOX[2:]) / 2

    def detects(one: Detector) -> bool:
        boxes = one.detect([frame], threshold=0.3)[0].xyxy
        return bool((np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - middle) < 12).all(axis=1).any())

    assert [detects(one) for one in (detector, centerface, both)] == [False, True, True]


def test_a_face_that_both_detect_is_one_face(face: Image, both: Detector) -> None:
    (found,) = both.detect([face], threshold=0.3)
    assert len(found) == 1 and box_iou(found.xyxy[0], BOX) > 0.7
    assert both.name == "retinaface-mobilenet0.25+centerface" and both.status()["models"]


def test_only_the_fixed_shape_is_taken_from_the_model() -> None:
    content, _ = load_weights("centerface")
    free = of_any_size(content)
    assert len(free) == len(content) and of_any_size(free) == free
    session = onnxruntime.InferenceSession(free, providers=["CPUExecutionProvider"])
    assert [one.shape for one in session.get_inputs()] == [[None, 3, None, None]]
    assert [one.shape[1] for one in session.get_outputs()] == [1, 2, 2, 10]
    fixed = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    planes = np.random.default_rng(1).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    for one, other in zip(*(each.run(None, {"input.1": planes}) for each in (fixed, session)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_both_takes_no_single_file_of_weights() -> None:
    with pytest.raises(DetectorError, match="WEIGHTS is one file, and MODEL=both takes two"):
        load_detector("both", weights="own.onnx")

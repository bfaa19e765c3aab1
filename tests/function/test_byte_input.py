"""The network that takes bytes gives what the published one gives for floats, to the bit."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from examples.sample_clip import Image
from faceblur_function.detectors import retinaface_onnx
from faceblur_function.detectors.byte_input import with_byte_input
from faceblur_function.detectors.detector import Detector
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.retinaface_onnx import MEAN_BGR
from faceblur_function.weights import load_weights

NAME = "retinaface-mobilenet0.25"


def outputs(content: bytes, planes: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: planes})


def test_the_mean_is_subtracted_by_the_network() -> None:
    content, _ = load_weights(NAME, None)
    planes = np.random.default_rng(0).integers(0, 256, (1, 3, 70, 90), np.uint8)
    as_floats = planes - np.array(MEAN_BGR, np.float32).reshape(1, 3, 1, 1)
    of_bytes = outputs(with_byte_input(content, MEAN_BGR), planes)
    for one, other in zip(of_bytes, outputs(content, as_floats), strict=True):
        assert np.array_equal(one, other)


def test_a_model_with_another_input_stays_as_it_is() -> None:
    content, _ = load_weights(NAME, None)
    other = content.replace(b"\x05input", b"\x05image")
    assert with_byte_input(other, MEAN_BGR) == other
    assert with_byte_input(b"no model", MEAN_BGR) == b"no model"
    assert with_byte_input(with_byte_input(content, MEAN_BGR), MEAN_BGR) == with_byte_input(content, MEAN_BGR)


def test_weights_that_take_floats_detect_the_same(
    face: Image, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retinaface_onnx, "with_byte_input", lambda content, mean: content)
    of_floats = load_detector(NAME)
    assert of_floats._network.buffer(1, 1).dtype == np.float32 and detector._network.buffer(1, 1).dtype == np.uint8
    for frame in (face, face[::2, ::3], face[:, 100:]):  # parts of other arrays too
        one, other = detector.detect([frame], threshold=0.01)[0], of_floats.detect([frame], threshold=0.01)[0]
        assert len(one) and np.array_equal(one.xyxy, other.xyxy) and np.array_equal(one.scores, other.scores)

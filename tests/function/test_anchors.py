"""The anchors, the decoding of offsets, and non-maximum suppression."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur_function.detectors.anchors import ANCHORS, anchor_grid, decode_offsets, non_maximum_suppression
from faceblur_function.detectors.detector import Faces


def test_anchors_follow_the_networks_grid() -> None:
    priors = anchor_grid((640, 480))
    assert len(priors) == sum(2 * -(-640 // stride) * -(-480 // stride) for stride, _ in ANCHORS)
    assert priors[0].tolist() == [4, 4, 16, 16] and priors[1].tolist() == [4, 4, 32, 32]
    boxes, landmarks = decode_offsets(np.zeros((2, 4), np.float32), np.zeros((2, 10), np.float32), priors[:2])
    assert boxes[0].tolist() == [-4, -4, 12, 12] and landmarks[0].tolist() == [[4, 4]] * 5


def test_suppression_keeps_the_best_of_what_overlaps() -> None:
    xyxy = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60], [-5, -5, 5, 5]], np.float32)
    scores = np.array([0.8, 0.9, 0.4, 0.3], np.float32)
    found = non_maximum_suppression(Faces(xyxy, scores, np.zeros((4, 5, 2), np.float32)), (55, 55))
    assert found.scores.tolist() == pytest.approx([0.9, 0.4, 0.3])
    assert found.xyxy.tolist() == [[1, 1, 11, 11], [50, 50, 55, 55], [0, 0, 5, 5]]

"""The second pass on a downscaled copy: complete large faces, and down-weighted scores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan
from faceblur_function.detectors.detector import Detector, Faces
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.detectors.union import DetectorUnion
from tests.support.faces import box_iou


def test_face_that_fills_a_large_frame_is_detected_complete(face: Image, detector: Detector) -> None:
    """At full size the network sees only parts of it."""
    close = cv2.resize(face[20:230, 130:340], (1890, 1890), interpolation=cv2.INTER_CUBIC)
    complete = np.array([48, 37, 143, 157]) * 9.0
    assert box_iou(detector.detect([close], threshold=0.3)[0].xyxy[0], complete) < 0.6
    assert box_iou(detect_all_sizes(detector, [close], threshold=0.3)[0].xyxy[0], complete) > 0.75


def test_second_pass_does_not_count_a_face_twice(face: Image, detector: Detector) -> None:
    frame = cv2.resize(face, (1536, 1536), interpolation=cv2.INTER_CUBIC)
    assert len(detect_all_sizes(detector, [frame], threshold=0.8)[0]) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (7, 9), (33, 31)])
def test_odd_sizes(detector: Detector, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 90, np.uint8)
    for found in detect_all_sizes(detector, [frame, frame], threshold=0.3):
        assert found.landmarks.shape == (len(found), 5, 2) and found.xyxy.shape == (len(found), 4)


def test_empty_batch(detector: Detector) -> None:
    assert detector.detect([], threshold=0.3) == [] and detect_all_sizes(detector, [], threshold=0.3) == []


def test_a_large_face_with_a_low_score_does_not_hide_its_part_with_a_high_score() -> None:
    """The small copy's box goes before the parts found at full size, and keeps the best of their scores."""

    class TwoPasses:
        suspicion, detect_size = None, 1920

        def detect(self, frames: Sequence[Any], *, threshold: float) -> list[Faces]:
            (frame,) = frames
            scale = frame.shape[1] / 1920
            box, score = ([100, 100, 900, 1000], 0.9) if scale == 1 else ([100, 100, 900, 1050], 0.12)
            found = np.array([score], np.float32)
            keep = found >= threshold
            boxes = np.array([box], np.float32) * scale
            return [Faces(boxes[keep], found[keep], np.zeros((1, 5, 2), np.float32)[keep])]

    frame = np.zeros((1080, 1920, 3), np.uint8)
    for threshold in (0.3, 0.1):
        (found,) = detect_all_sizes(TwoPasses(), [frame], threshold=threshold)  # type: ignore[arg-type]
        assert found.scores.tolist() == pytest.approx([0.9])


def two_passes(at_full_size: tuple[list[int], float], in_the_copy: float) -> Detector:
    """A detector that detects this box with these scores in a frame of 1080x1920 and in its small copy."""

    class Passes:
        suspicion, detect_size = None, 1920

        def detect(self, frames: Sequence[Any], *, threshold: float) -> list[Faces]:
            (frame,) = frames
            scale = frame.shape[1] / 1080
            box, score = at_full_size
            scores = np.array([0.99, score if scale == 1 else in_the_copy], np.float32)
            boxes = np.array([[10, 10, 290, 290], box], np.float32) * scale
            keep = scores >= threshold
            return [Faces(boxes[keep], scores[keep], np.zeros((2, 5, 2), np.float32)[keep])]

    return Passes()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("side", "score", "in_the_copy", "counts_for"),
    [
        (250, 0.75, 0.0, 0.25),
        (250, 0.75, 0.06, 0.75),  # a low score is enough
        (250, 0.85, 0.0, 0.85),
        (150, 0.75, 0.0, 0.75),  # 25 px in the copy: it may be missed there
    ],
)
def test_a_large_face_without_a_high_score_is_down_weighted_where_the_copy_shows_none(
    side: int, score: float, in_the_copy: float, counts_for: float
) -> None:
    frame = np.zeros((1920, 1080, 3), np.uint8)
    detector = two_passes(([400, 400, 400 + side, 400 + side], score), in_the_copy)
    (found,) = detect_all_sizes(detector, [frame], threshold=0.05)
    assert found.scores.tolist() == pytest.approx([0.99, counts_for])
    (found,) = detect_all_sizes(detector, [frame], threshold=0.3)
    assert found.scores.tolist() == pytest.approx([0.99, counts_for] if counts_for >= 0.3 else [0.99])


def test_a_detector_does_not_verify_what_another_one_detects() -> None:
    """The first one's faint face is in its own copy no more than at 0; in the other's, something scores 0.06 there."""
    frame, box = np.zeros((1920, 1080, 3), np.uint8), [400, 400, 650, 650]
    detectors = [two_passes((box, 0.75), 0.0), two_passes((box, 0.0), 0.06)]
    for number, one in enumerate(detectors):
        one.name, one.provider, one.device, one.weights_sha256 = str(number), "none", "cpu", "0"
    (found,) = detect_all_sizes(DetectorUnion("both", detectors), [frame], threshold=0.05)
    assert found.scores.tolist() == pytest.approx([0.99, 0.25])


def test_a_space_suit_is_no_face(face: Image, detector: Detector) -> None:
    """Enlarged, `astronaut` has folds and a helmet that are taken for faces, larger than the true one."""
    frames = list(islice(pan(face, (608, 1080), 600), 300, 400, 10))
    assert sum(len(found) for found in detector.detect(frames, threshold=0.3)) > len(frames)
    for found in detect_all_sizes(detector, frames, threshold=0.3):
        assert len(found) == 1 and found.scores[0] > 0.9

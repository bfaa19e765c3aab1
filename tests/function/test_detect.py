"""Detection by the model for the CPU, on real faces of every size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan
from faceblur_function.detectors.detector import (
    ANCHORS,
    Detector,
    DetectorError,
    Faces,
    anchors,
    decode,
    detect_all_sizes,
    fit,
    load_detector,
    non_maximum_suppression,
)

BOX = np.array([178, 57, 273, 177], np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    size = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(size / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - size))


@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 2, 3])
def test_one_face_at_every_size(face: Image, detector: Detector, scale: float) -> None:
    picture = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    found = detector.detect([picture], threshold=0.8)[0]
    assert len(found) == 1 and overlap(found.xyxy[0] / scale, BOX) > 0.8
    eyes_above_mouth = found.landmarks[0, :2, 1].max() < found.landmarks[0, 3:, 1].min()
    assert eyes_above_mouth and (found.landmarks[0] > found.xyxy[0, :2]).all()


def test_face_that_fills_a_large_frame_is_found_whole(face: Image, detector: Detector) -> None:
    """At full size the network sees only parts of it."""
    close = cv2.resize(face[20:230, 130:340], (1890, 1890), interpolation=cv2.INTER_CUBIC)
    whole = np.array([48, 37, 143, 157]) * 9.0
    assert overlap(detector.detect([close], threshold=0.3)[0].xyxy[0], whole) < 0.6
    assert overlap(detect_all_sizes(detector, [close], threshold=0.3)[0].xyxy[0], whole) > 0.75


def test_second_look_does_not_count_a_face_twice(face: Image, detector: Detector) -> None:
    picture = cv2.resize(face, (1536, 1536), interpolation=cv2.INTER_CUBIC)
    assert len(detect_all_sizes(detector, [picture], threshold=0.8)[0]) == 1


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


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (7, 9), (33, 31)])
def test_odd_sizes(detector: Detector, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 90, np.uint8)
    for found in detect_all_sizes(detector, [frame, frame], threshold=0.3):
        assert found.landmarks.shape == (len(found), 5, 2) and found.xyxy.shape == (len(found), 4)


def test_empty_batch(detector: Detector) -> None:
    assert detector.detect([], threshold=0.3) == [] and detect_all_sizes(detector, [], threshold=0.3) == []


def test_boxes_are_clamped_to_the_frame(face: Image, detector: Detector) -> None:
    cut = np.ascontiguousarray(face[90:, 210:])
    found = detector.detect([cut], threshold=0.2)[0]
    assert len(found) >= 1
    assert (found.xyxy >= 0).all() and (found.xyxy <= [cut.shape[1], cut.shape[0]] * 2).all()


def test_detect_size_bounds_the_network_input(face: Image) -> None:
    small = load_detector("retinaface-mobilenet0.25", detect_size=128)
    assert overlap(small.detect([face], threshold=0.5)[0].xyxy[0], BOX) > 0.7
    assert fit(face, 128).shape == (128, 128, 3) and fit(face[:100], 256).shape == (50, 256, 3)
    assert fit(face, 4000) is face


def test_anchors_follow_the_networks_grid() -> None:
    priors = anchors((640, 480))
    assert len(priors) == sum(2 * -(-640 // stride) * -(-480 // stride) for stride, _ in ANCHORS)
    assert priors[0].tolist() == [4, 4, 16, 16] and priors[1].tolist() == [4, 4, 32, 32]
    boxes, landmarks = decode(np.zeros((2, 4), np.float32), np.zeros((2, 10), np.float32), priors[:2])
    assert boxes[0].tolist() == [-4, -4, 12, 12] and landmarks[0].tolist() == [[4, 4]] * 5


def test_suppression_keeps_the_best_of_what_overlaps() -> None:
    xyxy = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60], [-5, -5, 5, 5]], np.float32)
    scores = np.array([0.8, 0.9, 0.4, 0.3], np.float32)
    found = non_maximum_suppression(Faces(xyxy, scores, np.zeros((4, 5, 2), np.float32)), (55, 55))
    assert found.scores.tolist() == pytest.approx([0.9, 0.4, 0.3])
    assert found.xyxy.tolist() == [[1, 1, 11, 11], [50, 50, 55, 55], [0, 0, 5, 5]]


def test_many_faces(face: Image, detector: Detector) -> None:
    tile = cv2.resize(face[:256, 96:352], (80, 80), interpolation=cv2.INTER_AREA)
    crowd = np.tile(tile, (10, 15, 1))
    assert len(detector.detect([crowd], threshold=0.5)[0]) == 150


def test_what_cannot_be_loaded_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "broken.onnx").write_bytes(b"not a model")
    for arguments, message in [
        ({"name": "gpt"}, "unknown model 'gpt'"),
        ({"name": "retinaface-mobilenet0.25", "weights": str(folder / "none.onnx")}, "cannot read the weights"),
        ({"name": "retinaface-mobilenet0.25", "weights": str(folder / "broken.onnx")}, "no usable ONNX model"),
        ({"name": "retinaface-mobilenet0.25", "device": "cuda"}, "runs on the CPU only"),
    ]:
        with pytest.raises(DetectorError, match=message):
            load_detector(**arguments)  # type: ignore[arg-type]


def test_an_unsure_whole_face_does_not_hide_its_sure_part() -> None:
    """The small copy's box goes before the parts found at full size, and keeps the best of their scores."""

    class TwoLooks:
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
        (found,) = detect_all_sizes(TwoLooks(), [frame], threshold=threshold)  # type: ignore[arg-type]
        assert found.scores.tolist() == pytest.approx([0.9])


def looks(at_full_size: tuple[list[int], float], in_the_copy: float) -> Detector:
    """A detector that finds this box with these scores in a frame of 1080x1920 and in its small copy."""

    class Looks:
        def detect(self, frames: Sequence[Any], *, threshold: float) -> list[Faces]:
            (frame,) = frames
            scale = frame.shape[1] / 1080
            box, score = at_full_size
            scores = np.array([0.99, score if scale == 1 else in_the_copy], np.float32)
            boxes = np.array([[10, 10, 290, 290], box], np.float32) * scale
            keep = scores >= threshold
            return [Faces(boxes[keep], scores[keep], np.zeros((2, 5, 2), np.float32)[keep])]

    return Looks()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("side", "score", "in_the_copy", "counts_for"),
    [
        (250, 0.75, 0.0, 0.25),
        (250, 0.75, 0.06, 0.75),  # faint is enough
        (250, 0.85, 0.0, 0.85),
        (150, 0.75, 0.0, 0.75),  # 25 px in the copy: it may be missed there
    ],
)
def test_a_large_unsure_face_counts_for_less_where_the_copy_shows_none(
    side: int, score: float, in_the_copy: float, counts_for: float
) -> None:
    frame = np.zeros((1920, 1080, 3), np.uint8)
    detector = looks(([400, 400, 400 + side, 400 + side], score), in_the_copy)
    (found,) = detect_all_sizes(detector, [frame], threshold=0.05)
    assert found.scores.tolist() == pytest.approx([0.99, counts_for])
    (found,) = detect_all_sizes(detector, [frame], threshold=0.3)
    assert found.scores.tolist() == pytest.approx([0.99, counts_for] if counts_for >= 0.3 else [0.99])


def test_a_space_suit_is_no_face(face: Image, detector: Detector) -> None:
    """Enlarged, `astronaut` has folds and a helmet that are taken for faces, larger than the true one."""
    pictures = list(islice(pan(face, (608, 1080), 600), 300, 400, 10))
    assert sum(len(found) for found in detector.detect(pictures, threshold=0.3)) > len(pictures)
    for found in detect_all_sizes(detector, pictures, threshold=0.3):
        assert len(found) == 1 and found.scores[0] > 0.9

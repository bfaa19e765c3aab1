"""What every detector guarantees, tested with all: the function and CVAT rely on it."""

from __future__ import annotations

import numpy as np
import pytest

from faceblur_function import wire
from faceblur_function.detectors.detector import Detector, Faces
from faceblur_function.detectors.load import load_detector
from tests.support.resnet import crowd, photograph, random_weights

# Random weights detect boxes everywhere; they score about 0.5.
RANDOM = "retinaface-resnet50"
THRESHOLDS = {"retinaface-mobilenet0.25": 0.3, "centerface": 0.3, "both": 0.3, RANDOM: 0.6}


def load(name: str, detect_size: int = 1920) -> Detector:
    weights = str(random_weights()) if name == RANDOM else None
    return load_detector(name, weights=weights, detect_size=detect_size, threads=1)


@pytest.fixture(scope="module", params=THRESHOLDS)
def each(request: pytest.FixtureRequest) -> Detector:
    return load(request.param)


@pytest.fixture
def threshold(each: Detector) -> float:
    return THRESHOLDS.get(each.name, 0.3)


def assert_equal(found: Faces, expected: Faces) -> None:
    """The same faces in the same order, but for rounding: batches of other sizes add up in another order."""
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=0.05)
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=0.05)


def test_no_frames_no_faces(each: Detector) -> None:
    assert each.detect([], threshold=0.3) == []


def test_shapes_types_and_order(each: Detector, threshold: float) -> None:
    frame = photograph("astronaut")[:256, 50:350]
    (faces,) = each.detect([frame], threshold=threshold)
    count = len(faces)
    assert count
    assert (faces.xyxy.shape, faces.scores.shape, faces.landmarks.shape) == ((count, 4), (count,), (count, 5, 2))
    assert {faces.xyxy.dtype, faces.scores.dtype, faces.landmarks.dtype} == {np.dtype(np.float32)}
    assert (np.diff(faces.scores) <= 0).all()
    assert ((threshold <= faces.scores) & (faces.scores <= 1)).all()
    assert (faces.xyxy >= 0).all() and (faces.xyxy <= [300, 256, 300, 256]).all()
    assert (faces.xyxy[:, 2:] >= faces.xyxy[:, :2]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (2, 2), (7, 5), (33, 31)])
def test_tiny_and_thin_frames(each: Detector, shape: tuple[int, int]) -> None:
    (faces,) = each.detect([np.full((*shape, 3), 128, np.uint8)], threshold=0.01)
    assert np.isfinite(faces.xyxy).all()
    assert (faces.xyxy <= [shape[1], shape[0]] * 2).all()


def test_a_batch_equals_its_frames_one_by_one(each: Detector, threshold: float) -> None:
    face = photograph("astronaut")
    frames = [
        face[20:200, 130:310],
        photograph("coffee")[:100, :150],
        np.zeros((1, 1, 3), np.uint8),
        face[30:210, 140:320],
        np.full((1, 400, 3), 200, np.uint8),
        face[40:190, 150:300],
        face[10:190, 120:300],
    ]
    together = each.detect(frames, threshold=threshold)
    assert len(together) == len(frames)
    assert sum(map(len, together)) > 3
    for frame, faces in zip(frames, together, strict=True):
        assert_equal(faces, each.detect([frame], threshold=threshold)[0])


def test_a_batch_of_more_than_runs_at_once_keeps_its_order(
    each: Detector, threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    four_frames = 4 * 200 * 150
    monkeypatch.setattr(each, "_run_pixels", four_frames, raising=False)
    face = photograph("astronaut")
    frames = [face[top : top + 200, 140:290] for top in (0, 15, 30, 45, 0, 15, 30, 45, 0)]
    faces = each.detect(frames, threshold=threshold)
    assert all(map(len, faces))
    assert len({float(one.scores[0]) for one in faces[:4]}) == 4
    for index in range(5):
        assert_equal(faces[index], faces[index + 4])


def test_a_higher_threshold_leaves_the_better_faces(each: Detector, threshold: float) -> None:
    frame = photograph("astronaut")[:256, 50:350]
    higher = threshold + 0.08
    (some,), (fewer,) = (each.detect([frame], threshold=value) for value in (threshold, higher))
    better = some.scores >= higher
    assert_equal(fewer, Faces(some.xyxy[better], some.scores[better], some.landmarks[better]))


def test_frames_are_not_changed_and_may_be_views(each: Detector, threshold: float) -> None:
    frame = photograph("astronaut")[:224, 112:336]  # neither contiguous nor writeable
    assert not frame.flags.c_contiguous and not frame.flags.writeable
    (faces,) = each.detect([frame], threshold=threshold)
    assert_equal(faces, each.detect([np.ascontiguousarray(frame)], threshold=threshold)[0])


@pytest.mark.parametrize("name", THRESHOLDS)
def test_boxes_are_those_of_the_frame_whatever_the_size_of_detection(name: str) -> None:
    frame = photograph("astronaut")
    (faces,) = load(name, detect_size=256).detect([frame], threshold=0.5)
    if name != RANDOM:
        np.testing.assert_allclose(faces.xyxy, [[178, 57, 273, 177]], atol=6)
    assert faces.xyxy.max() > 256 or name != RANDOM


def test_hundreds_of_faces() -> None:
    """In a crowd of faces 30 px high; random weights' boxes by the hundred are compared with the library's."""
    (faces,) = load("retinaface-mobilenet0.25").detect([crowd(64, 10, 20)], threshold=0.5)
    assert len(faces) == 200
    cells = set(zip(*(((faces.xyxy[:, :2] + faces.xyxy[:, 2:]) // 128).T.astype(int)), strict=True))
    assert len(cells) == 200


def test_red_and_blue_swapped_is_noticed(each: Detector, threshold: float) -> None:
    """Small faces with red and blue swapped are no faces to the MobileNet; the ResNet is compared with the library."""
    frame = crowd(48, 4, 8)
    (right,), (swapped,) = (each.detect([one], threshold=threshold) for one in (frame, frame[..., ::-1]))
    if each.name == "retinaface-mobilenet0.25":
        assert (len(right), len(swapped)) == (32, 0)
    else:
        with pytest.raises(AssertionError):
            assert_equal(swapped, right)


def test_status_goes_into_what_get_tells(each: Detector) -> None:
    info = wire.Info(version=1, model=each.name, device=each.device, runtime=each.status())
    assert wire.Info.model_validate_json(info.model_dump_json()) == info
    assert info.runtime["precision"] in ("float32", "bfloat16")
    assert len(each.weights_sha256) == 64

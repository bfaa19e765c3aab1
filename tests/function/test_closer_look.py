"""A closer look at suspicious areas: small and tilted faces that the network alone misses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import skimage.data

from benchmarks.heads import GROW, heads
from examples.sample_clip import Image
from faceblur.tracking.doubtful_tracks import CERTAIN
from faceblur_function.detectors import closer_look, onnx_network, second_pass, suspicious_areas
from faceblur_function.detectors.closer_look import AREAS, FIRST, PICTURE_WH, detect_closely
from faceblur_function.detectors.collage import COLUMNS
from faceblur_function.detectors.detector import NO_FACES, Detector, Faces
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.onnx_network import OPENVINO
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.detectors.suspicious_areas import MAX_SHARE
from tests.evaluation.labelled import blank, paste
from tests.support.faces import box_iou

PLACES = [(250, 180), (640, 200), (1000, 160), (300, 520), (700, 600), (1100, 500)]


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def either_detector(request: pytest.FixtureRequest) -> Detector:
    """The detector in each precision: faces must be detected in both."""
    if request.param == "bfloat16" and not _has_bfloat16():
        pytest.skip("this CPU computes in float32 only")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_network, "faster_precision", lambda: request.param)
        loaded = load_detector("retinaface-mobilenet0.25")
    assert loaded.status()["precision"] == request.param
    return loaded


def _has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    has_instructions = cpuinfo.is_file() and "avx512_bf16" in cpuinfo.read_text()
    return has_instructions and OPENVINO in onnxruntime.get_available_providers()


def scene(height: float, angle: float = 0, noise: float = 2, seed: int = 0) -> tuple[Image, list[np.ndarray]]:
    """A frame of 1280x720 with six faces of this height, tilted by this angle; their boxes when they are not tilted."""
    coffee = np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1])
    image = cv2.resize(coffee, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    boxes = []
    for number, (x, y) in enumerate(PLACES):
        head = heads()[number % 2]
        scale = height / (head.shape[0] / (1 + 2 * GROW))
        small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        side = int(np.hypot(*small.shape[:2])) + 2
        matrix = cv2.getRotationMatrix2D((small.shape[1] / 2, small.shape[0] / 2), angle, 1)
        matrix[:, 2] += (side - np.array(small.shape[1::-1])) / 2
        turned = cv2.warpAffine(small, matrix, (side, side))
        place = image[y - side // 2 : y - side // 2 + side, x - side // 2 : x - side // 2 + side]
        place += (turned[:, :, :3] - place) * turned[:, :, 3:]
        half_wh = np.array([small.shape[1], small.shape[0]]) / (1 + 2 * GROW) / 2
        boxes.append(np.array([x - half_wh[0], y - half_wh[1], x + half_wh[0], y + half_wh[1]]))
    grain = np.random.default_rng(seed).normal(0, noise, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8), boxes


def scenes(height: float, angle: float) -> tuple[list[Image], list[np.ndarray]]:
    """Four frames with different noise, 24 faces: in one frame, faces at a limit are detected by chance."""
    frames = [scene(height, angle, seed=seed) for seed in range(4)]
    return [frame for frame, _ in frames], frames[0][1]


def detected_in(found: Sequence[Faces], boxes: Sequence[np.ndarray]) -> int:
    """How many faces of all frames were detected."""
    return sum(detected(faces, boxes, 0.3) for faces in found)


def detected(faces: Faces, boxes: Sequence[np.ndarray], iou: float) -> int:
    """How many of the boxes a face agrees with."""
    return sum(any(box_iou(found, box) > iou for found in faces.xyxy) for box in boxes)


@pytest.mark.parametrize(
    ("height", "angle", "without", "least"),
    [(20, 0, 2, 20), (24, 0, 6, 23), (24, 20, 6, 19), (40, 40, 6, 11)],
)
def test_small_and_tilted_faces_are_detected(
    either_detector: Detector, height: int, angle: int, without: int, least: int
) -> None:
    frames, boxes = scenes(height, angle)
    assert detected_in(either_detector.detect(frames, threshold=0.3), boxes) <= without
    closely = detect_closely(either_detector, frames, threshold=0.3)
    assert detected_in(closely, boxes) >= least
    for faces in closely:
        assert (np.diff(faces.scores) <= 0).all() and faces.scores[-1] >= 0.3
        assert faces.landmarks.shape == (len(faces), 5, 2)


def test_boxes_and_landmarks_are_in_pixels_of_the_frame(detector: Detector) -> None:
    frame, boxes = scene(24)
    (closely,) = detect_closely(detector, [frame], threshold=0.3)
    for box in boxes:
        best = int(np.argmax([box_iou(found, box) for found in closely.xyxy]))
        assert box_iou(closely.xyxy[best], box) > 0.5
        grown = np.concatenate([box[:2] - 3, box[2:] + 3])
        assert (closely.landmarks[best] >= grown[:2]).all() and (closely.landmarks[best] <= grown[2:]).all()


@pytest.mark.parametrize(
    ("height", "angle", "without", "least"), [(32, 90, 8, 16), (48, 60, 11, 13), (48, 90, 13, 17), (48, -60, 9, 15)]
)
def test_heads_that_lie_on_their_side_are_detected(
    either_detector: Detector, height: int, angle: int, without: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, boxes = scenes(height, angle)
    closely = detect_closely(either_detector, frames, threshold=0.3)
    monkeypatch.setattr(suspicious_areas, "LYING", 0)
    upright = detect_closely(either_detector, frames, threshold=0.3)
    assert detected_in(upright, boxes) <= without
    assert detected_in(closely, boxes) >= least


@pytest.mark.parametrize(("lying", "score"), [(False, 0.8), (True, 0.97)])
def test_lying_heads_have_the_higher_score_as_the_verifier_does_not_know_them(lying: bool, score: float) -> None:
    box, points = np.array([[10, 10, 50, 40]], np.float32), np.zeros((1, 5, 2), np.float32)
    first, second = (Faces(box, np.array([one], np.float32), points) for one in (0.8, 0.97))
    assert closer_look._confirmed(NO_FACES, first, second, lying=lying).scores == pytest.approx([score])


@pytest.mark.parametrize("angle", [90, -90])
def test_boxes_and_landmarks_of_lying_heads_are_in_pixels_of_the_frame(either_detector: Detector, angle: int) -> None:
    frames, boxes = scenes(48, angle)
    seen = 0
    for closely, (x1, y1, x2, y2) in product(detect_closely(either_detector, frames, threshold=0.3), boxes):
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        lying = np.array([x - (y2 - y1) / 2, y - (x2 - x1) / 2, x + (y2 - y1) / 2, y + (x2 - x1) / 2])
        best = int(np.argmax([box_iou(found, lying) for found in closely.xyxy]))
        if box_iou(closely.xyxy[best], lying) < 0.5:
            continue
        points = closely.landmarks[best]
        assert (points >= lying[:2] - 5).all() and (points <= lying[2:] + 5).all()
        # The forehead points to the left of a head that was turned to the left. Not every one was seen turned.
        seen += bool(np.sign(angle) * (points[3:, 0].mean() - points[:2, 0].mean()) > 10)
    assert seen >= 5


@pytest.mark.parametrize("share", [0.35, 0.4])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_large_face_that_the_border_cuts_is_detected(
    detector: Detector, face: Image, share: float, mirrored: bool
) -> None:
    x1, y1, x2, y2 = 178, 60, 272, 188
    cut = face[:, : int(x1 + share * (x2 - x1))]
    seen = np.array([x1, y1, cut.shape[1], y2])
    frame = cv2.copyMakeBorder(cut, 0, 0, 200, 0, cv2.BORDER_REPLICATE)
    seen[[0, 2]] += 200
    if mirrored:
        frame, seen = np.ascontiguousarray(frame[:, ::-1]), np.array([0, y1, frame.shape[1] - seen[0], y2])
    (alone,) = detector.detect([frame], threshold=0.3)
    (closely,) = detect_closely(detector, [frame], threshold=0.3)
    assert (detected(alone, [seen], 0.5), detected(closely, [seen], 0.5)) == (0, 1)


def test_little_more_is_taken_for_a_face_that_is_none(detector: Detector) -> None:
    for name in ("coffee", "chelsea", "rocket"):
        frame = cv2.resize(np.ascontiguousarray(getattr(skimage.data, name)()[:, :, ::-1]), (1280, 720))
        (alone,) = detector.detect([frame], threshold=0.3)
        (closely,) = detect_closely(detector, [frame], threshold=0.3)
        assert len(closely) <= len(alone) + 1


def test_a_batch_equals_its_frames_one_by_one(detector: Detector) -> None:
    frames = [scene(24)[0], np.full((90, 120, 3), 80, np.uint8), scene(40, 40)[0], scene(90)[0][:300, :400]]
    for frame, together in zip(frames, detect_closely(detector, frames, threshold=0.05), strict=True):
        (alone,) = detect_closely(detector, [frame], threshold=0.05)
        np.testing.assert_allclose(together.xyxy, alone.xyxy, atol=0.05)
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-3)


# A frame's first picture.
FIRST_PICTURE = (*PICTURE_WH[::-1], 3)


class Suspicious:
    """A detector that suspects a face in each of a frame's cells of 40 px, and knows which pictures it was shown."""

    def __init__(self, suspicion: float | None, detect_size: int = 1920) -> None:
        self.suspicion, self.detect_size, self.shown = suspicion, detect_size, list[tuple[int, ...]]()

    def detect(self, frames: Sequence[Any], *, threshold: float) -> list[Faces]:
        self.shown += [frame.shape for frame in frames]
        return [self._suspect(frame, threshold) for frame in frames]

    def _suspect(self, frame: Image, threshold: float) -> Faces:
        corners = [(x, y) for y in range(0, frame.shape[0], 40) for x in range(0, frame.shape[1], 40)]
        boxes = np.array([(x, y, x + 20, y + 24) for x, y in corners], np.float32)
        scores = np.full(len(boxes), 0.02, np.float32)
        keep = scores >= threshold
        return Faces(boxes[keep], scores[keep], np.zeros((len(boxes), 5, 2), np.float32)[keep])


def test_a_look_has_a_bound_and_no_suspicion_no_look() -> None:
    frame = np.zeros((1080, 1920, 3), np.uint8)
    detector = Suspicious(0.01)
    detect_closely(detector, [frame], threshold=0.3)  # type: ignore[arg-type]
    searched, first, *pictures = detector.shown
    assert searched == frame.shape
    assert first == FIRST_PICTURE
    assert {width for _, width, _ in pictures} == {COLUMNS * FIRST.tile}
    assert {height // FIRST.tile for height, _, _ in pictures} <= {2, 4}
    share = (sum(height * width for height, width, _ in pictures) + AREAS * FIRST.tile**2) / (
        frame.shape[0] * frame.shape[1]
    )
    assert 0.2 < share <= MAX_SHARE + AREAS * FIRST.tile**2 / 2e6
    detector = Suspicious(0.01)
    detect_closely(detector, [np.zeros((1080, 608, 3), np.uint8)], threshold=0.3)  # type: ignore[arg-type]
    # A quarter has room for 17 areas. The last one would be a picture of its own.
    assert detector.shown == [(1080, 608, 3), FIRST_PICTURE]
    for suspicion, shape in ((None, (1080, 1920, 3)), (0.03, (1080, 1920, 3))):
        detector = Suspicious(suspicion)
        detect_closely(detector, [np.zeros(shape, np.uint8)], threshold=0.3)  # type: ignore[arg-type]
        assert detector.shown == [shape]


@pytest.mark.parametrize("size_wh", [(1280, 720), (1920, 1080), (720, 1280), (960, 960)])
def test_the_copy_is_a_picture_of_its_own_and_so_its_borders_are_those_of_the_frame(size_wh: tuple[int, int]) -> None:
    detector = Suspicious(0.01)
    detect_all_sizes(detector, [np.zeros((*size_wh[::-1], 3), np.uint8)], threshold=0.3)  # type: ignore[arg-type]
    assert detector.shown[1] == FIRST_PICTURE
    assert (*(round(length * 320 / max(size_wh)) for length in size_wh[::-1]), 3) in detector.shown[2:]


@pytest.mark.parametrize(("detect_size", "size_wh"), [(560, (1280, 720)), (384, (720, 1280)), (400, (960, 960))])
def test_no_picture_is_scaled_down_because_it_has_turned_areas_too(detect_size: int, size_wh: tuple[int, int]) -> None:
    detector = Suspicious(0.01, detect_size)
    detect_all_sizes(detector, [np.zeros((*size_wh[::-1], 3), np.uint8)], threshold=0.3)  # type: ignore[arg-type]
    _, *pictures, copy = detector.shown
    assert copy == (*(round(length * 320 / max(size_wh)) for length in size_wh[::-1]), 3)
    assert len(pictures) >= 2 and max(max(shape) for shape in pictures) <= 4 * FIRST.tile


def test_faces_are_detected_where_frames_are_scaled_down_to_less_than_a_picture() -> None:
    detector = load_detector("retinaface-mobilenet0.25", detect_size=320)
    seen = 0
    for height, angle in ((60, 40), (80, 60), (100, 20)):
        frame, boxes = scene(height, angle, noise=8)
        seen += detected(detect_all_sizes(detector, [frame], threshold=0.3)[0], boxes, 0.3)
    assert seen >= 4


class InALargeFace(Suspicious):
    """It also sees a large face around all of them, with a score."""

    def __init__(self, score: float) -> None:
        super().__init__(0.01)
        self._score = score

    def _suspect(self, frame: Image, threshold: float) -> Faces:
        small, side = super()._suspect(frame, threshold), frame.shape[0]
        boxes = np.concatenate([np.array([[0, 0, side, side]], np.float32), small.xyxy])
        scores = np.concatenate([np.array([self._score], np.float32), small.scores])
        return Faces(boxes, scores, np.zeros((len(boxes), 5, 2), np.float32))


@pytest.mark.parametrize(("score", "looks"), [(0.94, True), (0.96, False)])
def test_what_lies_in_a_large_face_is_looked_at_where_that_may_yet_be_none(score: float, looks: bool) -> None:
    detector = InALargeFace(score)
    detect_closely(detector, [np.zeros((400, 400, 3), np.uint8)], threshold=0.3)  # type: ignore[arg-type]
    assert (len(detector.shown) > 1) == looks
    # The second pass and the second detector leave out no face of such a score.
    assert max(second_pass.HIGH_SCORE, CERTAIN) <= suspicious_areas.CERTAIN


def test_noise_takes_a_bounded_time(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    compared: list[int] = []
    is_same = suspicious_areas._is_same
    monkeypatch.setattr(suspicious_areas, "_is_same", lambda *pair: compared.append(1) or is_same(*pair))
    detect_closely(detector, [noise], threshold=0.05)
    limit = int(MAX_SHARE * 1280 * 720 / FIRST.tile**2)
    assert len(compared) <= suspicious_areas.TRIES * limit * limit


def test_every_search_looks_closely(detector: Detector) -> None:
    frame, boxes = scene(24)
    (found,) = detect_all_sizes(detector, [frame], threshold=0.3)
    assert detected(found, boxes, 0.3) == 6


def test_a_part_of_a_face_that_was_detected_is_no_other_face(face: Image, detector: Detector) -> None:
    frame = blank()
    paste(face, frame, 80, 20, 20)
    paste(face, frame, 40, 300, 200)
    assert len(detect_closely(detector, [frame], threshold=0.3)[0]) == 2

